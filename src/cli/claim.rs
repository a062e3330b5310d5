//! `parlour claim`.

use clap::Args;
use serde_json::json;

use super::connect::{RemoteServer, announce, ask, device, password};
use super::output::Output;
use crate::client::{ConnectError, Credentials};

/// Become the first administrator of a new server, with the code it printed.
#[derive(Debug, Args)]
pub(super) struct Claim {
    /// The claim code from the server's first-run screen.
    code: String,
    /// The server: parlour://[user@]host[:port]; the user is the name you will have.
    #[arg(env = "PARLOUR_ADDRESS", default_value = "localhost")]
    address: String,
    /// Read the password from standard input.
    #[arg(long)]
    password_stdin: bool,
}

impl Claim {
    pub(super) async fn run(self, output: Output) -> anyhow::Result<()> {
        let mut remote = RemoteServer::find(Some(&self.address))?;
        let name = remote.address.user.clone().map_or_else(|| ask("The name you want"), Ok)?;
        let password = password(self.password_stdin, "The password you want (10 characters or more)", true)?;
        let connected = remote.connect(None).await?;
        let fingerprint = connected.fingerprint();
        announce(output, &remote, fingerprint);
        let credentials = Credentials::claim(&self.code, &name, &password, &device());
        let session = connected.log_in(credentials).await.map_err(ConnectError::from)?;
        let name = session.logged_in().name.clone();
        remote.remember(&session, fingerprint)?;
        remote.register_device(&session).await?;
        output.line(format!("You are {name}, the administrator of {}.", remote.address.server()));
        output.line("Next: parlour user create NAME, then they log in with parlour login");
        output.object(&json!({ "server": remote.address.server(), "name": name, "session": session.id().0 }));
        session.close().await;
        Ok(())
    }
}
