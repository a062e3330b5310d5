//! `[[triggers]]`.

use toml::de::DeValue;

use super::input::{Takes, expression, with};
use super::plain;
use super::reader::{At, Reader, Section};
use super::seen::Seen;
use crate::bounds::{MAX_FLOW_PACE, MAX_FLOW_TIMES, MAX_FLOW_TRIGGERS};
use crate::feed;
use crate::flow::definition::{Ended, On, Pace, Trigger};
use crate::flow::parameter::Parameter;
use crate::flow::problem::meant;
use crate::flow::schedule::{Schedule, ScheduleError};
use crate::flow::table::{ENDED, ONS, TRIGGER};
use crate::permission::Permissions;

/// All of them; one at least. And whether all that are written are right.
pub(super) fn triggers<'a>(
    reader: &mut Reader<'a>,
    file: &Section<'a>,
    parameters: &[Parameter],
    written: &[String],
) -> (Vec<Trigger>, bool) {
    let Some(at) = file.get("triggers") else {
        let message = "has to be there, once at least: [[triggers]] says when the workflow runs; `on = \"hand\"` is when somebody says so";
        reader.problems.tell(&file.span, "triggers", message);
        return (Vec::new(), false);
    };
    let items = at.items().filter(|items| (1..=MAX_FLOW_TRIGGERS).contains(&items.len()));
    let Some(items) = items else {
        let message =
            format!("must be 1 to {MAX_FLOW_TRIGGERS} tables, each of which begins with [[triggers]]");
        reader.tell(&at, message);
        return (Vec::new(), false);
    };
    let mut found: Vec<Trigger> = Vec::new();
    for item in &items {
        let Some(mut trigger) = trigger(reader, item, parameters, written) else { continue };
        let is_named = item.value.get("name").is_some();
        let is_taken = |name: &str| found.iter().any(|other| other.name == name);
        if is_named && is_taken(&trigger.name) {
            reader.tell(item, format!("has the name `{}`, which another trigger has", trigger.name));
        }
        let word = trigger.name.clone();
        let mut count = 2;
        while !is_named && is_taken(&trigger.name) {
            trigger.name = format!("{word}-{count}");
            count += 1;
        }
        found.push(trigger);
    }
    let are_all = found.len() == items.len();
    (found, are_all)
}

fn trigger<'a>(
    reader: &mut Reader<'a>,
    at: &At<'a>,
    parameters: &[Parameter],
    written: &[String],
) -> Option<Trigger> {
    let said = at.value.get("on").and_then(|on| on.get_ref().as_str());
    let word = ONS.into_iter().find(|on| Some(*on) == said);
    let section = reader.section(at, &[TRIGGER], word)?;
    if let Some(on) = section.get("on") {
        reader.word(&on, &ONS);
    }
    let word = word?;
    let name = section.get("name").map_or(Some(word.to_owned()), |at| reader.name(&at));
    // What an event has isn't known where its word isn't, so the rest isn't held against it.
    let on = on(reader, &section, word, parameters)?;
    let seen = Seen::of_trigger(written, &on);
    let when = section.get("when").map(|at| expression(reader, &at, &seen));
    let pace = pace(reader, &section, &seen);
    let with = section.get("with").map(|at| {
        let given = with(reader, &at, Takes::Parameters(parameters), &seen);
        for name in given.keys().filter(|name| is_secret(parameters, name)) {
            reader.tell(&at, format!("sets `{name}`, {SECRET}"));
        }
        given
    });
    Some(Trigger { name: name?, on, when: when.flatten(), pace, with: with.unwrap_or_default() })
}

fn on<'a>(
    reader: &mut Reader<'a>,
    section: &Section<'a>,
    word: &str,
    parameters: &[Parameter],
) -> Option<On> {
    let needed = |reader: &mut Reader<'a>, name: &str, what: &str| {
        let found = section.get(name);
        if found.is_none() {
            reader.problems.tell(&section.span, &section.path(name), format!("has to be said: {what}"));
        }
        found
    };
    match word {
        "event" => {
            let at = needed(reader, "event", "the word of an event, as \"arrived\", or a list of them")?;
            let words: Vec<&'static str> = feed::WORDS.iter().map(|(word, _)| *word).collect();
            reader.words(&at, &words).map(On::Event)
        }
        "cron" => {
            let at = needed(reader, "cron", "when, as \"30 2 * * *\" for half past two every night")?;
            let zone_at = section.get("zone");
            let expression = reader.text(&at);
            let zone = zone_at.as_ref().map_or(Some("UTC"), |at| reader.text(at));
            match Schedule::new(expression?, zone?) {
                Ok(schedule) => Some(On::Cron(schedule)),
                Err(error @ ScheduleError::Zone) => {
                    reader.tell(zone_at.as_ref().unwrap_or(&at), error.to_string());
                    None
                }
                Err(error) => {
                    reader.tell(&at, error.to_string());
                    None
                }
            }
        }
        "webhook" => Some(On::Webhook),
        "command" => {
            let at = needed(reader, "command", "the first word of a text, as \"!move\"")?;
            let word = command(reader, &at);
            let arguments =
                section.get("arguments").map(|at| arguments(reader, &at, parameters)).unwrap_or_default();
            let permission =
                section.get("permission").map_or(Some(Permissions::NONE), |at| permission(reader, &at));
            Some(On::Command { word: word?, arguments, permission: permission? })
        }
        "workflow" => {
            let name =
                needed(reader, "workflow", "the name of the other workflow").and_then(|at| reader.name(&at));
            let ended = section.get("ended").map_or(Some(vec!["completed"]), |at| reader.words(&at, &ENDED));
            Some(On::Workflow {
                name: name?,
                ended: ended?.into_iter().filter_map(Ended::from_word).collect(),
            })
        }
        _ => Some(On::Hand),
    }
}

