//! `parlour user`.

use clap::{Args, Subcommand};
use serde_json::json;

use super::connect::{Acting, password};
use super::output::Output;
use crate::admin::{self, Limit, Request};
use crate::client::Session;
use crate::id::Timestamp;

/// Accounts. `create`, `disable` and `enable` go to the server you are logged in to, if you are to any, and neither
/// --data-dir nor --organization is given; the others are for the machine's owner.
#[derive(Debug, Args)]
pub(super) struct User {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    acting: Acting,
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
        /// Its e-mail address; said by the machine's owner only.
        #[arg(long)]
        email: Option<String>,
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
    /// List the accounts.
    List(Limit),
    /// Show one account.
    Show {
        /// The user's name.
        name: String,
    },
    /// Change an account's name, e-mail address or password; another password ends its sessions.
    Edit {
        /// The user's name.
        name: String,
        /// Another name.
        #[arg(long, value_name = "NAME")]
        rename: Option<String>,
        /// Another e-mail address; an empty one takes it away.
        #[arg(long)]
        email: Option<String>,
        /// Read another password from standard input.
        #[arg(long)]
        password_stdin: bool,
    },
    /// Delete an account with all that is its own; the audit trail stays.
    Delete {
        /// The user's name.
        name: String,
    },
    /// Give a user a role.
    Grant {
        /// The user's name.
        name: String,
        /// The role's name.
        role: String,
        /// Until when (2026-11-21T08:00:00Z); for good otherwise.
        #[arg(long, value_name = "TIME")]
        until: Option<Timestamp>,
    },
    /// Take a role from a user.
    Revoke {
        /// The user's name.
        name: String,
        /// The role's name.
        role: String,
    },
}

impl User {
    pub(super) async fn run(self, output: Output) -> anyhow::Result<()> {
        use admin::User as R;
        let session = match self.command {
            Command::Create { email: None, .. } | Command::Disable { .. } | Command::Enable { .. } => {
                self.acting.session().await?
            }
            _ => None,
        };
        let ask = |name: &str, from_stdin: bool| {
            password(from_stdin, &format!("A password for {name} (10 characters or more)"), true)
        };
        let user = match self.command {
            Command::Create { name, role, email, password_stdin } => {
                let password = ask(&name, password_stdin)?;
                if let Some(session) = session {
                    session.create_user(&name, &password, &role).await?;
                    done(output, &name, "created");
                    return Ok(());
                }
                R::Create { name, email, password: Some(password), role }
            }
            Command::Disable { name } => match session {
                Some(session) => return disable(session, &name, true, output).await,
                None => R::Disable { name, disabled: true },
            },
            Command::Enable { name } => match session {
                Some(session) => return disable(session, &name, false, output).await,
                None => R::Disable { name, disabled: false },
            },
            Command::List(limit) => R::List(limit),
            Command::Show { name } => R::Show { name },
            Command::Edit { name, rename, email, password_stdin } => {
                let password = password_stdin.then(|| ask(&name, true)).transpose()?;
                R::Edit { name, rename, email, password }
            }
            Command::Delete { name } => R::Delete { name },
            Command::Grant { name, role, until } => R::Grant { name, role, until },
            Command::Revoke { name, role } => R::Revoke { name, role },
        };
        let columns = [
            ("id", "User"),
            ("name", "Name"),
            ("email", "E-mail"),
            ("roles", "Roles"),
            ("state", "State"),
            ("last_login", "Last log-in"),
        ];
        let Acting { organization, place, .. } = self.acting;
        let request = Request::User { organization: organization.tag, user };
        place.show(request, &columns, output).await
    }
}

async fn disable(session: Session, name: &str, disabled: bool, output: Output) -> anyhow::Result<()> {
    session.set_user_disabled(name, disabled).await?;
    done(output, name, if disabled { "disabled" } else { "enabled" });
    Ok(())
}

fn done(output: Output, name: &str, what: &str) {
    output.line(format!("{name} is {what}."));
    output.object(&json!({ "name": name, "done": what }));
}
