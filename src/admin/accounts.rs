//! Users and sessions.

use serde_json::{Value, json};

use super::request::{Session, User};
use super::{AdminError, Answer, Desk};
use crate::auth::{StoredPassword, check_password};
use crate::name::check_user_name;
use crate::store::write::{self, NewUser, UserEdit};
use crate::store::{self, Grant, Seen};

impl Desk<'_> {
    pub(super) fn user(&self, home: &store::Organization, request: User) -> Result<Answer, AdminError> {
        match request {
            User::List(limit) => {
                let found = self.store.users(home.id, limit.after.map(Into::into), limit.limit)?;
                let rows = found.iter().map(|user| self.shown_user(user)).collect::<Result<_, _>>()?;
                Ok(Answer::rows(rows))
            }
            User::Show { name } => {
                let user = self.find_user(home, &name)?;
                Ok(Answer::rows(vec![self.shown_user(&user)?]))
            }
            User::Create { name, email, password, role } => {
                let name = check_user_name(&name)?;
                let roles = vec![self.find_role(home, &role)?.id];
                let password = password.map(|password| hashed(&password)).transpose()?;
                let new = NewUser { organization: home.id, name, email, password, roles };
                let made = self.write(write::create_user(new))?;
                Ok(Answer::row(format!("{} is created.", made.name), self.shown_user(&made)?))
            }
            User::Edit { name, rename, email, password } => {
                let user = self.find_user(home, &name)?;
                let rename = rename.map(|name| check_user_name(&name)).transpose()?;
                let password = password.map(|password| hashed(&password)).transpose()?.map(Some);
                let email = email.map(|email| Some(email).filter(|email| !email.is_empty()));
                let edit = UserEdit { name: rename, email, password, disabled: None };
                let made = self.write(write::edit_user(user.id, edit))?;
                Ok(Answer::row(format!("{} is changed.", made.name), self.shown_user(&made)?))
            }
            User::Disable { name, disabled } => {
                let user = self.find_user(home, &name)?;
                let edit = UserEdit { disabled: Some(disabled), ..UserEdit::default() };
                let made = self.write(write::edit_user(user.id, edit))?;
                let what = if disabled { "disabled" } else { "enabled" };
                Ok(Answer::row(format!("{} is {what}.", made.name), self.shown_user(&made)?))
            }
            User::Delete { name } => {
                let user = self.find_user(home, &name)?;
                let gone = self.write(write::delete_user(user.id))?;
                Ok(Answer::text(format!("{} is deleted with all that was theirs.", gone.name)))
            }
            User::Grant { name, role, until } => {
                let (user, role) = (self.find_user(home, &name)?, self.find_role(home, &role)?);
                let made = self.write(write::grant(user.id, Grant { role: role.id, expires: until }))?;
                let until = until.map_or(String::new(), |until| format!(" until {until}"));
                Ok(Answer::row(format!("{} is {}{until}.", made.name, role.name), self.shown_user(&made)?))
            }
            User::Revoke { name, role } => {
                let (user, role) = (self.find_user(home, &name)?, self.find_role(home, &role)?);
                let made = self.write(write::revoke(user.id, role.id))?;
                Ok(Answer::row(format!("{} is {} no more.", made.name, role.name), self.shown_user(&made)?))
            }
        }
    }

    fn shown_user(&self, user: &store::User) -> Result<Value, AdminError> {
        let mut roles = Vec::new();
        for grant in user.grants.iter().filter(|grant| grant.holds(self.by.at)) {
            roles.extend(self.store.role(grant.role)?.map(|role| role.name));
        }
        Ok(json!({
            "id": user.id, "name": user.name, "email": user.email, "roles": roles.join(", "),
            "state": if user.disabled { "disabled" } else { "active" }, "created": user.created,
            "last_login": self.store.last_seen(Seen::LogIn(user.id))?,
        }))
    }

    pub(super) fn find_user(
        &self,
        home: &store::Organization,
        name: &str,
    ) -> Result<store::User, AdminError> {
        let unknown = || AdminError::Unknown { what: "user", name: name.to_owned() };
        self.store.user_by_name(home.id, name)?.ok_or_else(unknown)
    }

    fn find_role(&self, home: &store::Organization, name: &str) -> Result<store::Role, AdminError> {
        let unknown = || AdminError::Unknown { what: "role", name: name.to_owned() };
        self.store.role_by_name(home.id, name)?.ok_or_else(unknown)
    }

    pub(super) fn session(&self, home: &store::Organization, request: Session) -> Result<Answer, AdminError> {
        match request {
            Session::List { user, limit } => {
                let user = self.find_user(home, &user)?;
                let mut rows = Vec::new();
                for session in self.store.sessions_of(user.id, limit.after.map(Into::into), limit.limit)? {
                    let seen = self.store.last_seen(Seen::Session(user.id, session.id))?;
                    rows.push(json!({
                        "id": session.id, "device": session.device, "address": session.address,
                        "created": session.created, "expires": session.expires,
                        "last_seen": seen.unwrap_or(session.created),
                    }));
                }
                Ok(Answer::rows(rows))
            }
            Session::End { user, session } => {
                let user = self.find_user(home, &user)?;
                self.write(write::end_session(user.id, session))?;
                Ok(Answer::text(format!("Session {session} of {} is ended.", user.name)))
            }
            Session::EndAll { user } => {
                let user = self.find_user(home, &user)?;
                let ended = self.write(write::end_sessions_of(user.id, None))?;
                let text = format!("{} sessions of {} are ended.", ended.len(), user.name);
                Ok(Answer::row(text, json!({ "ended": ended.len() })))
            }
        }
    }
}

/// A person's chosen password, hashed.
fn hashed(password: &str) -> Result<StoredPassword, AdminError> {
    check_password(password).map_err(|error| AdminError::Refused(error.to_string()))?;
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).map_err(|error| {
        AdminError::Refused(format!("the operating system gives no random bytes: {error}"))
    })?;
    StoredPassword::new(password, salt).map_err(|error| AdminError::Refused(error.to_string()))
}
