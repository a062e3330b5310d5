//! `parlour flow`.

mod on_server;
mod shipped;
mod show;

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::connect::Server;
use super::output::{DoesNotHold, Output, counted, paint, styled};
use crate::bounds::MAX_FLOW_SOURCE;
use crate::flow::{self, Flow, On, Problem, Skill};

/// Flows: what the server does by itself when something happens.
///
/// A flow acts for you, with what you may do at that moment.
#[derive(Debug, Args)]
pub(super) struct Flows {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    server: Server,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check files of flows, without a server.
    ///
    /// Skills that one of them uses are looked for in the others. The exit code is 0 when all of them are fine, and 1 when one isn't.
    Check {
        /// The files; - for standard input.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Print the JSON Schema of such a file, for an editor.
    Schema,
    #[command(flatten)]
    OnServer(on_server::OnServer),
}

impl Flows {
    pub(super) async fn run(self, output: Output) -> anyhow::Result<()> {
        match self.command {
            Command::OnServer(command) => command.run(self.server, output).await,
            Command::Check { files } => check(&files, output),
            Command::Schema => {
                let schema = flow::schema();
                output.line(serde_json::to_string_pretty(&schema)?);
                output.object(&schema);
                Ok(())
            }
        }
    }
}

/// A file that was read.
struct Checked {
    name: String,
    source: String,
    read: Result<Flow, Vec<Problem>>,
}

fn check(files: &[PathBuf], output: Output) -> anyhow::Result<()> {
    let mut checked = Vec::new();
    for file in files {
        let (name, source) = text_of(file)?;
        let read = flow::read(&source);
        checked.push(Checked { name, source, read });
    }
    let skills: BTreeMap<String, Arc<Skill>> = checked
        .iter()
        .filter_map(|one| match &one.read {
            Ok(Flow::Skill(skill)) => Some((skill.about.name.clone(), Arc::new(skill.clone()))),
            _ => None,
        })
        .collect();
    let mut count = 0;
    for one in &mut checked {
        // Skills that aren't among the files are on the server, perhaps, which looks for them.
        let elsewhere: Vec<String> = match &one.read {
            Ok(flow) => flow
                .skills()
                .into_iter()
                .filter(|name| !skills.contains_key(*name))
                .map(str::to_owned)
                .collect(),
            Err(_) => Vec::new(),
        };
        if let Ok(flow) = &one.read {
            let find = |name: &str| skills.get(name).cloned();
            let mut wrong = flow::check_links(flow, &find);
            wrong.retain(|problem| {
                !elsewhere
                    .iter()
                    .any(|name| problem.message.contains(&format!("`{name}`, which isn't there")))
            });
            if !wrong.is_empty() {
                one.read = Err(wrong);
            }
        }
        match &one.read {
            Ok(flow) => fine(&one.name, flow, &elsewhere, output),
            Err(problems) => {
                count += problems.len();
                wrong(one, problems, output);
            }
        }
    }
    if count == 0 {
        return Ok(());
    }
    output.line(format!("{} in {}.", counted(count as u64, "problem"), counted(files.len() as u64, "file")));
    Err(DoesNotHold.into())
}

/// A file's name for people and its text, one byte more than there may be at most.
fn text_of(file: &Path) -> anyhow::Result<(String, String)> {
    let most = MAX_FLOW_SOURCE as u64 + 1;
    let mut bytes = Vec::new();
    if file == Path::new("-") {
        std::io::stdin().lock().take(most).read_to_end(&mut bytes).context("can't read standard input")?;
    } else {
        let opened = std::fs::File::open(file).with_context(|| format!("can't read {}", file.display()))?;
        opened
            .take(most)
            .read_to_end(&mut bytes)
            .with_context(|| format!("can't read {}", file.display()))?;
    }
    let name = if file == Path::new("-") { "standard input".to_owned() } else { file.display().to_string() };
    // What is cut off within a character is too long in any case.
    let source = match String::from_utf8(bytes) {
        Ok(source) => source,
        Err(error) if error.as_bytes().len() > MAX_FLOW_SOURCE => {
            String::from_utf8_lossy(error.as_bytes()).into_owned()
        }
        Err(_) => anyhow::bail!("{name} isn't text in UTF-8"),
    };
    Ok((name, source))
}

fn fine(name: &str, flow: &Flow, elsewhere: &[String], output: Output) {
    let about = flow.about();
    let kind = match flow {
        Flow::Skill(_) => "skill",
        Flow::Workflow(_) => "workflow",
    };
    let needs: Vec<&str> = crate::permission::Permissions::NAMED
        .iter()
        .filter(|(permission, _)| flow.needs().iter().any(|(needed, _)| needed.contains(*permission)))
        .map(|(_, word)| *word)
        .collect();
    let begins: Vec<String> = match flow {
        Flow::Skill(_) => Vec::new(),
        Flow::Workflow(workflow) => workflow.triggers.iter().map(|trigger| begins(&trigger.on)).collect(),
    };
    let steps: Vec<&str> = flow.steps().iter().map(|step| step.name.as_str()).collect();
    let given: Vec<String> = flow
        .parameters()
        .iter()
        .map(|one| {
            format!("{} ({}{})", one.name, one.kind.word(), if one.required { ", required" } else { "" })
        })
        .collect();
    let green = |text: &str| paint(text, "32", styled());
    let head = format!(
        "{}: {} {} {} {}",
        name,
        green("fine"),
        kind,
        paint(&about.name, "1", styled()),
        about.version
    );
    output.line(head);
    let row = |what: &str, values: &[String]| {
        if !values.is_empty() {
            output.line(format!("  {what:<10} {}", values.join(", ")));
        }
    };
    row("runs", &begins);
    row("is given", &given);
    row("does", &steps.iter().map(|step| (*step).to_owned()).collect::<Vec<_>>());
    row("needs", &needs.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>());
    row(
        "uses",
        &elsewhere.iter().map(|name| format!("skill.{name} (not in these files)")).collect::<Vec<_>>(),
    );
    output.object(&json!({
        "file": name, "valid": true, "kind": kind, "name": about.name, "version": about.version,
        "runs": begins, "parameters": flow.parameters().iter().map(|one| &one.name).collect::<Vec<_>>(),
        "steps": steps, "needs": needs, "missingSkills": elsewhere,
    }));
}

fn begins(on: &On) -> String {
    match on {
        On::Event(words) => format!("on {}", words.join(" or ")),
        On::Cron(schedule) => format!("at \"{}\" in {}", schedule.expression(), schedule.zone()),
        On::Webhook => "when its address is asked".to_owned(),
        On::Command { word, .. } => format!("when somebody writes {word}"),
        On::Workflow { name, ended } => {
            let ended: Vec<_> = ended.iter().map(|ended| ended.word()).collect();
            format!("after {name} is {}", ended.join(" or "))
        }
        On::Hand => "by hand".to_owned(),
    }
}

fn wrong(one: &Checked, problems: &[Problem], output: Output) {
    let red = |text: &str| paint(text, "31", styled());
    for problem in problems {
        let place = format!("{}:{}:{}", one.name, problem.line, problem.column);
        let key = if problem.key.is_empty() { String::new() } else { format!(" `{}`", problem.key) };
        output.line(format!("{}:{} {}", paint(&place, "1", styled()), key, problem.message));
        if let Some(line) = one.source.lines().nth(problem.line - 1).filter(|line| !line.trim().is_empty()) {
            let (shown, before) = excerpt(line, problem.column - 1);
            let number = problem.line.to_string();
            let margin = " ".repeat(number.len());
            output.line(format!("  {number} | {shown}"));
            output.line(format!("  {margin} | {}{}", " ".repeat(before), red("^")));
        }
    }
    let told: Vec<Value> = problems.iter().map(|problem| json!(problem)).collect();
    output.object(&json!({ "file": one.name, "valid": false, "problems": told }));
}

/// As much of a line as fits beside a place in it, and how many characters stand before that place.
fn excerpt(line: &str, place: usize) -> (String, usize) {
    const WIDTH: usize = 100;
    let from = place.saturating_sub(WIDTH / 2);
    let shown: String =
        line.chars().skip(from).take(WIDTH).map(|c| if c == '\t' { ' ' } else { c }).collect();
    (shown, place - from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_is_shown_around_the_place() {
        assert_eq!(excerpt("a\tb", 2), ("a b".to_owned(), 2));
        let line = "x".repeat(300);
        let (shown, before) = excerpt(&line, 200);
        assert_eq!((shown.len(), before), (100, 50));
        assert_eq!(excerpt("", 7), (String::new(), 7));
    }
}
