//! `parlour key`.

use clap::{Args, Subcommand};
use serde_json::json;

use super::connect::{Place, Server};
use super::output::{Output, paint, styled};
use super::span::Span;
use crate::id::Timestamp;
use crate::permission::Permissions;

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
        #[arg(long, default_value = "view, join")]
        allow: Permissions,
        /// How long it is good: 12h, 30d. Default: until it is revoked.
        #[arg(long = "for", value_name = "TIME")]
        life: Option<Span>,
    },
    /// Show your keys.
    List,
    /// A key is good no more.
    Revoke {
        /// Its number in the list.
        key: u64,
    },
}

impl Key {
    pub(super) async fn run(self, output: Output) -> anyhow::Result<()> {
        let place = Place::find(self.server.address.as_deref())?;
        let session = place.enter().await?.session;
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
                let mut rows = Vec::new();
                for key in session.api_keys().await? {
                    let time = |at: u64| (at > 0).then_some(Timestamp(at));
                    let allow = Permissions::from_bits(key.scopes).to_string();
                    output.object(&json!({
                        "id": key.id, "prefix": key.prefix, "name": key.name, "allow": allow,
                        "created": Timestamp(key.created_ms), "expires": time(key.expires_ms), "used": time(key.used_ms),
                    }));
                    let shown =
                        |at: u64, none: &str| time(at).map_or_else(|| none.to_owned(), |at| at.to_string());
                    rows.push(vec![
                        key.id.to_string(),
                        key.prefix,
                        key.name,
                        allow,
                        shown(key.expires_ms, "for good"),
                        shown(key.used_ms, "never"),
                    ]);
                }
                output.table(&["Key", "Begins", "For", "May", "Good until", "Used"], rows);
            }
            Command::Revoke { key } => {
                session.revoke_api_key(key).await?;
                output.line(format!("Key {key} is good no more."));
                output.object(&json!({ "revoked": key }));
            }
        }
        session.close().await;
        Ok(())
    }
}
