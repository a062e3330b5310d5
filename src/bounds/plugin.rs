//! How large a plugin may be, what one call of it may take, and how many wait.

/// Plugins of an organization at most.
pub const MAX_PLUGINS: usize = 16;

/// Bytes of a plugin's module at most.
pub const MAX_PLUGIN_BYTES: usize = 4 << 20;

/// Modules of an organization that are being sent at once, and for how many minutes one is waited for; at the bound the oldest goes.
pub const MAX_PLUGIN_UPLOADS: (usize, u64) = (2, 10);

/// Bytes of a plugin's manifest at most.
pub const MAX_PLUGIN_MANIFEST: usize = 16 << 10;

/// Characters of a plugin's name, and of a function's.
pub const MAX_PLUGIN_NAME: usize = 64;

/// Characters of what a plugin says of itself.
pub const MAX_PLUGIN_TEXT: usize = 200;

/// Functions of a plugin that may be called.
pub const MAX_PLUGIN_FUNCTIONS: usize = 64;

/// What a plugin asks for.
pub const MAX_PLUGIN_GRANTS: usize = 32;

/// Instructions of one call at most, roughly.
pub const MAX_PLUGIN_FUEL: u64 = 1_000_000_000;

/// Milliseconds of one call at most.
pub const MAX_PLUGIN_MS: u64 = 10_000;

/// Bytes of a plugin's own memory at most.
pub const MAX_PLUGIN_MEMORY: usize = 16 << 20;

/// Bytes of the memory that a call shares with the server.
pub const MAX_PLUGIN_ARENA: usize = 8 << 20;

/// Bytes of what a plugin is given, and of what it gives.
pub const MAX_PLUGIN_DATA: usize = 1 << 20;

/// Calls within each other in a plugin.
pub const MAX_PLUGIN_DEPTH: usize = 1_000;

/// How often a call asks the server for something.
pub const MAX_PLUGIN_ASKS: u32 = 64;

/// Bytes of a question that a plugin asks the server, or of what it says of a request over HTTP beside its body.
pub const MAX_PLUGIN_QUESTION: usize = 64 << 10;

/// Calls of an organization's plugins that wait; of one plugin's.
pub const MAX_PLUGIN_CALLS: (usize, usize) = (64, 16);

/// Calls of one plugin that wait or run for one address that logs in, where all of the line may be that plugin's, and for one
/// account or the guests of one address that write.
pub const MAX_PLUGIN_TURNS: (usize, usize) = (8, 4);

/// After so many failures in a row a plugin is off.
pub const MAX_PLUGIN_FAILURES: u32 = 5;

/// Lines that are kept of what plugins say, each; characters of a line; lines of one call.
pub const MAX_PLUGIN_LINES: (usize, usize, usize) = (256, 512, 32);

/// Variables that a plugin keeps; bytes of their names and values together; bytes of a name.
pub const MAX_PLUGIN_VALUES: (usize, usize, usize) = (1_024, 1 << 20, 128);
