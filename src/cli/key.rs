//! `parlour key`.

use clap::{Args, Subcommand};
use serde_json::json;

use super::connect::Server;
use super::output::{Output, paint, styled};
use super::span::Span;
use super::words::permissions;
use crate::id::Timestamp;
use crate::permission::Permissions;
use crate::protocol::wire;

/// Keys for programs that act for you.
#[derive(Debug, Args)]
pub(super) struct Key {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    server: Server,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a key. It is shown once.
    Create {
        /// What it is for.
        name: String,
        /// What it may do at most, in words separated by commas; nothing that you may not.
        #[arg(long, default_value = "view, join", value_parser = permissions)]
        allow: Permissions,
        /// How long it is good: 12h, 30d. Default: until it is revoked.
        #[arg(long = "for", value_name = "TIME")]
        life: Option<Span>,
    },
    /// Show your keys.
    List,
    /// A key is good no more, nor are the invites that it made.
    Revoke {
        /// Its number in the list.
        key: u64,
    },
}

const COLUMNS: &[(&str, &str, &str)] = &[
    ("id", "Key", ""),
    ("prefix", "Begins", ""),
    ("name", "For", ""),
    ("allow", "May", ""),
    ("expires", "Good until", "for good"),
    ("used", "Used", "never"),
];

impl Key {
    pub(super) async fn run(self, output: Output) -> anyhow::Result<()> {
        let session = self.server.enter_for_lasting().await?;
        match self.command {
            Command::Create { name, allow, life } => {
                let made = session.create_api_key(&name, allow, life.map(|span| span.0)).await?;
                output.line(format!("  {}", paint(&made.key, "1", styled())));
                output.line(format!(
                    "It isn't shown again. A program uses it as PARLOUR_API_KEY, and may: {allow}."
                ));
                output.object(&json!({ "id": made.id, "key": made.key, "allow": allow.to_string() }));
            }
            Command::List => {
                let time = |at: u64| (at > 0).then_some(Timestamp(at));
                let row = |key: &wire::ApiKey| {
                    json!({
                        "id": key.id, "prefix": key.prefix, "name": key.name,
                        "allow": Permissions::from_bits(key.scopes).to_string(),
                        "created": Timestamp(key.created_ms), "expires": time(key.expires_ms), "used": time(key.used_ms),
                    })
                };
                let rows: Vec<_> = session.api_keys().await?.iter().map(row).collect();
                output.records(COLUMNS, &rows);
            }
            Command::Revoke { key } => {
                session.revoke_api_key(key).await?;
                output.line(format!("Key {key} is good no more, nor are invites that it made."));
                output.object(&json!({ "revoked": key }));
            }
        }
        session.close().await;
        Ok(())
    }
}
