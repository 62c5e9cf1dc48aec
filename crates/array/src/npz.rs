//! NumPy's file format for several named arrays, `.npz`: a zip archive of [`npy`] files.
//!
//! Reads what `numpy.savez` and `numpy.savez_compressed` write, and `numpy.load` reads ours. Names
//! may have slashes, as the names of parameters (`l1/W`).

use std::borrow::Borrow;
use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufReader, Cursor, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use zip::result::ZipError;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use crate::error::{ErrorKind, excerpt};
use crate::npy::{self, FullHeader, Header};
use crate::{Array, Error, write_atomically};

/// Deflate packs at most 1,032 bytes into one: no honest entry declares more.
const DEFLATE_LIMIT: u64 = 1032;

/// Whether the entries of a written archive are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// As they are (`numpy.savez`). Trained weights compress badly.
    #[default]
    Stored,
    /// Deflated (`numpy.savez_compressed`).
    Deflated,
}

/// Reads all arrays of a `.npz` file, in the file's order.
///
/// # Errors
/// If the file cannot be read, is not a sound zip archive, or an entry is not a sound `.npy` array.
/// The error names the file and the entry.
///
/// ```no_run
/// for (name, array) in dezero_array::npz::load("weights.npz")? {
///     println!("{name}: {:?}", array.shape());
/// }
/// # Ok::<(), dezero_array::Error>(())
/// ```
pub fn load(path: impl AsRef<Path>) -> Result<Vec<(String, Array)>, Error> {
    Archive::open(path)?.read_all()
}

/// Writes named arrays to a `.npz` file that `numpy.load` reads. The file is replaced as a whole
/// ([`write_atomically`]).
///
/// # Errors
/// If the file cannot be written or two arrays have one name.
///
/// ```
/// use dezero_array::{Array, npz};
/// # let folder = std::env::temp_dir().join(format!("dezero-npz-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder).unwrap();
/// # let path = folder.join("weights.npz");
/// npz::save(&path, [("l1/W", Array::new([[1.0, 2.0]])), ("l1/b", Array::new([0.0]))])?;
/// let arrays = npz::load(&path)?;
/// assert_eq!(arrays[0].0, "l1/W");
/// assert_eq!(arrays[1].1.shape(), &[1]);
/// # std::fs::remove_dir_all(&folder).unwrap();
/// # Ok::<(), dezero_array::Error>(())
/// ```
pub fn save<N: AsRef<str>, A: Borrow<Array>>(
    path: impl AsRef<Path>,
    arrays: impl IntoIterator<Item = (N, A)>,
) -> Result<(), Error> {
    write_atomically(path, |file| write(file, arrays, Compression::Stored))
}

/// As [`save`], with the entries deflated.
///
/// # Errors
/// As [`save`].
pub fn save_compressed<N: AsRef<str>, A: Borrow<Array>>(
    path: impl AsRef<Path>,
    arrays: impl IntoIterator<Item = (N, A)>,
) -> Result<(), Error> {
    write_atomically(path, |file| write(file, arrays, Compression::Deflated))
}

/// Reads all arrays from the bytes of a `.npz` file.
///
/// # Errors
/// As [`load`].
pub fn from_bytes(bytes: &[u8]) -> Result<Vec<(String, Array)>, Error> {
    Archive::new(Cursor::new(bytes))?.read_all()
}

/// Writes named arrays as a `.npz` archive.
///
/// # Errors
/// If the writer fails or two arrays have one name.
pub fn write<W: Write + Seek, N: AsRef<str>, A: Borrow<Array>>(
    mut writer: W,
    arrays: impl IntoIterator<Item = (N, A)>,
    compression: Compression,
) -> Result<(), Error> {
    let mut archive = Writer::new(&mut writer, compression);
    for (name, array) in arrays {
        let (name, array) = (name.as_ref(), array.borrow());
        (archive.add(name, array)).map_err(|error| error.in_entry(Some(name)))?;
    }
    let sink = archive.zip.finish().map_err(kind_of)?;
    debug_assert!(!sink.failed, "a failure that nobody reported");
    Ok(())
}

/// What an archive is read from: behind a pointer, so that the reading of zip files is compiled once.
trait Source: Read + Seek + Send {}
impl<R: Read + Seek + Send> Source for R {}

/// What an archive is written to.
trait Sink: Write + Seek {}
impl<W: Write + Seek> Sink for W {}

/// Hands on what is written, up to the first failure; what comes then goes nowhere, and succeeds. A [`ZipWriter`] that
/// is dropped after a failure finishes its archive, and would print that it cannot.
struct UntilFailure<'a> {
    writer: &'a mut dyn Sink,
    position: u64,
    failed: bool,
}

