//! Other people's accounts, and what was done, for those who look after them.

use super::{RequestError, Session};
use crate::id::{SessionId, UserId};
use crate::protocol::wire::{self, request, response};

impl Session {
    /// A page of the accounts: those whose names begin with `prefix`, after one, so many at most; 0 for the usual number.
    pub async fn users(
        &self,
        prefix: &str,
        after: Option<UserId>,
        limit: u32,
    ) -> Result<Vec<wire::User>, RequestError> {
        let list = wire::ListUsers { prefix: prefix.to_owned(), after: after.map_or(0, u64::from), limit };
        match self.request(request::Body::ListUsers(list)).await? {
            response::Body::Users(users) => Ok(users.users),
            _ => Err(RequestError::Misfit),
        }
    }

    /// The account of a name.
    pub async fn user(&self, name: &str) -> Result<wire::User, RequestError> {
        let show = wire::ShowUser { name: name.to_owned() };
        match self.request(request::Body::ShowUser(show)).await? {
            response::Body::User(user) => Ok(user),
            _ => Err(RequestError::Misfit),
        }
    }

    /// Another name or e-mail address for somebody; an empty address is none, and what is `None` stays.
    pub async fn edit_user(
        &self,
        name: &str,
        rename: Option<&str>,
        email: Option<&str>,
    ) -> Result<(), RequestError> {
        let (rename, email) = (rename.map(str::to_owned), email.map(str::to_owned));
        self.done(request::Body::EditUser(wire::EditUser { name: name.to_owned(), rename, email })).await
    }

    /// An account goes, with all that is its own.
    pub async fn delete_user(&self, name: &str) -> Result<(), RequestError> {
        self.done(request::Body::DeleteUser(wire::DeleteUser { name: name.to_owned() })).await
    }

    /// Another password for somebody; answers with what ended.
    pub async fn set_user_password(
        &self,
        name: &str,
        password: &str,
        keep_keys: bool,
    ) -> Result<wire::PasswordChanged, RequestError> {
        let (name, password) = (name.to_owned(), password.to_owned());
        self.set_password(wire::SetUserPassword { name, password, keep_keys, by_code: false }).await
    }

    /// A code by which somebody chooses another password, and until when it is good, in milliseconds since the Unix epoch.
    pub async fn make_reset_code(&self, name: &str) -> Result<(String, u64), RequestError> {
        let set = wire::SetUserPassword { name: name.to_owned(), by_code: true, ..Default::default() };
        let made = self.set_password(set).await?;
        Ok((made.code, made.code_expires_ms))
    }

    async fn set_password(&self, set: wire::SetUserPassword) -> Result<wire::PasswordChanged, RequestError> {
        match self.request(request::Body::SetUserPassword(set)).await? {
            response::Body::PasswordChanged(changed) => Ok(changed),
            _ => Err(RequestError::Misfit),
        }
    }

    /// Where somebody is logged in.
    pub async fn sessions_of(&self, name: &str) -> Result<Vec<wire::Device>, RequestError> {
        let list = wire::ListUserSessions { name: name.to_owned() };
        match self.request(request::Body::ListUserSessions(list)).await? {
            response::Body::Devices(devices) => Ok(devices.devices),
            _ => Err(RequestError::Misfit),
        }
    }

    /// Ends a session of somebody, or all of them; answers with how many ended.
    pub async fn end_sessions_of(&self, name: &str, session: Option<SessionId>) -> Result<u32, RequestError> {
        let (name, session) = (name.to_owned(), session.map_or(0, u64::from));
        match self.request(request::Body::EndUserSession(wire::EndUserSession { name, session })).await? {
            response::Body::SessionsEnded(ended) => Ok(ended.count),
            _ => Err(RequestError::Misfit),
        }
    }

    /// A page of the audit trail, the newest entry first.
    pub async fn audit_trail(&self, read: wire::ReadAudit) -> Result<Vec<wire::AuditEntry>, RequestError> {
        match self.request(request::Body::ReadAudit(read)).await? {
            response::Body::AuditTrail(trail) => Ok(trail.entries),
            _ => Err(RequestError::Misfit),
        }
    }

    /// What the organization has, and may have.
    pub async fn usage(&self) -> Result<wire::Usage, RequestError> {
        match self.request(request::Body::GetUsage(wire::GetUsage {})).await? {
            response::Body::Usage(usage) => Ok(usage),
            _ => Err(RequestError::Misfit),
        }
    }
}
