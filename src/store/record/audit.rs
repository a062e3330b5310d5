//! The audit trail: who changed what, chained so that nothing can be taken out unseen.

use std::net::IpAddr;

use rkyv::{Archive, Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::As;
use crate::auth::TokenHash;
use crate::id::{OrganizationId, Timestamp, UserId};

/// Who made a change.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Archive, Serialize, Deserialize, serde::Serialize, serde::Deserialize,
)]
pub enum Author {
    /// The server itself: a sweep, a migration.
    Server,
    /// The person who owns the machine, by a command.
    Operator,
    /// A user.
    User(#[rkyv(with = As<u64>)] UserId),
    /// Somebody without an account.
    Guest,
}

/// What was done. Numbers are part of the chain: never reused.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Archive,
    Serialize,
    Deserialize,
    serde::Serialize,
    serde::Deserialize,
)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum Verb {
    /// It came into being.
    Create = 1,
    /// It is another than it was.
    Change = 2,
    /// It is gone.
    Delete = 3,
    /// A token was used.
    Take = 4,
    /// Entries older than the organization keeps were removed.
    Prune = 5,
    /// The file came to this version's form.
    Migrate = 6,
    /// The file came from a backup or an export.
    Restore = 7,
    /// A token that was exchanged already was shown again.
    Reuse = 8,
    /// Somebody's connection was ended by another.
    Kick = 9,
}

/// What it was done to. Numbers are part of the chain: never reused.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Archive,
    Serialize,
    Deserialize,
    serde::Serialize,
    serde::Deserialize,
)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum SubjectKind {
    /// An organization.
    Organization = 1,
    /// A user.
    User = 2,
    /// A user's profile.
    Profile = 3,
    /// A role.
    Role = 4,
    /// A channel.
    Channel = 5,
    /// An overwrite, by its channel.
    Overwrite = 6,
    /// A session.
    Session = 7,
    /// A one-time token.
    Token = 8,
    /// An API key.
    ApiKey = 9,
    /// A ban.
    Ban = 10,
    /// A setting, by its user, or 0.
    Setting = 11,
    /// A favourite, by its user.
    Favourite = 12,
    /// The audit trail.
    Audit = 13,
    /// The database.
    Database = 14,
    /// A device's key, by its user.
    DeviceKey = 15,
    /// One-time codes, by their user.
    SecondFactor = 16,
    /// A letter.
    Mail = 17,
    /// A recording of a channel, by the channel.
    Recording = 18,
    /// What moderators laid upon somebody, by the user.
    Restraint = 19,
    /// What everybody meets who comes to an organization.
    OrganizationSettings = 20,
}

impl SubjectKind {
    /// The word that names it to people.
    pub fn word(self) -> &'static str {
        match self {
            Self::Organization => "organization",
            Self::User => "user",
            Self::Profile => "profile",
            Self::Role => "role",
            Self::Channel => "channel",
            Self::Overwrite => "overwrite",
            Self::Session => "session",
            Self::Token => "token",
            Self::ApiKey => "api-key",
            Self::Ban => "ban",
            Self::Setting => "setting",
            Self::Favourite => "favourite",
            Self::Audit => "audit",
            Self::Database => "database",
            Self::DeviceKey => "device-key",
            Self::SecondFactor => "second-factor",
            Self::Mail => "mail",
            Self::Recording => "recording",
            Self::Restraint => "restraint",
            Self::OrganizationSettings => "organization-settings",
        }
    }
}

impl Verb {
    /// The word that names it to people.
    pub fn word(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Change => "change",
            Self::Delete => "delete",
            Self::Take => "take",
            Self::Prune => "prune",
            Self::Migrate => "migrate",
            Self::Restore => "restore",
            Self::Reuse => "reuse",
            Self::Kick => "kick",
        }
    }
}

/// One change.
#[derive(
    Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize, serde::Serialize, serde::Deserialize,
)]
pub struct AuditEntry {
    /// Whose trail.
    #[rkyv(with = As<u64>)]
    pub organization: OrganizationId,
    /// Its place in the trail, from 1.
    pub number: u64,
    /// When.
    #[rkyv(with = As<u64>)]
    pub at: Timestamp,
    /// Who.
    pub author: Author,
    /// From where.
    pub from: Option<IpAddr>,
    /// What was done.
    pub verb: Verb,
    /// To what kind of thing.
    pub subject: SubjectKind,
    /// To which.
    pub subject_id: u64,
    /// The fields that changed, as they were: a JSON object without secrets, or nothing.
    pub before: String,
    /// The same as they are since.
    pub after: String,
    /// SHA-256 of the hash before and of everything above.
    #[rkyv(with = As<[u8; 32]>)]
    pub hash: TokenHash,
}

impl AuditEntry {
    /// What `hash` must be after an entry with the hash `previous`. Each field goes in with its length,
    /// in a form of its own that no change of the row's layout changes.
    pub(in crate::store) fn chained(&self, previous: &TokenHash) -> TokenHash {
        let mut digest = Sha256::new();
        digest.update(previous.0);
        for number in [self.organization.0, self.number, self.at.0, self.subject_id] {
            digest.update(number.to_be_bytes());
        }
        let (author, author_id) = match self.author {
            Author::Server => (0, 0),
            Author::Operator => (1, 0),
            Author::User(user) => (2, user.0),
            Author::Guest => (3, 0),
        };
        digest.update([author, self.verb as u8, self.subject as u8]);
        digest.update(u64::to_be_bytes(author_id));
        let from = self.from.map(|address| address.to_string()).unwrap_or_default();
        for text in [from.as_str(), &self.before, &self.after] {
            digest.update((text.len() as u64).to_be_bytes());
            digest.update(text);
        }
        TokenHash(digest.finalize().into())
    }
}