impl<'a> UntilFailure<'a> {
    fn new(writer: &'a mut dyn Sink) -> UntilFailure<'a> {
        UntilFailure {
            writer,
            position: 0,
            failed: false,
        }
    }
}

impl Write for UntilFailure<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut written = Ok(bytes.len());
        if !self.failed {
            written = self.writer.write(bytes);
            self.failed = match &written {
                Ok(n) => *n < bytes.len().min(1), // a full one
                Err(error) => error.kind() != io::ErrorKind::Interrupted,
            };
        }
        self.position += *written.as_ref().unwrap_or(&0) as u64;
        written
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.failed {
            return Ok(());
        }
        let flushed = self.writer.flush();
        self.failed = flushed.is_err();
        flushed
    }
}

impl Seek for UntilFailure<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        if !self.failed {
            let position = self.writer.seek(to);
            self.failed = position.is_err();
            self.position = *position.as_ref().unwrap_or(&self.position);
            return position;
        }
        self.position = match to {
            SeekFrom::Start(position) => position,
            // The end is wherever the last byte went.
            SeekFrom::End(offset) | SeekFrom::Current(offset) => {
                self.position.saturating_add_signed(offset)
            }
        };
        Ok(self.position)
    }
}

struct Writer<'a> {
    zip: ZipWriter<UntilFailure<'a>>,
    method: CompressionMethod,
    names: HashSet<String>,
}

impl<'a> Writer<'a> {
    fn new(writer: &'a mut dyn Sink, compression: Compression) -> Writer<'a> {
        Writer {
            zip: ZipWriter::new(UntilFailure::new(writer)),
            method: match compression {
                Compression::Stored => CompressionMethod::Stored,
                Compression::Deflated => CompressionMethod::Deflated,
            },
            names: HashSet::new(),
        }
    }

    fn add(&mut self, name: &str, array: &Array) -> Result<(), Error> {
        if !self.names.insert(name.to_owned()) {
            return Err(ErrorKind::DuplicateName.into());
        }
        // Deflate may grow what it cannot compress, by less than this.
        let length = npy::written_length(array);
        let large = length + length / 1000 + 1024 > u64::from(u32::MAX);
        let options = SimpleFileOptions::default()
            .compression_method(self.method)
            .large_file(large);
        self.zip
            .start_file(format!("{name}.npy"), options)
            .map_err(kind_of)?;
        npy::write(&mut self.zip, array)
    }
}

/// An open `.npz` archive, whose arrays are read one at a time.
///
/// ```no_run
/// use dezero_array::npz::Archive;
/// let mut archive = Archive::open("weights.npz")?;
/// for (name, header) in archive.headers()? {
///     println!("{name}: {} {:?}", header.dtype, header.shape);
/// }
/// let w = archive.read("l1/W")?;
/// # Ok::<(), dezero_array::Error>(())
/// ```
pub struct Archive<'a> {
    zip: ZipArchive<Box<dyn Source + 'a>>,
    /// Names of the arrays and their places in the archive.
    entries: Vec<(String, usize)>,
    path: Option<PathBuf>,
}

impl Archive<'static> {
    /// Opens a file and reads its table of contents.
    ///
    /// # Errors
    /// If the file cannot be read or is not a sound zip archive.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let open = || Archive::new(BufReader::new(File::open(path)?));
        let mut archive = open().map_err(|error: Error| error.in_file(path))?;
        archive.path = Some(path.to_path_buf());
        Ok(archive)
    }
}

impl<'a> Archive<'a> {
    /// Reads the table of contents, wherever the reader stands.
    ///
    /// # Errors
    /// If the reader fails or does not give a sound zip archive: one with overlapping entries,
    /// two entries of one name or headers that contradict each other is refused.
    pub fn new(reader: impl Read + Seek + Send + 'a) -> Result<Self, Error> {
        Archive::of(Box::new(reader))
    }

    fn of(mut reader: Box<dyn Source + 'a>) -> Result<Self, Error> {
        reader.rewind()?;
        let mut start = [0; 4];
        let found = crate::stored_type::read_full(&mut reader, &mut start)?;
        if !start[..found].starts_with(b"PK") {
            return Err(ErrorKind::Format {
                expected: "a npz (zip) archive",
                found: excerpt(&start[..found]),
            }
            .into());
        }
        let mut zip = ZipArchive::new(reader).map_err(|error| match kind_of(error) {
            // The end of central directory, without which there is no way in.
            ErrorKind::Zip(reason)
                if reason.contains("EOCD") || reason.contains("Unexpected end") =>
            {
                ErrorKind::Zip(String::from(
                    "its table of contents, which comes last, is missing: is it cut off?",
                ))
            }
            kind => kind,
        })?;
        zip.validate_header_consistency().map_err(kind_of)?;
        let mut entries = Vec::new();
        let mut names = HashSet::new();
        for index in 0..zip.len() {
            let name = zip.name_for_index(index).transpose().map_err(kind_of)?;
            let name = name.unwrap_or_default();
            if name.ends_with('/') {
                continue; // a folder
            }
            let name = name.strip_suffix(".npy").unwrap_or(&name).to_owned();
            if !names.insert(name.clone()) {
                return Err(Error::from(ErrorKind::DuplicateName).in_entry(Some(&name)));
            }
            entries.push((name, index));
        }
        Ok(Archive {
            zip,
            entries,
            path: None,
        })
    }

