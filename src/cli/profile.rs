//! `parlour profile`.

use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::caller::Caller;
use super::connect::Acting;
use super::output::Output;
use crate::client::RequestError;
use crate::picture::made_to_be_sent;
use crate::protocol::wire::{self, get_profile, request, response};

/// What people show of themselves: a name, a text and a picture.
#[derive(Debug, Args)]
pub(super) struct Profile {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    acting: Acting,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show what somebody shows of themselves.
    Show {
        /// Whose, by the account's name. Default: your own.
        name: Option<String>,
    },
    /// Show another name or another text.
    Set {
        /// The name to show in place of the account's; an empty one is none.
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        /// A text about yourself, 1000 characters at most; an empty one is none.
        #[arg(long, value_name = "TEXT")]
        about: Option<String>,
    },
    /// Show another picture, or none.
    Picture {
        /// A PNG, JPEG, WebP or GIF file. The middle of it is shown, 512 pixels wide at most.
        #[arg(required_unless_present = "remove")]
        file: Option<PathBuf>,
        /// Show none.
        #[arg(long, conflicts_with = "file")]
        remove: bool,
    },
    /// Have somebody of a lower rank show nothing any more.
    Clear {
        /// The account's name.
        name: String,
    },
}

impl Profile {
    pub(super) async fn run(self, output: Output) -> anyhow::Result<()> {
        let caller = Caller::of(&self.acting).await?;
        let done = self.command.run(&caller, output).await;
        caller.close().await;
        done
    }
}

impl Command {
    async fn run(self, caller: &Caller, output: Output) -> anyhow::Result<()> {
        let body = match self {
            Self::Show { name } => {
                let whose = name.map(get_profile::Whose::User);
                request::Body::GetProfile(wire::GetProfile { whose })
            }
            Self::Set { name: display_name, about } => {
                request::Body::SetProfile(wire::SetProfile { display_name, about })
            }
            Self::Picture { file: Some(file), .. } => {
                let bytes = std::fs::read(&file).with_context(|| format!("can't read {}", file.display()))?;
                let made = tokio::task::spawn_blocking(move || made_to_be_sent(&bytes)).await??;
                request::Body::SetPicture(wire::SetPicture { picture: made.into() })
            }
            Self::Picture { file: None, .. } => request::Body::SetPicture(wire::SetPicture::default()),
            Self::Clear { name } => {
                caller.done(request::Body::ClearProfile(wire::ClearProfile { name: name.clone() })).await?;
                output.line(format!("{name} shows nothing of themselves any more."));
                output.object(&json!({ "cleared": name }));
                return Ok(());
            }
        };
        let response::Body::Profile(profile) = caller.ask(body).await? else {
            return Err(RequestError::Misfit.into());
        };
        show(&profile, output);
        Ok(())
    }
}

fn show(profile: &wire::Profile, output: Output) {
    let shown = if profile.display_name.is_empty() { &profile.name } else { &profile.display_name };
    output.line(format!("{shown} (account {})", profile.name));
    for text in [&profile.about, &profile.picture].into_iter().filter(|text| !text.is_empty()) {
        output.line(text);
    }
    output.object(&row(profile));
}

fn row(profile: &wire::Profile) -> Value {
    let said = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    json!({
        "id": profile.user, "name": profile.name, "display_name": said(&profile.display_name),
        "about": said(&profile.about), "picture": said(&profile.picture),
    })
}
