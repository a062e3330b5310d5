//! Values that nobody is shown.

use std::fmt;

/// What must not be shown, wherever settings are.
#[derive(Clone, PartialEq, Eq, Default)]
pub(super) struct Hidden(pub(super) String);

impl fmt::Display for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "" } else { "(set, and not shown)" })
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
