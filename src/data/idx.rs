//! The idx format of the MNIST files.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;

use crate::{Error, Result};

/// No idx file of bytes that is in use comes near it; a gzip file of a few bytes can claim to.
const LARGEST: u64 = 1 << 30;

/// The contents of an idx file of bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idx {
    /// The sizes of the axes.
    pub shape: Vec<usize>,
    /// The elements in row-major order.
    pub elements: Vec<u8>,
}

/// Reads an idx file of bytes, gzipped or not: the format of MNIST and its relatives.
///
/// # Errors
/// If the file cannot be read, is not idx, has elements that are not bytes, or has more or fewer of
/// them than its header says.
///
/// ```
/// let error = dezero::data::read_idx("/no/such/train-images-idx3-ubyte").unwrap_err();
/// assert!(error.to_string().starts_with("/no/such/train-images-idx3-ubyte: "));
/// ```
pub fn read_idx(path: impl AsRef<Path>) -> Result<Idx> {
    read_expected(path.as_ref(), |_| Ok(()))
}

/// Reads an idx file whose shape `check` accepts, before there is an allocation for its elements.
pub(super) fn read_expected(
    path: &Path,
    check: impl FnOnce(&[usize]) -> Result<(), String>,
) -> Result<Idx> {
    let file = File::open(path).map_err(Error::io(path))?;
    let mut file = BufReader::with_capacity(1 << 16, file);
    let start = std::io::BufRead::fill_buf(&mut file).map_err(Error::io(path))?;
    if start.starts_with(&[0x1f, 0x8b]) {
        parse(MultiGzDecoder::new(file), path, check)
    } else {
        parse(file, path, check)
    }
}

pub(super) fn parse(
    mut file: impl Read,
    path: &Path,
    check: impl FnOnce(&[usize]) -> Result<(), String>,
) -> Result<Idx> {
    let wrong = |reason: String| Error::format(path, reason);
    let mut word = || -> Result<[u8; 4]> {
        let mut word = [0; 4];
        match file.read_exact(&mut word) {
            Ok(()) => Ok(word),
            Err(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => {
                Err(wrong("an idx file, but it ends inside its header".into()))
            }
            Err(e) => Err(Error::io(path)(e)),
        }
    };
    let magic = word()?;
    let [0, 0, kind, ndim] = magic else {
        return Err(wrong(format!(
            "not an idx file: it begins with {magic:02x?}, not [00, 00]"
        )));
    };
    if kind != 0x08 {
        return Err(wrong(format!(
            "idx elements of type {kind:#04x}; expected bytes, 0x08"
        )));
    }
    if !(1..=8).contains(&ndim) {
        return Err(wrong(format!(
            "an idx file of {ndim} axes; expected 1 to 8"
        )));
    }
    let mut shape = Vec::new();
    for _ in 0..ndim {
        shape.push(u32::from_be_bytes(word()?) as usize);
    }
    let size = shape
        .iter()
        .try_fold(1u64, |size, &n| size.checked_mul(n as u64))
        .filter(|&size| size <= LARGEST)
        .ok_or_else(|| {
            wrong(format!(
                "an idx file of shape {shape:?}, which is above 1 GiB"
            ))
        })?;
    check(&shape).map_err(wrong)?;
    // Grows with what is there, not with what the header says.
    let mut elements = Vec::new();
    file.by_ref()
        .take(size + 1)
        .read_to_end(&mut elements)
        .map_err(Error::io(path))?;
    let found = match elements.len() as u64 {
        n if n == size => return Ok(Idx { shape, elements }),
        n if n > size => "more".to_owned(),
        n => n.to_string(),
    };
    Err(wrong(format!(
        "shape {shape:?} takes {size} bytes after the header, found {found}"
    )))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use proptest::prelude::*;

    use super::*;

    fn parse_bytes(bytes: &[u8]) -> Result<Idx> {
        parse(bytes, Path::new("a.idx"), |_| Ok(()))
    }

    fn message(bytes: &[u8]) -> String {
        match parse_bytes(bytes) {
            Err(e @ Error::Format { .. }) => e.to_string(),
            other => panic!("{other:?}"),
        }
    }

    const SOUND: [u8; 18] = [0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6];

    #[test]
    fn a_sound_file() {
        let idx = parse_bytes(&SOUND).unwrap();
        assert_eq!(idx.shape, [2, 3]);
        assert_eq!(idx.elements, [1, 2, 3, 4, 5, 6]);
        assert!(
            parse_bytes(&[0, 0, 8, 1, 0, 0, 0, 0])
                .unwrap()
                .elements
                .is_empty()
        );
    }

    #[test]
    fn raw_and_gzip() {
        let folder = tempfile::tempdir().unwrap();
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        gzip.write_all(&SOUND).unwrap();
        for bytes in [SOUND.to_vec(), gzip.finish().unwrap()] {
            let path = folder.path().join("a");
            std::fs::write(&path, &bytes).unwrap();
            assert_eq!(read_idx(&path).unwrap(), parse_bytes(&SOUND).unwrap());
            std::fs::write(&path, &bytes[..bytes.len() - 9]).unwrap();
            let error = read_idx(&path).unwrap_err().to_string();
            assert!(error.starts_with(path.to_str().unwrap()), "{error}");
        }
    }

    #[test]
    fn every_truncation_is_an_error() {
        for n in 0..SOUND.len() {
            message(&SOUND[..n]);
        }
        assert_eq!(
            message(&SOUND[..16]),
            "a.idx: shape [2, 3] takes 6 bytes after the header, found 4"
        );
    }

    #[test]
    fn hostile_headers() {
        assert!(
            message(&[&SOUND[..], &[0]].concat()).ends_with("6 bytes after the header, found more")
        );
        assert!(
            message(b"PK\x03\x04____").contains("not an idx file: it begins with [50, 4b, 03, 04]")
        );
        assert!(message(&[0, 0, 0x0d, 1, 0, 0, 0, 0]).contains("type 0x0d; expected bytes"));
        assert!(message(&[0, 0, 8, 0]).contains("0 axes"));
        assert!(message(&[0, 0, 8, 255]).contains("255 axes"));
        let overflow = [&[0, 0, 8, 8][..], &[0xff; 32]].concat();
        assert!(message(&overflow).contains("above 1 GiB"));
        let huge = [0, 0, 8, 1, 0x7f, 0xff, 0xff, 0xff];
        assert!(message(&huge).contains("above 1 GiB"));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = parse_bytes(&bytes);
            let _ = parse_bytes(&[&[0, 0, 8, 2][..], &bytes].concat());
        }
    }
}
