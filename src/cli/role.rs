//! `parlour role`: as the person who is logged in, or as the machine's owner on the database.

pub(super) mod live;

use anyhow::Context;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::connect::Acting;
use super::operate;
use super::output::Output;
use super::span::Span;
use super::words::{colour, known_permissions, permissions};
use crate::admin::{self, Answer, Limit, Request};
use crate::client::RoleEdit;
use crate::id::Timestamp;
use crate::permission::Permissions;

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
        let holders = matches!(self.command, Command::Holders { .. });
        let answer = match self.acting.session().await? {
            Some(session) => {
                let answer = live::run(&session, self.command).await?;
                session.close().await;
                answer
            }
            None => self.on_database(output).await?,
        };
        operate::print(&answer, if holders { HOLDERS } else { COLUMNS }, output);
        Ok(())
    }

    /// As the machine's owner.
    async fn on_database(self, output: Output) -> anyhow::Result<Answer> {
        use admin::Role as R;
        let Self { command, acting } = self;
        let (organization, place) = (acting.organization.tag, acting.place);
        let of_roles = |role| Request::Role { organization: organization.clone(), role };
        let of_users = |user| Request::User { organization: organization.clone(), user };
        let every = Limit { limit: 1_000_000, after: None };
        let request = match command {
            Command::List(limit) => of_roles(R::List(limit)),
            Command::Create { name, rank, allow, colour } => {
                of_roles(R::Create { name, rank, colour: colour.unwrap_or(0), allow })
            }
            Command::Edit { name, edit } => {
                let present = if edit.add.is_some() || edit.take.is_some() {
                    let roles = place.operate(of_roles(R::List(every)), output).await?.rows;
                    allowed_by(&roles, &name)?
                } else {
                    Permissions::NONE
                };
                let RoleEdit { name: rename, rank, colour, allow } = edit.of(present);
                of_roles(R::Edit { name, rename, rank, colour, allow })
            }
            Command::Delete { name } => of_roles(R::Delete { name }),
            Command::Grant { user: name, role, life } => {
                let until = life.map(|life| operate::now().plus(life.0));
                let row = grant_row(&name, &role, until);
                let done = place.operate(of_users(admin::User::Grant { name, role, until }), output).await?;
                return Ok(Answer { rows: vec![row], ..done });
            }
            Command::Revoke { user: name, role } => {
                let done = place.operate(of_users(admin::User::Revoke { name, role }), output).await?;
                return Ok(Answer { rows: Vec::new(), ..done });
            }
            Command::Holders { role: name } => of_roles(R::Holders { name }),
        };
        place.operate(request, output).await
    }
}

/// What the role of a name allows, in rows of roles.
fn allowed_by(roles: &[Value], name: &str) -> anyhow::Result<Permissions> {
    let called =
        |role: &&Value| role["name"].as_str().is_some_and(|it| it.to_lowercase() == name.to_lowercase());
    let role = roles.iter().find(called);
    let role =
        role.with_context(|| format!("there is no role \"{name}\"; list them with `parlour role list`"))?;
    Ok(role["allow"].as_str().unwrap_or_default().parse()?)
}

/// Who has a role from now on.
fn grant_row(user: &str, role: &str, until: Option<Timestamp>) -> Value {
    json!({ "name": user, "role": role, "until": until })
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
