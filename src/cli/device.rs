//! `parlour device`.

use anyhow::Context;
use clap::{Args, Subcommand};
use serde_json::json;

use super::connect::Server;
use super::output::Output;
use super::words::digits;
use crate::id::{Fingerprint, SessionId, Timestamp};
use crate::protocol::wire;

/// The devices that are logged in to your account.
#[derive(Debug, Args)]
pub(super) struct Device {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    server: Server,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show them: program, place and time of last use.
    List,
    /// Log one out.
    End {
        /// Its number in the list.
        device: u64,
    },
    /// Log all out but this one, and remove the keys of the others. What you allowed programs and the invites that you made end,
    /// too; API keys, programs that act for you by themselves and log-ins by other servers stay.
    EndOthers,
    /// A device may come back by its own key no more; it is logged out.
    RemoveKey {
        /// The key's fingerprint, from the list.
        fingerprint: String,
    },
}

impl Device {
    pub(super) async fn run(self, output: Output) -> anyhow::Result<()> {
        let session = self.server.enter().await?;
        match self.command {
            Command::List => {
                let devices = session.devices().await?;
                let mut rows = Vec::new();
                for device in &devices.devices {
                    let key = devices.keys.iter().find(|key| key.session == device.session);
                    let key = key.and_then(fingerprint).map(digits);
                    let marks = [(device.this, "this one"), (device.connected, "connected")];
                    let marks: Vec<_> = marks.iter().filter(|(is, _)| *is).map(|(_, word)| *word).collect();
                    output.object(&json!({
                        "device": device.session, "name": device.name, "client": device.client,
                        "address": device.address, "used": Timestamp(device.used_ms),
                        "created": Timestamp(device.created_ms), "expires": Timestamp(device.expires_ms),
                        "connected": device.connected, "this": device.this, "key": key,
                    }));
                    rows.push(vec![
                        device.session.to_string(),
                        device.name.clone(),
                        device.client.clone(),
                        device.address.clone(),
                        Timestamp(device.used_ms).to_string(),
                        marks.join(", "),
                        key.map(|key| key[..16].to_owned()).unwrap_or_default(),
                    ]);
                }
                output.table(&["Device", "Name", "Program", "Address", "Used", "", "Key begins"], rows);
            }
            Command::End { device } => {
                session.end_device(SessionId(device)).await?;
                output.line(format!("Device {device} is logged out."));
                output.object(&json!({ "ended": device }));
            }
            Command::EndOthers => {
                session.end_other_devices().await?;
                output.line(
                    "Every other device is logged out. What you allowed programs and the invites that you made ended with it; \
                     API keys stay.",
                );
                output.object(&json!({ "ended": "others" }));
            }
            Command::RemoveKey { fingerprint: given } => {
                let devices = session.devices().await?;
                let wanted = given.replace(':', "").to_lowercase();
                let mut fitting = devices.keys.iter().filter_map(|key| {
                    let key = fingerprint(key)?;
                    (!wanted.is_empty() && digits(key).starts_with(&wanted)).then_some(key)
                });
                let key = fitting.next().filter(|_| fitting.next().is_none());
                let key = key.context("no one key begins so; `parlour device list` shows them")?;
                session.remove_key(key).await?;
                output.line("The key is removed, and its device logged out.");
                output.object(&json!({ "removed": key.to_string() }));
            }
        }
        session.close().await;
        Ok(())
    }
}

fn fingerprint(key: &wire::DeviceKey) -> Option<Fingerprint> {
    key.fingerprint.as_ref().try_into().ok().map(Fingerprint)
}
