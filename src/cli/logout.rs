//! `parlour logout`.

use clap::Args;
use serde_json::json;

use super::connect::{RemoteServer, Server};
use super::output::Output;
use crate::client::Known;

/// Log out, and forget the log-in here.
#[derive(Debug, Args)]
pub(super) struct Logout {
    #[command(flatten)]
    server: Server,
}

impl Logout {
    pub(super) async fn run(self, output: Output) -> anyhow::Result<()> {
        let mut remote = RemoteServer::find(self.server.address.as_deref())?;
        let entered = remote.enter().await?;
        remote.stay_no_more(&entered.session).await?;
        // Ends the device, with the key that it would come back by.
        entered.session.end_device(entered.session.id()).await?;
        let known = remote.known().cloned().unwrap_or_default();
        let forgotten = Known { fingerprint: known.fingerprint, ..Known::default() };
        let address = crate::client::Address { channel: String::new(), ..remote.address.clone() };
        remote.profile.remember(&remote.address.home(), address.to_string(), forgotten)?;
        output.line(format!("Logged out of {}.", remote.address.server()));
        output.object(&json!({ "server": remote.address.server(), "logged_out": true }));
        Ok(())
    }
}
