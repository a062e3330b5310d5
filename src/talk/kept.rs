//! What a live client keeps between runs, and why it can't.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// Why what is kept can't be used.
#[derive(Debug, Error)]
pub enum KeptError {
    /// The file can't be read or written.
    #[error("can't use {}: {source}; make it readable and writable for you, or name another place in PARLOUR_CONFIG_DIR", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// The file isn't what was written.
    #[error("{} is damaged: {problem}; mend it, or remove it to begin with the usual settings", path.display())]
    Damaged {
        /// Which.
        path: PathBuf,
        /// Where and why.
        problem: String,
    },
}
