//! A flow that was read and checked: what its TOML says, with every name looked up and every literal value converted.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::parameter::Parameter;
use super::schedule::Schedule;
use super::template::{Expression, Template};
use crate::permission::Permissions;
use crate::protocol::operation::Operation;

/// What one file says.
#[derive(Clone, Debug)]
pub enum Flow {
    /// One step that other flows use by its name.
    Skill(Skill),
    /// What is done when something happens.
    Workflow(Workflow),
}

/// What a catalogue shows of a flow.
#[derive(Clone, Debug, PartialEq)]
pub struct About {
    /// By which it is called: lower-case letters, digits and hyphens, [`MAX_FLOW_NAME`](crate::bounds::MAX_FLOW_NAME) bytes
    /// at most.
    pub name: String,
    /// Which edition of it this is: three numbers, as `1.0.0`.
    pub version: String,
    /// What people read in its place; its name where the file says nothing.
    pub title: String,
    /// What it is for; may be empty.
    pub description: String,
    /// Who wrote it; may be empty.
    pub author: String,
    /// Words by which it is found, each like a name.
    pub tags: Vec<String>,
    /// How it may be used.
    pub examples: Vec<Example>,
}

/// One way to use a flow.
#[derive(Clone, Debug, PartialEq)]
pub struct Example {
    /// What it shows.
    pub title: String,
    /// Values of parameters, which fit them.
    pub input: Map<String, Value>,
}

/// One step that other flows use by its name, as `do = "skill.NAME"`.
#[derive(Clone, Debug)]
pub struct Skill {
    /// What a catalogue shows of it.
    pub about: About,
    /// What it is given. Its templates see that as `input`.
    pub parameters: Vec<Parameter>,
    /// What it does. It has no `each` of its own: the step that uses it has.
    pub step: Step,
}

/// What is done when something happens.
#[derive(Clone, Debug)]
pub struct Workflow {
    /// What a catalogue shows of it.
    pub about: About,
    /// What whoever sets it up chooses, and what a trigger may say otherwise.
    pub parameters: Vec<Parameter>,
    /// When it runs; one at least. No two have the same name.
    pub triggers: Vec<Trigger>,
    /// What it does, in this order; one at least. No two have the same name.
    pub steps: Vec<Step>,
    /// What becomes of a run that is to begin while another one of this workflow goes on.
    pub overlap: Overlap,
    /// What becomes of the steps that are done when a later one fails.
    pub on_failure: OnFailure,
    /// What becomes of the times of its schedules at which the server didn't run.
    pub missed: Missed,
}

/// What becomes of a run that is to begin while another one of the same workflow goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Overlap {
    /// It begins.
    #[default]
    Parallel,
    /// It waits until those before it have ended.
    Queue,
    /// There is none.
    Skip,
}

/// What becomes of the steps that are done when a later one fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum OnFailure {
    /// Those that have an `undo` are undone, the last one first. A run of which nothing is to be undone has failed.
    #[default]
    RollBack,
    /// They stay done.
    Stop,
}

/// What becomes of the times of a schedule at which the server didn't run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Missed {
    /// Nothing.
    #[default]
    Skip,
    /// It runs once when the server is back, however many times there were.
    Once,
}

/// When a workflow runs.
#[derive(Clone, Debug)]
pub struct Trigger {
    /// By which a run says what began it (`run.trigger`): that of its kind where the file says nothing.
    pub name: String,
    /// What has to happen.
    pub on: On,
    /// What has to be true besides: it sees `event`, `input`, `owner` and `now`. Nothing for always.
    pub when: Option<Expression>,
    /// How often it has to happen, and how long nothing is begun after that. Nothing for each time.
    pub pace: Option<Pace>,
    /// Values of parameters that are different when this begins it; its templates see what `when` sees.
    pub with: BTreeMap<String, Template>,
}

