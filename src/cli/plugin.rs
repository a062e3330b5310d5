//! `parlour plugin`.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use data_encoding::HEXLOWER;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::caller::Caller;
use super::connect::Acting;
use super::output::Output;
use crate::bounds::MAX_PLUGIN_PART;
use crate::client::RequestError;
use crate::id::Timestamp;
use crate::plugin::{Grant, Manifest};
use crate::protocol::wire::{self, PluginOff, request, response};

/// Plugins: programs of others (WebAssembly) that the server runs within bounds.
#[derive(Debug, Args)]
pub(super) struct Plugin {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    acting: Acting,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Install a plugin, or another version of one. What it asks for is shown, and granted only if you say so.
    Install {
        /// Its code: a file of WebAssembly.
        file: PathBuf,
        /// What it says of itself. Default: the file of the same name that ends in .toml.
        #[arg(long, value_name = "FILE")]
        manifest: Option<PathBuf>,
        /// Grant this of what it asks for; may be given several times.
        #[arg(long = "grant", value_name = "GRANT")]
        grants: Vec<String>,
        /// Grant all that it asks for, and have it decide about log-ins where it does.
        #[arg(long, conflicts_with = "grants")]
        accept: bool,
    },
    /// Show the plugins that are installed.
    List,
    /// Show what a plugin asks for and what it was granted.
    Show {
        /// Its name.
        name: String,
    },
    /// Grant a plugin this and nothing else.
    Grant {
        /// Its name.
        name: String,
        /// What, of what it asks for; nothing takes everything back.
        grants: Vec<String>,
    },
    /// Have a plugin called again that is off.
    On {
        /// Its name.
        name: String,
    },
    /// Have a plugin called no more.
    Off {
        /// Its name.
        name: String,
    },
    /// Take a plugin away, and what it keeps.
    Remove {
        /// Its name.
        name: String,
    },
    /// Show what a plugin had written down, and how it failed, since the server's start; the latest first.
    Logs {
        /// Its name.
        name: String,
    },
    /// Call a function of a plugin, and print what it gives.
    Call {
        /// The plugin's name.
        name: String,
        /// The function.
        function: String,
        /// What it is given.
        #[arg(default_value = "", hide_default_value = true)]
        input: String,
        /// A file whose content it is given instead.
        #[arg(long, value_name = "FILE", conflicts_with = "input")]
        file: Option<PathBuf>,
    },
}

const COLUMNS: &[(&str, &str, &str)] = &[
    ("name", "Plugin", ""),
    ("version", "Version", "-"),
    ("functions", "Functions", ""),
    ("grants", "Was granted", "nothing"),
    ("state", "State", ""),
];

const DETAILS: &[(&str, &str, &str)] = &[
    ("name", "Plugin", ""),
    ("version", "Version", "-"),
    ("description", "For", "-"),
    ("functions", "Functions", ""),
    ("asks", "Asks for", "nothing"),
    ("grants", "Was granted", "nothing"),
    ("asked", "Is asked about", "nothing"),
    ("state", "State", ""),
    ("sha256", "SHA-256", ""),
    ("installed", "Installed", ""),
];

const LINES: &[(&str, &str, &str)] =
    &[("at", "When", ""), ("level", "Level", ""), ("function", "Function", ""), ("text", "Says", "")];

impl Plugin {
    pub(super) async fn run(self, output: Output) -> anyhow::Result<()> {
        let caller = Caller::of(&self.acting).await?;
        let done = self.command.run(&caller, output).await;
        caller.close().await;
        done
    }
}

impl Command {
    async fn run(self, caller: &Caller, output: Output) -> anyhow::Result<()> {
        match self {
            Self::Install { file, manifest, grants, accept } => {
                let manifest = manifest.unwrap_or_else(|| file.with_extension("toml"));
                install(caller, &file, &manifest, grants, accept, output).await
            }
            Self::List => {
                let list = request::Body::ListPlugins(wire::ListPlugins {});
                let response::Body::Plugins(found) = caller.ask(list).await? else {
                    return Err(RequestError::Misfit.into());
                };
                output.records(COLUMNS, &found.plugins.iter().map(row).collect::<Vec<_>>());
                Ok(())
            }
            Self::Show { name } => {
                let found = one(caller, request::Body::GetPlugin(wire::GetPlugin { name })).await?;
                output.records(DETAILS, &[row(&found)]);
                Ok(())
            }
            Self::Grant { name, grants } => {
                let granted = Some(wire::PluginGrants { grants });
                let edit = wire::EditPlugin { name, granted, on: None };
                let found = one(caller, request::Body::EditPlugin(edit)).await?;
                output.line(granted_words(&found));
                output.object(&row(&found));
                Ok(())
            }
            Self::On { name } => turn(caller, name, true, output).await,
            Self::Off { name } => turn(caller, name, false, output).await,
            Self::Remove { name } => {
                caller.done(request::Body::RemovePlugin(wire::RemovePlugin { name: name.clone() })).await?;
                output.line(format!("{name} is gone."));
                output.object(&json!({ "removed": name }));
                Ok(())
            }
            Self::Logs { name } => {
                let read = request::Body::ReadPluginLog(wire::ReadPluginLog { name });
                let response::Body::PluginLog(found) = caller.ask(read).await? else {
                    return Err(RequestError::Misfit.into());
                };
                let row = |line: &wire::PluginLine| {
                    json!({
                        "at": Timestamp(line.at_ms), "level": line.level, "function": line.function, "text": line.text,
                    })
                };
                output.records(LINES, &found.lines.iter().map(row).collect::<Vec<_>>());
                Ok(())
            }
            Self::Call { name, function, input, file } => {
                let input = match file {
                    Some(file) => read(&file)?,
                    None => input.into_bytes(),
                };
                let call = wire::CallPlugin { name, function, input: input.into() };
                let response::Body::PluginCalled(called) =
                    caller.ask(request::Body::CallPlugin(call)).await?
                else {
                    return Err(RequestError::Misfit.into());
                };
                let text = String::from_utf8_lossy(&called.output).into_owned();
                output.line(&text);
                output.object(&json!({ "output": text, "fuel": called.fuel, "took_us": called.took_us }));
                Ok(())
            }
        }
    }
}

