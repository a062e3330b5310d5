//! `parlour login`.

use clap::Args;
use serde_json::json;

use super::connect::{Place, announce, ask, device, password};
use super::output::Output;
use crate::client::{ConnectError, Credentials};
use crate::id::Fingerprint;

/// Log in to a server, and stay logged in.
#[derive(Debug, Args)]
pub(super) struct Login {
    /// The server: parlour://[user@]host[:port]. Default: the one logged in to last.
    #[arg(env = "PARLOUR_ADDRESS")]
    address: Option<String>,
    /// Come in as a guest of this name, where the server lets guests in.
    #[arg(long, value_name = "NAME")]
    guest: Option<String>,
    /// Read the password from standard input.
    #[arg(long)]
    password_stdin: bool,
    /// Trust this certificate, and no longer the one seen before.
    #[arg(long, value_name = "FINGERPRINT", value_parser = fingerprint)]
    trust: Option<Fingerprint>,
}

fn fingerprint(text: &str) -> Result<Fingerprint, String> {
    Fingerprint::parse(text)
        .ok_or_else(|| "a fingerprint is 64 hexadecimal digits, with or without colons".to_owned())
}

impl Login {
    pub(super) async fn run(self, output: Output) -> anyhow::Result<()> {
        let mut place = Place::find(self.address.as_deref())?;
        // Asked before connecting: the server doesn't wait for somebody who types.
        let credentials = if let Some(name) = &self.guest {
            Credentials::guest(name, &device())
        } else {
            let name = place.address.user.clone().map_or_else(|| ask("Name"), Ok)?;
            let question = format!("Password of {name} at {}", place.address.server());
            let password = password(self.password_stdin, &question, false)?;
            Credentials::password(&name, &password, &device())
        };
        let connected = place.connect(self.trust).await?;
        let fingerprint = connected.fingerprint();
        announce(output, &place, fingerprint);
        let welcome = connected.welcome().clone();
        let session = connected.log_in(credentials).await.map_err(ConnectError::from)?;
        let name = session.logged_in().name.clone();
        if self.guest.is_none() {
            place.remember(&session, fingerprint)?;
        }
        output.line(format!("Logged in to {} ({}) as {name}.", welcome.server_name, place.address.server()));
        output.object(&json!({
            "server": place.address.server(), "name": name, "session": session.id().0,
            "fingerprint": fingerprint.to_string(), "token_expires_ms": session.logged_in().token_expires_ms,
        }));
        session.close().await;
        Ok(())
    }
}
