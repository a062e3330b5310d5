//! Where a command comes in: the server, the channel, and as whom. The same arguments for all that speak and hear.

use anyhow::Context;
use clap::Args;

use super::super::output::Output;
use super::super::secret::channel_password;
use super::{Entered, RemoteServer};
use crate::client::{Known, Session};
use crate::id::ChannelId;
use crate::protocol::ErrorCode;

/// Where a command comes in, and as whom.
#[derive(Clone, Debug, Args)]
pub(in crate::cli) struct Place {
    /// The server, and perhaps the channel: parlour://[user@]host[:port][/+TAG][/Channel/Sub]. Default: the one logged in to last.
    #[arg(env = "PARLOUR_ADDRESS")]
    address: Option<String>,
    /// The channel to be in. Default: the address's, or the first one.
    #[arg(long, value_name = "CHANNEL")]
    channel: Option<String>,
    #[command(flatten)]
    password: JoinPassword,
    /// Come in as a guest of this name, where the server lets guests in.
    #[arg(long, value_name = "NAME")]
    guest: Option<String>,
}

impl Place {
    /// The server that is named, or the last one.
    pub(in crate::cli) fn remote(&self) -> anyhow::Result<RemoteServer> {
        RemoteServer::find(self.address.as_deref())
    }

    /// The same person at another address. What was said of the channel is of the first server; a guest stays one where nothing is
    /// kept of a log-in.
    pub(in crate::cli) fn elsewhere(&self, address: &str) -> anyhow::Result<Self> {
        let address = Some(address.to_owned());
        let is_logged_in = RemoteServer::find(address.as_deref())?.known().is_some_and(Known::is_logged_in);
        let guest = self.guest.clone().filter(|_| !is_logged_in);
        Ok(Self { address, channel: None, password: JoinPassword::default(), guest })
    }

    /// Connects and logs in.
    pub(in crate::cli) async fn enter(
        &self,
        remote: &mut RemoteServer,
        output: Output,
    ) -> anyhow::Result<Entered> {
        remote.enter_as(self.guest.as_deref(), output).await
    }

    /// The same for a program that stays: by a session of its own.
    pub(in crate::cli) async fn enter_to_stay(
        &self,
        remote: &mut RemoteServer,
        output: Output,
    ) -> anyhow::Result<Entered> {
        match &self.guest {
            Some(_) => self.enter(remote, output).await,
            None => remote.enter_to_stay().await,
        }
    }

    /// Goes into the channel, and answers with its path.
    pub(in crate::cli) async fn join(
        &self,
        session: &Session,
        remote: &RemoteServer,
        output: Output,
    ) -> anyhow::Result<String> {
        join(session, remote, self.channel.as_deref(), &self.password, output).await
    }
}

/// The password of a channel that is to be joined or listened to.
#[derive(Clone, Debug, Default, Args)]
pub(in crate::cli) struct JoinPassword {
    /// The channel's password, where it has one. Asked for when the value is left out or is `-`.
    #[arg(long = "password", value_name = "PASSWORD", num_args = 0..=1, default_missing_value = "-")]
    password: Option<String>,
}

impl JoinPassword {
    /// What was given, or typed when it is asked for; empty for none.
    pub(in crate::cli) fn of(&self, channel: &str, output: Output) -> anyhow::Result<String> {
        let question = format!("The password of {channel}");
        Ok(channel_password(self.password.as_deref(), &question, false, output)?.unwrap_or_default())
    }
}

/// Enters the channel that is named, by itself or in the address; the first one when none is.
pub(in crate::cli) async fn join(
    session: &Session,
    remote: &RemoteServer,
    named: Option<&str>,
    password: &JoinPassword,
    output: Output,
) -> anyhow::Result<String> {
    let view = session.view();
    let path = named.unwrap_or(&remote.address.channel);
    let channel = if path.is_empty() {
        view.children(None).first().copied().context("this server has no channels that you may see")?
    } else {
        view.find(path)?
    };
    let name = view.path(channel);
    let password = password.of(&name, output)?;
    let joined = session.join_with_password(ChannelId(channel.id), &password).await;
    joined.map_err(|error| {
        let is_asked = error.code() == Some(ErrorCode::ChannelPassword) && password.is_empty();
        let hint = if is_asked { " (give its password with --password)" } else { "" };
        anyhow::Error::new(error).context(format!("can't join {name}{hint}"))
    })?;
    Ok(name)
}
