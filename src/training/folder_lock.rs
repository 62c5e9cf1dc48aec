//! [`FolderLock`]: one process at a time.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;

use crate::error::{Error, Result};

/// Held as long as a process works with a folder; the system gives it back when the process ends, however it ends.
#[derive(Debug)]
pub(super) struct FolderLock {
    _file: File,
}

impl FolderLock {
    pub(super) fn take(folder: &Path) -> Result<FolderLock> {
        let path = folder.join(".lock");
        let mut options = OpenOptions::new();
        options.create(true).append(true);
        let file = options.open(&path).map_err(Error::io(&path))?;
        match file.try_lock() {
            // Some file systems have no locks: then two processes are the user's to avoid.
            Ok(()) | Err(TryLockError::Error(_)) => Ok(FolderLock { _file: file }),
            Err(TryLockError::WouldBlock) => Err(Error::FolderInUse {
                folder: folder.to_owned(),
            }),
        }
    }
}
