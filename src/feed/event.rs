//! What can happen, and who may know of it.

use serde::{Deserialize, Serialize};

use crate::id::{ChannelId, ElementPlace, OrganizationId, RoleId, SessionId, Timestamp, UserId, Way};
use crate::permission::{Permissions, Subject};
use crate::state::{Change, Member, State};

/// Something that happened, after it was committed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Happened {
    /// Where.
    pub organization: OrganizationId,
    /// Its place in the organization's feed: each has the next one. Numbers go on over restarts, with a gap.
    pub number: u64,
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: Doer,
    /// What.
    pub event: Event,
}

/// By whom something was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Doer {
    /// The server by itself, because of the time.
    Server,
    /// The person who owns the machine.
    Operator,
    /// Somebody who was connected.
    Member {
        /// Their session.
        session: SessionId,
        /// Their account; `None` for a guest.
        user: Option<UserId>,
        /// Their name at that moment.
        name: String,
    },
    /// An account that wasn't connected.
    Account {
        /// Which.
        user: UserId,
        /// By way of what.
        way: Way,
    },
}

/// To whom a text was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum To {
    /// Those in a channel.
    Channel(ChannelId),
    /// One session, of this account.
    Session(SessionId, Option<UserId>),
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the fields are named as those of what they are about")]
pub enum Event {
    /// A channel was made.
    ChannelCreated { channel: ChannelId, parent: Option<ChannelId>, name: String },
    /// A channel was renamed, moved or changed otherwise.
    ChannelChanged { channel: ChannelId },
    /// A channel was removed, with those below it, which come before it.
    ChannelsRemoved { channels: Vec<ChannelId> },
    /// Two channels hear each other from now on, or no more.
    ChannelsLinked { channel: ChannelId, other: ChannelId, linked: bool },
    /// What everybody meets who comes was changed.
    OrganizationChanged,
    /// A role was made.
    RoleCreated { role: RoleId, name: String },
    /// A role was changed.
    RoleChanged { role: RoleId },
    /// A role was removed.
    RoleRemoved { role: RoleId },
    /// An account got a role.
    RoleGranted { user: UserId, role: RoleId, until: Option<Timestamp> },
    /// An account lost a role.
    RoleRevoked { user: UserId, role: RoleId },
    /// A channel's overwrite was set.
    OverwriteSet { channel: ChannelId, subject: Subject },
    /// A channel's overwrite was removed.
    OverwriteRemoved { channel: ChannelId, subject: Subject },
    /// An account was changed: its password, devices, keys, name, or whether it may log in.
    AccountChanged { user: UserId },
    /// Somebody shows something else of themselves, who was connected at that moment, or wasn't.
    ProfileChanged { user: UserId, connected: bool },
    /// Who is kept out was changed.
    BansChanged,
    /// A session connected.
    Arrived { session: SessionId, user: Option<UserId>, name: String },
    /// A session's connection ended.
    Departed { session: SessionId, user: Option<UserId>, name: String },
    /// A session went from one channel to another; `None` is no channel, or one that the reader doesn't see.
    Moved { session: SessionId, from: Option<ChannelId>, to: Option<ChannelId> },
    /// A session shows itself otherwise: muted, deaf, away, with another status.
    Presence { session: SessionId, channel: Option<ChannelId> },
    /// A moderator muted, deafened or suppressed somebody, or took it back.
    Moderated { session: SessionId, channel: Option<ChannelId> },
    /// A moderator ended somebody's connection. The reason is empty for who may not kick.
    Kicked { session: SessionId, name: String, reason: String },
    /// A text was written.
    TextSent { from: SessionId, author: Option<UserId>, name: String, to: To, text: String },
    /// A channel is recorded from now on.
    RecordingBegan { channel: ChannelId },
    /// A channel is recorded no more.
    RecordingEnded { channel: ChannelId },
    /// An element was set, and has this version now, or was removed, where that is 0. `recorded` is the channel of the
    /// recording that it is on.
    ElementChanged { on: ElementPlace, recorded: Option<ChannelId>, name: String, version: u64 },
}

/// What kind of thing an event is about, for filters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    /// The channel tree, and what everybody meets.
    Channels = 0,
    /// Roles, grants and overwrites.
    Rights = 1,
    /// Accounts and bans.
    Accounts = 2,
    /// Who is connected, where, and how.
    Presence = 3,
    /// Moderation.
    Moderation = 4,
    /// Texts.
    Texts = 5,
    /// Recordings.
    Recordings = 6,
    /// What programs keep on channels, accounts and recordings.
    Elements = 7,
}

