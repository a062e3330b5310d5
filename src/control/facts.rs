//! What a decision depends on besides the state: the account that a request names.

use std::net::IpAddr;
use std::time::Duration;

use super::given::Given;
use super::live::Control;
use super::load;
use super::refused::Refused;
use super::shared::Shared;
use crate::account::{AccountError, network_of};
use crate::id::{OrganizationId, SessionId, Timestamp, UserId, Way};
use crate::protocol::call::{Live, Rights};
use crate::protocol::wire::{self, create_ban, set_overwrite};
use crate::state::{Actor, Asked, Facts, Member, Named, OWNER, State};
use crate::store::{ReadError, Store, User, ban_on};
use crate::voice::Peer;

/// For how long after a log-in its access token makes what outlasts it.
const FRESH: Duration = Duration::from_secs(300);

impl<P: Peer> Control<P> {
    /// What a decision about the live state depends on besides it.
    pub(super) fn facts(&self, actor: Actor, asked: &Asked, given: &Given) -> Result<Facts, Refused> {
        let named = match account_in(asked) {
            Some((name, removes_owner)) => self.named(name, removes_owner)?,
            None => None,
        };
        let named = named.filter(|named| given.whom.is_none_or(|whom| whom == named.user));
        let (now, asker) = (self.shared.clock.wall(), self.unconnected(actor)?);
        let (shown, new_password) = (given.shown, given.password.mark());
        let writes_as = given.written_by.as_ref().map(|written| written.0.clone());
        Ok(Facts { now, named, shown, new_password, affected: Vec::new(), asker, writes_as })
    }

    /// An account, by its identifier.
    pub(super) fn named_by_id(&self, user: UserId) -> Result<Option<Named>, Refused> {
        let (store, now) = (&self.shared.store, self.shared.clock.wall());
        let user = store.user(user)?.filter(|user| user.organization == self.state.organization());
        Ok(user.map(|user| describe(store, &user, false, now)).transpose()?)
    }

    /// The account of a name; with whether it is the last owner, where that is asked.
    pub(super) fn named(&self, name: &str, ask_owner: bool) -> Result<Option<Named>, Refused> {
        let (store, now) = (&self.shared.store, self.shared.clock.wall());
        let user = store.user_by_name(self.state.organization(), name)?;
        Ok(user.map(|user| describe(store, &user, ask_owner, now)).transpose()?)
    }

    /// What a decision about a ban depends on.
    pub(super) fn facts_of_ban(&self, actor: Actor, ban: &wire::CreateBan) -> Result<Facts, Refused> {
        let named = match &ban.subject {
            Some(create_ban::Subject::User(name)) => self.named(name, false)?,
            Some(create_ban::Subject::Network(_) | create_ban::Subject::Key(_)) | None => None,
        };
        let affected = self.within(ban.subject.as_ref());
        let asker = self.unconnected(actor)?;
        Ok(Facts { now: self.shared.clock.wall(), named, affected, asker, ..Facts::default() })
    }

    /// An account that asks without being connected, as the member that it would be.
    pub(super) fn unconnected(&self, actor: Actor) -> Result<Option<Box<Member>>, Refused> {
        self.shared.unconnected(&self.state, actor)
    }

    /// Who is connected from the addresses that a ban is about.
    fn within(&self, subject: Option<&create_ban::Subject>) -> Vec<SessionId> {
        let Some(create_ban::Subject::Network(network)) = subject else { return Vec::new() };
        let Some(range) = network_of(network) else { return Vec::new() };
        let within = self.connections.iter().filter(|(_, connection)| range.covers(connection.address));
        within.map(|(session, _)| *session).collect()
    }
}

impl<P> Shared<P> {
    /// An account that asks without a connection, as the member that it would be, or that its session is. One that can't log in
    /// can't ask.
    pub(super) fn unconnected(&self, state: &State, actor: Actor) -> Result<Option<Box<Member>>, Refused> {
        let Actor::Account { user, origin, .. } = actor else { return Ok(None) };
        self.unconnected_as(state, actor, &self.let_in(user, origin.address)?)
    }

    /// What the store says of an account of this organization that may come in, from an address where there is one.
    pub(super) fn let_in(&self, user: UserId, from: Option<IpAddr>) -> Result<Named, Refused> {
        let home = self.organization;
        let user = self.store.user(user)?.filter(|user| !user.disabled && user.organization == home);
        let user = user.ok_or(AccountError::TokenInvalid)?;
        self.accounts.check_bans(Some(user.id), from, None)?;
        Ok(describe(&self.store, &user, false, self.clock.wall())?)
    }

