//! Flows that come with the program: shown without a server, and added to one by their names.

use anyhow::Context;
use serde_json::{Value, json};

use crate::cli::output::Output;
use crate::flow::{self, Flow, SHIPPED};

const COLUMNS: &[(&str, &str, &str)] =
    &[("name", "Flow", ""), ("title", "Title", ""), ("description", "What for", "")];

/// The text of one's file.
pub(super) fn source(name: &str) -> anyhow::Result<&'static str> {
    let found = SHIPPED.iter().find(|(known, _)| *known == name);
    let names = || SHIPPED.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    let (_, source) =
        found.with_context(|| format!("no flow {name} comes with the program; there is {}", names()))?;
    Ok(source)
}

/// Those in which all these words occur.
pub(super) fn list(words: &[String], output: Output) {
    let all = SHIPPED.iter().filter_map(|(_, source)| flow::read(source).ok());
    let fits = |flow: &Flow| {
        let about = flow.about();
        let text = format!("{} {} {} {}", about.name, about.title, about.tags.join(" "), about.description)
            .to_lowercase();
        words.iter().all(|word| text.contains(&word.to_lowercase()))
    };
    let rows: Vec<_> = all.filter(fits).map(|flow| row(&flow)).collect();
    output.records(COLUMNS, &rows);
    output.line("");
    output.line(
        "`parlour flow add --shipped NAME` adds one, and `parlour flow show --shipped NAME` prints it.",
    );
}

/// One of them, with what it is given.
pub(super) fn show(name: &str, output: Output) -> anyhow::Result<()> {
    let source = source(name)?;
    let flow = flow::read(source).ok().context("it can't be read by this version of the program")?;
    if output.is_json() {
        let mut row = row(&flow);
        row["source"] = source.into();
        output.object(&row);
        return Ok(());
    }
    output.line(source.trim_end());
    Ok(())
}

fn row(flow: &Flow) -> Value {
    let about = flow.about();
    let given: Vec<_> = flow.parameters().iter().map(|parameter| {
        json!({ "name": parameter.name, "type": parameter.kind.word(), "required": parameter.required, "description": parameter.description })
    }).collect();
    json!({
        "name": about.name, "title": about.title, "description": about.description, "tags": about.tags,
        "skill": matches!(flow, Flow::Skill(_)), "parameters": given,
    })
}
