//! What is wrong with a file: where, in which key, and what to do about it.

use std::fmt;
use std::ops::Range;

use serde::Serialize;

use crate::bounds::MAX_FLOW_PROBLEMS;

/// One thing that is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Problem {
    /// The line in which it stands, from 1.
    pub line: usize,
    /// The character in that line at which it begins, from 1.
    pub column: usize,
    /// The key, as `steps[0].with.channel`; empty for the file as a whole.
    pub key: String,
    /// What is wrong with it, and what to do, in a sentence.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)?;
        if !self.key.is_empty() {
            write!(f, ", `{}`", self.key)?;
        }
        write!(f, ": {}", self.message)
    }
}

/// What was found in one text, which is asked where something stands.
#[derive(Debug)]
pub(super) struct Problems<'a> {
    source: &'a str,
    found: Vec<Problem>,
}

impl<'a> Problems<'a> {
    pub(super) fn new(source: &'a str) -> Self {
        Self { source, found: Vec::new() }
    }

    /// Line and column of a byte.
    pub(super) fn place(&self, byte: usize) -> (usize, usize) {
        let before = self.source.get(..byte).unwrap_or(self.source);
        let begin = before.rfind('\n').map_or(0, |end| end + 1);
        (before.matches('\n').count() + 1, before[begin..].chars().count() + 1)
    }

    /// Something is wrong with what stands there. What is past the bound isn't told: whoever mends a hundred things sees the others then.
    pub(super) fn tell(&mut self, span: &Range<usize>, key: &str, message: impl Into<String>) {
        if self.found.len() < MAX_FLOW_PROBLEMS {
            let (line, column) = self.place(span.start);
            self.found.push(Problem { line, column, key: key.to_owned(), message: message.into() });
        }
    }

    /// How much was found by now.
    pub(super) fn count(&self) -> usize {
        self.found.len()
    }

    /// All of it, in the order of the file.
    pub(super) fn into_all(mut self) -> Vec<Problem> {
        self.found.sort();
        self.found.dedup();
        self.found
    }
}

/// What was meant, perhaps, as the end of a sentence: the nearest of those that there are, or all of them where none is near.
pub(super) fn meant<'n>(said: &str, known: impl IntoIterator<Item = &'n str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    let said: String = said.chars().take(64).collect();
    let folded = said.to_lowercase().replace('-', "_");
    let distance = |known: &&str| strsim::osa_distance(&known.replace('-', "_"), &folded);
    let near = known.iter().map(|known| (distance(known), known)).min();
    match near {
        Some((distance, nearest)) if distance <= 1 + nearest.len() / 4 => {
            format!("; did you mean `{nearest}`?")
        }
        _ if known.is_empty() => String::new(),
        _ if known.len() <= 24 => {
            let known: Vec<_> = known.iter().map(|known| format!("`{known}`")).collect();
            format!("; there is {}", known.join(", "))
        }
        _ => String::new(),
    }
}