fn command<'a>(reader: &mut Reader<'a>, at: &At<'a>) -> Option<String> {
    let text = reader.text(at)?;
    let is_one = (2..=32).contains(&text.chars().count())
        && !text.chars().any(|c| c.is_whitespace() || c.is_control());
    if is_one && text.starts_with(|c: char| !c.is_alphanumeric()) {
        return Some(text.to_owned());
    }
    reader.tell(at, "must be one word of 2 to 32 characters that begins with a sign, as \"!move\"");
    None
}

fn arguments<'a>(reader: &mut Reader<'a>, at: &At<'a>, parameters: &[Parameter]) -> Vec<String> {
    let Some(items) = at.items() else {
        reader.tell(at, "must be a list of names of parameters");
        return Vec::new();
    };
    let mut found: Vec<String> = Vec::new();
    for item in items {
        let Some(name) = reader.text(&item) else { continue };
        if !parameters.iter().any(|parameter| parameter.name == name) {
            let meant = meant(name, parameters.iter().map(|parameter| parameter.name.as_str()));
            reader.tell(&item, format!("names a parameter that isn't there{meant}"));
        } else if found.iter().any(|other| other == name) {
            reader.tell(&item, "stands there twice");
        } else if is_secret(parameters, name) {
            reader.tell(&item, format!("is for `{name}`, {SECRET}"));
        } else {
            found.push(name.to_owned());
        }
    }
    found
}

/// Why what begins a run gives it no secret.
const SECRET: &str =
    "which is secret: its owner sets it with the flow (--set), since what a run is given is kept";

fn is_secret(parameters: &[Parameter], name: &str) -> bool {
    parameters.iter().any(|parameter| parameter.name == name && parameter.kind.is_secret())
}

fn permission<'a>(reader: &mut Reader<'a>, at: &At<'a>) -> Option<Permissions> {
    let words: Vec<&'static str> = Permissions::NAMED.iter().map(|(_, word)| *word).collect();
    let word = reader.word(at, &words)?;
    Permissions::NAMED.iter().find(|(_, known)| *known == word).map(|(permission, _)| *permission)
}

fn pace<'a>(reader: &mut Reader<'a>, section: &Section<'a>, seen: &Seen) -> Option<Pace> {
    let [per, times, within, pause] = ["per", "times", "within", "pause"].map(|name| section.get(name));
    let duration = |reader: &mut Reader<'a>, at: &Option<At<'a>>| {
        at.as_ref().and_then(|at| reader.duration(at, MAX_FLOW_PACE)).unwrap_or(0)
    };
    let counted = times.as_ref().and_then(|at| {
        let number = plain::integer(reader, at)?;
        let times = u32::try_from(number).ok().filter(|times| (2..=MAX_FLOW_TIMES).contains(times));
        if times.is_none() {
            reader.tell(
                at,
                format!("must be a number from 2 to {MAX_FLOW_TIMES}; each time is what happens without it"),
            );
        }
        times
    });
    match (&times, &within) {
        (Some(at), None) => reader.tell(at, "needs `within`: the time within which it is counted"),
        (None, Some(at)) => reader.tell(at, "needs `times`: how often it has to happen within that"),
        _ => (),
    }
    let (within, pause_length) = (duration(reader, &within), duration(reader, &pause));
    if let Some(at) = per.as_ref().filter(|_| times.is_none() && pause.is_none()) {
        reader.tell(at, "needs `times` and `within`, or `pause`, which go by it");
    }
    let per = per.and_then(|at| match at.value {
        DeValue::Boolean(_) => {
            reader.tell(&at, "must be an expression, as \"event.from\"");
            None
        }
        _ => expression(reader, &at, seen),
    });
    let is_there = times.is_some() || pause.is_some();
    is_there.then_some(Pace { per, times: counted.unwrap_or(1), within, pause: pause_length })
}
