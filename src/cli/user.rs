//! `parlour user`.

use clap::{Args, Subcommand};
use serde_json::json;

use super::connect::{Place, Server, password};
use super::output::Output;

/// Create, disable and enable accounts.
#[derive(Debug, Args)]
pub(super) struct User {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    server: Server,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Create an account.
    Create {
        /// The user's name.
        name: String,
        /// The role it gets.
        #[arg(long, default_value = "Member")]
        role: String,
        /// Read the password from standard input.
        #[arg(long)]
        password_stdin: bool,
    },
    /// Disable an account and end its sessions.
    Disable {
        /// The user's name.
        name: String,
    },
    /// Enable an account again.
    Enable {
        /// The user's name.
        name: String,
    },
}

impl User {
    pub(super) async fn run(self, output: Output) -> anyhow::Result<()> {
        let place = Place::find(self.server.address.as_deref())?;
        let new_password = match &self.command {
            Command::Create { name, password_stdin, .. } => {
                password(*password_stdin, &format!("A password for {name} (10 characters or more)"), true)?
            }
            Command::Disable { .. } | Command::Enable { .. } => String::new(),
        };
        let session = place.enter().await?.session;
        let (name, what) = match self.command {
            Command::Create { name, role, .. } => {
                session.create_user(&name, &new_password, &role).await?;
                (name, "created")
            }
            Command::Disable { name } => {
                session.set_user_disabled(&name, true).await?;
                (name, "disabled")
            }
            Command::Enable { name } => {
                session.set_user_disabled(&name, false).await?;
                (name, "enabled")
            }
        };
        output.line(format!("{name} is {what}."));
        output.object(&json!({ "name": name, "done": what }));
        session.close().await;
        Ok(())
    }
}
