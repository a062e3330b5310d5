//! The database's file: opened, copied, and given its place.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use redb::{Builder, Database};

use super::caught::catch;
use super::error::{BackupError, OpenError};
use crate::id::Timestamp;

/// File of the database in the data directory.
pub const STORE_FILE: &str = "parlour.redb";

/// Folder of the backups in the data directory.
pub const BACKUPS: &str = "backups";

/// Memory for pages, in bytes. redb's own default of a gigabyte would make a small box swap.
const CACHE: usize = 256 * 1024 * 1024;

/// Opens the file, readable to its owner only.
pub(super) fn open_file(path: &Path, create: bool) -> Result<Database, OpenError> {
    let file = fs::OpenOptions::new()
        .read(true)
        .write(true)
        .create(create)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(|source| OpenError::File { path: path.into(), source })?;
    guarded(path, || builder().create_file(file).map_err(|error| OpenError::of(path, error)))
}

/// Does something with a file that may be damaged, on which redb may panic.
pub(super) fn guarded<T>(path: &Path, work: impl FnOnce() -> Result<T, OpenError>) -> Result<T, OpenError> {
    catch(work).unwrap_or_else(|problem| Err(OpenError::Damaged { path: path.into(), problem }))
}

/// What makes a database of a file, or of bytes kept elsewhere.
pub(super) fn builder() -> Builder {
    let mut builder = Database::builder();
    builder.set_cache_size(CACHE);
    builder
}

/// Where a file is written before it has its name.
pub(super) fn partial(to: &Path) -> PathBuf {
    let mut name = to.file_name().unwrap_or_default().to_owned();
    name.push(".partial");
    to.with_file_name(name)
}

/// Makes a finished file durable and gives it its name, over whatever has it.
pub(super) fn put_in_place(finished: &Path, to: &Path) -> io::Result<()> {
    File::open(finished)?.sync_all()?;
    fs::rename(finished, to)?;
    sync_directory(to)
}

fn sync_directory(of: &Path) -> io::Result<()> {
    match of.parent().filter(|directory| !directory.as_os_str().is_empty()) {
        Some(directory) => File::open(directory)?.sync_all(),
        None => File::open(".")?.sync_all(),
    }
}

/// Copies a file whole, durably, readable to its owner only.
fn copy_file(from: &Path, to: &Path) -> io::Result<()> {
    let partial = partial(to);
    fs::copy(from, &partial)?;
    put_in_place(&partial, to)
}

/// Keeps a file as it is before a migration; nobody writes to it meanwhile, as the caller has it open.
pub(super) fn before_migration(path: &Path, schema: u64, now: Timestamp) -> Result<PathBuf, BackupError> {
    let directory = path.parent().unwrap_or(Path::new(".")).join(BACKUPS);
    let to = directory.join(format!("before-schema-{}-{}.redb", schema + 1, stamp(now)));
    let keep = || {
        fs::create_dir_all(&directory)?;
        copy_file(path, &to)
    };
    keep().map_err(|source| BackupError::Write { path: to.clone(), source })?;
    Ok(to)
}

/// A time as file names have it, to the second.
pub(super) fn stamp(now: Timestamp) -> String {
    let seconds = Timestamp(now.0 / 1_000 * 1_000);
    seconds.to_string().replace(':', "-")
}
