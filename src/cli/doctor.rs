//! `parlour doctor`: what is checked, one finding after the other, each with what to do about it.

mod here;
mod providers;
mod report;
mod way;

use std::path::PathBuf;

use anyhow::bail;
use clap::Args;

use super::output::{Output, counted};
use crate::client::Address;
use report::{Report, Verdict};

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

impl Doctor {
    pub(super) async fn run(self, output: Output) -> anyhow::Result<()> {
        let mut report = Report::new(output);
        output.line("");
        match &self.address {
            Some(address) => way::examine_elsewhere(&address.parse::<Address>()?, &mut report).await,
            None => here::examine(self.config.clone(), self.data_dir.as_deref(), &mut report).await,
        }
        output.line("");
        let names: Vec<_> = report.of(Verdict::Bad).collect();
        if !names.is_empty() {
            bail!("{} to mend: {}", counted(names.len() as u64, "thing"), names.join(", "));
        }
        output.line(match report.of(Verdict::Notice).count() as u64 {
            0 => "  All is well.".to_owned(),
            notices => format!("  It works; {} to know of.", counted(notices, "thing")),
        });
        Ok(())
    }
}
