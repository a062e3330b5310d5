//! What is asked of the live state, and what it leads to. Nothing here changes the state.

mod account;
mod channel;
mod element;
mod people;
mod profile;
mod role;
mod view;
mod voice;

pub use account::Own;
pub use view::imagined;

use std::collections::BTreeSet;

use super::people::Mark;
use super::{Actor, Asker, Change, Denied, Facts, Member, State};
use crate::id::ChannelId;
use crate::name::GUEST_MARK;
use crate::permission::Permissions;
use crate::protocol::call::{Live, On, Rights};
use crate::protocol::operation::Operation;

/// What is asked of the live state that changes it.
#[derive(Clone, Debug, PartialEq)]
pub enum Asked {
    /// Channels, who is where, voice, text.
    Live(Live),
    /// Roles, grants, overwrites.
    Rights(Rights),
}

impl From<Live> for Asked {
    fn from(live: Live) -> Self {
        Self::Live(live)
    }
}

impl From<Rights> for Asked {
    fn from(rights: Rights) -> Self {
        Self::Rights(rights)
    }
}

impl Asked {
    /// What there is to say of its operation.
    pub fn operation(&self) -> &'static Operation {
        match self {
            Self::Live(live) => live.operation(),
            Self::Rights(rights) => rights.operation(),
        }
    }

    fn on(&self) -> On {
        match self {
            Self::Live(live) => live.on(),
            Self::Rights(rights) => rights.on(),
        }
    }
}

impl State {
    /// Whether `actor` may do what is asked, and what it leads to.
    pub fn decide(&self, actor: Actor, asked: &Asked, facts: &Facts) -> Result<Change, Denied> {
        let asker = self.asker(actor, facts)?;
        self.permit(asker, asked.operation(), asked.on())?;
        match asked {
            Asked::Live(live) => self.decide_live(asker, live, facts),
            Asked::Rights(rights) => self.decide_rights(asker, rights, facts),
        }
    }

    fn decide_live(&self, asker: Asker<'_>, live: &Live, facts: &Facts) -> Result<Change, Denied> {
        match live {
            Live::Join(join) => self.decide_join(asker, ChannelId(join.channel), facts),
            Live::Leave(_) => Ok(Change::Move { session: asker.session()?, channel: None, shown: None }),
            Live::SetSelf(set) => Self::decide_set_self(asker, set),
            Live::SendText(send) => self.decide_text(asker, send, facts),
            Live::CreateChannel(create) => self.decide_create_channel(asker, create, facts),
            Live::EditChannel(edit) => self.decide_edit_channel(asker, edit, facts),
            Live::MoveChannel(to) => self.decide_move_channel(asker, to),
            Live::RemoveChannel(remove) => {
                let all = self.editable_below(asker, ChannelId(remove.channel))?;
                Ok(Change::RemoveChannels(all))
            }
            Live::LinkChannels(link) => self.decide_link(asker, *link),
            Live::EditOrganization(edit) => self.decide_settings(asker, edit),
            Live::LogOut(_) => Ok(Change::End { session: asker.own_session()?, user: asker.user() }),
            Live::SetUserDisabled(set) => self.decide_disable(asker, set, facts),
            Live::MoveSession(to) => self.decide_move_session(asker, *to),
            Live::Listen(listen) => self.decide_listen(asker, listen, facts),
            Live::Watch(watch) => self.decide_watch(asker, watch),
            Live::SetVoiceTarget(set) => self.decide_target(asker, set),
            Live::Moderate(moderate) => self.decide_moderate(asker, *moderate),
            Live::Kick(kick) => self.decide_kick(asker, kick),
            Live::StartRecording(start) => self.decide_record(asker, optional(start.channel)),
            Live::StopRecording(stop) => self.decide_stop_recording(asker, ChannelId(stop.channel)),
        }
    }

    fn decide_rights(&self, asker: Asker<'_>, rights: &Rights, facts: &Facts) -> Result<Change, Denied> {
        match rights {
            Rights::CreateRole(create) => self.decide_create_role(asker, create),
            Rights::EditRole(edit) => self.decide_edit_role(asker, edit),
            Rights::RemoveRole(remove) => self.decide_remove_role(asker, *remove),
            Rights::GrantRole(grant) => self.decide_grant(asker, grant, facts),
            Rights::RevokeRole(revoke) => self.decide_revoke(asker, revoke, facts),
            Rights::SetOverwrite(set) => self.decide_overwrite(asker, set, facts),
            Rights::RequireSecondFactor(require) => self.decide_require_second_factor(asker, require),
        }
    }

    /// Whether a session that has proven who it is can come in. One that is connected already is
    /// replaced, so it always can. A key that wasn't made to see brings nobody in.
    pub fn decide_arrival(&self, mut member: Member) -> Result<Change, Denied> {
        // Whoever is in is told who else is.
        member.was_given(Permissions::VIEW)?;
        let is_new = !self.members.contains(member.session);
        if is_new && self.members.len() >= self.limits.sessions {
            let sessions = self.limits.sessions;
            return Err(if self.limits.is_own {
                Denied::OrganizationFull(sessions)
            } else {
                Denied::Full(sessions)
            });
        }
        if is_new && member.user.is_none() {
            self.tell_apart(&mut member);
        }
        Ok(Change::Arrive(Box::new(member)))
    }

    /// Gives a guest whose name looks like that of another one a number after it. No name has a mark but those of guests,
    /// which begin with one, so the number is nobody's own.
    fn tell_apart(&self, guest: &mut Member) {
        let alike = self.members.marked(Mark::Looks(guest.look.clone()));
        let number = |name: &str| {
            let numbered = name.get(1..).and_then(|name| name.rsplit_once(GUEST_MARK));
            numbered.map_or(1, |(_, number)| number.parse::<usize>().unwrap_or(1))
        };
        let taken: BTreeSet<usize> = alike.map(|other| number(&other.name)).collect();
        if let Some(free) =
            (1..=taken.len() + 1).find(|number| !taken.contains(number)).filter(|free| *free > 1)
        {
            guest.name = format!("{}{GUEST_MARK}{free}", guest.name);
        }
    }
}

fn optional(channel: u64) -> Option<ChannelId> {
    (channel != 0).then_some(ChannelId(channel))
}
