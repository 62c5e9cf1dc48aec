//! Files out of a gzipped tar archive.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

use crate::{Error, Result};

/// An error where a file has more than `limit` bytes.
pub(super) fn too_large(path: &Path, bytes: u64, limit: u64) -> Result<()> {
    match bytes > limit {
        true => Err(Error::format(
            path,
            format!("above {limit} bytes: no file of this data set is as large"),
        )),
        false => Ok(()),
    }
}

/// The files of these names from a gzipped tar archive, in this order; no entry may have more than `limit` bytes.
pub(super) fn read_tar_gz(
    path: &Path,
    names: &[&str],
    limit: u64,
) -> Result<Vec<(PathBuf, Vec<u8>)>> {
    let file = File::open(path).map_err(Error::io(path))?;
    let mut tar = MultiGzDecoder::new(BufReader::new(file));
    let mut found: Vec<Option<Vec<u8>>> = vec![None; names.len()];
    let mut header = [0; 512];
    while found.iter().any(Option::is_none) {
        // An archive ends with blocks of zeros, or where it was cut off.
        match tar.read_exact(&mut header) {
            Ok(()) if header[0] != 0 => {}
            Ok(()) => break,
            Err(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => break,
            Err(e) => return Err(Error::io(path)(e)),
        }
        let name = header[..100].split(|&b| b == 0).next().unwrap_or_default();
        let name = String::from_utf8_lossy(name).into_owned();
        let digits = String::from_utf8_lossy(&header[124..136]);
        let digits = digits.trim_matches(|c: char| c == '\0' || c == ' ');
        let Ok(size) = u64::from_str_radix(digits, 8) else {
            let reason = format!("not a tar archive: an entry has the size {digits:?}");
            return Err(Error::format(path, reason));
        };
        too_large(&path.join(&name), size, limit)?;
        let mut contents = Vec::new();
        tar.by_ref()
            .take(size)
            .read_to_end(&mut contents)
            .map_err(Error::io(path))?;
        if (contents.len() as u64) < size {
            let reason = format!("truncated: {name} has {} of {size} bytes", contents.len());
            return Err(Error::format(path, reason));
        }
        let padding = size.next_multiple_of(512) - size;
        std::io::copy(&mut tar.by_ref().take(padding), &mut std::io::sink())
            .map_err(Error::io(path))?;
        let base = name.rsplit('/').next();
        if let Some(i) = names.iter().position(|&n| Some(n) == base) {
            found[i] = Some(contents);
        }
    }
    let files = names
        .iter()
        .zip(found)
        .map(|(name, contents)| match contents {
            Some(contents) => Ok((path.join(name), contents)),
            None => Err(Error::format(path, format!("{name} is not in the archive"))),
        });
    files.collect()
}
