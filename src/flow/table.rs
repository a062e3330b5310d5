//! What a file may say: its sections and their keys. The reader, the JSON Schema and the documentation's list are made of it.

use crate::bounds::{MAX_FLOW_TAGS, MAX_FLOW_TEXT, MAX_FLOW_TIMES};

/// A key of a section.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) shape: Shape,
    pub(super) is_required: bool,
    /// What it means, in a sentence or two.
    pub(super) about: &'static str,
    /// The words of `on`, or of `type`, with which it may stand; all where there are none.
    pub(super) only: &'static [&'static str],
}

/// What stands at a key.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shape {
    /// Lower-case letters, digits and hyphens.
    Name,
    /// Lower-case letters, digits and underscores.
    Identifier,
    /// Three numbers with dots between.
    Version,
    /// One line of so many characters.
    Line(usize),
    /// A text of so many bytes.
    Text(usize),
    /// So many names.
    Names(usize),
    /// Names of parameters.
    Arguments,
    /// One of these words.
    Word(&'static [&'static str]),
    /// One of these words, or a list of them.
    Words(&'static [&'static str]),
    /// A word of an event, or a list of them.
    Events,
    /// `true` or `false`.
    Boolean,
    /// A number within these bounds.
    Integer(i64, i64),
    /// A length of time.
    Duration,
    /// The word of a permission.
    Permission,
    /// A cron expression.
    Cron,
    /// A time zone of the IANA database.
    Zone,
    /// The first word of a text.
    Command,
    /// An expression.
    Expression,
    /// A table of templates.
    With,
    /// A table of values.
    Input,
    /// What a step does.
    Action,
    /// What takes a step back.
    Undo,
    /// Any value.
    Any,
    /// A list of texts.
    Texts,
}

const fn key(name: &'static str, shape: Shape, about: &'static str) -> Key {
    Key { name, shape, is_required: false, about, only: &[] }
}

const fn required(name: &'static str, shape: Shape, about: &'static str) -> Key {
    Key { name, shape, is_required: true, about, only: &[] }
}

const fn only(only: &'static [&'static str], name: &'static str, shape: Shape, about: &'static str) -> Key {
    Key { name, shape, is_required: false, about, only }
}

/// The sections of a workflow's file, and those of a skill's.
pub(super) const WORKFLOW_SECTIONS: [(&str, &str); 5] = [
    ("workflow", "What it is called, and how it runs."),
    ("parameters", "What whoever sets it up chooses: a section for each, as `[parameters.channel]`."),
    ("triggers", "When it runs: `[[triggers]]`, one at least."),
    ("steps", "What it does, one after the other: `[[steps]]`, one at least."),
    ("examples", "How it may be used: `[[examples]]`."),
];

pub(super) const SKILL_SECTIONS: [(&str, &str); 4] = [
    ("skill", "What it is called."),
    ("parameters", "What it is given: a section for each, as `[parameters.channel]`."),
    ("step", "What it does."),
    ("examples", "How it may be used: `[[examples]]`."),
];

macro_rules! about_keys {
    () => {
        [
            required("name", Shape::Name, "By which it is called: lower-case letters, digits and hyphens."),
            key("version", Shape::Version, "Which edition of it this is. Default: 1.0.0."),
            key("title", Shape::Line(100), "What people read in place of the name."),
            key("description", Shape::Text(MAX_FLOW_TEXT), "What it is for."),
            key("author", Shape::Line(100), "Who wrote it."),
            key("tags", Shape::Names(MAX_FLOW_TAGS), "Words by which it is found."),
        ]
    };
}

/// `[skill]`
pub(super) const SKILL: &[Key] = &about_keys!();

/// What `[workflow]` has besides what `[skill]` has.
pub(super) const RUNNING: &[Key] = &[
    key(
        "overlap",
        Shape::Word(&OVERLAPS),
        "What becomes of a run that is to begin while another one goes on: it begins (parallel), waits (queue), or there is none (skip). \
         Default: parallel.",
    ),
    key(
        "on_failure",
        Shape::Word(&FAILURES),
        "What becomes of what is done when a later step fails: steps with `undo` are undone (roll-back), or all stays (stop). Default: \
         roll-back.",
    ),
    key(
        "missed",
        Shape::Word(&MISSED),
        "What becomes of times of a schedule at which the server didn't run: nothing (skip), or it runs once (once). Default: skip.",
    ),
];

pub(super) const OVERLAPS: [&str; 3] = ["parallel", "queue", "skip"];
pub(super) const FAILURES: [&str; 2] = ["roll-back", "stop"];
pub(super) const MISSED: [&str; 2] = ["skip", "once"];