    /// Names of the arrays, in the archive's order.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.entries.iter().map(|(name, _)| name.as_str())
    }

    /// Names, shapes and types of the arrays, without reading their elements.
    ///
    /// # Errors
    /// If an entry does not start with a sound `.npy` header.
    pub fn headers(&mut self) -> Result<Vec<(String, Header)>, Error> {
        (0..self.entries.len())
            .map(|i| {
                let header = self.read_entry(i, |_, header, _| Ok(header.public()))?;
                Ok((self.entries[i].0.clone(), header))
            })
            .collect()
    }

    /// The array of this name.
    ///
    /// # Errors
    /// If there is none, or it is not a sound `.npy` array.
    pub fn read(&mut self, name: &str) -> Result<Array, Error> {
        let i = self.find(name)?;
        self.read_array(i)
    }

    /// The elements of an array of unsigned bytes (`uint8`) in row-major order, an eighth of the memory that
    /// [`read`](Self::read) takes for them; `None` if it has another type or order.
    ///
    /// # Errors
    /// Those of [`read`](Self::read).
    ///
    /// ```
    /// # use dezero_array::{Array, npz::{self, Archive, Compression}};
    /// # use std::io::Cursor;
    /// # let mut file = Cursor::new(Vec::new());
    /// # npz::write(&mut file, [("x", &Array::new([1, 2]))], Compression::Stored)?;
    /// let mut archive = Archive::new(file)?;
    /// assert_eq!(archive.read_bytes("x")?, None); // int64
    /// # Ok::<(), dezero_array::Error>(())
    /// ```
    pub fn read_bytes(&mut self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        let i = self.find(name)?;
        self.read_entry(i, |reader, header, reserve| {
            if !header.is_bytes_in_order() {
                return Ok(None);
            }
            // Within the length that the archive declares, and taken as it unpacks.
            let mut bytes = Vec::with_capacity(header.bytes.min(reserve) as usize);
            reader.read_to_end(&mut bytes)?;
            match bytes.len() as u64 {
                found if found == header.bytes => Ok(Some(bytes)),
                found => Err(ErrorKind::Truncated { found }),
            }
        })
    }

    /// All arrays, in the archive's order.
    ///
    /// # Errors
    /// If an entry is not a sound `.npy` array.
    pub fn read_all(&mut self) -> Result<Vec<(String, Array)>, Error> {
        (0..self.entries.len())
            .map(|i| Ok((self.entries[i].0.clone(), self.read_array(i)?)))
            .collect()
    }

    fn find(&self, name: &str) -> Result<usize, Error> {
        let place = self.entries.iter().position(|(other, _)| other == name);
        place.ok_or_else(|| {
            let names = self.names().map(str::to_owned).collect();
            self.locate(name, ErrorKind::NotFound { names })
        })
    }

    fn read_array(&mut self, i: usize) -> Result<Array, Error> {
        self.read_entry(i, |mut reader, header, reserve| {
            let array = npy::read_elements(&mut reader, header, reserve)?;
            // The checksum is compared when the end is met.
            match reader.read(&mut [0])? {
                0 => Ok(array),
                _ => Err(ErrorKind::Zip("more data than declared".to_owned())),
            }
        })
    }

    fn read_entry<T>(
        &mut self,
        i: usize,
        finish: impl FnOnce(&mut dyn Read, &FullHeader, u64) -> Result<T, ErrorKind>,
    ) -> Result<T, Error> {
        let index = self.entries[i].1;
        let zip = &mut self.zip;
        let read = || {
            let mut entry = zip.by_index(index).map_err(kind_of)?;
            let (packed, length) = (entry.compressed_size(), entry.size());
            let stored = entry.compression() == CompressionMethod::Stored;
            let most = if stored {
                packed
            } else {
                packed.saturating_mul(DEFLATE_LIMIT)
            };
            if length > most {
                return Err(ErrorKind::Zip(format!(
                    "declares {length} bytes in {packed} bytes of data"
                )));
            }
            let (header, start) = npy::read_header(&mut entry)?;
            header.expect_length(length.saturating_sub(start))?;
            // Compressed data may be less than declared: memory is taken as it unpacks.
            let reserve = if stored { u64::MAX } else { packed };
            finish(&mut entry, &header, reserve)
        };
        read().map_err(|kind| self.locate(&self.entries[i].0, kind))
    }

    fn locate(&self, name: &str, kind: ErrorKind) -> Error {
        match &self.path {
            Some(path) => Error::at(path, Some(name), kind),
            None => Error::from(kind).in_entry(Some(name)),
        }
    }
}

fn kind_of(error: ZipError) -> ErrorKind {
    match error {
        ZipError::Io(error) => ErrorKind::Io(error),
        other => ErrorKind::Zip(other.to_string()),
    }
}
