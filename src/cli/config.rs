//! `parlour config`.

use std::io;
use std::path::PathBuf;

use anyhow::Context;
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

/// The files that are looked for where none is named: the user's own, and the machine's.
fn usual_files() -> Vec<PathBuf> {
    let own = etcetera::choose_base_strategy().map(|base| base.config_dir().join("parlour/parlour.toml"));
    own.into_iter().chain(["/etc/parlour/parlour.toml".into()]).collect()
}

/// Whether a setting was written.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kept {
    /// It is in this file.
    In(PathBuf),
    /// It should be in this one, which can't be written.
    Not(PathBuf),
}

/// Writes where others reach the server into the configuration file that is in effect, or the user's own where there is none.
pub(super) fn keep_public_address(address: &str) -> anyhow::Result<Kept> {
    let files = usual_files();
    let file = std::env::var_os("PARLOUR_CONFIG")
        .map(PathBuf::from)
        .or_else(|| files.iter().find(|path| path.exists()).cloned());
    let path = file
        .or_else(|| files.into_iter().next())
        .context("there is no directory for a configuration file")?;
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(_) => return Ok(Kept::Not(path)),
    };
    let text = with_public_address(&text, address);
    config::check_file(&text, &path)?;
    let made = path.parent().map_or(Ok(()), std::fs::create_dir_all);
    Ok(if made.and_then(|()| std::fs::write(&path, text)).is_ok() { Kept::In(path) } else { Kept::Not(path) })
}

/// The text of a configuration file with this address in place of the one that it has.
fn with_public_address(text: &str, address: &str) -> String {
    let line = format!("public_address = {}", toml::Value::from(address));
    let mut lines: Vec<&str> = text.lines().collect();
    let part_of = |line: &str| {
        line.trim().strip_prefix('[').map(|rest| rest.split(']').next().unwrap_or_default().trim().to_owned())
    };
    let web = lines.iter().position(|line| part_of(line).as_deref() == Some("web"));
    let Some(web) = web else {
        lines.extend(["[web]", &line]);
        return lines.join("\n") + "\n";
    };
    let end = lines[web + 1..]
        .iter()
        .position(|line| part_of(line).is_some())
        .map_or(lines.len(), |at| web + 1 + at);
    let is_set = |line: &&str| line.split('=').next().is_some_and(|key| key.trim() == "public_address");
    match lines[web + 1..end].iter().position(is_set) {
        Some(at) => lines[web + 1 + at] = &line,
        None => lines.insert(web + 1, &line),
    }
    lines.join("\n") + "\n"
}

/// This process's environment and the usual files, under what the flags say.
pub(super) fn sources(file: Option<PathBuf>, flags: Vec<(&'static str, String)>) -> Sources {
    let search = usual_files();
    let environment = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    Sources { file, search, environment: environment.collect(), flags }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_public_address_is_written_into_a_file_that_stays_as_it_is_otherwise() {
        let written = |text: &str| with_public_address(text, "voice.example.org");
        let line = "public_address = \"voice.example.org\"";
        assert_eq!(written(""), format!("[web]\n{line}\n"));
        assert_eq!(written("name = \"Club\"\n"), format!("name = \"Club\"\n[web]\n{line}\n"));
        let full = "# Ours.\n[web]\nenabled = true # yes\n\n[store]\nbackup_hours = 1\n";
        assert_eq!(
            written(full),
            format!("# Ours.\n[web]\n{line}\nenabled = true # yes\n\n[store]\nbackup_hours = 1\n")
        );
        assert_eq!(written("[ web ]\npublic_address=\"old\"\n"), format!("[ web ]\n{line}\n"));
        // What is commented out, as in the sample, stays so.
        let sample = written(&config::sample());
        assert!(
            sample.contains(&format!("\n{line}\n")) && sample.contains("\n# public_address = \"\"\n"),
            "{sample}"
        );
        for text in ["", full, &config::sample()] {
            config::check_file(&written(text), "parlour.toml".as_ref()).unwrap();
        }
        assert!(
            config::check_file(&with_public_address("", "http://x\" y"), "parlour.toml".as_ref()).is_err()
        );
    }
}
