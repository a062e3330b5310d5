//! Whom somebody may look at, and whom they may tell that somebody shows something else of themselves.

use super::super::{Asker, Denied, Facts, Member, State};
use crate::id::{ChannelId, SessionId, UserId};
use crate::permission::Permissions;

impl State {
    /// The account of whoever asks about their own, connected or not.
    pub fn own_user(&self, asker: Asker<'_>) -> Result<UserId, Denied> {
        asker.user().ok_or(Denied::NoAccount)
    }

    /// The account behind a session, of whoever is connected: everybody sees who is.
    pub fn user_behind(&self, session: SessionId) -> Result<UserId, Denied> {
        let member = self.members.get(session).ok_or(Denied::NoSuchSession)?;
        member.user.ok_or(Denied::NoSuchUser)
    }

    /// The account of a name, as far as the asker may look at it: their own, that of somebody who is connected, and any, for
    /// those who look after accounts. Others are as if they weren't there.
    pub fn may_look_at(&self, asker: Asker<'_>, facts: &Facts) -> Result<UserId, Denied> {
        let named = facts.named.as_ref().ok_or(Denied::NoSuchUser)?.user;
        let is_seen = match asker.viewer() {
            Some(viewer) => self.sees_person(viewer, named),
            None => true,
        };
        if is_seen { Ok(named) } else { Err(Denied::NoSuchUser) }
    }

    /// Whether a member sees a person: themselves, whoever is connected, and everybody, for those who look after accounts.
    pub fn sees_person(&self, viewer: &Member, user: UserId) -> bool {
        viewer.user == Some(user)
            || self.of_account(user).next().is_some()
            || self.permissions_on(viewer, None).contains(Permissions::MANAGE_USERS)
    }

    /// Whether a channel may become somebody's favourite: they see it. One that they see no more may always be none.
    pub fn may_favour(&self, asker: Asker<'_>, channel: ChannelId, is_one: bool) -> Result<(), Denied> {
        if is_one { self.authorize(asker, Permissions::NONE, Some(channel)) } else { Ok(()) }
    }
}