const BOUNDED: &[&str] = &["string", "integer", "number", "duration", "list"];

/// `[parameters.NAME]`
pub(super) const PARAMETER: &[Key] = &[
    required("type", Shape::Word(&super::parameter::KINDS), "What it may be."),
    key("description", Shape::Text(MAX_FLOW_TEXT), "What it is for."),
    key("required", Shape::Boolean, "Whether it has to be given. Default: false."),
    key("default", Shape::Any, "What it is where nothing is given."),
    only(BOUNDED, "min", Shape::Any, "The least: of a text its characters, of a list its values."),
    only(BOUNDED, "max", Shape::Any, "The most: of a text its characters, of a list its values."),
    only(&["string"], "choices", Shape::Texts, "The texts of which it has to be one."),
    only(&["list"], "of", Shape::Word(&super::parameter::KINDS), "What each value may be. Default: string."),
];

/// What begins a run.
pub(super) const ONS: [&str; 6] = ["event", "cron", "webhook", "command", "workflow", "hand"];
pub(super) const ENDED: [&str; 4] = ["completed", "failed", "rolled-back", "cancelled"];

/// `[[triggers]]`
pub(super) const TRIGGER: &[Key] = &[
    required("on", Shape::Word(&ONS), "What begins a run."),
    key("name", Shape::Name, "By which a run says what began it (`run.trigger`). Default: the word of `on`."),
    key(
        "when",
        Shape::Expression,
        "What has to be true besides. It sees `event`, `input`, `owner` and `now`.",
    ),
    only(&["event"], "event", Shape::Events, "A word of what the server tells of, or a list of them."),
    only(
        &["cron"],
        "cron",
        Shape::Cron,
        "Minute, hour, day of the month, month, day of the week: `30 2 * * *`.",
    ),
    only(&["cron"], "zone", Shape::Zone, "By whose clocks, as `Europe/Berlin`. Default: UTC."),
    only(&["command"], "command", Shape::Command, "The first word of a text in a channel, as `!move`."),
    only(
        &["command"],
        "arguments",
        Shape::Arguments,
        "Parameters that the words after it are for; the last one takes the rest.",
    ),
    only(
        &["command"],
        "permission",
        Shape::Permission,
        "What whoever types it has to be permitted, on that channel.",
    ),
    only(&["workflow"], "workflow", Shape::Name, "The other workflow, of the same owner."),
    only(&["workflow"], "ended", Shape::Words(&ENDED), "How its run has to end. Default: completed."),
    only(
        &["event", "command", "webhook"],
        "per",
        Shape::Expression,
        "What is counted apart, as `event.from`. Default: nothing is.",
    ),
    only(
        &["event", "command", "webhook"],
        "times",
        Shape::Integer(2, MAX_FLOW_TIMES as i64),
        "How often it has to happen within `within`.",
    ),
    only(&["event", "command", "webhook"], "within", Shape::Duration, "Within which time."),
    only(&["event", "command", "webhook"], "pause", Shape::Duration, "How long nothing is begun after that."),
    key("with", Shape::With, "Parameters that are different when this begins it."),
];

/// `[[steps]]`
pub(super) const STEP: &[Key] = &[
    required(
        "do",
        Shape::Action,
        "An operation of the server, `call-webhook`, `wait`, `letter`, `value`, `stop`, `fail`, `skill.NAME` or `plugin.NAME.FUNCTION`.",
    ),
    key(
        "name",
        Shape::Identifier,
        "By which later steps see it (`steps.NAME.output`). Default: step_1 and so on.",
    ),
    key("with", Shape::With, "What it is given."),
    key("when", Shape::Expression, "What has to be true; otherwise it is skipped."),
    key("each", Shape::Expression, "A list, of which it does each `item` by itself, with its `index`."),
    key("undo", Shape::Undo, "What takes it back when a later step fails."),
    key("may_fail", Shape::Boolean, "Whether the run goes on when it fails. Default: false."),
];

/// `undo`
pub(super) const UNDO: &[Key] = &[
    required(
        "do",
        Shape::Action,
        "What takes the step back: an operation, `call-webhook`, `letter` or a plugin's function.",
    ),
    key("with", Shape::With, "What that is given. It sees what the step saw, and `output`."),
];

/// `[[examples]]`
pub(super) const EXAMPLE: &[Key] = &[
    required("title", Shape::Line(200), "What it shows."),
    key("input", Shape::Input, "Values of parameters."),
];
