//! Why a plugin isn't loaded, and why a call of it came to nothing: in sentences for whoever installed it.

use thiserror::Error;

use crate::bounds::{MAX_PLUGIN_ASKS, MAX_PLUGIN_DATA, MAX_PLUGIN_LINES, is_unprintable};

/// Why a module isn't loaded.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum LoadError {
    /// It has too many bytes.
    #[error("a plugin has {} MiB at most", crate::bounds::MAX_PLUGIN_BYTES >> 20)]
    TooLarge,
    /// It isn't WebAssembly that is understood and valid.
    #[error("this isn't valid WebAssembly: {0}")]
    Invalid(String),
    /// It has more of something than a module may.
    #[error("this module is beyond what a plugin may have: {0}")]
    Bounds(String),
    /// It imports what isn't there.
    #[error(
        "it imports {module}.{name}, which isn't there; Extism's functions are, and those of docs/plugins.md{hint}"
    )]
    Import {
        /// From where.
        module: String,
        /// What.
        name: String,
        /// What to do about it, where that is known.
        hint: &'static str,
    },
    /// It imports a function by another type than that function has.
    #[error("it imports {module}.{name} by another type than that has")]
    Type {
        /// From where.
        module: String,
        /// What.
        name: String,
    },
    /// It lacks a function that its manifest names.
    #[error(
        "its manifest names the function `{0}`, which it doesn't export, or which takes or gives something"
    )]
    NoFunction(String),
    /// It imports a function for which its manifest asks no grant.
    #[error("it imports `{function}`, so its manifest has to ask for the grant `{grant}`")]
    NoGrant {
        /// Which.
        function: String,
        /// The grant.
        grant: String,
    },
}

/// Why a manifest isn't one.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ManifestError {
    /// It isn't TOML of this form.
    #[error("the manifest can't be read: {0}")]
    Form(String),
    /// Something in it isn't as it has to be.
    #[error("the manifest's `{key}` {what}")]
    Value {
        /// Where.
        key: &'static str,
        /// What it has to be.
        what: String,
    },
}

/// Why a call came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CallError {
    /// The plugin says so itself.
    #[error("the plugin says: {0}")]
    Said(String),
    /// It has no function of this name that may be called.
    #[error("the plugin has no function `{0}`")]
    NoFunction(String),
    /// What it is given is too large.
    #[error("a plugin is given {} KiB at most", MAX_PLUGIN_DATA >> 10)]
    Input,
    /// It did more than its quota of instructions.
    #[error("the plugin used up its fuel of {0} instructions")]
    Fuel(u64),
    /// It took longer than its quota of time.
    #[error("the plugin took longer than {0} ms")]
    Slow(u64),
    /// It ran into something that isn't possible.
    #[error("the plugin broke off: {0}")]
    Trap(String),
    /// It gives too much.
    #[error("the plugin gave more than {} KiB", MAX_PLUGIN_DATA >> 10)]
    Output,
    /// It keeps too much in the memory that is shared with the server.
    #[error("the plugin filled the memory that it shares with the server")]
    Arena,
    /// It asked the server too often.
    #[error("the plugin asked the server for something more than {MAX_PLUGIN_ASKS} times")]
    Asks,
    /// It asked for what it wasn't granted.
    #[error("the plugin asked for `{function}`, which needs the grant `{grant}`")]
    NotGranted {
        /// For what.
        function: String,
        /// The grant.
        grant: String,
    },
    /// The server couldn't do what it was asked for.
    #[error("the plugin asked for `{function}`, which failed: {why}")]
    Host {
        /// For what.
        function: String,
        /// Why.
        why: String,
    },
    /// The server stops, and waits for no plugin.
    #[error("the plugin was broken off, since the server stops")]
    Stopping,
    /// It can't be begun.
    #[error("the plugin can't be begun: {0}")]
    Begin(String),
}

impl CallError {
    /// The same, with no more of what the plugin itself wrote than a log takes, and nothing that steers what shows it.
    pub(super) fn bounded(self) -> Self {
        let shown = |c: char| if is_unprintable(c) { ' ' } else { c };
        let cut = |text: String| text.chars().take(MAX_PLUGIN_LINES.1).map(shown).collect();
        match self {
            Self::Said(text) => Self::Said(cut(text)),
            Self::NoFunction(name) => Self::NoFunction(cut(name)),
            Self::Trap(text) => Self::Trap(cut(text)),
            Self::NotGranted { function, grant } => Self::NotGranted { function, grant: cut(grant) },
            Self::Host { function, why } => Self::Host { function, why: cut(why) },
            Self::Begin(text) => Self::Begin(cut(text)),
            other => other,
        }
    }

    /// Whether the plugin is to blame: what it says itself is an answer like another, and what it was asked for wrongly is
    /// whoever asked, and that the server stops is nobody.
    pub fn is_failure(&self) -> bool {
        !matches!(self, Self::Said(_) | Self::NoFunction(_) | Self::Input | Self::Stopping)
    }
}
