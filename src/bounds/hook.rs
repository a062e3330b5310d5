//! Webhooks: how many, and how much waits for them and is kept.

/// Webhooks of one account at most.
pub const MAX_HOOKS: usize = 16;

/// Webhooks of an organization at most: each event is held against each of them.
pub const MAX_HOOKS_OF_ORGANIZATION: usize = 128;

/// Messages that wait for one webhook at most; at the bound the oldest goes, and its receiver is told so.
pub const MAX_HOOK_WAITING: u64 = 16_384;

/// Messages of one webhook that were delivered or given up, and are kept to be looked at and sent again.
pub const MAX_HOOK_KEPT: u64 = 1_000;

/// Bytes of the messages that wait for one webhook, and of those that are kept; at the bounds the same happens.
pub const MAX_HOOK_BYTES: (u64, u64) = (8 << 20, 4 << 20);

/// Tries of one message that are kept, the last ones.
pub const MAX_HOOK_TRIES: usize = 8;

/// Bytes of a receiver's answer that are kept of a try.
pub const MAX_HOOK_ANSWER: usize = 4_096;

/// Messages of an organization's webhooks and runs of its flows that wait to be written, and bytes of these; at the bound the oldest goes, and its receiver is told so.
pub const MAX_HOOK_UNWRITTEN: (usize, usize) = (16_384, 16 << 20);

/// Messages that are on their way to receivers at once, of all organizations, each of which has its share; of one account.
pub const MAX_HOOKS_UNDER_WAY: (usize, usize) = (64, 8);

/// Kinds that a webhook's filter names at most.
pub const MAX_HOOK_KINDS: usize = 16;
