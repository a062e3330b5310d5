//! Channels, their exceptions, and what people keep about them.

use rkyv::with::Map;
use rkyv::{Archive, Deserialize, Serialize};

use super::account::PasswordLayout;
use super::declare::stored;
use super::layout::As;
use crate::auth::StoredPassword;
use crate::bounds::{EntryPolicy, Registration};
use crate::id::{ChannelId, OrganizationId, RoleId, Timestamp, UserId};
use crate::permission::{Overwrite, Permissions, Reach, Subject};
use crate::store::index::IndexKey;

/// A node of the channel tree.
#[derive(
    Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize, serde::Serialize, serde::Deserialize,
)]
pub struct Channel {
    /// Its identifier.
    #[rkyv(with = As<u64>)]
    pub id: ChannelId,
    /// Where it belongs.
    #[rkyv(with = As<u64>)]
    pub organization: OrganizationId,
    /// The channel above; `None` at the top.
    #[rkyv(with = Map<As<u64>>)]
    pub parent: Option<ChannelId>,
    /// Unique among its siblings when folded.
    pub name: String,
    /// For people.
    pub description: String,
    /// Order among siblings.
    pub position: i32,
    /// How its voice travels; 0 is clear.
    pub mode: u8,
    /// What must be known to join; `None` for nothing.
    #[rkyv(with = Map<As<PasswordLayout>>)]
    pub password: Option<StoredPassword>,
    /// When it was created.
    #[rkyv(with = As<u64>)]
    pub created: Timestamp,
    /// Sessions at most; 0 for any number.
    #[serde(default)]
    pub user_limit: u32,
    /// A temporary channel goes once it has been empty for this many milliseconds.
    #[serde(default)]
    pub temporary_ms: Option<u64>,
    /// Bits a second of each speaker at most; 0 for any.
    #[serde(default)]
    pub bitrate: u32,
    /// Length of a frame of voice in milliseconds; 0 for any.
    #[serde(default)]
    pub frame_ms: u16,
    /// How many speakers are passed on at once, the loudest ones; 0 for all.
    #[serde(default)]
    pub last_speakers: u16,
    /// Channels that it is linked with, in order; each of them is linked with this one.
    #[serde(default)]
    #[rkyv(with = Map<As<u64>>)]
    pub links: Vec<ChannelId>,
}

stored! {
    Channel, 3, "Channel/3(id, organization, parent, name, description, position, mode, password, created, user_limit, temporary_ms, bitrate, frame_ms, last_speakers, links)";
    key: u64 = |c| c.id.0;
    of: Identified, |c| (c.organization, c.id.0);
    audit: Channel, ["password"];
    index: |c| vec![IndexKey::channel_name(c.organization, c.parent, &c.name)];
}

impl Channel {
    /// A channel with nothing special about it. Who creates it gives the identifier and the time.
    pub fn new(organization: OrganizationId, parent: Option<ChannelId>, name: impl Into<String>) -> Self {
        Self {
            id: ChannelId(0),
            organization,
            parent,
            name: name.into(),
            description: String::new(),
            position: 0,
            mode: 0,
            password: None,
            created: Timestamp(0),
            user_limit: 0,
            temporary_ms: None,
            bitrate: 0,
            frame_ms: 0,
            last_speakers: 0,
            links: Vec::new(),
        }
    }
}

