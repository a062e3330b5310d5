//! What the server does by itself for itself, in the list of flows: its maintenance, with the runs that are kept of it. It can be read, and
//! nothing else.

use crate::store::JobKind;
use crate::store::write::FlowError;

/// How the names of these begin. No other flow has a dot in its name.
const PREFIX: &str = "server.";

/// One of them.
pub(super) struct BuiltIn {
    pub(super) kind: JobKind,
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) description: &'static str,
}

/// All of them.
pub(super) const ALL: [BuiltIn; 5] = [
    BuiltIn {
        kind: JobKind::Backup,
        name: "server.backup",
        title: "Back the database up",
        description: "Copies the database, once every so many hours (`store.backup_hours`), and when the machine's owner says so (`parlour db backup`).",
    },
    BuiltIn {
        kind: JobKind::Sweep,
        name: "server.sweep",
        title: "Remove what has expired",
        description: "Removes sessions, tokens, runs, entries of the audit trail and calls of assistants that are kept no longer, once a day, and by `parlour db sweep`.",
    },
    BuiltIn {
        kind: JobKind::Verify,
        name: "server.verify",
        title: "Check the database",
        description: "Checks every row, index entry, reference and the audit trail, when the machine's owner says so (`parlour db verify`).",
    },
    BuiltIn {
        kind: JobKind::Compact,
        name: "server.compact",
        title: "Make the database's file small",
        description: "Gives back what is free in the file, when the machine's owner says so (`parlour db compact`).",
    },
    BuiltIn {
        kind: JobKind::Migrate,
        name: "server.migrate",
        title: "Bring the database to this version's form",
        description: "Is done once, at the first start of a version that keeps something otherwise.",
    },
];

/// Refuses what would change one of them.
pub(super) fn changeable(name: &str) -> Result<(), FlowError> {
    if name.starts_with(PREFIX) { Err(FlowError::BuiltIn) } else { Ok(()) }
}

/// Whether a name is one of theirs.
pub(super) fn is_built_in(name: &str) -> bool {
    name.starts_with(PREFIX)
}

/// The one of a name.
pub(super) fn named(name: &str) -> Result<&'static BuiltIn, FlowError> {
    ALL.iter().find(|one| one.name == name).ok_or(FlowError::NoSuchFlow)
}
