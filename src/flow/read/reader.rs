//! Values of a file with where they stand, and the plain ones read. What doesn't fit is told, and left out.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::bounds::{MAX_FLOW_NAME, check_line, check_text};
use crate::flow::problem::{Problems, meant};
use crate::flow::span;
use crate::flow::table::Key;

/// A value, and where it stands.
#[derive(Clone, Debug)]
pub(super) struct At<'a> {
    pub(super) key: String,
    pub(super) span: Range<usize>,
    pub(super) value: &'a DeValue<'a>,
}

/// A table whose keys are those that it may have.
#[derive(Clone, Debug)]
pub(super) struct Section<'a> {
    pub(super) key: String,
    pub(super) span: Range<usize>,
    table: &'a DeTable<'a>,
}

impl<'a> At<'a> {
    pub(super) fn of(key: &str, value: &'a Spanned<DeValue<'a>>) -> Self {
        Self { key: key.to_owned(), span: value.span(), value: value.get_ref() }
    }

    /// A value in it.
    pub(super) fn inner(&self, name: &str, value: &'a Spanned<DeValue<'a>>) -> Self {
        Self::of(&format!("{}.{name}", self.key), value)
    }

    /// One of its values, where it is a list.
    pub(super) fn items(&self) -> Option<Vec<Self>> {
        let values = self.value.as_array()?;
        Some(
            values
                .iter()
                .enumerate()
                .map(|(at, value)| Self::of(&format!("{}[{at}]", self.key), value))
                .collect(),
        )
    }
}

impl<'a> Section<'a> {
    pub(super) fn new(key: &str, span: Range<usize>, table: &'a DeTable<'a>) -> Self {
        Self { key: key.to_owned(), span, table }
    }

    /// What stands at a key.
    pub(super) fn get(&self, name: &str) -> Option<At<'a>> {
        let value = self.table.get(name)?;
        Some(At::of(&self.path(name), value))
    }

    /// All that it has, with where the keys stand.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&'a str, Range<usize>, At<'a>)> + '_ {
        self.table.iter().map(|(name, value)| {
            let word: &'a str = name.get_ref();
            (word, name.span(), At::of(&self.path(word), value))
        })
    }

    pub(super) fn path(&self, name: &str) -> String {
        if self.key.is_empty() { name.to_owned() } else { format!("{}.{name}", self.key) }
    }
}

/// A file that is being read.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    pub(super) problems: Problems<'a>,
}

impl<'a> Reader<'a> {
    pub(super) fn tell(&mut self, at: &At<'_>, message: impl Into<String>) {
        self.problems.tell(&at.span, &at.key, message);
    }

    /// A section, whose keys are looked at: those that it has to have and those that it can't. `kind` is the word by which some are for it.
    pub(super) fn section(
        &mut self,
        at: &At<'a>,
        keys: &[&'static [Key]],
        kind: Option<&str>,
    ) -> Option<Section<'a>> {
        let DeValue::Table(table) = at.value else {
            self.tell(at, "must be a table");
            return None;
        };
        let section = Section::new(&at.key, at.span.clone(), table);
        let known = || keys.iter().copied().flatten();
        for (name, span, at) in section.entries() {
            match known().find(|key| key.name == name) {
                None => {
                    let message = format!("isn't known here{}", meant(name, known().map(|key| key.name)));
                    self.problems.tell(&span, &shortened(&at.key), message);
                }
                Some(key) if !key.only.is_empty() && kind.is_some_and(|kind| !key.only.contains(&kind)) => {
                    let for_these = key.only.join("\", \"");
                    self.problems.tell(&span, &at.key, format!("is for \"{for_these}\" only; leave it out"));
                }
                Some(_) => (),
            }
        }
        for key in known().filter(|key| key.is_required && section.get(key.name).is_none()) {
            self.problems.tell(
                &section.span,
                &section.path(key.name),
                format!("has to be said: {}", lowered(key.about)),
            );
        }
        Some(section)
    }

    pub(super) fn text(&mut self, at: &At<'a>) -> Option<&'a str> {
        let text = at.value.as_str();
        if text.is_none() {
            self.tell(at, format!("must be a text, and is {}", kind_of(at.value)));
        }
        text
    }

    pub(super) fn line(&mut self, at: &At<'a>, longest: usize) -> Option<String> {
        let text = self.text(at)?;
        if text.chars().count() > longest || check_line(text).is_err() {
            self.tell(at, format!("must be one line of {longest} characters at most"));
            return None;
        }
        Some(text.to_owned())
    }

    pub(super) fn long_text(&mut self, at: &At<'a>, longest: usize) -> Option<String> {
        let text = self.text(at)?.trim();
        if text.len() > longest || check_text(text).is_err() {
            self.tell(at, format!("must be a text of {longest} bytes at most, without control characters"));
            return None;
        }
        Some(text.to_owned())
    }

    pub(super) fn name(&mut self, at: &At<'a>) -> Option<String> {
        let text = self.text(at)?;
        if is_name(text, '-') {
            return Some(text.to_owned());
        }
        self.tell(at, format!("must be a name: lower-case letters, digits and hyphens, a letter first, {MAX_FLOW_NAME} at most"));
        None
    }

    pub(super) fn boolean(&mut self, at: &At<'a>) -> Option<bool> {
        let on = at.value.as_bool();
        if on.is_none() {
            self.tell(
                at,
                format!("must be true or false, without quotation marks, and is {}", kind_of(at.value)),
            );
        }
        on
    }

    pub(super) fn duration(&mut self, at: &At<'a>, most: u64) -> Option<u64> {
        let length = at.value.as_str().and_then(span::milliseconds);
        if let Some(length) = length.filter(|length| *length <= most) {
            return Some(length);
        }
        self.tell(at, format!("must be a length of time like \"10m\", of {} at most", span::text(most)));
        None
    }

    /// One of some words.
    pub(super) fn word(&mut self, at: &At<'a>, words: &[&'static str]) -> Option<&'static str> {
        let text = self.text(at)?;
        let found = words.iter().copied().find(|word| *word == text);
        if found.is_none() {
            let said: String = text.chars().take(64).collect();
            self.tell(
                at,
                format!("has the word \"{said}\", which isn't known{}", meant(text, words.iter().copied())),
            );
        }
        found
    }

    /// One of some words, or a list of them, without any twice; one at least.
    pub(super) fn words(&mut self, at: &At<'a>, words: &[&'static str]) -> Option<Vec<&'static str>> {
        let Some(items) = at.items() else { return self.word(at, words).map(|word| vec![word]) };
        let mut found: Vec<_> = items.iter().filter_map(|item| self.word(item, words)).collect();
        let are_all = found.len() == items.len();
        found.sort_unstable();
        found.dedup();
        if items.is_empty() {
            self.tell(at, "must have one word at least");
        }
        (are_all && !found.is_empty()).then_some(found)
    }
}

/// Whether a text is a name, in which words are parted by `between`.
pub(super) fn is_name(text: &str, between: char) -> bool {
    let is_fine = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == between;
    text.len() <= MAX_FLOW_NAME
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(is_fine)
        && !text.ends_with(between)
}

/// What something is, for people.
pub(super) fn kind_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// A sentence as the second part of another one.
pub(super) fn lowered(sentence: &str) -> String {
    let mut characters = sentence.trim_end_matches('.').chars();
    let first = characters.next().map(|c| c.to_lowercase().to_string()).unwrap_or_default();
    first + characters.as_str()
}

fn shortened(key: &str) -> String {
    key.chars().take(200).collect()
}
