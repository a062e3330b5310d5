//! `parlour discover`.

use std::net::SocketAddr;
use std::time::Duration;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::output::{Output, printable};
use super::serve::{join_address, page_address};
use crate::discovery::{Found, browse};

/// List the servers on the local network.
#[derive(Debug, Args)]
pub(super) struct Discover {
    /// Seconds to listen for.
    #[arg(long = "for", default_value_t = 3, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=600))]
    seconds: u32,
}

impl Discover {
    pub(super) async fn run(self, output: Output) -> anyhow::Result<()> {
        let bar = ProgressBar::new_spinner();
        bar.set_style(
            ProgressStyle::with_template("{spinner} {msg}")
                .unwrap_or_else(|_| ProgressStyle::default_spinner()),
        );
        bar.set_message("Asking the local network");
        bar.enable_steady_tick(Duration::from_millis(100));
        let mut all: Vec<Found> = Vec::new();
        let found = browse(Duration::from_secs(self.seconds.into()), |found| {
            bar.set_message(printable(&format!("Asking the local network: {} so far", found.name)));
            // What a server says anew replaces what it said before.
            all.retain(|known| known.fingerprint != found.fingerprint || known.name != found.name);
            all.push(found.clone());
        });
        let done = found.await;
        bar.finish_and_clear();
        done?;
        all.sort_by(|one, other| one.name.cmp(&other.name));
        let mut rows = Vec::new();
        for found in &all {
            let joins: Vec<_> = found.addresses.iter().map(|ip| join_address(*ip, found.port)).collect();
            let pages = found.addresses.iter().filter(|_| found.page).map(|ip| page_address(*ip, found.port));
            let identity = found.fingerprint.map(|fingerprint| fingerprint.to_string());
            output.object(&json!({
                "name": found.name, "version": found.version, "fingerprint": identity,
                "addresses": found.addresses.iter().map(|ip| SocketAddr::new(*ip, found.port).to_string()).collect::<Vec<_>>(),
                "join": joins, "pages": pages.clone().collect::<Vec<_>>(),
            }));
            rows.push(vec![
                found.name.clone(),
                joins.join("\n"),
                pages.collect::<Vec<_>>().join("\n"),
                identity.unwrap_or_default().get(..23).unwrap_or_default().to_owned(),
                found.version.clone(),
            ]);
        }
        if rows.is_empty() {
            output.line(
                "No server answered on this network. One in another network, or behind a router that keeps multicast \
                 back, is reached by its address: parlour login parlour://NAME@HOST",
            );
        } else {
            output.table(&["Server", "Address", "In a browser", "Identity begins", "Version"], rows);
            output.line("Anybody on the network can claim a name: compare the identity with what the server's first-run screen shows.");
        }
        Ok(())
    }
}
