//! Sessions that begin: a place for them, their rows, their first tokens, and what the person is told then.

use super::proven::{Begun, Proven, Visitor, proven};
use super::room::{Comer, Who};
use super::{AccountError, Accounts, random};
use crate::auth::{RANDOM, SessionToken, TokenHash};
use crate::bounds::is_unprintable;
use crate::id::{SessionId, Timestamp, UserId, Way};
use crate::store::write::{self, Entry, NOTICE, NewSession, NewUser, Proof};
use crate::store::{Author, By, OWNER, ReadError, Session, User};

/// Characters of a device's name that are kept.
const DEVICE: usize = 64;

impl Accounts {
    /// A new account with its first session, for whoever may make one; by way of an invite, say, which the audit trail tells.
    pub(super) async fn enter(
        &self,
        entry: Entry,
        way: Option<Way>,
        user: NewUser,
        device: &str,
        visitor: Visitor<'_>,
    ) -> Result<Proven, AccountError> {
        let (accounts, random) = (self.clone(), random()?);
        let blank = self.session(device, Proof::None, visitor);
        self.take_room(blank.session.id, Who::New, false, visitor)?;
        visitor.is_let_in(&user.name, None).await?;
        let session = move |user| accounts.of_user(&blank, user, random);
        let by = By::new(Author::Guest, Some(visitor.from), self.0.clock.wall()).by_way_of(way);
        let (user, row) = self.run(by, write::register(entry, user, session)).await?;
        let proven = self.begun(&user, &row, random).await?;
        Ok(Proven { begun: true, ..proven })
    }

    /// A new session for somebody who has proven who they are.
    pub(super) async fn begin(
        &self,
        user: &User,
        device: &str,
        proof: Proof,
        visitor: Visitor<'_>,
    ) -> Result<Proven, AccountError> {
        let known = matches!(proof, Proof::DeviceKey(_));
        let blank = self.session(device, proof, visitor);
        self.take_room(blank.session.id, account_of(user), known, visitor)?;
        self.0.attempts.admit_session(user.id)?;
        visitor.is_let_in(&user.name, Some(user.id)).await?;
        let random = random()?;
        let new = self.of_user(&blank, user.id, random);
        let by = By::new(Author::User(user.id), Some(visitor.from), new.session.created);
        let begun = self.run(by, write::begin_session(new)).await?;
        let proven = self.begun(user, &begun.session, random).await?;
        Ok(Proven { displaced: !begun.ended.is_empty(), begun: true, ..proven })
    }

    /// A place for a session, before anything of it is written.
    pub(super) fn take_room(
        &self,
        session: SessionId,
        who: Who,
        known: bool,
        visitor: Visitor<'_>,
    ) -> Result<(), AccountError> {
        let organization = self.0.organization;
        let home = self.0.store.organization(organization)?.ok_or(ReadError::NoOrganization)?;
        let most = home.limits.sessions as usize;
        Ok(visitor.room.take(Comer { session, who, known, organization, most })?)
    }

    /// Takes a session back that was begun and yet didn't come in: something changed in between.
    pub async fn withdraw(&self, session: Begun) {
        let Begun { user, session } = session;
        let by = By::new(Author::Server, None, self.0.clock.wall());
        if let Err(error) = self.run(by, write::end_session(user, session)).await {
            tracing::debug!(%error, %session, "a session that didn't come in can't be ended");
        }
    }

    /// A session of a device, which is nobody's yet.
    pub(super) fn session(&self, device: &str, proof: Proof, visitor: Visitor<'_>) -> NewSession {
        let created = self.0.clock.wall();
        let session = Session {
            id: self.0.store.new_session_id(),
            user: UserId(0),
            token: TokenHash([0; 32]),
            created,
            expires: created.plus(self.0.settings.token_life),
            device: device_name(device),
            address: Some(visitor.from),
        };
        NewSession { session, client: visitor.client.to_owned(), proof }
    }

    /// The same as an account's, with the token that is made of these random bytes.
    pub(super) fn of_user(&self, new: &NewSession, user: UserId, random: [u8; RANDOM]) -> NewSession {
        let token = self.0.tokens.first(user, new.session.id, random).hash();
        NewSession { session: Session { user, token, ..new.session.clone() }, ..new.clone() }
    }

    pub(super) async fn begun(
        &self,
        user: &User,
        row: &Session,
        random: [u8; RANDOM],
    ) -> Result<Proven, AccountError> {
        let token = self.0.tokens.first(user.id, row.id, random);
        let notice = self.notice(user).await?;
        let access = Some(self.access_token(row));
        Ok(proven(user, row, Some((token, row.expires)), access, notice))
    }

    /// A token that comes back to a session, for as long as the session lasts at most.
    pub(super) fn access_token(&self, session: &Session) -> (SessionToken, Timestamp) {
        let until = self.0.clock.wall().plus(self.0.settings.access_life).min(session.expires);
        (self.0.tokens.short(session.user, session.id, until), until)
    }

    /// What the person has to be told, once.
    pub(super) async fn notice(&self, user: &User) -> Result<String, AccountError> {
        let dormant = self.dormant_roles(user)?;
        let settings = self.0.store.settings(self.0.organization, Some(user.id))?;
        if !settings.iter().any(|setting| setting.name == NOTICE) {
            return Ok(dormant);
        }
        let taken = self.run(By::server(self.0.clock.wall()), write::take_notice(user.id)).await?;
        let told = taken.map(|setting| setting.value).unwrap_or_default();
        Ok([told, dormant].join(" ").trim().to_owned())
    }
}

/// Somebody with an account. Who owns an organization is found by its first role.
pub(super) fn account_of(user: &User) -> Who {
    let owner = user.organization.role(OWNER);
    let owns = user.grants.iter().any(|grant| grant.role == owner && grant.expires.is_none());
    Who::Account { user: user.id, owns }
}

/// What a user calls a device, as it is kept.
pub(super) fn device_name(name: &str) -> String {
    name.chars().filter(|c| !is_unprintable(*c)).take(DEVICE).collect()
}
