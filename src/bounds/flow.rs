//! How large a flow may be, what it may take, and how much of it there may be.

/// Bytes of a flow's file at most.
pub const MAX_FLOW_SOURCE: usize = 64 * 1024;

/// Bytes of the name of a flow, a parameter, a trigger, a step or a tag at most.
pub const MAX_FLOW_NAME: usize = 48;

/// Bytes of what a flow says about itself in one place at most.
pub const MAX_FLOW_TEXT: usize = 4_096;

/// Words by which a flow is found, at most.
pub const MAX_FLOW_TAGS: usize = 16;

/// Examples of a flow at most.
pub const MAX_FLOW_EXAMPLES: usize = 16;

/// Parameters of a flow at most.
pub const MAX_FLOW_PARAMETERS: usize = 32;

/// Triggers of a workflow at most.
pub const MAX_FLOW_TRIGGERS: usize = 16;

/// Steps of a workflow at most.
pub const MAX_FLOW_STEPS: usize = 32;

/// Things of a list that one step does one after the other, and values of a list that a parameter takes, at most.
pub const MAX_FLOW_ITEMS: usize = 1_000;

/// How deep skills may use skills, and workflows begin workflows.
pub const MAX_FLOW_DEPTH: usize = 4;

/// How deep what a step is given may be nested.
pub const MAX_FLOW_NESTING: usize = 16;

/// Bytes of one template at most.
pub const MAX_FLOW_TEMPLATE: usize = 4_096;

/// What working one template out may take, in the unit of its library: one for each instruction, for each 64 bytes that it makes
/// or reads, and for every second thing that it looks at.
pub const FLOW_FUEL: u64 = 50_000;

/// Templates of what one step is given, or of what undoes it, that are worked out, at most: with [`FLOW_FUEL`] it bounds a step.
pub const MAX_FLOW_WORKED: usize = 32;

/// Bytes that a template makes at most, as text or as JSON.
pub const MAX_FLOW_VALUE: usize = 64 * 1_024;

/// Milliseconds that one step waits at most: 30 days.
pub const MAX_FLOW_WAIT: u64 = 30 * 24 * 60 * 60 * 1_000;

/// How often something may have to happen before a trigger begins a run, at most.
pub const MAX_FLOW_TIMES: u32 = 100;

/// Milliseconds within which that is counted, and for which a trigger pauses, at most: a day.
pub const MAX_FLOW_PACE: u64 = 24 * 60 * 60 * 1_000;

/// Things that a server counts apart for its flows' triggers, at most. At the bound the one is forgotten that was quiet for longest.
pub const MAX_FLOW_TALLIES: usize = 16_384;

/// What is wrong with one file that is told at once, at most.
pub const MAX_FLOW_PROBLEMS: usize = 100;

/// Bytes of what a step answers with that a run keeps, as JSON, at most. A step that answers with more has failed.
pub const MAX_FLOW_OUTPUT: usize = 256 * 1_024;
