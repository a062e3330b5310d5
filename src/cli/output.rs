//! What a person or a script sees.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use std::sync::OnceLock;

use comfy_table::presets::{NOTHING, UTF8_BORDERS_ONLY};
use comfy_table::{Attribute, Cell, ContentArrangement, Table};
use serde_json::{Value, json};

use super::words::{in_local_time, with_local_times};
use crate::bounds::is_unprintable;
use crate::client::{ConnectError, RequestError};

/// A statement that was asked about doesn't hold; the answer is printed already.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("it doesn't hold")]
pub(super) struct DoesNotHold;

/// Stands for a character that would move the cursor, change colours or turn the direction of writing.
const REPLACEMENT: char = '\u{fffd}';

/// Stands before the number of [`mark`], and behind the style that follows it. Unicode gives these two to programs for
/// their own use (Unicode 17.0, section 23.7).
const MARK: (char, char) = ('\u{fdd0}', '\u{fdd1}');

/// How a command prints. Printing never fails a command: a closed pipe only means that nobody reads. Whatever is printed is
/// made printable here: much of it was written by others, who don't get to steer a terminal.
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
            let _ = writeln!(io::stdout().lock(), "{}", shown(text.as_ref()));
        }
    }

    /// Prints an object for a script, at once.
    pub(super) fn object(self, value: &serde_json::Value) {
        if self.json {
            let mut out = io::stdout().lock();
            let _ = writeln!(out, "{}", in_json(value)).and_then(|()| out.flush());
        }
    }

    /// Prints a table for a person: without borders where it isn't read on a terminal, so that other programs find the columns.
    pub(super) fn table(self, header: &[&str], rows: Vec<Vec<String>>) {
        if self.json {
            return;
        }
        let is_terminal = io::stdout().is_terminal();
        let mut table = Table::new();
        table.load_style(if is_terminal { UTF8_BORDERS_ONLY } else { NOTHING });
        table.set_content_arrangement(if is_terminal {
            ContentArrangement::Dynamic
        } else {
            ContentArrangement::Disabled
        });
        if !styled() {
            table.force_no_tty();
        }
        let bold = |text: &&str| Cell::new(text).add_attribute(Attribute::Bold);
        table.set_header(header.iter().map(bold));
        table.add_rows(
            rows.into_iter().map(|row| row.into_iter().map(|cell| in_a_cell(&cell)).collect::<Vec<_>>()),
        );
        if !is_terminal {
            table.column_iter_mut().for_each(|column| {
                column.set_padding((0, 2));
            });
        }
        let mut out = io::stdout().lock();
        for line in table.lines() {
            let _ = writeln!(out, "{}", line.trim_end());
        }
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
            writeln!(out, "{}", in_json(&json!({"error": {"code": name, "message": in_words(error)}})))
        } else {
            let words = with_local_times(&in_words(error));
            let line = format!("{} {words}", paint("error:", "1;31", io::stderr().is_terminal()));
            writeln!(out, "{}", shown(&line))
        };
        if code.is_some() { 2 } else { 1 }
    }

    /// Tells something beside what a command prints, on standard error.
    pub(super) fn warn(self, text: &str) {
        let mut out = io::stderr().lock();
        let _ = if self.json {
            writeln!(out, "{}", in_json(&json!({ "warning": { "message": text } })))
        } else {
            writeln!(out, "{}", shown(&paint(text, "33", io::stderr().is_terminal())))
        };
    }
}

/// Tells a person something beside what a command prints.
pub(super) fn eprint_line(text: &str) {
    let painted = paint(text, "33", io::stderr().is_terminal());
    let _ = writeln!(io::stderr(), "{}", shown(&painted));
}

/// A line as it goes to a terminal: styles of [`paint`] in effect, everything else printable.
pub(super) fn shown(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let begin = format!("{}{}", MARK.0, mark());
    let mut parts = line.split(&begin);
    out.push_str(&printable(parts.next().unwrap_or_default()));
    for part in parts {
        let (style, text) = part.split_once(MARK.1).unwrap_or(("0", part));
        // Writing to a String can't fail.
        let _ = write!(out, "\x1b[{style}m{}", printable(text));
    }
    out
}

/// Text in which nothing moves the cursor, changes colours or turns the direction of writing; ends of lines stay.
pub(super) fn printable(text: &str) -> String {
    let is_kept = |c: char| matches!(c, '\n' | '\t') || !is_unprintable(c);
    text.chars().map(|c| if is_kept(c) { c } else { REPLACEMENT }).collect()
}

/// The same for a cell of a table, whose width a tab would change. A time is shown by the local clock.
fn in_a_cell(text: &str) -> String {
    in_local_time(text).unwrap_or_else(|| printable(text).replace('\t', " "))
}

/// JSON in which what isn't printable is escaped. It can only stand within strings.
fn in_json(value: &Value) -> String {
    let mut out = String::new();
    for c in value.to_string().chars() {
        if is_unprintable(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(c);
        }
    }
    out
}

/// A number that this process has drawn. It tells styles of [`paint`] from what others write, who can't know it.
fn mark() -> &'static str {
    static DRAWN: OnceLock<String> = OnceLock::new();
    DRAWN.get_or_init(|| {
        let mut bytes = [0; 16];
        // Without random bytes nothing is painted.
        if getrandom::fill(&mut bytes).is_err() {
            String::new()
        } else {
            data_encoding::HEXLOWER.encode(&bytes)
        }
    })
}

/// What an error says, and then what each of its causes says that it doesn't say already.
pub(super) fn in_words(error: &anyhow::Error) -> String {
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

/// Text in a style of the terminal (ECMA-48, "select graphic rendition"), if it shows any. It comes into effect by
/// [`shown`].
pub(super) fn paint(text: &str, style: &str, styled: bool) -> String {
    let mark = mark();
    if styled && std::env::var_os("NO_COLOR").is_none() && !mark.is_empty() {
        let (begin, end) = MARK;
        format!("{begin}{mark}{style}{end}{text}{begin}{mark}0{end}")
    } else {
        text.to_owned()
    }
}

/// `1 frame`, `2 frames`.
pub(super) fn counted(count: u64, word: &str) -> String {
    format!("{count} {word}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_write_steers_no_terminal() {
        assert_eq!(
            printable("a\x1b[31mb\nc\u{9b}d\u{202e}e\r"),
            "a\u{fffd}[31mb\nc\u{fffd}d\u{fffd}e\u{fffd}"
        );
        // Joiners make words of Persian, and one figure of several.
        assert_eq!(printable("می\u{200c}خواهم 👩\u{200d}🚀 Zoë"), "می\u{200c}خواهم 👩\u{200d}🚀 Zoë");
        assert_eq!(in_a_cell("a\tb"), "a b");
        let value = json!({ "text": "\u{9b}31m\u{202e}\u{e0001}\x1b" });
        let written = in_json(&value);
        assert!(written.is_ascii() && !written.contains('\x1b'), "{written}");
        assert_eq!(serde_json::from_str::<Value>(&written).unwrap(), value);
    }

    #[test]
    fn styles_are_ours_and_nobody_else_s() {
        let line = format!("{} said {}", paint("anna", "32", true), "\u{fdd0}31\u{fdd1}red\x1b[31m");
        if std::env::var_os("NO_COLOR").is_none() {
            assert_eq!(shown(&line), "\x1b[32manna\x1b[0m said \u{fdd0}31\u{fdd1}red\u{fffd}[31m");
        }
        assert_eq!(shown(&paint("anna", "32", false)), "anna");
    }
}