impl Event {
    /// What a change that is about to be made to `state` is for others; nothing for one that nobody else learns of.
    pub fn of(change: &Change, state: &State) -> Option<Self> {
        let member = |session: &SessionId| state.member(*session);
        let at = |session: &SessionId| member(session).and_then(|member| member.channel);
        let name = |session: &SessionId| member(session).map_or(String::new(), |member| member.name.clone());
        let user = |session: &SessionId| member(session).and_then(|member| member.user);
        Some(match change {
            Change::Nothing | Change::Listen { .. } | Change::Watch { .. } | Change::SetTarget { .. } => {
                return None;
            }
            Change::Arrive(member) => {
                Self::Arrived { session: member.session, user: member.user, name: member.name.clone() }
            }
            Change::Depart(session) | Change::End { session, .. } => {
                member(session)?;
                Self::Departed { session: *session, user: user(session), name: name(session) }
            }
            Change::Move { session, channel, .. } => {
                Self::Moved { session: *session, from: at(session), to: *channel }
            }
            Change::SetSelf { session, .. } | Change::Present { session, .. } => {
                Self::Presence { session: *session, channel: at(session) }
            }
            Change::Moderate { session, .. } => Self::Moderated { session: *session, channel: at(session) },
            Change::Kick { session, reason } => {
                Self::Kicked { session: *session, name: name(session), reason: reason.clone() }
            }
            Change::Record { channel, .. } => Self::RecordingBegan { channel: *channel },
            Change::StopRecording(channel) => Self::RecordingEnded { channel: *channel },
            Change::Link { channel, other, linked } => {
                Self::ChannelsLinked { channel: *channel, other: *other, linked: *linked }
            }
            Change::PutSettings(_) => Self::OrganizationChanged,
            Change::CreateRole(role) => Self::RoleCreated { role: role.id, name: role.name.clone() },
            Change::PutRole(role) => Self::RoleChanged { role: role.id },
            Change::RemoveRole(role) => Self::RoleRemoved { role: *role },
            Change::Grant { user, held } => {
                Self::RoleGranted { user: *user, role: held.role, until: held.until }
            }
            Change::Revoke { user, role } => Self::RoleRevoked { user: *user, role: *role },
            Change::PutOverwrite(one) => Self::OverwriteSet { channel: one.channel, subject: one.subject },
            Change::RemoveOverwrite { channel, subject } => {
                Self::OverwriteRemoved { channel: *channel, subject: *subject }
            }
            Change::TextChannel { from, channel, text, .. } => Self::TextSent {
                from: from.session,
                author: from.user,
                name: from.name.clone(),
                to: To::Channel(*channel),
                text: text.clone(),
            },
            Change::TextSession { from, session, text, .. } => Self::TextSent {
                from: from.session,
                author: from.user,
                name: from.name.clone(),
                to: To::Session(*session, user(session)),
                text: text.clone(),
            },
            Change::CreateChannel(channel) => Self::ChannelCreated {
                channel: channel.id,
                parent: channel.parent,
                name: channel.name.clone(),
            },
            Change::PutChannel(channel) => Self::ChannelChanged { channel: channel.id },
            Change::RemoveChannels(channels) => Self::ChannelsRemoved { channels: channels.clone() },
            Change::SetUserDisabled { user, .. } => Self::AccountChanged { user: *user },
        })
    }

    /// What it is about.
    pub fn kind(&self) -> Kind {
        match self {
            Self::ChannelCreated { .. }
            | Self::ChannelChanged { .. }
            | Self::ChannelsRemoved { .. }
            | Self::ChannelsLinked { .. }
            | Self::OrganizationChanged => Kind::Channels,
            Self::RoleCreated { .. }
            | Self::RoleChanged { .. }
            | Self::RoleRemoved { .. }
            | Self::RoleGranted { .. }
            | Self::RoleRevoked { .. }
            | Self::OverwriteSet { .. }
            | Self::OverwriteRemoved { .. } => Kind::Rights,
            Self::AccountChanged { .. } | Self::ProfileChanged { .. } | Self::BansChanged => Kind::Accounts,
            Self::Arrived { .. } | Self::Departed { .. } | Self::Moved { .. } | Self::Presence { .. } => {
                Kind::Presence
            }
            Self::Moderated { .. } | Self::Kicked { .. } => Kind::Moderation,
            Self::TextSent { .. } => Kind::Texts,
            Self::RecordingBegan { .. } | Self::RecordingEnded { .. } => Kind::Recordings,
            Self::ElementChanged { .. } => Kind::Elements,
        }
    }

