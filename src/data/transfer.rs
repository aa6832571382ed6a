//! A dump that streams from one server into another, without touching a disk.

use std::fmt::Write as _;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::connection::Running;
use crate::data::accounts;
use crate::data::database::Database;
use crate::data::definer::{Definers, quoted};
use crate::data::tables;
use crate::error::{Error, Result};
use crate::progress::Progress;

/// Copies schemas with tables, rows, views, routines, triggers and events. Returns the bytes of
/// the dump.
///
/// The target's scheduler of events stands still meanwhile: an event that fired between its
/// creation and the last row would act on half of the data, and twice where the source's own does.
pub(crate) async fn transfer(from: &Database, to: &Database, progress: &Progress) -> Result<u64> {
    let mut prologue = String::new();
    for (schema, charset, collation) in tables::schemas(from).await? {
        let schema = quoted(&schema);
        let _ = writeln!(
            prologue,
            "CREATE DATABASE IF NOT EXISTS {schema};\n\
             ALTER DATABASE {schema} CHARACTER SET {charset} COLLATE {collation};"
        );
    }
    to.rows(&prologue).await?;
    let scheduled = accounts::scheduler(to).await?;
    if scheduled {
        to.rows("SET GLOBAL event_scheduler=OFF;\n").await?;
    }
    let copied = stream(from, to, progress).await;
    if scheduled {
        to.rows("SET GLOBAL event_scheduler=ON;\n").await?;
    }
    copied
}

async fn stream(from: &Database, to: &Database, progress: &Progress) -> Result<u64> {
    let mut dump = from.dump().await?;
    let Running { stdin, mut stdout, ended } = to.import().await?;
    let mut input = stdin.ok_or_else(|| Error::remote("the database's client takes no input"))?;
    let drained = tokio::spawn(async move {
        let mut sink = tokio::io::sink();
        let _ = tokio::io::copy(&mut stdout, &mut sink).await;
    });
    let mut definers = Definers::default();
    let mut buffer = vec![0; 256 << 10];
    let mut output = Vec::with_capacity(300 << 10);
    // Rows that an older server took are taken anew; the dump itself switches checks of keys off.
    output.extend_from_slice(b"SET SESSION innodb_strict_mode=0;\n");
    let mut bytes = 0;
    let mut broken = false;
    loop {
        let count = dump.stdout.read(&mut buffer).await.map_err(|error| {
            Error::remote(format!("failed to read the dump of {}: {error}", from.describe()))
        })?;
        if count == 0 {
            definers.finish(&mut output);
        } else {
            definers.feed(&buffer[..count], &mut output);
        }
        // A client that gave up closes its input: its own words say why.
        if input.write_all(&output).await.is_err() {
            broken = true;
            break;
        }
        output.clear();
        bytes += count as u64;
        progress.advance(count as u64);
        if count == 0 {
            break;
        }
    }
    if !broken {
        let _ = input.flush().await;
        let _ = input.shutdown().await;
    }
    drop(input);
    let ended = ended.await?;
    let _ = drained.await;
    if ended.code != 0 || broken {
        return Err(to
            .failed("write into the database", &ended.stderr)
            .help("the copy is not whole; run `migrate data copy` again when this is mended"));
    }
    let dumped = dump.ended.await?;
    if dumped.code != 0 {
        return Err(from
            .failed("read the database", &dumped.stderr)
            .help("the copy is not whole; run `migrate data copy` again when this is mended"));
    }
    Ok(bytes)
}
