//! The embedded database: what is kept, and how it gets to disk.
//!
//! A [`Write`] is made by a function of [`mod@write`] and done by [`Store::run`], which answers
//! when it is durable. One thread owns the write transaction and commits what several callers have
//! queued together. Readers use the tables of the latest commit, opened once for all of them. After an
//! error of the disk nothing is taken for granted: the group is refused, and the file opened anew.

mod backup;
mod caught;
mod error;
mod export;
mod file;
mod handle;
mod index;
mod lazy;
mod migrate;
mod open;
mod overlay;
mod read;
mod record;
mod row;
mod seed;
mod seen;
mod table;
mod verify;
pub mod write;
mod writer;

#[cfg(test)]
mod crash_tests;
#[cfg(test)]
mod golden_tests;

pub use backup::{RestoreError, backup_name, compact, peek, prune_backups, restore, rollback};
pub use error::{BackupError, CommitError, Failed, OpenError, ReadError};
pub use export::{ExportError, ImportError, check_export, import_on};
pub use file::{BACKUPS, STORE_FILE};
pub use handle::Store;
pub use migrate::{Applied, Opening, Pending};
pub use open::By;
pub use read::{AuditFilter, Stats, ban_on};
pub use record::*;
pub use seen::Seen;
pub use table::TableSize;
pub use verify::{Problem, verify_file};
pub use write::{Rejected, Write};
