//! The data directory, before anything in it is used.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::endpoint::Identity;
use crate::files::{self, Openness};
use crate::secrets::{SEALING, TOKENS};
use crate::store::{BACKUPS, STORE_FILE};

/// Makes the directory, and says in the log what others can do in one that was there.
pub(super) fn prepare(directory: &Path) -> io::Result<()> {
    let path = directory.display();
    match files::make_directory(directory)? {
        Openness::Closed => (),
        Openness::Readable => tracing::info!(
            %path,
            "others can see the names in the data directory; its files are for their owner only. `chmod 700` closes it"
        ),
        Openness::Writable => tracing::warn!(
            %path,
            "others can put files of their own in the place of the server's in the data directory; `chmod 700` closes it"
        ),
    }
    Ok(())
}

/// What tells that there was a database in a data directory whose database is missing or empty: the newest backup, where
/// there is one, else a file that is made after the database.
pub(crate) fn left_behind(directory: &Path) -> Option<PathBuf> {
    let newest_backup = || {
        let backups =
            fs::read_dir(directory.join(BACKUPS)).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
        let backups = backups.filter(|path| path.extension().is_some_and(|extension| extension == "redb"));
        backups.max_by_key(|path| fs::metadata(path).and_then(|data| data.modified()).ok())
    };
    let set_aside = || {
        let name = |path: &PathBuf| {
            path.file_name()?.to_str()?.strip_prefix(STORE_FILE)?.strip_prefix('.').map(drop)
        };
        let files = fs::read_dir(directory).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
        files.filter(|path| name(path).is_some()).max()
    };
    let of_its_time = || {
        let keys = [directory.join(TOKENS), directory.join(SEALING)].into_iter().filter(|key| key.exists());
        Identity::files(directory).into_iter().chain(keys).next()
    };
    newest_backup().or_else(set_aside).or_else(of_its_time)
}

/// Whether such a file is itself a database, to be put back.
pub(crate) fn is_copy(left: &Path) -> bool {
    let name = left.file_name().unwrap_or_default().to_string_lossy();
    name.ends_with(".redb") || name.starts_with(STORE_FILE)
}
