//! What may let somebody know more than before.

use crate::id::{ChannelId, RoleId, SessionId, UserId};
use crate::permission::{Overwrite, Subject};
use crate::state::{Change, Channel, Member, Role, State};

/// Somebody may know more from now on than before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened {
    /// Who.
    pub to: Whom,
    /// Of this channel and those below it; of everything where there is none.
    pub channel: Option<ChannelId>,
}

/// Who may know more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whom {
    /// Everybody.
    Everybody,
    /// An account, by whatever acts for it.
    Account(UserId),
    /// A session.
    Session(SessionId),
    /// Those who have a role.
    Holders(RoleId),
}

impl Whom {
    /// Whether somebody is among them.
    pub fn includes(self, viewer: &Member) -> bool {
        match self {
            Self::Everybody => true,
            Self::Account(user) => viewer.user == Some(user),
            Self::Session(session) => viewer.session == session,
            Self::Holders(role) => viewer.holds(role),
        }
    }
}

/// What a change of the live state that is about to be made is for what others may know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sight {
    /// By what somebody may know more; nothing where nobody does.
    pub opens: Option<Opened>,
    /// Whether somebody may know less, or be another one: what they may know of what happened before has to be judged anew.
    pub unsettles: bool,
}

impl Sight {
    /// What a change is that is about to be made to `state`.
    pub fn of(change: &Change, state: &State) -> Self {
        let unsettling = |opens| Self { opens, unsettles: true };
        match change {
            // Whoever goes where they were let in already knows no more for being there.
            Change::Move { session, channel: Some(channel), .. }
            | Change::Listen { session, channel, shown: Some(_), .. } => {
                Self { opens: on_entering(*session, *channel, state), unsettles: false }
            }
            Change::Grant { user, .. }
            | Change::Revoke { user, .. }
            | Change::SetUserDisabled { user, disabled: false } => {
                unsettling(Some(everything(Whom::Account(*user))))
            }
            Change::PutRole(role) => unsettling(on_role(state.role(role.id), role)),
            // What it denied on channels is denied no more, and who had it can't be said afterwards.
            Change::RemoveRole(_) => unsettling(Some(everything(Whom::Everybody))),
            Change::PutOverwrite(one) => unsettling(Some(on_overwrite(one))),
            Change::RemoveOverwrite { channel, subject } => unsettling(Some(on_subject(*channel, *subject))),
            Change::PutChannel(channel) => {
                // What lets somebody in may keep somebody else out.
                let opens = on_channel(state.channel(channel.id), channel);
                Self { opens, unsettles: opens.is_some() }
            }
            Change::RemoveChannels(_)
            | Change::PutSettings(_)
            | Change::CreateRole(_)
            | Change::SetUserDisabled { disabled: true, .. } => unsettling(None),
            Change::Nothing
            | Change::Arrive(_)
            | Change::Depart(_)
            | Change::End { .. }
            | Change::Move { channel: None, .. }
            | Change::SetSelf { .. }
            | Change::Present { .. }
            | Change::Listen { shown: None, .. }
            | Change::Watch { .. }
            | Change::SetTarget { .. }
            | Change::Moderate { .. }
            | Change::Kick { .. }
            | Change::Record { .. }
            | Change::StopRecording(_)
            | Change::TextChannel { .. }
            | Change::TextSession { .. }
            | Change::CreateChannel(_)
            | Change::Link { .. } => Self::default(),
        }
    }
}

impl Opened {
    /// What is different in a state that was read anew.
    pub fn between(before: &State, after: &State) -> Vec<Self> {
        let gone = before.roles().any(|role| after.role(role.id).is_none());
        let mut opened: Vec<_> = gone.then_some(everything(Whom::Everybody)).into_iter().collect();
        opened.extend(after.roles().filter_map(|role| on_role(before.role(role.id), role)));
        for channel in after.channels() {
            opened.extend(on_channel(before.channel(channel.id), channel));
            let (was, is) = (before.overwrites_on(channel.id), after.overwrites_on(channel.id));
            let lost = was.iter().filter(|one| !is.contains(one));
            let new = is.iter().filter(|one| !was.contains(one));
            opened.extend(lost.chain(new).map(on_overwrite));
        }
        opened
    }
}

/// Whoever is somewhere, or knows the password of it, is let in.
fn on_entering(session: SessionId, channel: ChannelId, state: &State) -> Option<Opened> {
    let is_let_in = state.member(session).is_some_and(|one| state.let_in(one, channel, None).is_ok());
    (!is_let_in).then_some(Opened { to: Whom::Session(session), channel: Some(channel) })
}

fn on_role(was: Option<&Role>, is: &Role) -> Option<Opened> {
    let grants = |role: &Role| (role.allow, role.second_factor);
    let differs = was.is_none_or(|was| grants(was) != grants(is));
    differs.then_some(everything(Whom::Holders(is.id)))
}

fn on_channel(was: Option<&Channel>, is: &Channel) -> Option<Opened> {
    let lets_in = |channel: &Channel| (channel.parent, channel.password);
    let differs = was.is_none_or(|was| lets_in(was) != lets_in(is));
    differs.then_some(Opened { to: Whom::Everybody, channel: Some(is.id) })
}

fn on_overwrite(one: &Overwrite) -> Opened {
    on_subject(one.channel, one.subject)
}

fn on_subject(channel: ChannelId, subject: Subject) -> Opened {
    let to = match subject {
        Subject::Role(role) => Whom::Holders(role),
        Subject::User(user) => Whom::Account(user),
    };
    Opened { to, channel: Some(channel) }
}

/// Everything may be open to them.
fn everything(to: Whom) -> Opened {
    Opened { to, channel: None }
}
