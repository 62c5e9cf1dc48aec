//! Files that are replaced as a whole: a reader sees the old contents or the new, never a part.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::Error;

/// Writes the file `path` through `write`, or leaves what was there if anything fails.
///
/// The contents go to a new file in the same folder, which takes the place of `path` once they
/// are on the disk. A process killed on the way leaves `path` as it was. Permissions of a file
/// that is replaced are kept; a symbolic link stays one.
///
/// # Errors
/// Those of `write` and of the file system, with the file's name.
///
/// ```
/// use std::io::Write;
/// # let folder = std::env::temp_dir().join(format!("dezero-atomic-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder).unwrap();
/// let path = folder.join("notes.txt");
/// dezero_array::write_atomically(&path, |file| Ok(file.write_all(b"all or nothing")?))?;
/// assert_eq!(std::fs::read(&path).unwrap(), b"all or nothing");
/// # std::fs::remove_dir_all(&folder).unwrap();
/// # Ok::<(), dezero_array::Error>(())
/// ```
pub fn write_atomically(
    path: impl AsRef<Path>,
    write: impl FnOnce(&mut BufWriter<File>) -> Result<(), Error>,
) -> Result<(), Error> {
    let path = path.as_ref();
    replace(path, write).map_err(|error| error.in_file(path))
}

fn replace(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> Result<(), Error>,
) -> Result<(), Error> {
    // Through a symbolic link, the file it points to is replaced.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    let (file, temporary) = Temporary::beside(&path)?;
    if let Ok(old) = fs::metadata(&path) {
        if !old.is_file() {
            return Err(io::Error::other("not a regular file").into());
        }
        file.set_permissions(old.permissions())?;
    }
    let mut writer = BufWriter::with_capacity(1 << 16, file);
    write(&mut writer)?;
    let file = writer
        .into_inner()
        .map_err(io::IntoInnerError::into_error)?;
    file.sync_all()?;
    fs::rename(&temporary.path, &path)?;
    temporary.keep();
    // The rename itself is on the disk once the folder is; where folders cannot be opened, so be it.
    if let Ok(folder) = File::open(folder_of(&path)) {
        folder.sync_all().ok();
    }
    Ok(())
}

/// Removes what [`write_atomically`] leaves in a folder where its process is killed on the way.
///
/// Nobody else may be writing there.
///
/// # Errors
/// If the folder cannot be read or a file cannot be removed.
///
/// ```
/// # let folder = std::env::temp_dir().join(format!("dezero-leftovers-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder).unwrap();
/// std::fs::write(folder.join(".weights.npz.4711-0.tmp"), b"PK").unwrap();
/// dezero_array::remove_leftovers(&folder)?;
/// assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
/// # std::fs::remove_dir_all(&folder).unwrap();
/// # Ok::<(), dezero_array::Error>(())
/// ```
pub fn remove_leftovers(folder: impl AsRef<Path>) -> Result<(), Error> {
    let folder = folder.as_ref();
    let remove = || {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if is_temporary(&entry.file_name().to_string_lossy()) {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    };
    remove().map_err(|error: io::Error| Error::from(error).in_file(folder))
}

/// `.name.process-count.tmp`, as [`Temporary::beside`] makes them.
fn is_temporary(name: &str) -> bool {
    let numbers = name.strip_prefix('.').and_then(|name| {
        name.strip_suffix(".tmp")?
            .rsplit_once('.')?
            .1
            .split_once('-')
    });
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    numbers.is_some_and(|(process, count)| is_number(process) && is_number(count))
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}

/// A file that is removed when dropped.
struct Temporary {
    path: PathBuf,
}

impl Temporary {
    fn beside(path: &Path) -> io::Result<(File, Temporary)> {
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        let name = path
            .file_name()
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "not the name of a file"))?;
        loop {
            let count = COUNTER.fetch_add(1, Ordering::Relaxed);
            let mut hidden = std::ffi::OsString::from(".");
            hidden.push(name);
            hidden.push(format!(".{}-{count}.tmp", process::id()));
            let path = folder_of(path).join(hidden);
            match OpenOptions::new().write(true).create_new(true).open(&path) {
                Ok(file) => return Ok((file, Temporary { path })),
                // Left by a killed process that had our id.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn keep(mut self) {
        self.path = PathBuf::new();
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.path.as_os_str().is_empty() {
            fs::remove_file(&self.path).ok();
        }
    }
}
