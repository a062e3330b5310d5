//! `parlour status`.

use std::time::Instant;

use clap::Args;
use serde_json::json;

use super::connect::{RemoteServer, Server};
use super::output::{Output, counted};
use crate::protocol::wire::{self, request};

/// Show where you are logged in and how good the connection is.
#[derive(Debug, Args)]
pub(super) struct Status {
    #[command(flatten)]
    server: Server,
}

impl Status {
    pub(super) async fn run(self, output: Output) -> anyhow::Result<()> {
        let remote = RemoteServer::find(self.server.address.as_deref())?;
        let session = remote.enter().await?.session;
        let asked = Instant::now();
        session.request(request::Body::Ping(wire::Ping {})).await?;
        let round_trip = asked.elapsed();
        let (welcome, view) = (session.welcome().clone(), session.view());
        let fingerprint = remote.known().map_or("", |known| known.fingerprint.as_str());
        let people = view.members.len() as u64;
        output.line(format!(
            "{} at {}, version {}",
            welcome.server_name,
            remote.address.server(),
            welcome.server_version
        ));
        output.line(format!("  you         {}", session.logged_in().name));
        output.line(format!("  connected   {}, you among them", counted(people, "session")));
        output.line(format!("  round trip  {:.1} ms", round_trip.as_secs_f64() * 1e3));
        output.line(format!("  identity    {fingerprint}"));
        output.object(&json!({
            "server": remote.address.server(), "server_name": welcome.server_name, "version": welcome.server_version,
            "name": session.logged_in().name, "sessions": people, "fingerprint": fingerprint,
            "round_trip_ms": round_trip.as_secs_f64() * 1e3,
        }));
        session.close().await;
        Ok(())
    }
}
