//! `parlour role`.

use anyhow::Context;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::caller::Caller;
use super::connect::Acting;
use super::operate;
use super::output::Output;
use super::span::Span;
use super::words::{colour, known_permissions, local, permissions};
use crate::admin::{Answer, Limit};
use crate::client::{Holder, RequestError, Role as Told, RoleEdit};
use crate::id::RoleId;
use crate::permission::Permissions;
use crate::protocol::wire::{self, request, response};

/// Roles: named sets of permissions.
#[derive(Debug, Args)]
pub(super) struct Role {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    acting: Acting,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List them.
    List(Limit),
    /// Create one.
    #[command(after_help = known_permissions())]
    Create {
        /// Its name.
        name: String,
        /// Its rank; nobody does anything to who has a rank as high as their own.
        #[arg(long, default_value_t = 10)]
        rank: u32,
        /// What it allows everywhere, as words: view, join, speak, text, create channel ...
        #[arg(long, default_value = "", value_name = "PERMISSIONS", value_parser = permissions)]
        allow: Permissions,
        /// The colour of the names of those who have it: 00aa55.
        #[arg(long, value_parser = colour)]
        colour: Option<u32>,
    },
    /// Change its name, rank, colour or permissions.
    #[command(after_help = known_permissions())]
    Edit {
        /// Its name.
        name: String,
        #[command(flatten)]
        edit: Changes,
    },
    /// Delete one, and take it from everybody.
    Delete {
        /// Its name.
        name: String,
    },
    /// Give a user a role; who has it already gets the new end.
    Grant {
        /// The user's name.
        user: String,
        /// The role's name.
        role: String,
        /// For how long: 12h, 7d. Default: for good.
        #[arg(long = "for", value_name = "TIME")]
        life: Option<Span>,
    },
    /// Take a role from a user.
    Revoke {
        /// The user's name.
        user: String,
        /// The role's name.
        role: String,
    },
    /// Show who has a role.
    Holders {
        /// The role's name.
        role: String,
    },
}

/// What is to be different about a role.
#[derive(Clone, Debug, Args)]
pub(super) struct Changes {
    /// Another name.
    #[arg(long, value_name = "NAME")]
    rename: Option<String>,
    /// Another rank.
    #[arg(long)]
    rank: Option<u32>,
    /// What it allows everywhere from now on, all of it.
    #[arg(long, value_name = "PERMISSIONS", value_parser = permissions)]
    allow: Option<Permissions>,
    /// What it allows beside what it does.
    #[arg(long, value_name = "PERMISSIONS", value_parser = permissions, conflicts_with = "allow")]
    add: Option<Permissions>,
    /// What it allows no longer.
    #[arg(long, value_name = "PERMISSIONS", value_parser = permissions, conflicts_with = "allow")]
    take: Option<Permissions>,
    /// Another colour: 00aa55, or `none`.
    #[arg(long, value_parser = colour)]
    colour: Option<u32>,
}

impl Changes {
    /// The edit of a role that allows `present`.
    pub(super) fn of(self, present: Permissions) -> RoleEdit {
        let Self { rename, rank, allow, add, take, colour } = self;
        let none = Permissions::NONE;
        let changed = present.union(add.unwrap_or(none)).without(take.unwrap_or(none));
        let allow = allow.or_else(|| (add.is_some() || take.is_some()).then_some(changed));
        RoleEdit { name: rename, rank, colour, allow }
    }
}

/// The columns of a list of roles.
const COLUMNS: &[(&str, &str)] =
    &[("id", "Role"), ("name", "Name"), ("rank", "Rank"), ("colour", "Colour"), ("allow", "Allows")];

/// The columns of a list of those who have one.
const HOLDERS: &[(&str, &str)] = &[("id", "User"), ("name", "Name"), ("until", "Until")];

impl Role {
    pub(super) async fn run(self, output: Output) -> anyhow::Result<()> {
        let columns = if matches!(self.command, Command::Holders { .. }) { HOLDERS } else { COLUMNS };
        let caller = Caller::of(&self.acting).await?;
        let answer = self.command.run(&caller).await;
        caller.close().await;
        operate::print(&answer?, columns, output);
        Ok(())
    }
}