/// An overwrite as its row holds it.
#[derive(
    Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize, serde::Serialize, serde::Deserialize,
)]
#[serde(transparent)]
pub struct StoredOverwrite(#[rkyv(with = As<OverwriteLayout>)] pub(in crate::store) Overwrite);

stored! {
    StoredOverwrite, 2, "Overwrite/2(channel, kind, subject, allow, deny, reach)";
    key: (u64, u8, u64) = |o| {
        let (kind, subject) = subject_key(o.0.subject);
        (o.0.channel.0, kind, subject)
    };
    of: Channel, |o| (OrganizationId::of(o.0.channel.0), o.0.channel.0);
    audit: Overwrite;
}

#[derive(Archive, Serialize, Deserialize)]
struct OverwriteLayout {
    channel: u64,
    kind: u8,
    subject: u64,
    allow: u64,
    deny: u64,
    reach: u8,
}

impl From<&Overwrite> for OverwriteLayout {
    fn from(overwrite: &Overwrite) -> Self {
        let (kind, subject) = subject_key(overwrite.subject);
        let (allow, deny) = (overwrite.allow.bits(), overwrite.deny.bits());
        Self { channel: overwrite.channel.0, kind, subject, allow, deny, reach: overwrite.reach as u8 }
    }
}

impl TryFrom<OverwriteLayout> for Overwrite {
    type Error = ();

    fn try_from(layout: OverwriteLayout) -> Result<Self, ()> {
        let subject = match layout.kind {
            0 => Subject::Role(RoleId(layout.subject)),
            1 => Subject::User(UserId(layout.subject)),
            _ => return Err(()),
        };
        let (allow, deny) = (Permissions::from_bits(layout.allow), Permissions::from_bits(layout.deny));
        let reach = Reach::from_number(layout.reach).ok_or(())?;
        Ok(Self { channel: ChannelId(layout.channel), subject, allow, deny, reach })
    }
}

/// Kind and number of an overwrite's subject, as keys hold them.
pub(in crate::store) fn subject_key(subject: Subject) -> (u8, u64) {
    match subject {
        Subject::Role(role) => (0, role.0),
        Subject::User(user) => (1, user.0),
    }
}

/// What everybody meets who comes to an organization. There is no row for one that says nothing.
#[derive(
    Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize, serde::Serialize, serde::Deserialize,
)]
pub struct OrganizationSettings {
    /// Whose.
    #[rkyv(with = As<u64>)]
    pub organization: OrganizationId,
    /// What everybody reads who comes; empty for nothing.
    pub welcome: String,
    /// Where newcomers are put; `None` for nowhere.
    #[rkyv(with = Map<As<u64>>)]
    pub default_channel: Option<ChannelId>,
    /// Where the idle are put; `None` for nowhere.
    #[rkyv(with = Map<As<u64>>)]
    pub afk_channel: Option<ChannelId>,
    /// After how many milliseconds somebody is idle; 0 for never.
    pub afk_ms: u64,
    /// Whether guests are let in, as far as the organization may.
    #[serde(default = "yes")]
    pub guests: bool,
    /// Who may make an account, as far as the organization may say that.
    #[serde(default = "everybody")]
    #[rkyv(with = As<u8>)]
    pub registration: Registration,
}

fn yes() -> bool {
    EntryPolicy::ALL.guests
}

fn everybody() -> Registration {
    EntryPolicy::ALL.registration
}

stored! {
    OrganizationSettings, 2, "OrganizationSettings/2(organization, welcome, default_channel, afk_channel, afk_ms, guests, registration)";
    key: u64 = |o| o.organization.0;
    of: Organization, |o| (o.organization, o.organization.0);
    audit: OrganizationSettings;
}

impl OrganizationSettings {
    /// Those of an organization that says nothing.
    pub fn new(organization: OrganizationId) -> Self {
        let EntryPolicy { guests, registration } = EntryPolicy::ALL;
        Self {
            organization,
            welcome: String::new(),
            default_channel: None,
            afk_channel: None,
            afk_ms: 0,
            guests,
            registration,
        }
    }
}

/// A setting of an organization, or of one of its users.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Setting {
    /// Where it holds.
    pub organization: OrganizationId,
    /// For whom; `None` for the organization itself.
    pub user: Option<UserId>,
    /// Its name.
    pub name: String,
    /// Its value, whose form is the reader's affair.
    pub value: String,
}

/// A channel that a user keeps at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Favourite {
    /// Whose.
    pub user: UserId,
    /// Which.
    pub channel: ChannelId,
    /// Since when.
    pub since: Timestamp,
}
