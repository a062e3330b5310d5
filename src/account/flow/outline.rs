//! What flows say, as it is shown: of those that somebody has, writes just now, or may add because they come with the program.

use serde_json::Value;

use super::super::Accounts;
use crate::bounds::{MAX_FLOW_ITEMS, MAX_FLOW_VALUE};
use crate::flow::{self, About, Flow, Kind, On, Parameter, Problem, SHIPPED, Trigger, span};
use crate::id::UserId;
use crate::permission::Permissions;
use crate::protocol::wire;

impl Accounts {
    /// What is wrong with a flow that somebody writes, or else what it says.
    pub fn check_flow(&self, user: UserId, source: &str) -> wire::FlowChecked {
        let wrong = |problems: &[Problem]| wire::FlowChecked {
            problems: problems.iter().map(problem).collect(),
            outline: None,
        };
        match flow::read(source) {
            Ok(flow) => {
                let problems = self.unlinked(user, &flow);
                let fine = || wire::FlowChecked { problems: Vec::new(), outline: Some(of(&flow)) };
                if problems.is_empty() { fine() } else { wrong(&problems) }
            }
            Err(problems) => wrong(&problems),
        }
    }
}

/// The flows that come with the program.
pub fn shipped_flows() -> wire::ShippedFlows {
    // A test reads them all, so none is left out.
    let flows = SHIPPED.iter().filter_map(|(_, source)| {
        let flow = flow::read(source).ok()?;
        Some(wire::ShippedFlow { outline: Some(of(&flow)), source: (*source).to_owned() })
    });
    wire::ShippedFlows { flows: flows.collect() }
}

/// What a flow says.
pub(super) fn of(flow: &Flow) -> wire::FlowOutline {
    let About { name, version, title, description, author, tags, .. } = flow.about().clone();
    let triggers = match flow {
        Flow::Skill(_) => &[][..],
        Flow::Workflow(workflow) => &workflow.triggers,
    };
    let needs = flow.needs().iter().fold(Permissions::NONE, |all, (needed, _)| all.union(*needed));
    wire::FlowOutline {
        name,
        title,
        description,
        author,
        tags,
        edition: version,
        skill: matches!(flow, Flow::Skill(_)),
        parameters: flow.parameters().iter().map(parameter).collect(),
        triggers: triggers.iter().map(trigger).collect(),
        steps: flow.steps().iter().map(|step| step.name.clone()).collect(),
        needs: needs.bits(),
    }
}

fn problem(problem: &Problem) -> wire::FlowProblem {
    let number = |place: usize| u32::try_from(place).unwrap_or(u32::MAX);
    wire::FlowProblem {
        line: number(problem.line),
        column: number(problem.column),
        key: problem.key.clone(),
        message: problem.message.clone(),
    }
}

fn parameter(parameter: &Parameter) -> wire::FlowParameter {
    let (least, most) = bounds(&parameter.kind);
    wire::FlowParameter {
        name: parameter.name.clone(),
        description: parameter.description.clone(),
        kind: parameter.kind.word().to_owned(),
        of: match &parameter.kind {
            Kind::List { of, .. } => of.word().to_owned(),
            _ => String::new(),
        },
        required: parameter.required,
        default_value: written(&parameter.default),
        choices: match &parameter.kind {
            Kind::String { choices, .. } => choices.clone(),
            _ => Vec::new(),
        },
        least,
        most,
    }
}

/// A value as it is given in words.
fn written(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Array(values) => values.iter().map(written).collect::<Vec<_>>().join(", "),
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}

/// The least and the most that a value may be, in words.
fn bounds(kind: &Kind) -> (String, String) {
    let unless = |is_unbounded: bool, text: String| if is_unbounded { String::new() } else { text };
    match kind {
        Kind::String { min, max, .. } => {
            (unless(*min == 0, min.to_string()), unless(*max >= MAX_FLOW_VALUE, max.to_string()))
        }
        Kind::Integer { min, max } => {
            (unless(*min == i64::MIN, min.to_string()), unless(*max == i64::MAX, max.to_string()))
        }
        Kind::Number { min, max } => {
            (unless(*min <= f64::MIN, min.to_string()), unless(*max >= f64::MAX, max.to_string()))
        }
        Kind::Duration { min, max } => {
            (unless(*min == 0, span::text(*min)), unless(*max == u64::MAX, span::text(*max)))
        }
        Kind::List { min, max, .. } => {
            (unless(*min == 0, min.to_string()), unless(*max >= MAX_FLOW_ITEMS, max.to_string()))
        }
        _ => (String::new(), String::new()),
    }
}

fn trigger(trigger: &Trigger) -> wire::FlowTrigger {
    let (on, what) = match &trigger.on {
        On::Event(words) => ("event", words.join(", ")),
        On::Cron(schedule) => ("cron", format!("{} {}", schedule.expression(), schedule.zone())),
        On::Webhook => ("webhook", String::new()),
        On::Command { word, .. } => ("command", word.clone()),
        On::Workflow { name, .. } => ("workflow", name.clone()),
        On::Hand => ("hand", String::new()),
    };
    wire::FlowTrigger { name: trigger.name.clone(), on: on.to_owned(), what }
}