async fn turn(caller: &Caller, name: String, on: bool, output: Output) -> anyhow::Result<()> {
    let edit = wire::EditPlugin { name, granted: None, on: Some(on) };
    let found = one(caller, request::Body::EditPlugin(edit)).await?;
    output.line(format!("{} is {}.", found.name, if on { "on" } else { "off" }));
    output.object(&row(&found));
    Ok(())
}

/// Sends a plugin's code and has it installed, with what is granted. Without a word about that it isn't, where it asks for
/// something.
async fn install(
    caller: &Caller,
    file: &Path,
    manifest: &Path,
    mut grants: Vec<String>,
    accept: bool,
    output: Output,
) -> anyhow::Result<()> {
    let code = read(file)?;
    let text = std::fs::read_to_string(manifest).with_context(|| {
        format!("{} can't be read, and a plugin needs a manifest (docs/plugins.md)", manifest.display())
    })?;
    let read = Manifest::read(&text).with_context(|| manifest.display().to_string())?;
    let asks: Vec<_> = read.grants.iter().map(Grant::to_string).collect();
    if accept {
        grants = asks;
    } else if grants.is_empty() && !asks.is_empty() {
        bail!(
            "{} asks for: {}. Grant all of it with --accept, or some with --grant",
            read.name,
            asks.join(", ")
        );
    } else if grants.is_empty() && read.hooks.log_in.is_some() {
        bail!("{} is asked about: {}. Have that with --accept", read.name, asked_about(&read));
    }
    let sha256 = HEXLOWER.encode(&Sha256::digest(&code));
    let mut offset = 0;
    for data in code.chunks(MAX_PLUGIN_PART) {
        let data_len = data.len() as u64;
        let part = wire::SendPluginPart { sha256: sha256.clone(), offset, data: data.to_vec().into() };
        match caller.ask_patiently(request::Body::SendPluginPart(part)).await? {
            response::Body::Done(_) => offset += data_len,
            _ => return Err(RequestError::Misfit.into()),
        }
    }
    let install = wire::InstallPlugin { sha256, manifest: text, grants };
    let found = one(caller, request::Body::InstallPlugin(install)).await?;
    let asked = match asked_about(&read).as_str() {
        "" => String::new(),
        asked => format!(" It is asked about: {asked}."),
    };
    output.line(format!("{} is installed. {}{asked}", found.name, granted_words(&found)));
    output.object(&row(&found));
    Ok(())
}

fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(file).with_context(|| format!("{} can't be read", file.display()))
}

async fn one(caller: &Caller, body: request::Body) -> anyhow::Result<wire::Plugin> {
    match caller.ask(body).await? {
        response::Body::Plugin(plugin) => Ok(plugin),
        _ => Err(RequestError::Misfit.into()),
    }
}

fn granted_words(plugin: &wire::Plugin) -> String {
    match plugin.grants.as_slice() {
        [] => "It was granted nothing.".to_owned(),
        grants => format!("It was granted: {}.", grants.join(", ")),
    }
}

/// What a plugin decides, as far as it is granted that, and what it is told.
fn asked_about(manifest: &Manifest) -> String {
    let hooks = &manifest.hooks;
    let mut asked = Vec::new();
    if hooks.log_in.is_some() {
        let otherwise = if hooks.admits_when_broken() { "all are" } else { "nobody but owners is" };
        asked.push(format!("log-ins ({otherwise} let in where it fails)"));
    }
    if hooks.text.is_some() {
        let otherwise = if hooks.sends_when_broken() { "sent as they are" } else { "refused" };
        asked.push(format!("texts ({otherwise} where it fails)"));
    }
    if hooks.event.is_some() {
        asked.push(format!("what happens ({})", hooks.events.join(", ")));
    }
    asked.join("; ")
}

fn row(plugin: &wire::Plugin) -> Value {
    let state = match plugin.off() {
        PluginOff::On => "on".to_owned(),
        PluginOff::Owner => "off".to_owned(),
        PluginOff::Failing => format!("off, since it failed five times in a row: {}", plugin.failure),
    };
    json!({
        "name": plugin.name, "version": plugin.version, "description": plugin.description,
        "functions": plugin.functions.join(", "), "asks": plugin.asks.join(", "),
        "grants": plugin.grants.join(", "),
        "asked": Manifest::read(&plugin.manifest).map(|manifest| asked_about(&manifest)).unwrap_or_default(),
        "state": state, "on": plugin.off() == PluginOff::On,
        "sha256": plugin.sha256, "installed": Timestamp(plugin.installed_ms),
    })
}
