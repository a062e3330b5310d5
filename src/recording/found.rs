//! What recordings a directory holds. Those that a crash cut off are ended.

use std::fs;
use std::io;
use std::path::Path;
use std::time::UNIX_EPOCH;

use super::about::About;
use super::ledger::{Entry, Ledger, Names, Phase};
use crate::id::{RecordingId, Timestamp};

/// What the directory of a recording is renamed to before it goes.
pub(super) const REMOVED: &str = "removed";

/// Reads the directory, if there is one.
pub(super) fn find(directory: &Path) -> io::Result<Ledger> {
    let mut ledger = Ledger::default();
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(ledger),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let path = entry?.path();
        let id = path.file_stem().and_then(|stem| stem.to_str()?.parse().ok());
        let ending = path.extension().and_then(|ending| ending.to_str());
        match (id, ending) {
            (Some(id), None) => {
                ledger.next = ledger.next.max(id);
                match find_one(&path) {
                    Ok(entry) => ledger.insert(RecordingId(id), entry),
                    Err(error) => {
                        tracing::warn!(path = %path.display(), %error, "no recording, or a damaged one; left as it is");
                    }
                }
            }
            // A crash came while it was being removed.
            (Some(_), Some(REMOVED)) => drop(fs::remove_dir_all(&path)),
            _ => (),
        }
    }
    Ok(ledger)
}

fn find_one(directory: &Path) -> io::Result<Entry> {
    let mut about = About::load(directory)?;
    if about.ended.is_none() {
        let last = about.files.iter().filter_map(|file| modified(&directory.join(&file.name))).max();
        about.ended = Some(last.unwrap_or(about.started).max(about.started));
        about.mend(directory);
        about.save(directory)?;
        tracing::info!(recording = about.id.0, "a recording that was cut off is ended");
    }
    let bytes = about.weigh(directory);
    Ok(Entry { about, bytes, phase: Phase::Complete, names: Names::default() })
}

fn modified(file: &Path) -> Option<Timestamp> {
    let time = fs::metadata(file).and_then(|metadata| metadata.modified()).ok()?;
    let since = time.duration_since(UNIX_EPOCH).ok()?;
    Some(Timestamp::default().plus(since))
}
