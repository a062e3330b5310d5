//! The database's file: opened, copied, and given its place.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use redb::{Builder, Database};

use super::caught::catch;
use super::error::{BackupError, OpenError};
use super::overlay::Overlay;
use crate::files;
use crate::id::Timestamp;

/// File of the database in the data directory.
pub const STORE_FILE: &str = "parlour.redb";

/// Folder of the backups in the data directory.
pub const BACKUPS: &str = "backups";

/// Memory for pages, in bytes. redb's own default of a gigabyte would make a small box swap.
const CACHE: usize = 256 * 1024 * 1024;

/// Opens the file. One that isn't there, or holds nothing, is made where `create` says so, readable to its owner only.
pub(super) fn open_file(path: &Path, create: bool) -> Result<Database, OpenError> {
    let mut opened = File::options().read(true).write(true).open(path);
    if create && opened.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
        opened = files::create(path);
    }
    let file = checked(path, opened, create)?;
    guarded(path, || builder().create_file(file).map_err(|error| OpenError::of(path, error)))
}

/// Opens the file of a database that nobody has open, to look at it: what is written to it, were it by a repair, stays in
/// memory, and the file what it is.
pub(super) fn look_at_file(path: &Path) -> Result<Database, OpenError> {
    let file = checked(path, File::open(path), false)?;
    guarded(path, || {
        let overlay = Overlay::over(file).map_err(|error| OpenError::of(path, error))?;
        builder().create_with_backend(overlay).map_err(|error| OpenError::of(path, error))
    })
}

/// The file, unless it holds nothing where it may not be begun anew.
fn checked(path: &Path, opened: io::Result<File>, create: bool) -> Result<File, OpenError> {
    let of_file = |source| OpenError::File { path: path.into(), source };
    let file = match opened {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(OpenError::Missing { path: path.into(), state: "isn't there" });
        }
        opened => opened.map_err(of_file)?,
    };
    if !create && file.metadata().map_err(of_file)?.len() == 0 {
        return Err(OpenError::Missing { path: path.into(), state: "is empty" });
    }
    Ok(file)
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

/// Keeps a file as it is before a migration; nobody writes to it meanwhile, as the caller has it open.
pub(super) fn before_migration(path: &Path, schema: u64, now: Timestamp) -> Result<PathBuf, BackupError> {
    let directory = path.parent().unwrap_or(Path::new(".")).join(BACKUPS);
    let to = directory.join(format!("before-schema-{}-{}.redb", schema + 1, stamp(now)));
    let keep = || {
        files::make_directory(&directory)?;
        files::copy(path, &to)
    };
    keep().map_err(|source| BackupError::Write { path: to.clone(), source })?;
    Ok(to)
}

/// A time as file names have it, to the second.
pub(super) fn stamp(now: Timestamp) -> String {
    let seconds = Timestamp(now.0 / 1_000 * 1_000);
    seconds.to_string().replace(':', "-")
}
