//! The one function that decides whether somebody may do something, for every way in.

use std::net::IpAddr;

use super::{Denied, Facts, Member, State};
use crate::id::{ChannelId, OrganizationId, SessionId, UserId, Way};
use crate::permission::{Permissions, effective};
use crate::protocol::call::On;
use crate::protocol::operation::{Operation, Who};

/// Operations that make a way in which lasts, or take one from its owner: keys, programs, invites, accounts, their passwords,
/// and what is asked for beside a password. Whoever has an access token for an hour has none of these for longer, but for the
/// first minutes after a log-in, in which it is as good as that. What asks for the password itself, such as another one, is
/// proven by that. Nor may it make a webhook or a flow, which tells what the account may know, or acts for it, for longer than the
/// hour. What people may do who are in already, such as their roles, isn't among these: it lets nobody in, and is
/// taken back as it was given.
const LASTING: [&str; 16] = [
    "register_key",
    "create_api_key",
    "create_oauth_client",
    "set_up_second_factor",
    "confirm_second_factor",
    "create_invite",
    "create_user",
    "set_user_password",
    "create_hook",
    "edit_hook",
    "rotate_hook_secret",
    "add_flow",
    "edit_flow",
    "make_flow_secret",
    "install_plugin",
    "edit_plugin",
];

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    /// A connected session.
    Session(SessionId),
    /// An account that isn't connected: by a program of its owner's, say. It may do what the account may at this
    /// moment, and no more than its ceiling.
    Account {
        /// Whose.
        user: UserId,
        /// What it may do at most.
        ceiling: Permissions,
        /// By way of what.
        origin: Origin,
    },
    /// The person who owns the machine, by the local socket or with the database's file to themselves. May do
    /// everything that needs no session of its own.
    Operator,
}

/// By way of what an account acts that isn't connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// What acts for it.
    pub way: Way,
    /// Where the request came from; `None` for what the server does by itself.
    pub address: Option<IpAddr>,
}

/// Whoever asks, looked up: the member that they are, or would be if they were connected.
#[derive(Clone, Copy, Debug)]
pub struct Asker<'a> {
    actor: Actor,
    member: Option<&'a Member>,
}

impl<'a> Asker<'a> {
    /// Who it is.
    pub fn actor(self) -> Actor {
        self.actor
    }

    /// The member that the asker is, or would be; nothing for the machine's owner, who is told everything.
    pub fn viewer(self) -> Option<&'a Member> {
        self.member
    }

    /// The account, if there is one.
    pub fn user(self) -> Option<UserId> {
        self.member.and_then(|member| member.user)
    }

    /// The member that is connected.
    pub(super) fn connected(self) -> Result<&'a Member, Denied> {
        match self.actor {
            Actor::Session(_) => self.member.ok_or(Denied::SessionEnded),
            Actor::Account { .. } | Actor::Operator => Err(Denied::NotConnected),
        }
    }

    /// The session that is connected.
    pub(super) fn session(self) -> Result<SessionId, Denied> {
        self.connected().map(|member| member.session)
    }

    /// The session by which the asker comes: the one that is connected, or the one whose access token was shown.
    pub(super) fn own_session(self) -> Result<SessionId, Denied> {
        match self.actor {
            Actor::Account { origin: Origin { way: Way::Session(session), .. }, .. } => Ok(session),
            Actor::Session(_) | Actor::Account { .. } | Actor::Operator => self.session(),
        }
    }

    /// Whether it isn't the person who asks but a program: by an API key, or one of others that acts for the account.
    pub(super) fn is_program(self) -> bool {
        let is_of_others = matches!(
            self.actor,
            Actor::Account { origin: Origin { way: Way::Program { .. } | Way::Flow { .. }, .. }, .. }
        );
        is_of_others || self.member.is_some_and(|member| member.key.is_some())
    }

    /// Whether it is this session, by its connection or by its access token.
    pub(super) fn is(self, session: SessionId) -> bool {
        self.own_session().is_ok_and(|own| own == session)
    }

    /// Whether it is this account.
    pub(super) fn owns(self, user: UserId) -> bool {
        self.user() == Some(user)
    }
}

impl Member {
    /// Whether whoever it is came by something that lets them have these permissions at all, whatever their roles grant: a
    /// key and a program were made for some, and everybody else has what their roles grant.
    pub fn was_given(&self, needed: Permissions) -> Result<(), Denied> {
        let lacking = needed.without(self.ceiling);
        if lacking.is_empty() { Ok(()) } else { Err(Denied::NotGiven(lacking)) }
    }

    /// Why it may not, for want of these.
    fn lacks(&self, lacking: Permissions) -> Denied {
        self.was_given(lacking).err().unwrap_or(Denied::Forbidden(lacking))
    }
}

impl State {
    /// Looks an actor up. A session has to be connected; an account that isn't is with the facts.
    pub fn asker<'a>(&'a self, actor: Actor, facts: &'a Facts) -> Result<Asker<'a>, Denied> {
        let member = match actor {
            // Its connection may last a moment longer than its session.
            Actor::Session(session) => Some(self.members.get(session).ok_or(Denied::SessionEnded)?),
            Actor::Account { .. } => Some(facts.asker.as_deref().ok_or(Denied::SessionEnded)?),
            Actor::Operator => None,
        };
        Ok(Asker { actor, member })
    }

