//! `parlour claim`.

use std::io::{IsTerminal, stdin};

use clap::Args;
use serde_json::json;

use super::config::{Kept, keep_public_address};
use super::connect::{Expected, RemoteServer, announce, device};
use super::invite::{ReachedFrom, reach_of};
use super::output::Output;
use super::secret::{ask, code, code_and_address, password};
use crate::client::{ConnectError, Credentials};

/// Become the first administrator of a new server, with the code it printed.
#[derive(Debug, Args)]
pub(super) struct Claim {
    /// The claim code from the server's first-run screen. Asked for when it is left out; `-` reads it from standard input.
    code: Option<String>,
    /// The server: parlour://[user@]host[:port]; the user is the name you will have. Default: this machine's.
    #[arg(env = "PARLOUR_ADDRESS")]
    address: Option<String>,
    #[command(flatten)]
    expected: Expected,
    /// Read the password from standard input; it comes after the code, where that is read there, too.
    #[arg(long)]
    password_stdin: bool,
}

impl Claim {
    pub(super) async fn run(self, output: Output) -> anyhow::Result<()> {
        let (given, address) = code_and_address(self.code, self.address);
        let mut remote = RemoteServer::find(Some(address.as_deref().unwrap_or("localhost")))?;
        let code = code(given.as_deref(), "The claim code", output)?;
        let name = remote.address.user.clone().map_or_else(|| ask("The name you want"), Ok)?;
        let password = password(self.password_stdin, "The password you want (10 characters or more)", true)?;
        let connected = remote.connect(self.expected.trust).await?;
        let fingerprint = connected.fingerprint();
        announce(output, &remote, self.expected, fingerprint);
        let credentials = Credentials::claim(&code, &name, &password, &device());
        let session = connected.log_in(credentials).await.map_err(ConnectError::from)?;
        let name = session.logged_in().name.clone();
        remote.remember(&session, fingerprint)?;
        remote.register_device(&session).await?;
        output.line(format!("You are {name}, the administrator of {}.", remote.address.server()));
        if session.welcome().public_page.is_empty() && reach_of(&remote.address.host) == ReachedFrom::Machine
        {
            ask_for_public_address(output)?;
        }
        output.line(
            "Next: parlour invite create, or parlour user create NAME; then they log in with parlour login",
        );
        output.object(&json!({ "server": remote.address.server(), "name": name, "session": session.id().0 }));
        session.close().await;
        Ok(())
    }
}

/// A server doesn't know by which name others reach it, and whoever claims it on its own machine hasn't said it by the
/// address. Nothing is asked where nobody could answer.
fn ask_for_public_address(output: Output) -> anyhow::Result<()> {
    if output.is_json() || !stdin().is_terminal() {
        return Ok(());
    }
    output
        .line("Invites lead to this machine only, until the server knows the name by which others reach it.");
    let said = ask("That name, as voice.example.org (Enter: not yet)")?;
    if said.is_empty() {
        output.line("Set web.public_address when you know it.");
        return Ok(());
    }
    match keep_public_address(&said)? {
        Kept::In(path) => {
            output.line(format!("{} has it; the server goes by it from its next start on.", path.display()));
        }
        Kept::Not(path) => output.line(format!(
            "This user can't write {}. Put into its part [web]:\n  public_address = \"{said}\"\nand start the server anew.",
            path.display()
        )),
    }
    Ok(())
}
