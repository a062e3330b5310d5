//! `parlour login`.

use std::io::{IsTerminal, stdin};

use clap::Args;
use serde_json::json;

use super::connect::{Expected, RemoteServer, announce, device, welcome as show_welcome};
use super::login_web;
use super::output::Output;
use super::secret::{ask, code, password};
use crate::client::{ConnectError, Connected, Credentials, RequestError, Session};
use crate::id::Fingerprint;
use crate::protocol::ErrorCode;

/// Log in to a server, and stay logged in.
#[derive(Debug, Args)]
pub(super) struct Login {
    /// The server: parlour://[user@]host[:port]. Default: the one logged in to last.
    #[arg(env = "PARLOUR_ADDRESS")]
    address: Option<String>,
    /// Come in as a guest of this name, where the server lets guests in.
    #[arg(long, value_name = "NAME")]
    guest: Option<String>,
    /// Show a code, which you type on the server's page, here or on another device, and are logged in by that.
    #[arg(long, conflicts_with_all = ["guest", "password_stdin", "code"])]
    web: bool,
    /// Read the password from standard input.
    #[arg(long)]
    password_stdin: bool,
    /// The one-time code or a recovery code, where the account has a second factor. Default: asked for; `-` reads it from
    /// standard input.
    #[arg(long)]
    code: Option<String>,
    #[command(flatten)]
    expected: Expected,
}

impl Login {
    /// Logs in, and asks for a one-time code if the account wants one.
    async fn with_code(
        &self,
        remote: &RemoteServer,
        connected: Connected,
        name: &str,
        password: &str,
        given: &str,
    ) -> anyhow::Result<Result<Session, RequestError>> {
        let credentials = |code: &str| Credentials::password_and_code(name, password, code, &device());
        let first = connected.log_in(credentials(given)).await;
        match first {
            Err(error) if error.code() == Some(ErrorCode::SecondFactorNeeded) && stdin().is_terminal() => {
                let code = ask("One-time code, or a recovery code")?;
                Ok(remote.connect(self.expected.trust).await?.log_in(credentials(&code)).await)
            }
            outcome => Ok(outcome),
        }
    }

    pub(super) async fn run(self, output: Output) -> anyhow::Result<()> {
        let mut remote = RemoteServer::find(self.address.as_deref())?;
        if self.web {
            let (session, welcome, fingerprint) = login_web::log_in(&remote, self.expected, output).await?;
            return self.keep(&mut remote, session, (&welcome.server_name, fingerprint), output).await;
        }
        // Asked before connecting: the server doesn't wait for somebody who types.
        let account = if self.guest.is_some() {
            None
        } else {
            let name = remote.address.user.clone().map_or_else(|| ask("Name"), Ok)?;
            let question = format!("Password of {name} at {}", remote.address.server());
            Some((name, password(self.password_stdin, &question, false)?))
        };
        let given = match &self.code {
            Some(given) => code(Some(given), "One-time code, or a recovery code", output)?,
            None => String::new(),
        };
        let connected = remote.connect(self.expected.trust).await?;
        let fingerprint = connected.fingerprint();
        announce(output, &remote, self.expected, fingerprint);
        let welcome = connected.welcome().clone();
        let session = match (&self.guest, &account) {
            (Some(guest), _) => connected.log_in(Credentials::guest(guest, &device())).await,
            (None, Some((name, password))) => {
                self.with_code(&remote, connected, name, password, &given).await?
            }
            (None, None) => Err(RequestError::Misfit),
        };
        let session = session.map_err(ConnectError::from)?;
        self.keep(&mut remote, session, (&welcome.server_name, fingerprint), output).await
    }

    /// Keeps a log-in for the next commands, and says what came of it.
    async fn keep(
        self,
        remote: &mut RemoteServer,
        session: Session,
        (server, fingerprint): (&str, Fingerprint),
        output: Output,
    ) -> anyhow::Result<()> {
        let name = session.logged_in().name.clone();
        if self.guest.is_none() {
            remote.remember(&session, fingerprint)?;
            remote.register_device(&session).await?;
        }
        output.line(format!("Logged in to {server} ({}) as {name}.", remote.address.server()));
        show_welcome(output, &session);
        output.object(&json!({
            "welcome": session.view().organization.welcome,
            "server": remote.address.server(), "name": name, "session": session.id().0,
            "fingerprint": fingerprint.to_string(), "token_expires_ms": session.logged_in().token_expires_ms,
        }));
        session.close().await;
        Ok(())
    }
}
