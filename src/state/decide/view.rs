//! Who may ask what about the live state.

use std::collections::BTreeSet;

use super::super::{Asker, Change, Denied, Facts, State};
use super::{Asked, optional};
use crate::bounds::MAX_WATCHED;
use crate::id::{ChannelId, SessionId};
use crate::permission::Permissions;
use crate::protocol::call::{Live, Rights};
use crate::protocol::wire::{self, what_if};

impl State {
    /// Whose people a session is told of beside those of the channels that it is in or listens to.
    pub(super) fn decide_watch(&self, asker: Asker<'_>, watch: &wire::Watch) -> Result<Change, Denied> {
        let own = asker.connected()?;
        if watch.channels.len() > MAX_WATCHED {
            return Err(Denied::OutOfRange("one watches 256 channels at most; name fewer"));
        }
        if !own.by_interest {
            return Err(Denied::ToldOfAll);
        }
        let channels: BTreeSet<_> = watch.channels.iter().copied().map(ChannelId).collect();
        for channel in &channels {
            self.authorize(asker, Permissions::VIEW, Some(*channel))?;
        }
        Ok(Change::Watch { session: own.session, channels })
    }

    /// Whether an asker may see a channel's overwrites.
    pub fn may_list_overwrites(&self, asker: Asker<'_>, channel: ChannelId) -> Result<(), Denied> {
        let manages = self.authorize(asker, Permissions::MANAGE_ROLES, Some(channel));
        manages.or_else(|_| self.authorize(asker, Permissions::INSPECT, Some(channel)))
    }

    /// Whether an asker may know why somebody may do something: everybody may about themselves.
    pub fn may_ask_why(&self, asker: Asker<'_>, why: &wire::Why, facts: &Facts) -> Result<(), Denied> {
        let on = optional(why.channel);
        let is_own = match (why.session, why.user.as_str()) {
            (0, "") => true,
            (session, "") => asker.is(SessionId(session)),
            (0, _) => facts.named.as_ref().is_some_and(|named| asker.owns(named.user)),
            _ => false,
        };
        if is_own && asker.viewer().is_none() {
            return Err(Denied::NotConnected);
        }
        self.authorize(asker, if is_own { Permissions::NONE } else { Permissions::INSPECT }, on)?;
        if why.session != 0 && !self.members.contains(SessionId(why.session)) {
            return Err(Denied::NoSuchSession);
        }
        if !why.user.is_empty() && facts.named.is_none() {
            return Err(Denied::NoSuchUser);
        }
        Ok(())
    }
}

/// What a question about a change would ask for, if it were asked for.
pub fn imagined(change: what_if::Change) -> Asked {
    use what_if::Change as If;
    match change {
        If::SetOverwrite(set) => Rights::SetOverwrite(set).into(),
        If::EditRole(edit) => Rights::EditRole(edit).into(),
        If::RemoveRole(remove) => Rights::RemoveRole(remove).into(),
        If::GrantRole(grant) => Rights::GrantRole(grant).into(),
        If::RevokeRole(revoke) => Rights::RevokeRole(revoke).into(),
        If::MoveChannel(to) => Live::MoveChannel(to).into(),
    }
}
