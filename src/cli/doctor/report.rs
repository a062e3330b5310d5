//! What was found, said as it is found, each with what to do about it.

use serde_json::json;

use crate::cli::output::{Output, paint, styled};

/// How bad something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Good,
    /// It works, and something should be known or done some day.
    Notice,
    /// It doesn't work.
    Bad,
}

/// What was found so far, said as it is found.
pub(super) struct Report {
    output: Output,
    all: Vec<(&'static str, Verdict)>,
}

impl Report {
    /// Nothing yet.
    pub(super) fn new(output: Output) -> Self {
        Self { output, all: Vec::new() }
    }

    pub(super) fn good(&mut self, what: &'static str, found: impl Into<String>) {
        self.add(what, Verdict::Good, &found.into(), "");
    }

    pub(super) fn notice(&mut self, what: &'static str, found: impl Into<String>, advice: &str) {
        self.add(what, Verdict::Notice, &found.into(), advice);
    }

    pub(super) fn bad(&mut self, what: &'static str, found: impl Into<String>, advice: &str) {
        self.add(what, Verdict::Bad, &found.into(), advice);
    }

    fn add(&mut self, what: &'static str, verdict: Verdict, found: &str, advice: &str) {
        let (mark, style, word) = match verdict {
            Verdict::Good => ("✓", "32", "good"),
            Verdict::Notice => ("!", "33", "notice"),
            Verdict::Bad => ("✗", "1;31", "bad"),
        };
        let styled = styled();
        let (first, more) = found.split_once('\n').unwrap_or((found, ""));
        self.output.line(format!("  {} {what:<15} {first}", paint(mark, style, styled)));
        for line in more.lines() {
            self.output.line(format!("    {:<15} {line}", ""));
        }
        if !advice.is_empty() {
            self.output.line(format!("    {:<15} {}", "", paint(&format!("→ {advice}"), style, styled)));
        }
        self.output.object(&json!({ "check": what, "verdict": word, "found": found, "advice": advice }));
        self.all.push((what, verdict));
    }

    /// What was found to be so.
    pub(super) fn of(&self, verdict: Verdict) -> impl Iterator<Item = &'static str> {
        self.all.iter().filter(move |(_, found)| *found == verdict).map(|(what, _)| *what)
    }
}
