//! `parlour ban`.

use anyhow::bail;
use clap::{Args, Subcommand};
use serde_json::json;

use super::caller::Caller;
use super::connect::Acting;
use super::output::Output;
use super::span::Span;
use crate::client::RequestError;
use crate::id::{Fingerprint, Timestamp};
use crate::protocol::wire::{self, create_ban::Subject, request, response};

/// Keep accounts, addresses and devices out.
#[derive(Debug, Args)]
pub(super) struct Ban {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    acting: Acting,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Keep somebody out; who is connected goes at once.
    Add {
        /// An account.
        #[arg(long, group = "subject", value_name = "NAME")]
        user: Option<String>,
        /// An address, or a range as 192.0.2.0/24; an IPv6 address stands for its /64.
        #[arg(long, group = "subject", value_name = "ADDRESS")]
        network: Option<String>,
        /// A device's key, by its fingerprint.
        #[arg(long, group = "subject", value_name = "FINGERPRINT")]
        key: Option<String>,
        /// Why; they are told.
        #[arg(long, default_value = "")]
        reason: String,
        /// How long: 30m, 12h, 7d. Default: for good.
        #[arg(long = "for", value_name = "TIME")]
        life: Option<Span>,
    },
    /// Show who is kept out.
    List,
    /// Let somebody in again.
    Lift {
        /// The ban's number in the list.
        ban: u64,
    },
}

const COLUMNS: &[(&str, &str, &str)] =
    &[("ban", "Ban", ""), ("subject", "Who", ""), ("until", "Until", "for good"), ("reason", "Why", "")];

impl Ban {
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
            Self::Add { user, network, key, reason, life } => {
                let (subject, words) = match (user, network, key.as_deref().map(Fingerprint::parse)) {
                    (Some(user), ..) => (Subject::User(user.clone()), user),
                    (_, Some(network), _) => (Subject::Network(network.clone()), network),
                    (.., Some(Some(key))) => (Subject::Key(key.0.to_vec().into()), "the device".to_owned()),
                    (.., Some(None)) => bail!("a key's fingerprint has 64 hexadecimal digits"),
                    (None, None, None) => {
                        bail!("whom? Say --user NAME, --network ADDRESS or --key FINGERPRINT")
                    }
                };
                let (subject, life_ms) = (Some(subject), life.map_or(0, Span::milliseconds));
                let ban = wire::CreateBan { subject, reason, life_ms };
                let id = caller.created(request::Body::CreateBan(ban)).await?;
                output.line(format!("{words} is kept out. Lift it with: parlour ban lift {id}"));
                output.object(&json!({ "ban": id }));
            }
            Self::List => {
                let row = |ban: &wire::Ban| {
                    json!({
                        "ban": ban.id, "subject": ban.subject, "reason": ban.reason,
                        "created": Timestamp(ban.created_ms),
                        "until": (ban.until_ms > 0).then_some(Timestamp(ban.until_ms)),
                    })
                };
                let response::Body::Bans(found) =
                    caller.ask(request::Body::ListBans(wire::ListBans {})).await?
                else {
                    return Err(RequestError::Misfit.into());
                };
                let rows: Vec<_> = found.bans.iter().map(row).collect();
                output.records(COLUMNS, &rows);
            }
            Self::Lift { ban } => {
                caller.done(request::Body::LiftBan(wire::LiftBan { id: ban })).await?;
                output.line(format!("Ban {ban} is lifted."));
                output.object(&json!({ "lifted": ban }));
            }
        }
        Ok(())
    }
}