    /// The member that an account would be which may come in, and of which the store says this.
    pub(super) fn unconnected_as(
        &self,
        state: &State,
        actor: Actor,
        user: &Named,
    ) -> Result<Option<Box<Member>>, Refused> {
        let Actor::Account { ceiling, origin, .. } = actor else { return Ok(None) };
        let (store, now) = (&self.store, self.clock.wall());
        let mut member = state.as_member(user);
        member.ceiling = ceiling;
        match origin.way {
            Way::Key(key) => {
                store
                    .api_key_by_id(key, now)?
                    .filter(|key| key.user == user.user)
                    .ok_or(AccountError::TokenInvalid)?;
                member.key = Some(key);
            }
            Way::Session(session) => {
                let row = store.session(user.user, session, now)?.ok_or(AccountError::TokenInvalid)?;
                // While the session is connected, whoever shows its access token is that session: they are where it is, and
                // are let in where it was.
                if let Some(connected) = state.member(session).filter(|one| one.user == Some(user.user)) {
                    member = connected.clone();
                }
                // Whoever has just logged in is as good as one who is connected.
                let is_fresh = row.created <= now && now.since(row.created) < FRESH;
                member.brief = !is_fresh;
            }
            Way::Program { client, family } => {
                store
                    .oauth_family(user.user, family)?
                    .filter(|family| family.client == client && now < family.expires)
                    .ok_or(AccountError::TokenInvalid)?;
            }
            // It was looked at by whoever acts by it.
            Way::Invite(_) | Way::Hook(_) | Way::Flow { .. } | Way::Plugin(_) => (),
        }
        Ok(Some(Box::new(member)))
    }
}

/// The account that is named in what is asked, and whether that may take away what makes an owner: only then it matters
/// whether there is another.
fn account_in(asked: &Asked) -> Option<(&str, bool)> {
    match asked {
        Asked::Live(live) => match live {
            Live::SetUserDisabled(set) => Some((&set.name, true)),
            Live::Join(_)
            | Live::Leave(_)
            | Live::SetSelf(_)
            | Live::SendText(_)
            | Live::CreateChannel(_)
            | Live::EditChannel(_)
            | Live::MoveChannel(_)
            | Live::RemoveChannel(_)
            | Live::LogOut(_)
            | Live::MoveSession(_)
            | Live::Listen(_)
            | Live::Watch(_)
            | Live::SetVoiceTarget(_)
            | Live::LinkChannels(_)
            | Live::Moderate(_)
            | Live::Kick(_)
            | Live::StartRecording(_)
            | Live::StopRecording(_)
            | Live::EditOrganization(_) => None,
        },
        Asked::Rights(rights) => match rights {
            Rights::GrantRole(grant) => Some((&grant.user, true)),
            Rights::RevokeRole(revoke) => Some((&revoke.user, true)),
            Rights::SetOverwrite(set) => match &set.subject {
                Some(set_overwrite::Subject::User(name)) => Some((name, false)),
                Some(set_overwrite::Subject::Role(_)) | None => None,
            },
            Rights::CreateRole(_)
            | Rights::EditRole(_)
            | Rights::RemoveRole(_)
            | Rights::RequireSecondFactor(_) => None,
        },
    }
}

fn describe(store: &Store, user: &User, ask_owner: bool, now: Timestamp) -> Result<Named, ReadError> {
    Ok(Named {
        user: user.id,
        name: user.name.clone(),
        roles: load::held(user, now),
        second_factor: load::has_second_factor(store, user.id)?,
        last_owner: ask_owner && is_last_owner(store, user.organization, user.id, now)?,
    })
}

/// Whether somebody is the only owner for good who can log in. Looks at every account, if they are an owner.
fn is_last_owner(
    store: &Store,
    home: OrganizationId,
    user: UserId,
    now: Timestamp,
) -> Result<bool, ReadError> {
    let owner = home.role(OWNER);
    let owns = |user: &User| {
        !user.disabled && user.grants.iter().any(|grant| grant.role == owner && grant.expires.is_none())
    };
    if !store.user(user)?.is_some_and(|user| owns(&user)) {
        return Ok(false);
    }
    let bans = store.bans(home, None, usize::MAX)?;
    let others = store.users(home, None, usize::MAX)?;
    let can = |other: &User| owns(other) && ban_on(&bans, Some(other.id), None, None, now).is_none();
    Ok(!others.iter().any(|other| other.id != user && can(other)))
}
