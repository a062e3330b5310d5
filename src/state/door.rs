//! Who is let into a channel: whoever may join it and knows its password, and whoever may edit it. All that reaches into
//! a channel or carries voices out of it asks here, so a closed channel is closed to every way of hearing.

use super::{Asker, Denied, Member, PasswordMark, State};
use crate::id::ChannelId;
use crate::permission::Permissions;

impl State {
    /// Whether a member is let into a channel, by the password that it shows now or showed before. Whoever is there
    /// already was let in, perhaps by somebody who moved them there. How many there is room for is another question.
    pub fn let_in(
        &self,
        member: &Member,
        channel: ChannelId,
        shown: Option<PasswordMark>,
    ) -> Result<(), Denied> {
        let there = self.channels.get(&channel).ok_or(Denied::NoSuchChannel)?;
        if member.channel == Some(channel) {
            return Ok(());
        }
        let has = self.permissions(member, channel);
        if !has.contains(Permissions::VIEW) {
            return Err(Denied::NoSuchChannel);
        }
        if has.contains(Permissions::EDIT_CHANNEL) {
            return Ok(());
        }
        if !has.contains(Permissions::JOIN) {
            return Err(Denied::Forbidden(Permissions::JOIN));
        }
        let known = member.passwords.get(&channel).copied();
        match there.password {
            Some(password) if known != Some(password) && shown != Some(password) => {
                Err(Denied::ChannelPassword)
            }
            _ => Ok(()),
        }
    }

    /// The same, when nothing is shown and nobody is to be told why not.
    pub(super) fn admits(&self, member: &Member, channel: ChannelId) -> bool {
        self.let_in(member, channel, None).is_ok()
    }

    /// Whether the asker has permissions on a channel and is let into it: for what reaches into the channel, or lets its
    /// voices out, without going there.
    pub fn authorize_within(
        &self,
        asker: Asker<'_>,
        needed: Permissions,
        channel: ChannelId,
    ) -> Result<(), Denied> {
        self.authorize(asker, needed, Some(channel))?;
        asker.viewer().map_or(Ok(()), |member| self.let_in(member, channel, None))
    }

    /// How many more sessions there is room for in a channel.
    pub fn room_in(&self, channel: ChannelId) -> usize {
        match self.channels.get(&channel).map_or(0, |channel| channel.user_limit) {
            0 => usize::MAX,
            limit => (limit as usize).saturating_sub(self.within(channel).count()),
        }
    }
}
