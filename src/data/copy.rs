//! `migrate data copy`: everything that the plan moves, from one end to the other.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use serde::Serialize;

use crate::console::Console;
use crate::data::accounts;
use crate::data::database::Database;
use crate::data::end::{self, End};
use crate::data::record::Copied;
use crate::data::tables::{Depth, Table, TableMark, layout, measure};
use crate::data::transfer;
use crate::deploy::k8s::rollout::Waiting;
use crate::deploy::{compose, k8s};
use crate::error::{Error, Result};
use crate::model::inventory::StateKind;
use crate::model::plan::{Plan, WorkloadKind};
use crate::progress::Progress;
use crate::secrets;
use crate::workspace::Workspace;

/// What a copy did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Copy {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) databases: Vec<CopiedDatabase>,
    pub(crate) folders: Vec<CopiedFolder>,
    /// What could not be carried over as it was, and what a person should know.
    pub(crate) notes: Vec<String>,
    /// Workloads that were restarted and are ready.
    pub(crate) restarted: Vec<String>,
}

/// A database that was copied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct CopiedDatabase {
    pub(crate) workload: String,
    pub(crate) databases: Vec<String>,
    pub(crate) tables: usize,
    pub(crate) rows: u64,
    /// Bytes of the dump.
    pub(crate) bytes: u64,
    /// Accounts, as they are on the target.
    pub(crate) accounts: Vec<String>,
}

/// A folder that was copied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct CopiedFolder {
    pub(crate) volume: String,
    pub(crate) path: String,
    /// Bytes of the tar.
    pub(crate) bytes: u64,
}

impl Copy {
    /// For people.
    pub(crate) fn text(&self) -> String {
        let mut text = format!("copied from {} to {}\n", self.from, self.to);
        for database in &self.databases {
            let _ = writeln!(
                text,
                "  database {}: {} tables, {} rows ({} bytes of dump)",
                database.databases.join(", "),
                database.tables,
                database.rows,
                database.bytes
            );
            if !database.accounts.is_empty() {
                let _ = writeln!(text, "  accounts: {}", database.accounts.join(", "));
            }
        }
        for folder in &self.folders {
            let _ = writeln!(
                text,
                "  folder {} -> volume {} ({} bytes)",
                folder.path, folder.volume, folder.bytes
            );
        }
        if !self.restarted.is_empty() {
            let _ = writeln!(text, "  restarted, now ready: {}", self.restarted.join(", "));
        }
        for note in &self.notes {
            let _ = writeln!(text, "  note: {note}");
        }
        text
    }
}

/// Both ends: from the source, and to the last deployment, unless they are named.
async fn ends(
    workspace: &Workspace,
    plan: &Plan,
    from: Option<&str>,
    to: Option<&str>,
    secrets_from: Option<&Path>,
) -> Result<(End, End)> {
    let to = match to {
        Some(to) => to.to_owned(),
        None => end::last_target(workspace)?,
    };
    let from = End::open(workspace, plan, from.unwrap_or("source"), secrets_from).await?;
    let to = End::open(workspace, plan, &to, secrets_from).await?;
    if to.is_source() {
        return Err(Error::usage("the source is only read").help("say with --to where data goes"));
    }
    if from.label == to.label {
        return Err(Error::usage(format!("both ends are {}", to.label)));
    }
    Ok((from, to))
}

