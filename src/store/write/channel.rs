//! The channel tree and its exceptions.

use thiserror::Error;

use super::super::error::{ReadError, Stop};
use super::super::open::Open;
use super::super::record::{
    Channel, Counted, OneTimeToken, OrganizationSettings, Role, StoredOverwrite, User, subject_key,
};
use super::super::row::Record;
use super::super::table::{organization_of, range_of};
use super::element::remove_elements_of;
use super::rows::{Owner, exists, remove_belongings, remove_where};
use super::{Write, taken};
use crate::auth::StoredPassword;
use crate::bounds::{MAX_LINKS, MAX_OVERWRITES};
use crate::id::{ChannelId, ElementPlace, OrganizationId, RoleId, UserId};
use crate::name::MAX_CHANNEL_DEPTH;
use crate::permission::{Overwrite, Subject};

/// Why a channel can't be created or changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PutChannelError {
    /// Its organization doesn't exist.
    #[error("there is no such organization")]
    NoSuchOrganization,
    /// There is no such channel.
    #[error("there is no such channel")]
    NoSuchChannel,
    /// The identifier is another channel's.
    #[error("another channel was created at the same moment and has this identifier; try again")]
    Exists,
    /// The channel above doesn't exist in the organization.
    #[error("there is no such channel to be below")]
    NoSuchParent,
    /// A sibling has the name.
    #[error("a channel of this name is there already; choose another name")]
    NameTaken,
    /// The new parent is the channel itself or below it.
    #[error("a channel can't be moved below itself")]
    Cycle,
    /// The tree would get too deep.
    #[error("channels can be nested {MAX_CHANNEL_DEPTH} levels deep; choose a parent higher up")]
    TooDeep,
    /// The organization has as many as it may.
    #[error("the organization has {0} channels, which is its limit; delete one, or raise the limit")]
    Full(u32),
}

/// A new channel; its identifier and its time are given here. It isn't linked with any.
pub fn create_channel(channel: Channel) -> Write<Channel, PutChannelError> {
    Write::new(move |open| {
        check(open, None, &channel)?;
        let id = ChannelId(open.next_id(Counted::Channel, channel.organization)?);
        let channel = Channel { id, created: open.by.at, links: Vec::new(), ..channel.clone() };
        put(open, None, &channel)?;
        Ok(channel)
    })
}

/// A new channel under the identifier that it has already, for the live state, which gives identifiers without waiting
/// for the store. An identifier that is a channel's is refused, and none up to this one is given afterwards. The channel
/// isn't linked with any.
pub fn add_channel(channel: Channel) -> Write<(), PutChannelError> {
    Write::new(move |open| {
        if organization_of(channel.id.0) != channel.organization {
            return Err(Stop::Refused(PutChannelError::NoSuchOrganization));
        }
        if open.get::<Channel>(channel.id.0)?.is_some() {
            return Err(Stop::Refused(PutChannelError::Exists));
        }
        let channel = Channel { links: Vec::new(), ..channel.clone() };
        check(open, None, &channel)?;
        put(open, None, &channel)
    })
}

/// What changes about a channel; what is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChannelEdit {
    /// The name.
    pub name: Option<String>,
    /// The text about it.
    pub description: Option<String>,
    /// Order among siblings.
    pub position: Option<i32>,
    /// The channel above.
    pub parent: Option<Option<ChannelId>>,
    /// What must be known to join.
    pub password: Option<Option<StoredPassword>>,
    /// Sessions at most; 0 for any number.
    pub user_limit: Option<u32>,
    /// After how long without anybody it goes; `None` inside for never.
    pub temporary_ms: Option<Option<u64>>,
    /// Bits a second of each speaker at most; 0 for any.
    pub bitrate: Option<u32>,
    /// Length of a frame of voice in milliseconds; 0 for any.
    pub frame_ms: Option<u16>,
    /// How many speakers are passed on at once; 0 for all.
    pub last_speakers: Option<u16>,
}

/// Other values for some of what is kept of a channel.
pub fn edit_channel(id: ChannelId, edit: ChannelEdit) -> Write<Channel, PutChannelError> {
    Write::new(move |open| {
        let old: Channel = open.require(id.0, PutChannelError::NoSuchChannel)?;
        let new = Channel {
            name: edit.name.clone().unwrap_or_else(|| old.name.clone()),
            description: edit.description.clone().unwrap_or_else(|| old.description.clone()),
            position: edit.position.unwrap_or(old.position),
            parent: edit.parent.unwrap_or(old.parent),
            password: edit.password.clone().unwrap_or_else(|| old.password.clone()),
            user_limit: edit.user_limit.unwrap_or(old.user_limit),
            temporary_ms: edit.temporary_ms.unwrap_or(old.temporary_ms),
            bitrate: edit.bitrate.unwrap_or(old.bitrate),
            frame_ms: edit.frame_ms.unwrap_or(old.frame_ms),
            last_speakers: edit.last_speakers.unwrap_or(old.last_speakers),
            ..old.clone()
        };
        check(open, Some(&old), &new)?;
        put(open, Some(&old), &new)?;
        Ok(new)
    })
}

