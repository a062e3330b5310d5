//! What a person or a script sees.

use std::io::{self, IsTerminal, Write};

use comfy_table::presets::UTF8_BORDERS_ONLY;
use comfy_table::{Attribute, Cell, ContentArrangement, Table};
use serde_json::{Value, json};

use crate::client::{ConnectError, RequestError};

/// A statement that was asked about doesn't hold; the answer is printed already.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("it doesn't hold")]
pub(super) struct DoesNotHold;

/// How a command prints. Printing never fails a command: a closed pipe only means that nobody reads.
#[derive(Clone, Copy, Debug)]
pub(super) struct Output {
    json: bool,
}

impl Output {
    pub(super) fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether a script reads.
    pub(super) fn is_json(self) -> bool {
        self.json
    }

    /// Prints a line for a person.
    pub(super) fn line(self, text: impl AsRef<str>) {
        if !self.json {
            let _ = writeln!(io::stdout().lock(), "{}", text.as_ref());
        }
    }

    /// Prints an object for a script, at once.
    pub(super) fn object(self, value: &serde_json::Value) {
        if self.json {
            let mut out = io::stdout().lock();
            let _ = writeln!(out, "{value}").and_then(|()| out.flush());
        }
    }

    /// Prints a table for a person.
    pub(super) fn table(self, header: &[&str], rows: Vec<Vec<String>>) {
        let mut table = Table::new();
        let bold = |text: &&str| Cell::new(text).add_attribute(Attribute::Bold);
        table.load_style(UTF8_BORDERS_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
        if !styled() {
            table.force_no_tty();
        }
        table.set_header(header.iter().map(bold)).add_rows(rows);
        self.line(table.to_string());
    }

    /// Prints objects: to a person in a table of these columns, to a script whole. A column is a field's name, its
    /// heading, and what stands where there is nothing.
    pub(super) fn records(self, columns: &[(&str, &str, &str)], rows: &[Value]) {
        let headings: Vec<_> = columns.iter().map(|(_, heading, _)| *heading).collect();
        let cells = |row: &Value| columns.iter().map(|(field, _, none)| cell(&row[*field], none)).collect();
        self.table(&headings, rows.iter().map(cells).collect());
        for row in rows {
            self.object(row);
        }
    }

    /// Prints an error and answers with the exit code: 2 for what the server refused, 1 for the rest, of which
    /// [`DoesNotHold`] was told already.
    pub(super) fn fail(self, error: &anyhow::Error) -> u8 {
        if error.is::<DoesNotHold>() {
            return 1;
        }
        let code = error.chain().find_map(|cause| match cause.downcast_ref::<RequestError>() {
            Some(refusal) => refusal.code(),
            None => match cause.downcast_ref::<ConnectError>() {
                Some(ConnectError::Greeting(refusal)) => refusal.code(),
                _ => None,
            },
        });
        let mut out = io::stderr().lock();
        let _ = if self.json {
            let name = code.map_or("failed", |code| code.name());
            writeln!(out, "{}", json!({"error": {"code": name, "message": in_words(error)}}))
        } else {
            let words = in_words(error);
            writeln!(out, "{} {words}", paint("error:", "1;31", io::stderr().is_terminal()))
        };
        if code.is_some() { 2 } else { 1 }
    }
}

/// What an error says, and then what each of its causes says that it doesn't say already.
fn in_words(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |said, cause| match said.as_str() {
        "" => cause,
        said if said.contains(&cause) => said.to_owned(),
        said => format!("{said}: {cause}"),
    })
}

/// A value in a table.
pub(super) fn cell(value: &Value, none: &str) -> String {
    match value {
        Value::Null => none.to_owned(),
        Value::String(text) => text.clone(),
        Value::Bool(yes) => if *yes { "yes" } else { "" }.to_owned(),
        Value::Array(values) => values.iter().map(|value| cell(value, none)).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

/// Whether standard output shows colours.
pub(super) fn styled() -> bool {
    io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none()
}

/// Text in a style of the terminal (ECMA-48, "select graphic rendition"), if it shows any.
pub(super) fn paint(text: &str, style: &str, styled: bool) -> String {
    if styled && std::env::var_os("NO_COLOR").is_none() {
        format!("\x1b[{style}m{text}\x1b[0m")
    } else {
        text.to_owned()
    }
}

/// `1 frame`, `2 frames`.
pub(super) fn counted(count: u64, word: &str) -> String {
    format!("{count} {word}{}", if count == 1 { "" } else { "s" })
}
