//! From rows to the live state and back.

use serde_json::json;

use super::given::{NewPassword, mark};
use crate::account;
use crate::bounds::{EntryPolicy, MAX_TEMPORARY};
use crate::id::{OrganizationId, Timestamp, UserId};
use crate::state::{self, Change, Held, Limits, Maker, State, Stored, VoicePolicy};
use crate::store::write::{self, ChannelEdit, UserEdit};
use crate::store::{
    self, OrganizationSettings, ReadError, Rejected, Restraint, Store, SubjectKind, Verb, Write,
};

/// What the store holds of an organization.
pub(super) fn stored(
    store: &Store,
    organization: OrganizationId,
    server: (usize, EntryPolicy),
) -> Result<Stored, ReadError> {
    let home = store.organization(organization)?.ok_or(ReadError::NoOrganization)?;
    let (max_sessions, configured) = server;
    let own = home.limits.sessions as usize;
    let limits = Limits {
        sessions: own.min(max_sessions),
        channels: home.limits.channels as usize,
        entry: account::allowed(configured, &home),
        is_own: own < max_sessions,
    };
    let role = |role: store::Role| state::Role {
        second_factor: role.second_factor,
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
        next_channel: store.first_free_channel(home.id)?,
        next_role: store.first_free_role(home.id)?,
        settings: settings(store, home)?,
        limits,
    })
}

fn settings(store: &Store, home: store::Organization) -> Result<state::OrganizationSettings, ReadError> {
    let OrganizationSettings { welcome, default_channel, afk_channel, afk_ms, guests, registration, .. } =
        store.organization_settings(home.id)?;
    let entry = EntryPolicy { guests, registration };
    Ok(state::OrganizationSettings { name: home.name, welcome, default_channel, afk_channel, afk_ms, entry })
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
pub(super) fn restraint(
    store: &Store,
    organization: OrganizationId,
    user: UserId,
) -> Result<(bool, bool), ReadError> {
    let restraint = store.restraint(organization, user)?;
    Ok(restraint.map_or((false, false), |restraint| (restraint.muted, restraint.deafened)))
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
        Change::PutSettings(settings) => vec![settings_write(settings, state.organization())],
        Change::CreateRole(role) => vec![write::add_role(to_role(role, state.organization())).erased()],
        Change::PutRole(role) => vec![write::put_role(to_role(role, state.organization())).erased()],
        Change::RemoveRole(role) => vec![write::delete_role(*role).erased()],
        Change::Grant { user, held } => {
            let grant = store::Grant { role: held.role, expires: held.until };
            vec![write::grant(*user, grant).erased()]
        }
        Change::Revoke { user, role } => vec![write::revoke(*user, *role).erased()],
        Change::PutOverwrite(overwrite) => vec![write::put_overwrite(*overwrite).erased()],
        Change::RemoveOverwrite { channel, subject } => {
            vec![write::remove_overwrite(*channel, *subject).erased()]
        }
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
                let (organization, user) = (state.organization(), member.user?);
                let restraint = Restraint { organization, user, muted, deafened };
                Some(write::put_restraint(restraint).erased())
            });
            put.into_iter().collect()
        }
        // The deepest come first, so the last is the one that all of them are below.
        Change::RemoveChannels(channels) => {
            channels.last().map(|root| write::delete_channel(*root).erased()).into_iter().collect()
        }
        Change::End { session, user } => {
            user.map(|user| write::end_session(user, *session).or_nothing()).into_iter().collect()
        }
        Change::SetUserDisabled { user, disabled } => {
            let edit = UserEdit { disabled: Some(*disabled), ..UserEdit::default() };
            vec![write::edit_user(*user, edit).erased()]
        }
        Change::Nothing
        | Change::Arrive(_)
        | Change::Depart(_)
        | Change::Move { .. }
        | Change::SetSelf { .. }
        | Change::Present { .. }
        | Change::Listen { .. }
        | Change::Watch { .. }
        | Change::SetTarget { .. }
        | Change::StopRecording(_)
        | Change::TextChannel { .. }
        | Change::TextSession { .. } => Vec::new(),
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

fn settings_write(
    settings: &state::OrganizationSettings,
    organization: OrganizationId,
) -> Write<(), Rejected> {
    let state::OrganizationSettings { welcome, default_channel, afk_channel, afk_ms, entry, .. } =
        settings.clone();
    let EntryPolicy { guests, registration } = entry;
    let settings = OrganizationSettings {
        organization,
        welcome,
        default_channel,
        afk_channel,
        afk_ms,
        guests,
        registration,
    };
    write::put_organization_settings(settings).erased()
}

fn from_row(row: store::Channel) -> state::Channel {
    state::Channel {
        id: row.id,
        parent: row.parent,
        name: row.name,
        description: row.description,
        position: row.position,
        mode: row.mode,
        password: row.password.as_ref().map(mark),
        user_limit: row.user_limit,
        // One that was made before there was a bound goes, too.
        temporary_ms: row.temporary_ms.map(|empty| empty.min(MAX_TEMPORARY)),
        maker: Maker::Nobody,
        voice: VoicePolicy { bitrate: row.bitrate, frame_ms: row.frame_ms, last_speakers: row.last_speakers },
        links: row.links,
    }
}

fn to_role(role: &state::Role, organization: OrganizationId) -> store::Role {
    let state::Role { id, name, rank, colour, allow, second_factor } = role.clone();
    store::Role { id, organization, name, rank, colour, allow, second_factor }
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
