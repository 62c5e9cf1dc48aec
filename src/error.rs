//! What can go wrong outside the program: files, their bytes, the network.

use std::io;
use std::path::{Path, PathBuf};

/// A `Result` of this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Something that depends on the world went wrong. Mistakes of the caller panic instead.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },

    /// The bytes of a file are not what its format asks for.
    #[error("{}: {reason}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What was expected, and what was found.
        reason: String,
    },

    /// A file of arrays could not be read or written.
    #[error(transparent)]
    Array(#[from] dezero_array::Error),

    /// Weights in a file, or the state of an optimizer, do not fit the model.
    #[error("{}: {mismatch}", path.display())]
    Weights {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        mismatch: crate::weights::Mismatch,
    },

    /// The files of a data set are not on this machine.
    #[error("{name}: no {file} in {}\n{hint}", list(searched))]
    DatasetNotFound {
        /// The data set.
        name: String,
        /// The first of its files that is missing.
        file: String,
        /// The folders that were looked into.
        searched: Vec<PathBuf>,
        /// How to get the files.
        hint: String,
    },

    /// A file could not be fetched, or what arrived is not the file.
    #[error("{url}: {reason}")]
    Download {
        /// Where it was asked for.
        url: String,
        /// What went wrong.
        reason: String,
    },
}

impl Error {
    /// An [`Error::Io`] about `path`: `File::open(path).map_err(Error::io(path))`.
    pub fn io(path: impl AsRef<Path>) -> impl FnOnce(io::Error) -> Error {
        move |source| Error::Io {
            path: path.as_ref().to_owned(),
            source,
        }
    }

    /// An [`Error::Format`] about `path`.
    pub fn format(path: impl AsRef<Path>, reason: impl Into<String>) -> Error {
        Error::Format {
            path: path.as_ref().to_owned(),
            reason: reason.into(),
        }
    }
}

fn list(folders: &[PathBuf]) -> String {
    let folders: Vec<_> = folders.iter().map(|f| f.display().to_string()).collect();
    folders.join(", ")
}
