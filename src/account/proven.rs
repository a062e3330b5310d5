//! Somebody who has proven who they are, and who they were before that.

use std::net::IpAddr;

use super::AccountError;
use super::gate::Gate;
use super::room::Room;
use crate::auth::{EXPORTED, SessionToken};
use crate::id::{ApiKeyId, SessionId, Timestamp, UserId};
use crate::permission::Permissions;
use crate::protocol::wire;
use crate::store::{Session, User};

/// Who wants to come in, beside what they say.
#[derive(Clone, Copy, Debug)]
pub struct Visitor<'a> {
    /// Where from.
    pub from: IpAddr,
    /// Name and version of the program.
    pub client: &'a str,
    /// What only this connection has, for keys to sign (RFC 8446, section 7.5); nothing where none is exported.
    pub exported: Option<[u8; EXPORTED]>,
    /// Where they find a place.
    pub room: &'a dyn Room,
    /// Who is asked about them, once they have proven who they are.
    pub gate: Option<&'a dyn Gate>,
}

impl Visitor<'_> {
    /// Asks about them, where somebody is to be asked.
    pub(super) async fn is_let_in(&self, name: &str, user: Option<UserId>) -> Result<(), AccountError> {
        match self.gate {
            Some(gate) => gate.ask(name, user).await,
            None => Ok(()),
        }
    }
}

/// Somebody who has proven who they are.
#[derive(Debug)]
pub struct Proven {
    /// Which session it is, new or known.
    pub session: SessionId,
    /// Whose; nobody's for a guest.
    pub user: Option<UserId>,
    /// As whom.
    pub name: String,
    /// For a program: by which key, and what that may do at most.
    pub key: Option<(ApiKeyId, Permissions)>,
    pub(super) token: Option<(SessionToken, Timestamp)>,
    pub(super) access: Option<(SessionToken, Timestamp)>,
    pub(super) notice: String,
    /// Older sessions of the account ended for this one, at the organization's limit: those who are connected by them
    /// have to go.
    pub displaced: bool,
    /// When the access token ends that it came by: so does what came by it.
    pub brief: Option<Timestamp>,
    /// Its session's row was written for this.
    pub(super) begun: bool,
}

/// A session that was begun for a log-in.
#[derive(Clone, Copy, Debug)]
pub struct Begun {
    pub(super) user: UserId,
    pub(super) session: SessionId,
}

impl Proven {
    /// The session that was begun for it, where one was.
    pub fn begun(&self) -> Option<Begun> {
        let user = self.user.filter(|_| self.begun)?;
        Some(Begun { user, session: self.session })
    }

    /// The same, whose session's row was written for this.
    pub(super) fn newly_begun(self) -> Self {
        Self { begun: true, ..self }
    }

    /// The answer to the log-in, but for what the session has once it is connected.
    pub fn logged_in(&self) -> wire::LoggedIn {
        let bytes = |token: &Option<(SessionToken, Timestamp)>| {
            token.as_ref().map(|(token, _)| token.as_bytes().to_vec().into()).unwrap_or_default()
        };
        let until =
            |token: &Option<(SessionToken, Timestamp)>| token.as_ref().map_or(0, |(_, until)| until.0);
        wire::LoggedIn {
            session: self.session.0,
            user: self.user.map_or(0, u64::from),
            name: self.name.clone(),
            ssrc: 0,
            token: bytes(&self.token),
            token_expires_ms: until(&self.token),
            access_token: bytes(&self.access),
            access_token_expires_ms: until(&self.access),
            notice: self.notice.clone(),
        }
    }
}

/// Somebody with an account, by the row of their session.
pub(super) fn proven(
    user: &User,
    row: &Session,
    token: Option<(SessionToken, Timestamp)>,
    access: Option<(SessionToken, Timestamp)>,
    notice: String,
) -> Proven {
    let (user, name) = (Some(user.id), user.name.clone());
    let (key, displaced, brief, begun) = (None, false, None, false);
    Proven { session: row.id, user, name, token, access, notice, key, displaced, brief, begun }
}
