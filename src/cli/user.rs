//! `parlour user`.

use anyhow::bail;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::account::ended_with;
use super::caller::Caller;
use super::connect::Acting;
use super::operate;
use super::output::Output;
use super::role::named;
use super::secret::password;
use super::words::{local, moment};
use crate::admin::{Answer, Limit};
use crate::bounds::LONGEST_PAGE;
use crate::client::RequestError;
use crate::id::Timestamp;
use crate::protocol::wire::{self, request, response};

/// Accounts.
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
        /// Its e-mail address.
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
        /// With another password, leave the account's API keys as they are. Without this they end, as every log-in does.
        #[arg(long, requires = "password_stdin")]
        keep_keys: bool,
    },
    /// Make a code by which a user chooses another password with `parlour reset`, or in the page; good for 30 minutes, once.
    ResetCode {
        /// The user's name.
        name: String,
    },
    /// Delete an account with all that is its own; the audit trail stays.
    Delete {
        /// The user's name.
        name: String,
    },
    /// Show or set what is kept of a user, for those who look after accounts; the user never sees it.
    Note {
        /// The user's name.
        name: String,
        /// What to keep, 1000 characters at most; an empty text takes the note away.
        text: Option<String>,
    },
    /// Give a user a role.
    Grant {
        /// The user's name.
        name: String,
        /// The role's name.
        role: String,
        /// Until when, as 2026-11-21 08:00 by this machine's clock, or 2026-11-21T08:00:00Z; for good otherwise.
        #[arg(long, value_name = "TIME", value_parser = moment)]
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

/// The columns of a list of accounts.
const COLUMNS: &[(&str, &str)] = &[
    ("id", "User"),
    ("name", "Name"),
    ("email", "E-mail"),
    ("roles", "Roles"),
    ("state", "State"),
    ("last_login", "Last log-in"),
];

impl User {
    pub(super) async fn run(self, output: Output) -> anyhow::Result<()> {
        let caller = Caller::of(&self.acting).await?;
        let answer = self.command.run(&caller).await;
        caller.close().await;
        operate::print(&answer?, COLUMNS, output);
        Ok(())
    }
}

impl Command {
    async fn run(self, caller: &Caller) -> anyhow::Result<Answer> {
        match self {
            Self::Create { name, role, email, password_stdin } => {
                let password = ask_password(&name, password_stdin)?;
                let create = wire::CreateUser { name: name.clone(), password, role };
                caller.created(request::Body::CreateUser(create)).await?;
                if email.is_some() {
                    let edit = wire::EditUser { name: name.clone(), rename: None, email };
                    caller.done(request::Body::EditUser(edit)).await?;
                }
                Ok(shown(caller, &name, "created").await)
            }
            Self::Disable { name } => disable(caller, name, true).await,
            Self::Enable { name } => disable(caller, name, false).await,
            Self::List(limit) => list(caller, limit).await,
            Self::Show { name } => {
                Ok(Answer { text: String::new(), rows: vec![row(ask_for(caller, &name).await?)] })
            }
            Self::Edit { name, rename, email, password_stdin, keep_keys } => {
                let ended = if password_stdin {
                    set_password(caller, &name, keep_keys).await?
                } else {
                    String::new()
                };
                let now = rename.clone().unwrap_or_else(|| name.clone());
                if rename.is_some() || email.is_some() {
                    caller.done(request::Body::EditUser(wire::EditUser { name, rename, email })).await?;
                }
                let answer = shown(caller, &now, "changed").await;
                Ok(Answer { text: format!("{} {ended}", answer.text).trim_end().to_owned(), ..answer })
            }
            Self::ResetCode { name } => reset_code(caller, name).await,
            Self::Delete { name } => {
                caller.done(request::Body::DeleteUser(wire::DeleteUser { name: name.clone() })).await?;
                Ok(Answer { text: format!("{name} is deleted with all that was theirs."), rows: Vec::new() })
            }
            Self::Note { name, text: None } => {
                let user = ask_for(caller, &name).await?;
                let text = Some(user.note.clone()).filter(|note| !note.is_empty());
                let text = text.unwrap_or_else(|| format!("There is no note on {}.", user.name));
                Ok(Answer { text, rows: vec![row(user)] })
            }
            Self::Note { name, text: Some(text) } => {
                let what = if text.is_empty() { "without a note" } else { "noted" };
                caller.done(request::Body::SetNote(wire::SetNote { name: name.clone(), text })).await?;
                Ok(shown(caller, &name, what).await)
            }
            Self::Grant { name, role, until } => {
                let roles = caller.roles().await?;
                let role = named(&roles, &role)?;
                let life_ms = until.map_or(0, |until| until.0.saturating_sub(operate::now().0));
                if until.is_some() && life_ms == 0 {
                    bail!("this time is over; give one that is still to come");
                }
                let grant = wire::GrantRole { user: name.clone(), role: role.id.0, life_ms };
                caller.done(request::Body::GrantRole(grant)).await?;
                let until = until.map_or(String::new(), |until| format!(" until {}", local(until)));
                Ok(shown(caller, &name, &format!("{}{until}", role.name)).await)
            }
            Self::Revoke { name, role } => {
                let roles = caller.roles().await?;
                let role = named(&roles, &role)?;
                let revoke = wire::RevokeRole { user: name.clone(), role: role.id.0 };
                caller.done(request::Body::RevokeRole(revoke)).await?;
                Ok(shown(caller, &name, &format!("{} no more", role.name)).await)
            }
        }
    }
}

fn ask_password(name: &str, from_stdin: bool) -> anyhow::Result<String> {
    password(from_stdin, &format!("A password for {name} (10 characters or more)"), true)
}

/// Gives somebody the password that stands in standard input, and says what ended with the one before.
async fn set_password(caller: &Caller, name: &str, keep_keys: bool) -> anyhow::Result<String> {
    let password = ask_password(name, true)?;
    let set = wire::SetUserPassword { name: name.to_owned(), password, keep_keys, by_code: false };
    match caller.ask(request::Body::SetUserPassword(set)).await? {
        response::Body::PasswordChanged(ended) => Ok(ended_with(&ended)),
        _ => Err(RequestError::Misfit.into()),
    }
}

/// Makes a code by which somebody chooses another password.
async fn reset_code(caller: &Caller, name: String) -> anyhow::Result<Answer> {
    let set = wire::SetUserPassword { name: name.clone(), by_code: true, ..Default::default() };
    let response::Body::PasswordChanged(made) = caller.ask(request::Body::SetUserPassword(set)).await? else {
        return Err(RequestError::Misfit.into());
    };
    let (code, until) = (made.code, Timestamp(made.code_expires_ms));
    let text = format!(
        "{code}\nGive it to {name}: `parlour reset` asks for it. It is good until {}, once, and then everything that {name} is \
         logged in by ends.",
        local(until)
    );
    Ok(Answer { text, rows: vec![json!({ "name": name, "code": code, "expires": until })] })
}

async fn disable(caller: &Caller, name: String, disabled: bool) -> anyhow::Result<Answer> {
    let set = wire::SetUserDisabled { name: name.clone(), disabled };
    caller.done(request::Body::SetUserDisabled(set)).await?;
    Ok(shown(caller, &name, if disabled { "disabled" } else { "enabled" }).await)
}

async fn list(caller: &Caller, limit: Limit) -> anyhow::Result<Answer> {
    let (mut rows, mut after) = (Vec::new(), limit.after.unwrap_or(0));
    while rows.len() < limit.limit {
        let wanted = (limit.limit - rows.len()).min(LONGEST_PAGE);
        let list = wire::ListUsers { after, limit: wanted as u32, ..wire::ListUsers::default() };
        let response::Body::Users(page) = caller.ask_patiently(request::Body::ListUsers(list)).await? else {
            return Err(RequestError::Misfit.into());
        };
        let is_last = page.users.len() < wanted;
        after = page.users.last().map_or(after, |user| user.user);
        rows.extend(page.users.into_iter().map(row));
        if is_last {
            break;
        }
    }
    Ok(Answer { text: String::new(), rows })
}

async fn ask_for(caller: &Caller, name: &str) -> anyhow::Result<wire::User> {
    let show = wire::ShowUser { name: name.to_owned() };
    match caller.ask(request::Body::ShowUser(show)).await? {
        response::Body::User(user) => Ok(user),
        _ => Err(RequestError::Misfit.into()),
    }
}

/// Says what an account is now, and shows it to those who may see it.
async fn shown(caller: &Caller, name: &str, what: &str) -> Answer {
    let mut row = ask_for(caller, name).await.map_or_else(|_| json!({ "name": name }), row);
    row["done"] = json!(what);
    Answer { text: format!("{} is {what}.", row["name"].as_str().unwrap_or(name)), rows: vec![row] }
}

fn row(user: wire::User) -> Value {
    let last = (user.last_log_in_ms > 0).then_some(Timestamp(user.last_log_in_ms));
    json!({
        "id": user.user, "name": user.name, "email": Some(user.email).filter(|email| !email.is_empty()),
        "roles": user.roles.join(", "), "state": if user.disabled { "disabled" } else { "active" },
        "second_factor": user.second_factor, "created": Timestamp(user.created_ms), "last_login": last,
        "note": Some(user.note).filter(|note| !note.is_empty()),
    })
}