/// Copies.
pub(crate) async fn copy(
    workspace: &Workspace,
    plan: &Plan,
    from: Option<&str>,
    to: Option<&str>,
    secrets_from: Option<&Path>,
    console: Console,
) -> Result<Copy> {
    let (from, to) = ends(workspace, plan, from, to, secrets_from).await?;
    let inventory = workspace.inventory().ok();
    let former = Copied::load(workspace, to.record())?.filter(|former| former.to == to.label);
    let mut done = Copy {
        from: from.label.clone(),
        to: to.label.clone(),
        databases: Vec::new(),
        folders: Vec::new(),
        notes: Vec::new(),
        restarted: Vec::new(),
    };
    let mut marks = Vec::new();
    for (workload, names) in end::databases(plan, inventory.as_ref())? {
        if names.is_empty() {
            done.notes.push(format!("{}: no schema is known, nothing to copy", workload.id));
            continue;
        }
        let mut source = from.database(plan, &workload, names.clone()).await?;
        let mut target = to.database(plan, &workload, names).await?;
        done.notes.extend(end::agree(&mut source, &mut target)?);
        guard(workspace, &to, &target, former.as_ref(), &mut done.notes).await?;
        let mut kept: Vec<String> =
            workload.accounts.iter().map(|account| account.user.clone()).collect();
        let guest = from.login().map(ToOwned::to_owned).filter(|login| !kept.contains(login));
        // The account of this copy keeps its password while it is in use.
        kept.extend(to.login().map(ToOwned::to_owned));
        let (database, tables) =
            database(&source, &target, &kept, guest.as_deref(), &mut done.notes).await?;
        done.databases.push(CopiedDatabase { workload: workload.id.clone(), ..database });
        marks.extend(tables);
    }
    let record = Copied {
        from: from.label.clone(),
        to: to.label.clone(),
        at: jiff::Timestamp::now().to_string(),
        tables: marks,
    };
    record.save(workspace, to.record())?;
    // What ended because its tables were not there must run again before its folders can be filled.
    let waiting = if to.is_server() { Vec::new() } else { waiting(plan) };
    to.restart(plan, &waiting).await?;
    // A container of the old rollout is about to go: files are put into one of the new.
    replaced(&to, plan, &waiting, secrets_from, console).await?;
    for volume in plan.volumes.iter().filter(|volume| volume.moves) {
        if volume.kind == StateKind::Database || to.is_server() || from.is_server() {
            continue;
        }
        let place = match to.folder(plan, volume).await {
            Err(error) => {
                // No container of it runs: its own words say why.
                explain(&to, plan, &waiting, secrets_from, console).await?;
                return Err(error);
            }
            Ok(place) => place,
        };
        let (Some(source), Some(target)) = (from.folder(plan, volume).await?, place) else {
            done.notes.push(format!(
                "volume {}: no workload that runs all the time mounts it for writing; not copied",
                volume.name
            ));
            continue;
        };
        let progress = Progress::bytes(format!("copying {}", volume.source), volume.bytes);
        let bytes = source.copy(&target, &progress).await?;
        drop(progress);
        done.folders.push(CopiedFolder {
            volume: volume.name.clone(),
            path: volume.source.clone(),
            bytes,
        });
        if volume.bytes <= LOOK_AGAIN {
            let (here, there) = (source.list().await?, target.list().await?);
            done.notes.extend(crate::data::check::folder_notes(&volume.name, &here, &there));
        }
    }
    if let Some(cluster) = to.cluster() {
        let mut all = waiting.clone();
        all.extend(
            plan.workloads
                .iter()
                .filter(|workload| workload.kind == WorkloadKind::Proxy)
                .map(|workload| workload.id.clone()),
        );
        let secrets = secrets::find(plan, secrets_from).await?.secrets;
        Waiting { cluster, plan, secrets: &secrets, console }.ready(&all).await?;
        k8s::mark_ready(workspace, &all)?;
    }
    if to.engine().is_some() {
        compose::settle(workspace, plan, &waiting, secrets_from).await?;
    }
    done.restarted = waiting;
    Ok(done)
}

/// Folders up to this size are read again after the copy, to say what could not be kept.
const LOOK_AGAIN: u64 = 512 << 20;

/// Says what the pods of workloads have written last.
async fn explain(
    to: &End,
    plan: &Plan,
    workloads: &[String],
    secrets_from: Option<&Path>,
    console: Console,
) -> Result<()> {
    let Some(cluster) = to.cluster() else { return Ok(()) };
    let secrets = secrets::find(plan, secrets_from).await?.secrets;
    let waits = Waiting { cluster, plan, secrets: &secrets, console };
    for workload in workloads {
        waits.explain(workload).await;
    }
    Ok(())
}

/// Waits until the databases of a cluster and those that use them have been replaced.
async fn replaced(
    to: &End,
    plan: &Plan,
    waiting: &[String],
    secrets_from: Option<&Path>,
    console: Console,
) -> Result<()> {
    let Some(cluster) = to.cluster() else { return Ok(()) };
    let secrets = secrets::find(plan, secrets_from).await?.secrets;
    let waits = Waiting { cluster, plan, secrets: &secrets, console };
    waits.ready(&databases_of(plan)).await?;
    settle(cluster, waiting).await;
    for workload in waiting {
        waits.steady(workload).await?;
    }
    Ok(())
}

