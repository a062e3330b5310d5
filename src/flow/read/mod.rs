//! From the text of a file to a [`Flow`], or to all that is wrong with it.

mod about;
mod input;
mod plain;
mod reader;
mod seen;
mod step;
#[cfg(test)]
mod tests;
mod trigger;

use toml::de::DeTable;

use super::definition::{About, Flow, Missed, OnFailure, Overlap, Skill, Workflow};
use super::parameter::Parameter;
use super::problem::{Problem, Problems, meant};
use super::table;
use crate::bounds::MAX_FLOW_SOURCE;
use reader::{Reader, Section};
use seen::Seen;

/// Reads the text of a file. What is no TOML is told first, and alone; of what is, all that is wrong.
pub fn read(source: &str) -> Result<Flow, Vec<Problem>> {
    let mut reader = Reader { problems: Problems::new(source) };
    if source.len() > MAX_FLOW_SOURCE {
        reader.problems.tell(&(0..0), "", format!("the file has more than {MAX_FLOW_SOURCE} bytes"));
        return Err(reader.problems.into_all());
    }
    let (table, errors) = DeTable::parse_recoverable(source);
    if !errors.is_empty() {
        for error in errors {
            let span = error.span().unwrap_or(0..0);
            reader.problems.tell(&span, "", format!("this isn't TOML: {}", error.message().trim()));
        }
        return Err(reader.problems.into_all());
    }
    let file = Section::new("", 0..0, table.get_ref());
    let flow = match (file.get("workflow"), file.get("skill")) {
        (Some(_), None) => workflow(&mut reader, &file),
        (None, Some(_)) => skill(&mut reader, &file),
        (Some(_), Some(both)) => {
            reader.tell(&both, "stands beside `workflow`; a file says one of both");
            None
        }
        (None, None) => {
            let message = "the file has to begin with [workflow] or [skill], which says what it is called";
            reader.problems.tell(&(0..0), "", message);
            None
        }
    };
    match (flow, reader.problems.count()) {
        (Some(flow), 0) => Ok(flow),
        _ => Err(reader.problems.into_all()),
    }
}

/// Tells of sections that a file of this kind hasn't.
fn check_sections(reader: &mut Reader<'_>, file: &Section<'_>, known: &[(&str, &str)]) {
    for (name, span, at) in file.entries() {
        if !known.iter().any(|(known, _)| *known == name) {
            let message = match name {
                "steps" => "is for workflows; a skill has one step: [step]".to_owned(),
                "step" => "is for skills; a workflow has [[steps]]".to_owned(),
                "triggers" => "is for workflows; a skill is used by them".to_owned(),
                name => format!("isn't known here{}", meant(name, known.iter().map(|(known, _)| *known))),
            };
            reader.problems.tell(&span, &at.key.chars().take(200).collect::<String>(), message);
        }
    }
}

fn head<'a>(
    reader: &mut Reader<'a>,
    file: &Section<'a>,
    name: &str,
    keys: &[&'static [table::Key]],
) -> (Option<Section<'a>>, Option<About>, Vec<Parameter>) {
    let section = file.get(name).and_then(|at| reader.section(&at, keys, None));
    let about = section.as_ref().and_then(|section| about::about(reader, section));
    let parameters = about::parameters(reader, file);
    let examples = about::examples(reader, file, &parameters);
    (section, about.map(|about| About { examples, ..about }), parameters)
}

fn workflow<'a>(reader: &mut Reader<'a>, file: &Section<'a>) -> Option<Flow> {
    check_sections(reader, file, &table::WORKFLOW_SECTIONS);
    let (section, about, parameters) = head(reader, file, "workflow", &[table::SKILL, table::RUNNING]);
    let mut word = |name: &str, words: &[&'static str]| {
        section.as_ref().and_then(|section| section.get(name)).and_then(|at| reader.word(&at, words))
    };
    let overlap = match word("overlap", &table::OVERLAPS) {
        Some("queue") => Overlap::Queue,
        Some("skip") => Overlap::Skip,
        _ => Overlap::Parallel,
    };
    let on_failure = match word("on_failure", &table::FAILURES) {
        Some("stop") => OnFailure::Stop,
        _ => OnFailure::RollBack,
    };
    let missed = match word("missed", &table::MISSED) {
        Some("once") => Missed::Once,
        _ => Missed::Skip,
    };
    let written = about::written(file);
    let (triggers, are_all) = trigger::triggers(reader, file, &parameters, &written);
    let named = step::named(reader, file);
    let names = named.iter().map(|(name, _)| name.clone()).collect();
    let mut seen = Seen::of_workflow(&written, are_all.then_some(triggers.as_slice()), names);
    let mut steps = Vec::new();
    for (name, at) in &named {
        steps.extend(step::step(reader, name, at, &seen, false));
        seen.push(name);
    }
    Some(Flow::Workflow(Workflow { about: about?, parameters, triggers, steps, overlap, on_failure, missed }))
}

fn skill<'a>(reader: &mut Reader<'a>, file: &Section<'a>) -> Option<Flow> {
    check_sections(reader, file, &table::SKILL_SECTIONS);
    let (_, about, parameters) = head(reader, file, "skill", &[table::SKILL]);
    let Some(at) = file.get("step") else {
        reader.problems.tell(&file.span, "step", "has to be there: [step] says what the skill does");
        return None;
    };
    let step = step::step(reader, "step", &at, &Seen::of_skill(&about::written(file)), true);
    Some(Flow::Skill(Skill { about: about?, parameters, step: step? }))
}
