//! What a template may ask for where it stands: the names that are there, so that one that is misspelt is told when the file is read.

use std::collections::{BTreeSet, HashSet};

use super::reader::{At, Reader};
use crate::feed;
use crate::flow::definition::{On, Trigger};
use crate::flow::filters::FUNCTIONS;
use crate::flow::problem::meant;

/// What is there for a template.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    /// Names of parameters.
    input: Vec<String>,
    /// What an event has.
    event: Event,
    /// Names of the steps before, and of all; nothing where there are none to be seen.
    steps: Option<(Vec<String>, Vec<String>)>,
    /// `item` and `index`.
    each: bool,
    /// `output`.
    output: bool,
    /// `run`.
    run: bool,
}

/// What an event has.
#[derive(Clone, Debug, Default)]
enum Event {
    /// There is none.
    #[default]
    None,
    /// Anything, for all that is known.
    Unknown,
    /// These fields.
    Has(BTreeSet<&'static str>),
}

const STEP: [&str; 4] = ["output", "skipped", "error", "input"];
const RUN: [&str; 5] = ["id", "flow", "trigger", "at", "depth"];
const OWNER: [&str; 2] = ["user", "name"];

/// Fields of what begins a run, by what that is.
fn fields(on: &On) -> BTreeSet<&'static str> {
    let of_feed = |words: &[&str]| {
        let known = feed::WORDS.iter().filter(|(word, _)| words.contains(word));
        feed::COMMON.into_iter().chain(known.flat_map(|(_, fields)| fields.iter().copied())).collect()
    };
    match on {
        On::Event(words) => of_feed(words),
        On::Command { .. } => of_feed(&["text-sent"]),
        On::Cron(_) | On::Hand => BTreeSet::from(["at"]),
        On::Webhook => BTreeSet::from(["at", "body"]),
        On::Workflow { .. } => BTreeSet::from(["at", "flow", "run", "status"]),
    }
}

impl Seen {
    /// What a trigger sees.
    pub(super) fn of_trigger(parameters: &[String], on: &On) -> Self {
        Self { event: Event::Has(fields(on)), ..Self::of_parameters(parameters) }
    }

    /// What the steps of a workflow see, each with those before it. Without what begins it, an event may have anything.
    pub(super) fn of_workflow(
        parameters: &[String],
        triggers: Option<&[Trigger]>,
        steps: Vec<String>,
    ) -> Self {
        let has = triggers.map(|all| all.iter().flat_map(|trigger| fields(&trigger.on)).collect());
        Self {
            event: has.map_or(Event::Unknown, Event::Has),
            steps: Some((Vec::new(), steps)),
            run: true,
            ..Self::of_parameters(parameters)
        }
    }

    /// What a skill sees.
    pub(super) fn of_skill(parameters: &[String]) -> Self {
        Self { run: true, ..Self::of_parameters(parameters) }
    }

    fn of_parameters(parameters: &[String]) -> Self {
        Self { input: parameters.to_vec(), ..Self::default() }
    }

    /// After one more step.
    pub(super) fn push(&mut self, step: &str) {
        if let Some((before, _)) = &mut self.steps {
            before.push(step.to_owned());
        }
    }

    /// With `item` and `index`.
    pub(super) fn each(&self, each: bool) -> Self {
        Self { each, ..self.clone() }
    }

    /// With `output`.
    pub(super) fn output(&self) -> Self {
        Self { output: true, ..self.clone() }
    }

    fn roots(&self) -> Vec<&'static str> {
        let mut roots = vec!["input", "owner", "now"];
        roots.extend((!matches!(self.event, Event::None)).then_some("event"));
        roots.extend(self.steps.as_ref().map(|_| "steps"));
        roots.extend(self.run.then_some("run"));
        roots.extend(self.output.then_some("output"));
        if self.each {
            roots.extend(["item", "index"]);
        }
        roots
    }

    /// Tells of what a template asks for that isn't there.
    pub(super) fn check(&self, reader: &mut Reader<'_>, at: &At<'_>, variables: &HashSet<String>) {
        let mut variables: Vec<_> = variables.iter().collect();
        variables.sort();
        for variable in variables {
            if let Some(message) = self.missing(variable) {
                reader.tell(at, message);
            }
        }
    }

    fn missing(&self, variable: &str) -> Option<String> {
        let mut parts = variable.split('.');
        let root = parts.next()?;
        let (second, third) = (parts.next(), parts.next());
        let roots = self.roots();
        if !roots.contains(&root) {
            if FUNCTIONS.contains(&root) {
                return None;
            }
            return Some(match root {
                "steps" => "asks for `steps`, which a skill and a trigger don't see".to_owned(),
                "event" => {
                    "asks for `event`, which a skill doesn't see: give it what it needs by a parameter"
                        .to_owned()
                }
                "item" | "index" => format!("asks for `{root}`, which is there with `each` only"),
                "output" => {
                    "asks for `output`, which `undo` sees only; here it is `steps.NAME.output`".to_owned()
                }
                _ => format!("asks for `{}`, which isn't there{}", shortened(root), meant(root, roots)),
            });
        }
        let second = second?;
        let none = |known: Vec<&str>| {
            Some(format!(
                "asks for `{root}.{}`, which isn't there{}",
                shortened(second),
                meant(second, known)
            ))
        };
        match root {
            "input" if !self.input.iter().any(|name| name == second) => {
                none(self.input.iter().map(String::as_str).collect())
            }
            "event" => {
                let Event::Has(known) = &self.event else { return None };
                if known.contains(second) { None } else { none(known.iter().copied().collect()) }
            }
            "run" if !RUN.contains(&second) => none(RUN.to_vec()),
            "owner" if !OWNER.contains(&second) => none(OWNER.to_vec()),
            "steps" => {
                let (before, all) = self.steps.as_ref()?;
                if !before.iter().any(|name| name == second) {
                    if all.iter().any(|name| name == second) {
                        return Some(format!(
                            "asks for `steps.{second}`, which isn't done yet: only steps before this one are"
                        ));
                    }
                    return none(before.iter().map(String::as_str).collect());
                }
                let third = third.filter(|third| !STEP.contains(third))?;
                let meant = meant(third, STEP);
                Some(format!("asks for `steps.{second}.{}`, which isn't there{meant}", shortened(third)))
            }
            _ => None,
        }
    }
}

fn shortened(word: &str) -> String {
    word.chars().take(64).collect()
}
