//! Reading files of unknown size.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::error::{Context, Error, Result};

/// The bytes of a file that may hold `limit` of them; a larger one is an error, never a part.
pub(crate) fn read_limited(path: &Path, limit: u64) -> Result<Vec<u8>> {
    let what = format!("read {}", path.display());
    let mut bytes = Vec::new();
    File::open(path).input(&what)?.take(limit + 1).read_to_end(&mut bytes).input(&what)?;
    if bytes.len() as u64 > limit {
        return Err(Error::input(format!("{} is larger than {limit} bytes", path.display())));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_as_a_whole_or_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, "four").unwrap();
        assert_eq!(read_limited(&path, 4).unwrap(), b"four");
        let error = read_limited(&path, 3).unwrap_err().to_string();
        assert!(error.ends_with("is larger than 3 bytes"), "{error}");
        assert!(read_limited(&folder.path().join("none"), 4).is_err());
    }
}
