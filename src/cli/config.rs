//! `parlour config`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use etcetera::BaseStrategy;
use serde_json::json;

use super::output::Output;
use crate::config::{self, Sources};

/// Check and show the server's settings.
#[derive(Debug, Args)]
pub(super) struct Config {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check a configuration file.
    Check {
        /// The file.
        file: PathBuf,
    },
    /// Print a configuration file with every setting, its meaning and its default.
    Sample,
    /// Show every setting's value and where it comes from.
    Show {
        /// The configuration file.
        #[arg(long, env = "PARLOUR_CONFIG", value_name = "FILE")]
        config: Option<PathBuf>,
    },
}

impl Config {
    pub(super) fn run(self, output: Output) -> anyhow::Result<()> {
        match self.command {
            Command::Check { file } => {
                let sources = Sources { file: Some(file.clone()), ..Sources::default() };
                config::Config::load(&sources)?;
                output.line(format!("{} is fine.", file.display()));
                output.object(&json!({ "file": file, "valid": true }));
            }
            Command::Sample => {
                output.line(config::sample().trim_end());
                output.object(&json!({ "sample": config::sample() }));
            }
            Command::Show { config } => {
                let config = config::Config::load(&sources(config, Vec::new()))?;
                let mut rows = Vec::new();
                for (key, value, origin) in config.entries() {
                    output.object(&json!({ "key": key.name, "value": value, "from": origin.to_string() }));
                    rows.push(vec![key.name.to_owned(), value, origin.to_string(), key.variable()]);
                }
                output.table(&["Setting", "Value", "From", "Environment"], rows);
            }
        }
        Ok(())
    }
}

/// This process's environment and the usual files, under what the flags say.
pub(super) fn sources(file: Option<PathBuf>, flags: Vec<(&'static str, String)>) -> Sources {
    let own = etcetera::choose_base_strategy().map(|base| base.config_dir().join("parlour/parlour.toml"));
    let search = own.into_iter().chain(["/etc/parlour/parlour.toml".into()]).collect();
    let environment = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    Sources { file, search, environment: environment.collect(), flags }
}
