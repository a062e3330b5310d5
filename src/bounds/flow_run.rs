//! How many flows there are, how often they run, and what is kept of that.

use std::time::Duration;

/// Flows of one account at most.
pub const MAX_FLOWS: usize = 32;

/// Flows of an organization at most: each event is held against each of them that is on.
pub const MAX_FLOWS_OF_ORGANIZATION: usize = 256;

/// Versions of one flow that are kept, the last ones.
pub const MAX_FLOW_VERSIONS: u64 = 20;

/// Bytes of the values that its owner sets for one flow, in JSON.
pub const MAX_FLOW_SETTINGS: usize = 16 * 1_024;

/// Bytes of what a run is given, in JSON: what happened, or what a person says.
pub const MAX_RUN_INPUT: usize = 64 * 1_024;

/// Runs of an account that wait or are under way at most; what would begin another one is counted and begins none.
pub const MAX_RUNS_WAITING: usize = 256;

/// Runs of an account that have ended and are kept, the last ones.
pub const MAX_RUNS_KEPT: u64 = 1_000;

/// Bytes of an account's runs that have ended and of their steps, all together; at the bound the oldest runs go.
pub const MAX_RUN_BYTES: u64 = 16 * 1_024 * 1_024;

/// Bytes of one run with its steps at most; one that would have more fails.
pub const MAX_BYTES_OF_RUN: u64 = 1_024 * 1_024;

/// Bytes of what a step answers at most; one that answers with more has failed.
pub const MAX_STEP_OUTPUT: usize = 256 * 1_024;

/// Bytes of what is kept of why a run or a step failed; more is cut off.
pub const MAX_RUN_ERROR: usize = 4_096;

/// Steps of one run at most, each item of a list counted; one that would have more fails.
pub const MAX_STEPS_OF_RUN: u32 = 4_096;

/// For how long runs are kept that have ended.
pub const RUN_KEPT: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Messages of somebody else's server that are known again, of one flow: the last ones. One before them begins a run once more.
pub const MAX_FLOW_MESSAGES: usize = 256;

/// For how long they are: for longer than servers try again by the schedule of Standard Webhooks (28 hours).
pub const MESSAGE_KEPT: Duration = Duration::from_secs(3 * 24 * 60 * 60);

/// Runs that begin in a minute: of one flow, of one account, of one organization.
pub const RUNS_A_MINUTE: (u32, u32, u32) = (120, 600, 2_400);

/// The header by which a flow that asks a server says how many flows began each other before it, itself counted: so flows that begin each
/// other over HTTP end as others do.
pub const FLOW_DEPTH: &str = "parlour-flow-depth";

/// Runs that are under way at once, of all organizations; of one account. Those that let time pass aren't counted.
pub const MAX_RUNS_AT_WORK: (usize, usize) = (64, 8);

/// How often a step is tried that can't be done now, such as while the server is busy.
pub const MAX_STEP_TRIES: u32 = 5;

/// Stars that somebody gives a flow at most.
pub const MAX_STARS: u32 = 5;
