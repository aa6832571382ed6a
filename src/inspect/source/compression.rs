//! Taking the compression off an archive, into a file that has no name.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};

use crate::error::{Context, Error, Result};
use crate::progress::Progress;

/// Compression never makes a root filesystem smaller than this share of its size.
const MAX_RATIO: u64 = 200;

/// Below this size the ratio is not looked at.
const SMALL: u64 = 4 << 30;

/// The uncompressed archive: `file` itself, or a private copy that vanishes with the process.
pub(super) fn uncompressed(name: &str, mut file: File) -> Result<File> {
    let what = format!("read {name}");
    let length = file.metadata().input(&what)?.len();
    let mut magic = [0; 6];
    file.seek(SeekFrom::Start(0)).input(&what)?;
    let count = read_up_to(&mut file, &mut magic).input(&what)?;
    file.seek(SeekFrom::Start(0)).input(&what)?;
    let decoder: Box<dyn Read> = match &magic[..count] {
        [0x1f, 0x8b, ..] => Box::new(flate2::read::MultiGzDecoder::new(file)),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Box::new(zstd::Decoder::new(file).input(&what)?),
        [0xfd, b'7', b'z', b'X', b'Z', 0] => {
            Box::new(xz2::read::XzDecoder::new_multi_decoder(file))
        }
        [b'B', b'Z', b'h', ..] => {
            return Err(Error::input(format!("{name} is compressed with bzip2"))
                .help("give it uncompressed, or compressed with gzip, zstd or xz"));
        }
        _ => return Ok(file),
    };
    spool(name, decoder, length.saturating_mul(MAX_RATIO).max(SMALL))
}

fn spool(name: &str, mut decoder: Box<dyn Read>, limit: u64) -> Result<File> {
    let what = format!("unpack {name}");
    let mut spool = tempfile::tempfile().input("make a temporary file")?;
    let progress = Progress::spinner("unpacking");
    let mut buffer = vec![0; 256 << 10];
    let mut total = 0_u64;
    loop {
        let count = decoder.read(&mut buffer).input(&what)?;
        if count == 0 {
            break;
        }
        total += count as u64;
        if total > limit {
            return Err(Error::input(format!(
                "failed to {what}: it grows to more than {} MiB, which no real archive does",
                limit >> 20
            )));
        }
        spool.write_all(&buffer[..count]).input(&what)?;
        progress.message(format!("unpacking: {} MiB", total >> 20));
    }
    Ok(spool)
}

fn read_up_to(file: &mut File, buffer: &mut [u8]) -> std::io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read(&mut buffer[filled..])? {
            0 => break,
            count => filled += count,
        }
    }
    Ok(filled)
}
