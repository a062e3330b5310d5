//! How many files the process may have open: each TCP connection is one.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Files that connections leave to the database, the local socket, the sockets of the shards, the log and recordings.
const KEPT: usize = 256;

/// Raises the number of files that the process may have open to what it is allowed. Answers how many of them connections may
/// take. Where `wanted` are more, the log says what to do.
pub fn raise_files(wanted: usize) -> usize {
    let now = getrlimit(Resource::Nofile);
    let allowed = now.maximum.unwrap_or(u64::MAX);
    if now.current.is_some_and(|current| current < allowed) {
        let raised = Rlimit { current: Some(allowed.min(most(wanted))), maximum: now.maximum };
        if now.current < raised.current
            && let Err(error) = setrlimit(Resource::Nofile, raised)
        {
            tracing::warn!(%error, "the number of open files can't be raised");
        }
    }
    let current = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let room = share(current);
    if room < wanted {
        let needed = wanted + KEPT;
        tracing::warn!(
            files = current,
            needed,
            "the process may open fewer files than limits.max_sessions people over TCP need: some of them will wait; \
             raise it (LimitNOFILE= in the unit, ulimit -Hn in a shell)"
        );
    }
    room
}

/// The files that are asked for.
fn most(wanted: usize) -> u64 {
    wanted.saturating_add(KEPT) as u64
}

/// What connections may take of so many files: half of them, where that is more than is left beside what is kept.
fn share(files: u64) -> usize {
    let files = usize::try_from(files).unwrap_or(usize::MAX);
    files.saturating_sub(KEPT).max(files / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_kept_for_what_is_no_connection() {
        for files in [64, 256, 1_024, 65_536, u64::MAX] {
            let left = files - share(files) as u64;
            assert!(left >= (files / 2).min(KEPT as u64), "{files}");
        }
        assert_eq!(share(1_024), 768);
    }

    #[test]
    fn the_number_of_files_is_raised_as_far_as_allowed() {
        let allowed = getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX);
        let wanted = usize::try_from(allowed.min(100_000)).unwrap().saturating_sub(KEPT);
        assert!(raise_files(wanted) >= wanted);
    }
}
