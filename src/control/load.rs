//! From rows to the live state and back.

use std::io;

use serde_json::json;
use thiserror::Error;

use super::NewPassword;
use crate::account;
use crate::id::{ChannelId, OrganizationId, Timestamp, UserId};
use crate::state::{self, Change, Held, Limits, Lobby, State, Stored, VoicePolicy};
use crate::store::write::{self, ChannelEdit, UserEdit};
use crate::store::{
    self, ReadError, Rejected, SEEDED_ORGANIZATION, Setting, Store, SubjectKind, Verb, Write,
};

/// Why control can't start.
#[derive(Debug, Error)]
pub enum StartError {
    /// The store can't be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Accounts can't be served.
    #[error(transparent)]
    Accounts(#[from] account::StartError),
    /// A thread can't be started.
    #[error("can't start a thread: {0}")]
    Thread(io::Error),
}

/// Names of the organization's settings.
pub(super) const WELCOME: &str = "welcome";
const DEFAULT_CHANNEL: &str = "default-channel";
const AFK_CHANNEL: &str = "afk-channel";
const AFK_MS: &str = "afk-ms";

/// Name of the user's setting that says what moderators laid upon them: words, separated by spaces.
const RESTRAINT: &str = "restraint";
const MUTED: &str = "muted";
const DEAFENED: &str = "deafened";

/// What the store holds of the organization.
pub(super) fn stored(store: &Store, max_sessions: usize) -> Result<Stored, ReadError> {
    let home = store.organization(SEEDED_ORGANIZATION)?.ok_or(ReadError::NoOrganization)?;
    let limits = Limits { sessions: max_sessions, channels: home.limits.channels as usize };
    let required = account::requiring(store)?;
    let role = |role: store::Role| state::Role {
        second_factor: required.contains(&role.id),
        id: role.id,
        name: role.name,
        rank: role.rank,
        colour: role.colour,
        allow: role.allow,
    };
    Ok(Stored {
        organization: home.id,
        channels: store.channels(home.id, None, usize::MAX)?.into_iter().map(from_row).collect(),
        roles: store.roles(home.id, None, usize::MAX)?.into_iter().map(role).collect(),
        overwrites: store.overwrites(home.id, None, usize::MAX)?,
        lobby: lobby(store, home.name)?,
        next_channel: store.first_free_channel(home.id)?,
        next_role: store.first_free_role(home.id)?,
        limits,
    })
}

fn lobby(store: &Store, name: String) -> Result<Lobby, ReadError> {
    let settings = store.settings(SEEDED_ORGANIZATION, None)?;
    let value = |name| settings.iter().find(|one| one.name == name).map(|one| one.value.as_str());
    let number = |name| value(name).and_then(|value| value.parse::<u64>().ok());
    Ok(Lobby {
        name,
        welcome: value(WELCOME).unwrap_or_default().to_owned(),
        default_channel: number(DEFAULT_CHANNEL).map(ChannelId),
        afk_channel: number(AFK_CHANNEL).map(ChannelId),
        afk_ms: number(AFK_MS).unwrap_or(0),
    })
}

/// The roles that a user has at a time.
pub(super) fn held(user: &store::User, now: Timestamp) -> Vec<Held> {
    let holding = user.grants.iter().filter(|grant| grant.holds(now));
    holding.map(|grant| Held { role: grant.role, until: grant.expires }).collect()
}

/// Whether a user has a second factor in force.
pub(super) fn has_second_factor(store: &Store, user: UserId) -> Result<bool, ReadError> {
    Ok(store.second_factor(user)?.is_some_and(|factor| factor.confirmed.is_some()))
}

/// Whether moderators muted and deafened a user.
pub(super) fn restraint(store: &Store, user: UserId) -> Result<(bool, bool), ReadError> {
    let settings = store.settings(SEEDED_ORGANIZATION, Some(user))?;
    let words = settings.iter().find(|one| one.name == RESTRAINT).map_or("", |one| one.value.as_str());
    let has = |word| words.split(' ').any(|one| one == word);
    Ok((has(MUTED), has(DEAFENED)))
}

/// What must be on disk before the change is published.
/// `password` is what becomes of a channel's; `at` is the time.
pub(super) fn writes(
    change: &Change,
    password: &NewPassword,
    state: &State,
    at: Timestamp,
) -> Vec<Write<(), Rejected>> {
    match change {
        Change::CreateChannel(channel) => vec![created(channel, password, state.organization(), at).erased()],
        Change::PutChannel(channel) => vec![edited(channel, password).erased()],
        Change::Link { channel, other, linked } => {
            vec![write::link_channels(*channel, *other, *linked).erased()]
        }
        Change::PutLobby(lobby) => lobby_writes(lobby),
        Change::CreateRole(_)
        | Change::PutRole(_)
        | Change::RemoveRole(_)
        | Change::Grant { .. }
        | Change::Revoke { .. }
        | Change::PutOverwrite(_)
        | Change::RemoveOverwrite { .. } => rights_write(change, state).into_iter().collect(),
        Change::Kick { session, reason } => {
            let member = state.member(*session);
            let (kind, id) = match member.and_then(|member| member.user) {
                Some(user) => (SubjectKind::User, user.0),
                None => (SubjectKind::Session, session.0),
            };
            let said = json!({ "name": member.map(|member| &member.name), "reason": reason });
            vec![write::note(state.organization(), Verb::Kick, kind, id, said).or_nothing()]
        }
        Change::Record { channel, .. } => {
            let said = json!({ "channel": state.path_of(Some(*channel)) });
            let (kind, id) = (SubjectKind::Recording, channel.0);
            vec![write::note(state.organization(), Verb::Create, kind, id, said).or_nothing()]
        }
        Change::Moderate { session, muted, deafened, .. } => {
            let member = state.member(*session);
            let put = member.and_then(|member| {
                let (muted, deafened) = (muted.unwrap_or(member.muted), deafened.unwrap_or(member.deafened));
                Some(put_restraint(member.user?, muted, deafened))
            });
            put.into_iter().collect()
        }
        // The deepest come first, so the last is the one that all of them are below.
        Change::RemoveChannels(channels) => {
            channels.last().map(|root| write::delete_channel(*root).erased()).into_iter().collect()
        }
        Change::End(session) => {
            let user = state.member(*session).and_then(|member| member.user);
            user.map(|user| write::end_session(user, *session).or_nothing()).into_iter().collect()
        }
        Change::SetUserDisabled { user, disabled } => {
            let edit = UserEdit { disabled: Some(*disabled), ..UserEdit::default() };
            vec![write::edit_user(*user, edit).erased()]
        }
        Change::Nothing
        | Change::Arrive(_)
        | Change::Depart(_)
        | Change::Place { .. }
        | Change::SetSelf { .. }
        | Change::Present { .. }
        | Change::Listen { .. }
        | Change::SetTarget { .. }
        | Change::StopRecording(_)
        | Change::TextChannel { .. }
        | Change::TextSession { .. }
        | Change::CreateUser { .. }
        | Change::OwnAccount { .. }
        | Change::Admission { .. } => Vec::new(),
    }
}

fn created(
    channel: &state::Channel,
    password: &NewPassword,
    organization: OrganizationId,
    at: Timestamp,
) -> Write<(), write::PutChannelError> {
    let password = match password {
        NewPassword::Is(stored) => Some(stored.clone()),
        NewPassword::Kept | NewPassword::None => None,
    };
    write::add_channel(store::Channel { password, created: at, ..to_row(channel, organization) })
}

fn edited(channel: &state::Channel, password: &NewPassword) -> Write<store::Channel, write::PutChannelError> {
    let state::Channel { id, parent, name, description, position, voice, .. } = channel.clone();
    let edit = ChannelEdit {
        name: Some(name),
        description: Some(description),
        position: Some(position),
        parent: Some(parent),
        password: match password {
            NewPassword::Kept => None,
            NewPassword::None => Some(None),
            NewPassword::Is(stored) => Some(Some(stored.clone())),
        },
        user_limit: Some(channel.user_limit),
        temporary_ms: Some(channel.temporary_ms),
        bitrate: Some(voice.bitrate),
        frame_ms: Some(voice.frame_ms),
        last_speakers: Some(voice.last_speakers),
    };
    write::edit_channel(id, edit)
}

/// The same for a change of who may do what.
fn rights_write(change: &Change, state: &State) -> Option<Write<(), Rejected>> {
    match change {
        Change::CreateRole(role) => Some(write::add_role(to_role(role, state.organization())).erased()),
        Change::PutRole(role) => Some(write::put_role(to_role(role, state.organization())).erased()),
        Change::RemoveRole(role) => Some(write::delete_role(*role).erased()),
        Change::Grant { user, held } => {
            let grant = store::Grant { role: held.role, expires: held.until };
            Some(write::grant(*user, grant).erased())
        }
        Change::Revoke { user, role } => Some(write::revoke(*user, *role).erased()),
        Change::PutOverwrite(overwrite) => Some(write::put_overwrite(*overwrite).erased()),
        Change::RemoveOverwrite { channel, subject } => {
            Some(write::remove_overwrite(*channel, *subject).erased())
        }
        _ => None,
    }
}

fn put(user: Option<UserId>, name: &str, value: String) -> Write<(), Rejected> {
    let (organization, name) = (SEEDED_ORGANIZATION, name.to_owned());
    write::put_setting(Setting { organization, user, name, value }).erased()
}

fn put_restraint(user: UserId, muted: bool, deafened: bool) -> Write<(), Rejected> {
    let words = [(muted, MUTED), (deafened, DEAFENED)];
    let words: Vec<_> = words.into_iter().filter(|(is, _)| *is).map(|(_, word)| word).collect();
    put(Some(user), RESTRAINT, words.join(" "))
}

fn lobby_writes(lobby: &Lobby) -> Vec<Write<(), Rejected>> {
    let channel = |channel: Option<ChannelId>| channel.map(|id| id.0.to_string()).unwrap_or_default();
    let afk = if lobby.afk_ms == 0 { String::new() } else { lobby.afk_ms.to_string() };
    vec![
        put(None, WELCOME, lobby.welcome.clone()),
        put(None, DEFAULT_CHANNEL, channel(lobby.default_channel)),
        put(None, AFK_CHANNEL, channel(lobby.afk_channel)),
        put(None, AFK_MS, afk),
    ]
}

fn from_row(row: store::Channel) -> state::Channel {
    state::Channel {
        id: row.id,
        parent: row.parent,
        name: row.name,
        description: row.description,
        position: row.position,
        mode: row.mode,
        password: row.password.is_some(),
        user_limit: row.user_limit,
        temporary_ms: row.temporary_ms,
        voice: VoicePolicy { bitrate: row.bitrate, frame_ms: row.frame_ms, last_speakers: row.last_speakers },
        links: row.links,
    }
}

fn to_role(role: &state::Role, organization: OrganizationId) -> store::Role {
    let state::Role { id, name, rank, colour, allow, .. } = role.clone();
    store::Role { id, organization, name, rank, colour, allow }
}

fn to_row(channel: &state::Channel, organization: OrganizationId) -> store::Channel {
    let channel = channel.clone();
    let blank = store::Channel::new(organization, channel.parent, channel.name);
    store::Channel {
        id: channel.id,
        description: channel.description,
        position: channel.position,
        mode: channel.mode,
        user_limit: channel.user_limit,
        temporary_ms: channel.temporary_ms,
        bitrate: channel.voice.bitrate,
        frame_ms: channel.voice.frame_ms,
        last_speakers: channel.voice.last_speakers,
        links: channel.links,
        ..blank
    }
}
