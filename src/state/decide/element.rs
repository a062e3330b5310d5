//! Who may read and write what programs keep on channels and accounts.

use super::super::{Asker, Denied, Facts, Named, State};
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
    /// who look after accounts, who write it of lower ranks only. `name` is empty for one's own, on which a program writes
    /// where it was given "text".
    pub fn may_use_elements_on(
        &self,
        asker: Asker<'_>,
        name: &str,
        facts: &Facts,
        writes: bool,
    ) -> Result<UserId, Denied> {
        let is_own = |named: &&Named| asker.owns(named.user);
        let own = match (asker.user(), asker.viewer()) {
            _ if !name.is_empty() => facts.named.as_ref().filter(is_own).map(|named| named.user),
            (None, Some(_)) => return Err(Denied::NoAccount),
            (None, None) => return Err(Denied::Missing("user")),
            (own, _) => own,
        };
        if let Some(own) = own {
            // A program that was made to see, and no more, changes nothing.
            if let Some(viewer) = asker.viewer().filter(|_| writes) {
                viewer.was_given(Permissions::TEXT)?;
            }
            return Ok(own);
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
