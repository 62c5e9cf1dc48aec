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

    /// A file was written by another version of this crate.
    #[error(
        "{}: a checkpoint of version {found}; this program reads version {expected}",
        path.display()
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// The version of its layout.
        found: u64,
        /// The version that can be read.
        expected: u64,
    },

    /// There are checkpoints, but none that can be resumed from.
    #[error("{}: none of its checkpoints is sound:{}", folder.display(), lines(broken))]
    NoSoundCheckpoint {
        /// Where they are.
        folder: PathBuf,
        /// What is wrong with each, from the latest on.
        broken: Vec<Error>,
    },

    /// A new run would write into a folder that has something in it.
    #[error(
        "{}: the folder is not empty; resume the run in it, or name another folder",
        folder.display()
    )]
    RunFolderExists {
        /// The folder.
        folder: PathBuf,
    },

    /// There is no run to resume.
    #[error("{}: no run to resume: it has no metrics.jsonl", folder.display())]
    NoRun {
        /// The folder.
        folder: PathBuf,
    },

    /// Another process trains in the same folder.
    #[error("{}: another process works with this folder", folder.display())]
    FolderInUse {
        /// The folder.
        folder: PathBuf,
    },

    /// A training cannot go on: its loss or a gradient is NaN or infinite.
    #[error("step {step}: {what} is not finite\n{cause}")]
    NotFinite {
        /// The step that failed, from 1; its update was not carried out.
        step: u64,
        /// The loss, or the gradient of a parameter.
        what: String,
        /// The operation that gave the first such number, with its place in the program.
        cause: String,
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

    /// A picture could not be made.
    #[error("{}: {reason}", path.display())]
    Picture {
        /// The file it was to be written to.
        path: PathBuf,
        /// What is in the way, and what would be right.
        reason: String,
    },

    /// A graph has too many variables and functions for a picture that anybody could read.
    #[error(
        "the graph has {size} variables and functions or more: too many for a picture. Draw a part of \
         it: the graph of one step, or of a variable further up, or `unchain` where it may end"
    )]
    GraphTooLarge {
        /// How many were counted.
        size: usize,
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

    /// An [`Error::Picture`] about `path`.
    pub(crate) fn picture(path: impl AsRef<Path>, reason: impl Into<String>) -> Error {
        Error::Picture {
            path: path.as_ref().to_owned(),
            reason: reason.into(),
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

fn lines(errors: &[Error]) -> String {
    errors.iter().map(|error| format!("\n  {error}")).collect()
}

fn list(folders: &[PathBuf]) -> String {
    let folders: Vec<_> = folders.iter().map(|f| f.display().to_string()).collect();
    folders.join(", ")
}