/// What begins a run.
#[derive(Clone, Debug)]
pub enum On {
    /// Something of the feed, by its words (`feed::WORDS`); one at least. `event` is what the feed tells of it.
    Event(Vec<&'static str>),
    /// A time. `event` has `at`, the time that was due.
    Cron(Schedule),
    /// Somebody asks an address that is this trigger's own, with its secret. `event` has `body` (its JSON, or else its text), `at`.
    Webhook,
    /// A text in a channel that begins with this word. `event` is what the feed tells of the text.
    Command {
        /// The first word, as `!move`. It is compared without regard to case.
        word: String,
        /// Parameters that the words after it are for, in this order; the last one takes the rest of the text.
        arguments: Vec<String>,
        /// What whoever types it must be permitted, on the channel in which they type it.
        permission: Permissions,
    },
    /// A run of another workflow of the same owner ended. `event` has `flow`, `run`, `status` and `at`.
    Workflow {
        /// The other one's name.
        name: String,
        /// How it has to end; one at least.
        ended: Vec<Ended>,
    },
    /// Whoever may run it does. `event` has `at`.
    Hand,
}

/// How a run ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// All of it is done.
    Completed,
    /// A step failed, and what was done before stays.
    Failed,
    /// A step failed, or somebody asked for it, and what was done before is undone.
    RolledBack,
    /// Somebody ended it.
    Cancelled,
}

/// How often something has to happen, and how long nothing is begun after that.
#[derive(Clone, Debug)]
pub struct Pace {
    /// What is counted apart: those with the same value. Nothing for all together. It sees what the trigger's `when` sees.
    pub per: Option<Expression>,
    /// How often; 1 for each time.
    pub times: u32,
    /// Within which time, in milliseconds.
    pub within: u64,
    /// How long nothing is begun after it began something, in milliseconds; 0 for no time.
    pub pause: u64,
}

/// One thing that a flow does.
#[derive(Clone, Debug)]
pub struct Step {
    /// By which later steps see it (`steps.NAME.output`): letters, digits and underscores.
    pub name: String,
    /// What has to be true; otherwise the step is skipped, and its output is `null`. With `each` it is asked for each item.
    pub when: Option<Expression>,
    /// A list, of which each item is done by itself, in order, as `item` with its place `index` (from 0). The output is the list of theirs.
    pub each: Option<Expression>,
    /// What is done.
    pub action: Action,
    /// With what.
    pub with: BTreeMap<String, Template>,
    /// What takes it back; nothing where nothing does.
    pub undo: Option<Undo>,
    /// Whether the run goes on when it fails. Then its output is `null`, and `steps.NAME.error` says why.
    pub may_fail: bool,
    /// The line in the file at which it begins, from 1.
    pub line: usize,
}

/// What takes a step back. Its templates see what the step saw, and `output`, what it answered; with `each`, of the same item.
#[derive(Clone, Debug)]
pub struct Undo {
    /// What is done; no `wait`, `stop` or skill.
    pub action: Action,
    /// With what.
    pub with: BTreeMap<String, Template>,
}

/// What a step does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BuiltIn {
    /// Asks somebody else's server: `call-webhook`.
    CallWebhook,
    /// Lets time pass: `wait`.
    Wait,
    /// Writes an e-mail to somebody who has an account: `letter`.
    Letter,
    /// Answers with what it is given: `value`.
    Value,
    /// Ends the run, which is completed by that: `stop`.
    Stop,
    /// Ends the run, which has failed by that: `fail`.
    Fail,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// What anybody may ask the server for, by its name in docs/protocol.md.
    Operation(&'static Operation),
    /// What only flows have.
    BuiltIn(BuiltIn),
    /// A function of a plugin: `plugin.NAME.FUNCTION`. `with` is its input as it is.
    Plugin {
        /// The plugin's name.
        plugin: String,
        /// Its function's.
        function: String,
    },
    /// Another flow's step, by that one's name: `skill.NAME`.
    Skill(String),
}