    /// The event as a viewer may know it, if at all: what they may not see is left out of it. The machine's owner, given
    /// as `None`, may know everything.
    pub fn shown(&self, state: &State, viewer: Option<&Member>) -> Option<Self> {
        self.shown_of(state, viewer, |_| true)
    }

    /// The same where something may be known only of channels of which `known` says so.
    pub(super) fn shown_of(
        &self,
        state: &State,
        viewer: Option<&Member>,
        known: impl Fn(ChannelId) -> bool,
    ) -> Option<Self> {
        let Some(viewer) = viewer else { return Some(self.clone()) };
        // What is for everybody, or about the viewer themself, is for no program that wasn't made to see.
        viewer.was_given(Permissions::VIEW).ok()?;
        let on = |channel: Option<ChannelId>, needed: Permissions| {
            // Who saw a channel that is gone can't be said any more.
            channel.is_none_or(|channel| state.channel(channel).is_some() && known(channel))
                && state.permissions_on(viewer, channel).contains(needed)
        };
        let everywhere = |needed: Permissions| on(None, needed);
        let sees = |channel: ChannelId| on(Some(channel), Permissions::VIEW);
        let is_own = |user: &Option<UserId>| user.is_some() && *user == viewer.user;
        let is_shown = match self {
            Self::ChannelCreated { channel, .. }
            | Self::ChannelChanged { channel }
            | Self::RecordingBegan { channel }
            | Self::RecordingEnded { channel }
            | Self::ElementChanged { on: ElementPlace::Channel(channel), .. } => sees(*channel),
            Self::ChannelsLinked { channel, other, .. } => sees(*channel) && sees(*other),
            Self::ChannelsRemoved { .. } => everywhere(Permissions::MANAGE_ORGANIZATION),
            Self::OrganizationChanged
            | Self::RoleCreated { .. }
            | Self::RoleChanged { .. }
            | Self::RoleRemoved { .. }
            | Self::Arrived { .. }
            | Self::Departed { .. } => true,
            Self::RoleGranted { user, .. } | Self::RoleRevoked { user, .. } => {
                is_own(&Some(*user)) || everywhere(Permissions::MANAGE_ROLES)
            }
            Self::OverwriteSet { channel, .. } | Self::OverwriteRemoved { channel, .. } => {
                sees(*channel) && on(Some(*channel), Permissions::MANAGE_ROLES)
            }
            Self::AccountChanged { user } | Self::ElementChanged { on: ElementPlace::User(user), .. } => {
                is_own(&Some(*user)) || everywhere(Permissions::MANAGE_USERS)
            }
            // Everybody sees who is connected.
            Self::ProfileChanged { user, connected } => {
                *connected || is_own(&Some(*user)) || everywhere(Permissions::MANAGE_USERS)
            }
            Self::BansChanged => everywhere(Permissions::BAN),
            Self::Moved { session, from, to } => {
                let seen = |channel: &Option<ChannelId>| channel.filter(|channel| sees(*channel));
                let (from, to) = (seen(from), seen(to));
                let moves = from.is_some() || to.is_some();
                return moves.then_some(Self::Moved { session: *session, from, to });
            }
            Self::Presence { channel, .. } | Self::Moderated { channel, .. } => channel.is_none_or(sees),
            Self::Kicked { session, name, .. } => {
                if !everywhere(Permissions::KICK) {
                    let (session, name, reason) = (*session, name.clone(), String::new());
                    return Some(Self::Kicked { session, name, reason });
                }
                true
            }
            Self::TextSent { to: To::Channel(channel), .. } => {
                on(Some(*channel), Permissions::VIEW) && state.let_in(viewer, *channel, None).is_ok()
            }
            Self::TextSent { to: To::Session(_, to), author, .. } => {
                viewer.was_given(Permissions::TEXT).is_ok() && (is_own(to) || is_own(author))
            }
            Self::ElementChanged { on: ElementPlace::Recording(_), recorded, .. } => {
                let hears = |channel| known(channel) && state.hears_recordings(viewer, channel);
                recorded.is_some_and(hears)
            }
        };
        is_shown.then(|| self.clone())
    }
}