    /// Whether the asker has every one of the `needed` permissions `on` a channel, or, without one, in
    /// the organization. A channel that the asker may not see is denied as one that doesn't exist.
    pub fn authorize(
        &self,
        asker: Asker<'_>,
        needed: Permissions,
        on: Option<ChannelId>,
    ) -> Result<(), Denied> {
        if on.is_some_and(|channel| !self.channels.contains_key(&channel)) {
            return Err(Denied::NoSuchChannel);
        }
        let Some(member) = asker.member else { return Ok(()) };
        let has = self.permissions_on(member, on);
        if on.is_some() && !has.contains(Permissions::VIEW) {
            return Err(Denied::NoSuchChannel);
        }
        if has.contains(needed) { Ok(()) } else { Err(member.lacks(needed.without(has))) }
    }

    /// Whether the asker may do an operation at all, as far as the table of operations says it: who may, whether it
    /// takes a connected session, and its permission, where one field of the request says the channel. A program may do
    /// nothing that needs no permission, or none for some, unless it was given "view".
    pub fn permit(&self, asker: Asker<'_>, operation: &Operation, on: On) -> Result<(), Denied> {
        match operation.who {
            // Whoever got here is logged in.
            Who::Stranger => return Err(Denied::Unexpected),
            Who::Anybody => (),
            Who::Person => match asker.member {
                None => return Err(Denied::NotConnected),
                Some(member) if member.user.is_none() => return Err(Denied::NoAccount),
                Some(_) if asker.is_program() => return Err(Denied::NotByKey),
                Some(_) => (),
            },
            Who::Owner if asker.member.is_none() => (),
            Who::Owner => return Err(Denied::Forbidden(Permissions::ADMINISTER)),
        }
        if operation.connected {
            asker.connected()?;
        }
        // What asks everybody for nothing asks a program whether it was made to see anything at all.
        if let Some(member) = asker.member
            && (operation.needs.is_empty() || operation.conditional)
        {
            member.was_given(Permissions::VIEW)?;
        }
        if !operation.needs.is_empty() && !operation.conditional {
            match on {
                On::Organization | On::Channel(0) => self.authorize(asker, operation.needs, None)?,
                On::Channel(channel) => self.authorize(asker, operation.needs, Some(ChannelId(channel)))?,
                On::Session(_) | On::Other => (),
            }
        }
        // Last: nobody logs in anew for what they may not do then either.
        if asker.member.is_some_and(|member| member.brief) && LASTING.contains(&operation.name) {
            return Err(Denied::Brief);
        }
        Ok(())
    }

    /// Whether the asker may have the server run code that others wrote: whoever may administer the first organization, and in
    /// another one the machine's owner alone, whose machine it is that computes.
    pub fn may_have_code_run(&self, asker: Asker<'_>) -> Result<(), Denied> {
        if asker.member.is_some() && self.organization() != OrganizationId::FIRST {
            return Err(Denied::Forbidden(Permissions::ADMINISTER));
        }
        Ok(())
    }

    /// Whether the asker may read what the machine does for itself, such as backups: whoever may administer the first organization.
    pub fn may_see_maintenance(&self, asker: Asker<'_>) -> Result<(), Denied> {
        if self.organization() != OrganizationId::FIRST {
            return Err(Denied::Forbidden(Permissions::ADMINISTER));
        }
        self.authorize(asker, Permissions::ADMINISTER, None)
    }

    /// Whether the asker has permissions by its roles, or on any channel at least.
    pub fn authorize_somewhere(&self, asker: Asker<'_>, needed: Permissions) -> Result<(), Denied> {
        let by_roles = self.authorize(asker, needed, None);
        let on = |channel: &ChannelId| self.authorize(asker, needed, Some(*channel)).is_ok();
        if self.channels.keys().any(on) { Ok(()) } else { by_roles }
    }

    /// Which of some operations the asker may ask for at all: by who may, and by what they may do by their roles, or on a channel at
    /// least. On whom and where it is decided when it is asked.
    pub fn askable(
        &self,
        asker: Asker<'_>,
        operations: impl Iterator<Item = &'static Operation>,
    ) -> Vec<&'static Operation> {
        let has = asker.member.map_or(Permissions::ALL, |member| {
            let by_roles = self.permissions_on(member, None);
            self.channels.keys().fold(by_roles, |all, channel| all.union(self.permissions(member, *channel)))
        });
        let may = |operation: &&'static Operation| {
            let is_enough = operation.conditional || has.contains(operation.needs);
            is_enough && self.permit(asker, operation, On::Other).is_ok()
        };
        operations.filter(may).collect()
    }

    /// What the member may do on a channel.
    pub fn permissions(&self, member: &Member, channel: ChannelId) -> Permissions {
        member.ceiling.intersection(self.evaluated(&member.class, channel))
    }

    /// What the member may do on a channel, or, without one, wherever no channel is meant: what its roles grant.
    pub fn permissions_on(&self, member: &Member, on: Option<ChannelId>) -> Permissions {
        match on {
            Some(channel) => self.permissions(member, channel),
            None => member.ceiling.intersection(effective(member.class.holder(), &[])),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::operation::named;

    #[test]
    fn what_makes_something_lasting_is_an_operation_that_writes() {
        assert!(LASTING.iter().all(|name| named(name).is_some_and(|operation| operation.writes)));
    }
}