impl Command {
    async fn run(self, caller: &Caller) -> anyhow::Result<Answer> {
        let roles = caller.roles().await?;
        match self {
            Self::List(limit) => {
                let mut rest = roles.as_slice();
                if let Some(after) = limit.after {
                    let before = rest.iter().position(|role| role.id.0 == after);
                    rest = before.and_then(|before| rest.get(before + 1..)).unwrap_or_default();
                }
                let rows = rest.iter().take(limit.limit).map(row).collect();
                Ok(Answer { text: String::new(), rows })
            }
            Self::Create { name, rank, allow, colour } => {
                let colour = colour.unwrap_or(0);
                let create = wire::CreateRole { name, rank, colour, allow: allow.bits() };
                let id = caller.created(request::Body::CreateRole(create)).await?;
                shown(caller, RoleId(id), "created").await
            }
            Self::Edit { name, edit } => {
                let role = named(&roles, &name)?;
                caller.done(request::Body::EditRole(edit.of(role.allow).of(role.id))).await?;
                shown(caller, role.id, "changed").await
            }
            Self::Delete { name } => {
                let role = named(&roles, &name)?;
                caller.done(request::Body::RemoveRole(wire::RemoveRole { role: role.id.0 })).await?;
                Ok(said(format!("Role {} is deleted, and nobody has it any more.", role.name)))
            }
            Self::Grant { user, role, life } => grant(caller, user, named(&roles, &role)?, life).await,
            Self::Revoke { user, role } => revoke(caller, user, named(&roles, &role)?).await,
            Self::Holders { role } => {
                let list = wire::ListHolders { role: named(&roles, &role)?.id.0 };
                let response::Body::Holders(told) = caller.ask(request::Body::ListHolders(list)).await?
                else {
                    return Err(RequestError::Misfit.into());
                };
                let rows = told.holders.into_iter().map(|one| holder_row(&one.into())).collect();
                Ok(Answer { text: String::new(), rows })
            }
        }
    }
}

async fn grant(caller: &Caller, user: String, role: &Told, life: Option<Span>) -> anyhow::Result<Answer> {
    let life_ms = life.map_or(0, Span::milliseconds);
    let grant = wire::GrantRole { user: user.clone(), role: role.id.0, life_ms };
    caller.done(request::Body::GrantRole(grant)).await?;
    let until = life.map(|life| operate::now().plus(life.0));
    let shown = until.map_or(String::new(), |until| format!(" until {}", local(until)));
    let row = json!({ "name": user, "role": role.name, "until": until });
    Ok(Answer { text: format!("{user} is {}{shown}.", role.name), rows: vec![row] })
}

async fn revoke(caller: &Caller, user: String, role: &Told) -> anyhow::Result<Answer> {
    let revoke = wire::RevokeRole { user: user.clone(), role: role.id.0 };
    caller.done(request::Body::RevokeRole(revoke)).await?;
    Ok(said(format!("{user} is {} no more.", role.name)))
}

/// The role of a name, upper and lower case alike.
pub(super) fn named<'a>(roles: &'a [Told], name: &str) -> anyhow::Result<&'a Told> {
    let found = roles.iter().find(|role| role.name.to_lowercase() == name.to_lowercase());
    found.with_context(|| {
        let names: Vec<_> = roles.iter().map(|role| role.name.as_str()).collect();
        format!("there is no role \"{name}\"; there are: {}", names.join(", "))
    })
}

fn said(text: String) -> Answer {
    Answer { text, rows: Vec::new() }
}

/// Says what became of a role, and shows it as it is now.
async fn shown(caller: &Caller, id: RoleId, what: &str) -> anyhow::Result<Answer> {
    let roles = caller.roles().await?;
    // Somebody else may have deleted it meanwhile.
    Ok(match roles.iter().find(|role| role.id == id) {
        Some(role) => Answer { text: format!("Role {} is {what}.", role.name), rows: vec![row(role)] },
        None => Answer { text: format!("Role {id} is {what}."), rows: vec![json!({ "id": id })] },
    })
}

fn row(role: &Told) -> Value {
    json!({
        "id": role.id, "name": role.name, "rank": role.rank,
        "colour": role.colour.filter(|colour| *colour != 0).map(|colour| format!("{colour:06x}")),
        "allow": role.allow, "second_factor": role.second_factor,
    })
}

fn holder_row(holder: &Holder) -> Value {
    let until = holder.until.map_or("for good".to_owned(), |until| until.to_string());
    json!({ "id": holder.user, "name": holder.name, "until": until })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissions_are_added_and_taken_or_set() {
        let (speak, text) = (Permissions::SPEAK, Permissions::TEXT);
        let none = Changes { rename: None, rank: None, allow: None, add: None, take: None, colour: None };
        assert_eq!(none.clone().of(speak), RoleEdit::default());
        let edit = Changes { add: Some(text), take: Some(speak), ..none.clone() };
        assert_eq!(edit.of(speak.union(Permissions::VIEW)).allow, Some(Permissions::VIEW.union(text)));
        assert_eq!(Changes { allow: Some(text), ..none }.of(speak).allow, Some(text));
    }
}