/// Whether a channel may come to be, or to be another than it was; nothing is written.
fn check(open: &mut Open<'_>, old: Option<&Channel>, channel: &Channel) -> Result<(), Stop<PutChannelError>> {
    use PutChannelError::{Full, NameTaken, NoSuchOrganization};
    let home = exists(open, channel.organization)?.ok_or(Stop::Refused(NoSuchOrganization))?;
    let limit = home.limits.channels;
    if old.is_none() && open.ledger(channel.organization)?.channels >= u64::from(limit) {
        return Err(Stop::Refused(Full(limit)));
    }
    check_place(open, channel, old.is_some())?;
    if taken(open, old, channel)?.is_some() {
        return Err(Stop::Refused(NameTaken));
    }
    Ok(())
}

/// Writes a channel that was checked.
fn put(open: &mut Open<'_>, old: Option<&Channel>, new: &Channel) -> Result<(), Stop<PutChannelError>> {
    open.put(old, Some(new))?.map_err(|_| Stop::Refused(PutChannelError::NameTaken))?;
    let ledger = open.ledger(new.organization)?;
    ledger.note(Counted::Channel, new.id.0);
    ledger.channels += u64::from(old.is_none());
    Ok(())
}

/// Whether the channel can be below its parent. One that doesn't exist yet has nothing below it.
fn check_place(open: &mut Open<'_>, channel: &Channel, exists: bool) -> Result<(), Stop<PutChannelError>> {
    let mut levels = 1;
    let mut above = channel.parent;
    while let Some(parent) = above {
        if exists && parent == channel.id {
            return Err(Stop::Refused(PutChannelError::Cycle));
        }
        let parent: Channel = open.require(parent.0, PutChannelError::NoSuchParent)?;
        if parent.organization != channel.organization {
            return Err(Stop::Refused(PutChannelError::NoSuchParent));
        }
        levels += 1;
        if levels > MAX_CHANNEL_DEPTH {
            return Err(Stop::Refused(PutChannelError::TooDeep));
        }
        above = parent.parent;
    }
    let height = if exists { subtree(open, channel.organization, channel.id)?.1 } else { 1 };
    if levels + height - 1 > MAX_CHANNEL_DEPTH {
        return Err(Stop::Refused(PutChannelError::TooDeep));
    }
    Ok(())
}

/// A channel and all below it, and how many levels that is.
fn subtree(
    open: &Open<'_>,
    organization: OrganizationId,
    root: ChannelId,
) -> Result<(Vec<ChannelId>, usize), ReadError> {
    let mut channels = Vec::new();
    for row in open.tables.channels.range(range_of(organization))? {
        let channel = Channel::decode(row?.1.value())?;
        channels.push((channel.id, channel.parent));
    }
    let (mut found, mut level, mut levels) = (vec![root], vec![root], 1);
    loop {
        let is_next =
            |(id, parent): &(ChannelId, Option<ChannelId>)| parent.filter(|p| level.contains(p)).map(|_| *id);
        let next: Vec<ChannelId> = channels.iter().filter_map(is_next).collect();
        // Channels that a damaged file has in a circle are found once.
        let next: Vec<ChannelId> = next.into_iter().filter(|id| !found.contains(id)).collect();
        if next.is_empty() {
            return Ok((found, levels));
        }
        found.extend(&next);
        level = next;
        levels += 1;
    }
}

/// Why a channel can't be deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DeleteChannelError {
    /// There is none.
    #[error("there is no such channel")]
    NoSuchChannel,
}

/// Why channels can't be linked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum LinkChannelsError {
    /// One of them doesn't exist.
    #[error("there is no such channel")]
    NoSuchChannel,
    /// They belong to different organizations.
    #[error("channels of different organizations can't be linked")]
    Elsewhere,
    /// They are one.
    #[error("a channel can't be linked with itself; choose another one")]
    Itself,
    /// One of them has as many links as it can have.
    #[error("a channel can be linked with {MAX_LINKS} others; remove a link first")]
    TooMany,
}

/// Two channels are linked from now on, or aren't.
pub fn link_channels(a: ChannelId, b: ChannelId, linked: bool) -> Write<(), LinkChannelsError> {
    Write::new(move |open| {
        let one: Channel = open.require(a.0, LinkChannelsError::NoSuchChannel)?;
        let other: Channel = open.require(b.0, LinkChannelsError::NoSuchChannel)?;
        if a == b {
            return Err(Stop::Refused(LinkChannelsError::Itself));
        }
        if one.organization != other.organization {
            return Err(Stop::Refused(LinkChannelsError::Elsewhere));
        }
        let is_new = linked && !one.links.contains(&b);
        if is_new && one.links.len().max(other.links.len()) >= MAX_LINKS {
            return Err(Stop::Refused(LinkChannelsError::TooMany));
        }
        for (old, with) in [(one, b), (other, a)] {
            let mut links = old.links.clone();
            match (links.binary_search(&with), linked) {
                (Err(place), true) => links.insert(place, with),
                (Ok(place), false) => drop(links.remove(place)),
                _ => continue,
            }
            // The name stays, so nothing can be taken.
            let _ = open.put(Some(&old), Some(&Channel { links, ..old.clone() }))?;
        }
        Ok(())
    })
}

