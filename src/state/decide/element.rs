//! Who may read and write what programs keep on channels and accounts.

use super::super::{Asker, Denied, Facts, State};
use crate::id::{ChannelId, UserId};
use crate::permission::Permissions;

impl State {
    /// Whether an asker may read what is kept on a channel: whoever sees it; or write it: whoever may edit the channel.
    pub fn may_use_elements_of(
        &self,
        asker: Asker<'_>,
        channel: ChannelId,
        writes: bool,
    ) -> Result<(), Denied> {
        let needed = if writes { Permissions::EDIT_CHANNEL } else { Permissions::NONE };
        self.authorize(asker, needed, Some(channel))
    }

    /// The account on which an asker may read what is kept, or write it: their own, or the one that is named, for those
    /// who look after accounts, who write it of lower ranks only. `name` is empty for one's own.
    pub fn may_use_elements_on(
        &self,
        asker: Asker<'_>,
        name: &str,
        facts: &Facts,
        writes: bool,
    ) -> Result<UserId, Denied> {
        if name.is_empty() {
            return match (asker.user(), asker.viewer()) {
                (Some(own), _) => Ok(own),
                (None, Some(_)) => Err(Denied::NoAccount),
                (None, None) => Err(Denied::Missing("user")),
            };
        }
        if let Some(named) = facts.named.as_ref().filter(|named| asker.owns(named.user)) {
            return Ok(named.user);
        }
        // Whoever may not look after accounts doesn't learn which there are.
        self.authorize(asker, Permissions::MANAGE_USERS, None)?;
        let named = facts.named.as_ref().ok_or(Denied::NoSuchUser)?;
        if writes {
            self.outranks(asker, self.rank_of(&named.roles))?;
        }
        Ok(named.user)
    }
}