async fn settle(cluster: &k8s::cluster::Cluster, workloads: &[String]) {
    let until = std::time::Instant::now() + std::time::Duration::from_mins(1);
    while std::time::Instant::now() < until {
        let mut busy = false;
        for workload in workloads {
            busy |= cluster.is_rolling(workload).await.unwrap_or(false);
        }
        if !busy {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    }
}

fn databases_of(plan: &Plan) -> Vec<String> {
    plan.workloads
        .iter()
        .filter(|workload| workload.kind == WorkloadKind::Database)
        .map(|workload| workload.id.clone())
        .collect()
}

/// Workloads that use what was moved.
fn waiting(plan: &Plan) -> Vec<String> {
    let databases = databases_of(plan);
    plan.workloads
        .iter()
        .filter(|workload| workload.kind == WorkloadKind::App)
        .filter(|workload| {
            workload.connects_to.iter().any(|to| databases.contains(&to.workload))
                || workload.mounts.iter().any(|mount| {
                    plan.volumes.iter().any(|volume| volume.name == mount.volume && volume.moves)
                })
        })
        .map(|workload| workload.id.clone())
        .collect()
}

/// Refuses to write over rows that are no former copy.
async fn guard(
    workspace: &Workspace,
    to: &End,
    target: &Database,
    former: Option<&Copied>,
    notes: &mut Vec<String>,
) -> Result<()> {
    let tables = layout(target).await?;
    let marks = measure(target, &tables, Depth::Count, &BTreeMap::new()).await?;
    let filled: Vec<(&Table, &TableMark)> =
        tables.iter().zip(&marks).filter(|(_, mark)| mark.rows > 0).collect();
    if filled.is_empty() {
        return Ok(());
    }
    if let Some(former) = former {
        let newer: u64 = marks
            .iter()
            .map(|mark| {
                let before = former
                    .tables
                    .iter()
                    .find(|known| known.database == mark.database && known.table == mark.table)
                    .map_or(0, |known| known.rows);
                mark.rows.saturating_sub(before)
            })
            .sum();
        if newer > 0 {
            notes.push(format!(
                "replaced the copy of {}, with about {newer} rows written on {} since",
                former.at, to.label
            ));
        }
        return Ok(());
    }
    // Programs that make and fill their tables at their first start have done so since the deploy.
    let since = if to.record() == "k8s" {
        k8s::Record::load(workspace)?.map_or(0, |record| record.since)
    } else {
        0
    };
    if since > 0 && filled.iter().all(|(table, _)| table.made >= since - 2) {
        notes.push(format!(
            "replaced {} tables that the application had made by itself since the deploy",
            filled.len()
        ));
        return Ok(());
    }
    let names: Vec<_> = filled
        .iter()
        .take(5)
        .map(|(_, mark)| format!("{}.{} ({} rows)", mark.database, mark.table, mark.rows))
        .collect();
    Err(Error::refused(format!(
        "the database on {} holds rows that no copy from this workspace put there: {}",
        target.describe(),
        names.join(", ")
    ))
    .help("make sure that nobody needs them, drop these tables, and copy again"))
}

async fn database(
    source: &Database,
    target: &Database,
    kept: &[String],
    guest: Option<&str>,
    notes: &mut Vec<String>,
) -> Result<(CopiedDatabase, Vec<TableMark>)> {
    let tables = layout(source).await?;
    let loose: Vec<_> = tables
        .iter()
        .filter(|table| {
            !matches!(table.engine.to_ascii_lowercase().as_str(), "innodb" | "" | "rocksdb")
        })
        .map(|table| format!("{}.{} ({})", table.database, table.name, table.engine))
        .collect();
    if !loose.is_empty() {
        notes.push(format!(
            "not from the same moment as the rest, as their engine has no transactions: {}",
            loose.join(", ")
        ));
    }
    let mut found = accounts::read(source, kept).await?;
    if let Some(login) = guest {
        found.leave_out(login);
    }
    found.make(target).await?;
    let size = source
        .rows(&format!(
            "SELECT COALESCE(SUM(DATA_LENGTH),0) FROM information_schema.TABLES \
             WHERE TABLE_SCHEMA IN ({});\n",
            source.list()
        ))
        .await?;
    let size = size.into_iter().flatten().next().and_then(|size| size.parse().ok()).unwrap_or(0);
    let progress = Progress::bytes(format!("copying {}", source.databases.join(", ")), size);
    let bytes = transfer::transfer(source, target, &progress).await?;
    drop(progress);
    found.grant(target).await?;
    if accounts::scheduler(source).await? && !accounts::scheduler(target).await? {
        notes.push(format!(
            "events run on the original but not on {}: set event_scheduler=ON there",
            target.describe()
        ));
    }
    let progress = Progress::spinner("counting what arrived");
    let arrived = layout(target).await?;
    let marks = measure(target, &arrived, Depth::Checksum, &BTreeMap::new()).await?;
    drop(progress);
    notes.extend(found.notes);
    let database = CopiedDatabase {
        workload: String::new(),
        databases: source.databases.clone(),
        tables: arrived.len(),
        rows: marks.iter().map(|mark| mark.rows).sum(),
        bytes,
        accounts: found
            .accounts
            .iter()
            .map(|account| {
                let (name, becomes) = (&account.name, account.becomes.replace('`', ""));
                if *name == becomes { becomes } else { format!("{name} as {becomes}") }
            })
            .collect(),
    };
    Ok((database, marks))
}
