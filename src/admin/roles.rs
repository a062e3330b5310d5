//! Roles, and who has them.

use std::cmp::Reverse;

use serde_json::{Value, json};

use super::request::{Limit, Role};
use super::{AdminError, Answer, Desk};
use crate::bounds::check_colour;
use crate::name::check_channel_name;
use crate::store::write::{self, NewRole, RoleEdit};
use crate::store::{self, Organization};

/// Holders of a role that are listed at most.
const LISTED: usize = 1_000;

impl Desk<'_> {
    pub(super) fn role(&self, home: &Organization, request: Role) -> Result<Answer, AdminError> {
        match request {
            Role::List(limit) => self.roles(home, limit),
            Role::Create { name, rank, colour, allow } => {
                let (name, colour) = (check_channel_name(&name)?, check_colour(colour)?);
                let new = NewRole { organization: home.id, name, rank, colour, allow };
                let made = self.write(write::create_role(new))?;
                Ok(Answer::row(format!("Role {} is created.", made.name), shown_role(&made)))
            }
            Role::Edit { name, rename, rank, colour, allow } => {
                let role = self.find_role(home, &name)?;
                let name = rename.map(|name| check_channel_name(&name)).transpose()?;
                let colour = colour.map(check_colour).transpose()?;
                let made = self.write(write::edit_role(
                    role.id,
                    RoleEdit { name, rank, colour, allow, second_factor: None },
                ))?;
                Ok(Answer::row(format!("Role {} is changed.", made.name), shown_role(&made)))
            }
            Role::Delete { name } => {
                let role = self.find_role(home, &name)?;
                let gone = self.write(write::delete_role(role.id))?;
                Ok(Answer::text(format!("Role {} is deleted, and nobody has it any more.", gone.name)))
            }
            Role::Holders { name } => {
                let role = self.find_role(home, &name)?.id;
                let grant = |user: &store::User| {
                    user.grants.iter().find(|grant| grant.role == role && grant.holds(self.by.at)).copied()
                };
                let users = self.store.users(home.id, None, usize::MAX)?;
                let holders = users.iter().filter_map(|user| Some((user, grant(user)?)));
                let row = |(user, grant): (&store::User, store::Grant)| {
                    let until = grant.expires.map_or("for good".to_owned(), |until| until.to_string());
                    json!({ "id": user.id, "name": user.name, "until": until })
                };
                Ok(Answer::rows(holders.take(LISTED).map(row).collect()))
            }
        }
    }

    /// A page of them, the highest rank first.
    fn roles(&self, home: &Organization, limit: Limit) -> Result<Answer, AdminError> {
        let mut all = self.store.roles(home.id, None, usize::MAX)?;
        all.sort_by_key(|role| (Reverse(role.rank), role.id));
        let first = match limit.after {
            None => 0,
            Some(after) => all.iter().position(|role| role.id.0 == after).map_or(all.len(), |at| at + 1),
        };
        Ok(Answer::rows(all.iter().skip(first).take(limit.limit).map(shown_role).collect()))
    }

    pub(super) fn find_role(&self, home: &Organization, name: &str) -> Result<store::Role, AdminError> {
        let unknown = || AdminError::Unknown { what: "role", name: name.to_owned() };
        self.store.role_by_name(home.id, name)?.ok_or_else(unknown)
    }
}

fn shown_role(role: &store::Role) -> Value {
    json!({
        "id": role.id, "name": role.name, "rank": role.rank,
        "colour": (role.colour > 0).then(|| format!("{:06x}", role.colour)), "allow": role.allow,
    })
}
