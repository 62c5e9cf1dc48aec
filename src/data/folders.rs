//! Where the files of data sets are looked for.

use std::env;
use std::path::{Path, PathBuf};

/// The folders that may hold data sets, or folders of them: `data_dir` unless it is empty, what the
/// environment variable `DEZERO_DATA` names, the cache, and what the system installed.
pub(super) fn search_path(data_dir: &Path) -> Vec<PathBuf> {
    let mut folders = own_folders(data_dir);
    // Where Debian's packages of data sets (dataset-fashion-mnist) put them.
    folders.push(PathBuf::from("/usr/share/datasets"));
    folders
}

/// The folder that fetched files are put into: the first choice of the user's.
#[cfg(feature = "download")]
pub(super) fn home_of_new_files(data_dir: &Path) -> Option<PathBuf> {
    own_folders(data_dir).into_iter().next()
}

fn own_folders(data_dir: &Path) -> Vec<PathBuf> {
    let given = Some(data_dir.to_owned());
    let named = env::var_os("DEZERO_DATA").map(PathBuf::from);
    let folders = [given, named, cache_dir()].into_iter().flatten();
    folders.filter(|f| !f.as_os_str().is_empty()).collect()
}

/// `~/.cache/dezero`, or what the system's customs say instead.
pub(super) fn cache_dir() -> Option<PathBuf> {
    let named = if cfg!(windows) {
        "LOCALAPPDATA"
    } else {
        "XDG_CACHE_HOME"
    };
    env::var_os(named)
        .map(PathBuf::from)
        .filter(|folder| folder.is_absolute()) // as its specification asks
        .or_else(|| env::home_dir().map(|home| home.join(".cache")))
        .map(|cache| cache.join("dezero"))
}

/// Data for tests that is not part of the repository, or `None`, said aloud.
#[cfg(test)]
pub(super) fn shared_file(name: &str) -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    let named = env::var_os("DEZERO_DATA").map(PathBuf::from);
    let found = named
        .into_iter()
        .chain([beside])
        .map(|folder| folder.join(name))
        .find(|path| path.exists());
    if found.is_none() {
        eprintln!("SKIPPED: no {name} in $DEZERO_DATA or ../shared/data");
    }
    found
}
