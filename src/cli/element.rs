//! `parlour element`.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::caller::Caller;
use super::connect::Acting;
use super::operate;
use super::output::Output;
use crate::admin::Answer;
use crate::client::{On, RequestError};
use crate::id::{ChannelId, Timestamp};
use crate::protocol::wire::{self, request, response};

/// Elements: small pieces of JSON that programs keep on channels, accounts and recordings.
#[derive(Debug, Args)]
pub(super) struct Element {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    acting: Acting,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the elements on a channel, an account or a recording.
    List {
        #[command(flatten)]
        on: Place,
    },
    /// Print an element's value.
    Get {
        /// Its name.
        name: String,
        #[command(flatten)]
        on: Place,
    },
    /// Set an element.
    Set {
        /// Its name: lower-case letters, digits, hyphens and underscores in parts between dots, such as `greeter.last_visit`.
        name: String,
        /// JSON, 4096 bytes at most.
        value: String,
        #[command(flatten)]
        on: Place,
        /// Only if it has this version; 0 if it isn't there yet.
        #[arg(long, value_name = "VERSION")]
        if_version: Option<u64>,
    },
    /// Remove an element.
    Remove {
        /// Its name.
        name: String,
        #[command(flatten)]
        on: Place,
        /// Only if it has this version.
        #[arg(long, value_name = "VERSION")]
        if_version: Option<u64>,
    },
}

/// What the elements are on. Default: one's own account.
#[derive(Debug, Args)]
#[group(multiple = false)]
struct Place {
    /// A channel, by its path.
    #[arg(long, value_name = "PATH")]
    channel: Option<String>,
    /// An account, by its name. Without any of the three it is one's own.
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// A recording, by its number.
    #[arg(long, value_name = "NUMBER")]
    recording: Option<u64>,
}

/// The columns of a list of elements.
const COLUMNS: &[(&str, &str)] =
    &[("name", "Name"), ("value", "Value"), ("version", "Version"), ("changed", "Changed")];

impl Element {
    pub(super) async fn run(self, output: Output) -> anyhow::Result<()> {
        let caller = Caller::of(&self.acting).await?;
        let answer = self.command.run(&caller).await;
        caller.close().await;
        operate::print(&answer?, COLUMNS, output);
        Ok(())
    }
}

impl Place {
    async fn find(self, caller: &Caller) -> anyhow::Result<On> {
        Ok(match self {
            Self { channel: Some(path), .. } => On::Channel(ChannelId(caller.view().await?.find(&path)?.id)),
            Self { user: Some(name), .. } => On::User(name),
            Self { recording: Some(recording), .. } => On::Recording(recording),
            Self { .. } => On::Own,
        })
    }
}

impl Command {
    async fn run(self, caller: &Caller) -> anyhow::Result<Answer> {
        match self {
            Self::List { on } => {
                let list = wire::ListElements { on: Some(on.find(caller).await?.into()) };
                let response::Body::Elements(found) = caller.ask(request::Body::ListElements(list)).await?
                else {
                    return Err(RequestError::Misfit.into());
                };
                Ok(Answer { text: String::new(), rows: found.elements.into_iter().map(row).collect() })
            }
            Self::Get { name, on } => {
                let get = wire::GetElement { on: Some(on.find(caller).await?.into()), name };
                let found = one(caller, request::Body::GetElement(get)).await?;
                Ok(Answer { text: found.value.clone(), rows: vec![row(found)] })
            }
            Self::Set { name, value, on, if_version } => {
                let on = Some(on.find(caller).await?.into());
                let set = wire::SetElement { on, name, value, version: if_version };
                let set = one(caller, request::Body::SetElement(set)).await?;
                let text = format!("{} has version {} now.", set.name, set.version);
                Ok(Answer { text, rows: vec![row(set)] })
            }
            Self::Remove { name, on, if_version } => {
                let on = Some(on.find(caller).await?.into());
                let remove = wire::RemoveElement { on, name: name.clone(), version: if_version };
                caller.done(request::Body::RemoveElement(remove)).await?;
                Ok(Answer { text: format!("{name} is removed."), rows: Vec::new() })
            }
        }
    }
}

async fn one(caller: &Caller, body: request::Body) -> anyhow::Result<wire::Element> {
    match caller.ask(body).await? {
        response::Body::Element(element) => Ok(element),
        _ => Err(RequestError::Misfit.into()),
    }
}

fn row(element: wire::Element) -> Value {
    let wire::Element { name, value, version, changed_ms } = element;
    json!({ "name": name, "value": value, "version": version, "changed": Timestamp(changed_ms) })
}
