//! The one function that decides whether somebody may do something, for every transport.

use super::{Denied, Member, State};
use crate::id::{ChannelId, SessionId};
use crate::permission::{Holder, Overwrite, Permissions, effective};

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
        let has = match on {
            Some(channel) => self.permissions(member, channel),
            None => granted(member),
        };
        if on.is_some() && !has.contains(Permissions::VIEW) {
            return Err(Denied::NoSuchChannel);
        }
        if has.contains(needed) { Ok(()) } else { Err(Denied::Forbidden(needed.without(has))) }
    }

    /// What the member may do on a channel.
    pub(super) fn permissions(&self, member: &Member, channel: ChannelId) -> Permissions {
        let path = self.path(channel);
        let path: Vec<&[Overwrite]> =
            path.iter().map(|id| self.overwrites.get(id).map_or(&[][..], Vec::as_slice)).collect();
        let holder = Holder { user: member.user, grants: &member.grants };
        within_key(member, effective(holder, &path))
    }
}

/// What the member's roles grant, whatever the channel.
fn granted(member: &Member) -> Permissions {
    within_key(member, effective(Holder { user: member.user, grants: &member.grants }, &[]))
}

/// A program that came by an API key may do what its owner may, and no more than the key.
fn within_key(member: &Member, has: Permissions) -> Permissions {
    member.key.map_or(has, |(_, scopes)| Permissions::from_bits(has.bits() & scopes.bits()))
}
