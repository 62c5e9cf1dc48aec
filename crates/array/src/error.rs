//! What can be wrong with a file of arrays.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::{DType, Shape};

/// Why arrays could not be read or written: which file, which entry of it, and what is wrong.
///
/// ```
/// let error = dezero_array::npy::load("/no/such/file.npy").unwrap_err();
/// assert!(error.to_string().starts_with("/no/such/file.npy: "));
/// ```
#[derive(Debug)]
pub struct Error(Box<Details>);

#[derive(Debug)]
struct Details {
    path: Option<PathBuf>,
    entry: Option<String>,
    kind: ErrorKind,
}

/// What is wrong, without the place.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The system could not read or write; or compressed data or a checksum is wrong.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The bytes are of another format.
    #[error("not {expected}: starts with {found}")]
    Format {
        /// The format that was asked for.
        expected: &'static str,
        /// The bytes at its start.
        found: String,
    },
    /// The zip container of an npz file is broken.
    #[error("not a sound zip archive: {0}")]
    Zip(String),
    /// The header of a safetensors file is broken.
    #[error("not a sound safetensors file: {0}")]
    Safetensors(String),
    /// A header does not parse.
    #[error("bad npy header: expected {expected}, found {found}")]
    Header {
        /// What should stand there.
        expected: &'static str,
        /// What stands there.
        found: String,
    },
    /// Elements of a type that has no place in an [`Array`](crate::Array).
    #[error("elements of type {found}; expected bool, an integer or a float of at most 8 bytes")]
    UnsupportedType {
        /// The file's name of the type.
        found: String,
    },
    /// A shape that no array can have.
    #[error("shape {shape:?} does not fit into memory")]
    TooLarge {
        /// The shape in the header.
        shape: Vec<u64>,
    },
    /// Less or more data than the shape takes.
    #[error("shape {shape:?} takes {expected} bytes of {what}, found {found}")]
    Length {
        /// The shape in the header.
        shape: Shape,
        /// The stored element type.
        what: &'static str,
        /// Bytes that it takes.
        expected: u64,
        /// Bytes that there are.
        found: u64,
    },
    /// The file ends inside its header.
    #[error("ends after {found} bytes, inside its header")]
    Truncated {
        /// Bytes that there are.
        found: u64,
    },
    /// An unsigned 64-bit integer beyond int64.
    #[error("value {value} does not fit into {dtype}")]
    OutOfRange {
        /// The first value that does not fit.
        value: u64,
        /// The type it would have to be held in.
        dtype: DType,
    },
    /// Two arrays of one name.
    #[error("two arrays have this name")]
    DuplicateName,
    /// No array of this name.
    #[error("no array of this name; there are {names:?}")]
    NotFound {
        /// Names that there are.
        names: Vec<String>,
    },
}

impl Error {
    pub(crate) fn at(path: &Path, entry: Option<&str>, kind: ErrorKind) -> Error {
        Error::from(kind).in_entry(entry).in_file(path)
    }

    /// The same error with the file's name, unless it has one.
    pub(crate) fn in_file(mut self, path: &Path) -> Error {
        self.0.path.get_or_insert_with(|| path.to_path_buf());
        self
    }

    pub(crate) fn in_entry(mut self, entry: Option<&str>) -> Error {
        self.0.entry = self.0.entry.or_else(|| entry.map(str::to_owned));
        self
    }

    /// The file, if the bytes came from or go to one.
    pub fn path(&self) -> Option<&Path> {
        self.0.path.as_deref()
    }

    /// The name of the array inside a file of several.
    pub fn entry(&self) -> Option<&str> {
        self.0.entry.as_deref()
    }

    /// What is wrong.
    pub fn kind(&self) -> &ErrorKind {
        &self.0.kind
    }
}

impl<K: Into<ErrorKind>> From<K> for Error {
    fn from(kind: K) -> Error {
        Error(Box::new(Details {
            path: None,
            entry: None,
            kind: kind.into(),
        }))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(path) = &self.0.path {
            write!(f, "{}: ", path.display())?;
        }
        if let Some(entry) = &self.0.entry {
            write!(f, "{entry:?}: ")?;
        }
        self.0.kind.fmt(f)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&self.0.kind)
    }
}

/// The first bytes of something unexpected, for a message.
pub(crate) fn excerpt(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return "nothing at all".to_owned();
    }
    let head = &bytes[..bytes.len().min(40)];
    let dots = if head.len() < bytes.len() { "…" } else { "" };
    format!("\"{}\"{dots}", head.escape_ascii())
}
