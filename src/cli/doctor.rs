//! `parlour doctor`: what is checked, one finding after the other, each with what to do about it.

mod here;
mod way;

use std::path::PathBuf;

use anyhow::bail;
use clap::Args;
use serde_json::json;

use super::output::{Output, counted, paint, styled};
use crate::client::Address;

/// Find out what keeps a server from working, and what to do about it: the one on this machine, or, seen from here,
/// one elsewhere.
#[derive(Debug, Args)]
pub(super) struct Doctor {
    /// A server elsewhere, `parlour://HOST[:PORT]`. Default: the one of this machine, with its files.
    address: Option<String>,
    /// Data directory of this machine's server.
    #[arg(long, value_name = "DIRECTORY")]
    data_dir: Option<PathBuf>,
    /// Its configuration file.
    #[arg(long, env = "PARLOUR_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
}

/// How bad something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Good,
    /// It works, and something should be known or done some day.
    Notice,
    /// It doesn't work.
    Bad,
}

/// What was found so far, said as it is found.
struct Report {
    output: Output,
    all: Vec<(&'static str, Verdict)>,
}

impl Report {
    fn good(&mut self, what: &'static str, found: impl Into<String>) {
        self.add(what, Verdict::Good, &found.into(), "");
    }

    fn notice(&mut self, what: &'static str, found: impl Into<String>, advice: &str) {
        self.add(what, Verdict::Notice, &found.into(), advice);
    }

    fn bad(&mut self, what: &'static str, found: impl Into<String>, advice: &str) {
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

    fn count(&self, verdict: Verdict) -> u64 {
        self.all.iter().filter(|(_, found)| *found == verdict).count() as u64
    }
}

impl Doctor {
    pub(super) async fn run(self, output: Output) -> anyhow::Result<()> {
        let mut report = Report { output, all: Vec::new() };
        output.line("");
        match &self.address {
            Some(address) => way::examine_elsewhere(&address.parse::<Address>()?, &mut report).await,
            None => here::examine(self.config.clone(), self.data_dir.as_deref(), &mut report).await,
        }
        output.line("");
        if report.count(Verdict::Bad) > 0 {
            let bad = report.all.iter().filter(|(_, verdict)| *verdict == Verdict::Bad);
            let names: Vec<_> = bad.map(|(what, _)| *what).collect();
            bail!("{} to mend: {}", counted(names.len() as u64, "thing"), names.join(", "));
        }
        output.line(match report.count(Verdict::Notice) {
            0 => "  All is well.".to_owned(),
            notices => format!("  It works; {} to know of.", counted(notices, "thing")),
        });
        Ok(())
    }
}