/// A channel goes with everything below it, and with their overwrites, favourites and links. Answers with
/// those that went.
pub fn delete_channel(id: ChannelId) -> Write<Vec<ChannelId>, DeleteChannelError> {
    Write::new(move |open| {
        let root: Channel = open.require(id.0, DeleteChannelError::NoSuchChannel)?;
        let (mut going, _) = subtree(open, root.organization, id)?;
        // The deepest first, so that none is ever without its parent.
        going.reverse();
        for id in &going {
            if let Some(old) = open.get::<Channel>(id.0)? {
                let staying: Vec<_> = old.links.iter().filter(|link| !going.contains(link)).collect();
                for link in staying {
                    unlink(open, *link, *id)?;
                }
                let _ = open.put(Some(&old), None)?;
            }
            remove_belongings(open, Owner::Channel(*id))?;
            remove_elements_of(open, root.organization, ElementPlace::Channel(*id))?;
        }
        let ids = range_of(root.organization);
        let users = (*ids.start(), 0)..=(*ids.end(), u64::MAX);
        open.tables.favourites.retain_in(users, |(_, channel), _| !going.contains(&ChannelId(channel)))?;
        clear_settings(open, root.organization, &going)?;
        let is_there = |token: &OneTimeToken| token.channel.is_some_and(|channel| going.contains(&channel));
        remove_where(open, root.organization, is_there)?;
        let ledger = open.ledger(root.organization)?;
        ledger.channels = ledger.channels.saturating_sub(going.len() as u64);
        Ok(going)
    })
}

/// Nobody is put into a channel that goes.
fn clear_settings(
    open: &mut Open<'_>,
    organization: OrganizationId,
    going: &[ChannelId],
) -> Result<(), ReadError> {
    let Some(old) = open.get::<OrganizationSettings>(organization.0)? else { return Ok(()) };
    let stays = |channel: &ChannelId| !going.contains(channel);
    let new = OrganizationSettings {
        default_channel: old.default_channel.filter(stays),
        afk_channel: old.afk_channel.filter(stays),
        ..old.clone()
    };
    super::preference::replace(open, Some(&old), &new)
}

/// Takes a channel that goes out of another one's links.
fn unlink(open: &mut Open<'_>, from: ChannelId, going: ChannelId) -> Result<(), ReadError> {
    if let Some(old) = open.get::<Channel>(from.0)? {
        let mut new = old.clone();
        new.links.retain(|link| *link != going);
        let _ = open.put_unaudited(Some(&old), Some(&new))?;
    }
    Ok(())
}

/// Why an overwrite can't be put.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PutOverwriteError {
    /// There is no such channel.
    #[error("there is no such channel")]
    NoSuchChannel,
    /// There is no such role or user in the channel's organization.
    #[error("there is no such role or user")]
    NoSuchSubject,
    /// The channel has as many as it can have.
    #[error("a channel can have {MAX_OVERWRITES} overwrites; remove one, or use a role")]
    TooMany,
}

/// An overwrite is this from now on.
pub fn put_overwrite(overwrite: Overwrite) -> Write<(), PutOverwriteError> {
    Write::new(move |open| {
        let channel: Channel = open.require(overwrite.channel.0, PutOverwriteError::NoSuchChannel)?;
        let home = match overwrite.subject {
            Subject::Role(RoleId(id)) => open.get::<Role>(id)?.map(|role| role.organization),
            Subject::User(UserId(id)) => open.get::<User>(id)?.map(|user| user.organization),
        };
        if home != Some(channel.organization) {
            return Err(Stop::Refused(PutOverwriteError::NoSuchSubject));
        }
        let new = StoredOverwrite(overwrite);
        let old: Option<StoredOverwrite> = open.get(new.key())?;
        let on_channel = (channel.id.0, 0, 0)..=(channel.id.0, u8::MAX, u64::MAX);
        if old.is_none() && open.tables.overwrites.range(on_channel)?.count() >= MAX_OVERWRITES {
            return Err(Stop::Refused(PutOverwriteError::TooMany));
        }
        let _ = open.put(old.as_ref(), Some(&new))?;
        Ok(())
    })
}

/// Why an overwrite can't be removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RemoveOverwriteError {
    /// There is none.
    #[error("there is no such overwrite")]
    NoSuchOverwrite,
}

/// A channel has no overwrite for somebody any more.
pub fn remove_overwrite(channel: ChannelId, subject: Subject) -> Write<(), RemoveOverwriteError> {
    Write::new(move |open| {
        let (kind, id) = subject_key(subject);
        let old: StoredOverwrite =
            open.require((channel.0, kind, id), RemoveOverwriteError::NoSuchOverwrite)?;
        let _ = open.put(Some(&old), None)?;
        Ok(())
    })
}
