//! The one function that decides whether somebody may do something, for every transport.

use super::{Denied, Member, State};
use crate::id::{ChannelId, SessionId};
use crate::permission::{Permissions, effective};

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    /// A connected session.
    Session(SessionId),
    /// The person who owns the machine, through the local socket. May do everything that needs no
    /// session of its own.
    Operator,
}

impl State {
    /// Whether `actor` has every one of the `needed` permissions `on` a channel, or, without one, in
    /// the organization. A channel that the actor may not see is denied as one that doesn't exist.
    pub fn authorize(&self, actor: Actor, needed: Permissions, on: Option<ChannelId>) -> Result<(), Denied> {
        if on.is_some_and(|channel| !self.channels.contains_key(&channel)) {
            return Err(Denied::NoSuchChannel);
        }
        let Actor::Session(session) = actor else { return Ok(()) };
        let member = self.members.get(&session).ok_or(Denied::SessionEnded)?;
        let has = self.permissions_on(member, on);
        if on.is_some() && !has.contains(Permissions::VIEW) {
            return Err(Denied::NoSuchChannel);
        }
        if has.contains(needed) { Ok(()) } else { Err(Denied::Forbidden(needed.without(has))) }
    }

    /// What the member may do on a channel.
    pub fn permissions(&self, member: &Member, channel: ChannelId) -> Permissions {
        member.within_key(self.evaluated(&member.class, channel))
    }

    /// What the member may do on a channel, or, without one, wherever no channel is meant: what its roles grant.
    pub fn permissions_on(&self, member: &Member, on: Option<ChannelId>) -> Permissions {
        match on {
            Some(channel) => self.permissions(member, channel),
            None => member.within_key(effective(member.class.holder(), &[])),
        }
    }
}
