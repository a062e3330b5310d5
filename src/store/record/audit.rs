//! The audit trail: who changed what, chained so that nothing can be taken out unseen.

use std::net::IpAddr;

use rkyv::{Archive, Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::declare::stored;
use super::layout::As;
use super::subject::SubjectKind;
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

stored! {
    AuditEntry, 1, "AuditEntry/1(organization, number, at, author, from, verb, subject, subject_id, before, after, hash)";
    key: (u64, u64) = |a| (a.organization.0, a.number);
    of: Organization, |a| (a.organization, a.number);
}

/// The name under which `after` says by way of what it was made.
pub(in crate::store) const WAY: &str = "by way of";

impl AuditEntry {
    /// The fields that changed as they are since, and beside them what acted for the author: empty where they did it
    /// themselves.
    pub fn after_and_way(&self) -> (String, String) {
        let said = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&self.after);
        let Some((facts, way)) = said.ok().and_then(|mut facts| facts.remove(WAY).map(|way| (facts, way)))
        else {
            return (self.after.clone(), String::new());
        };
        let after =
            if facts.is_empty() { String::new() } else { serde_json::Value::Object(facts).to_string() };
        (after, way.as_str().unwrap_or_default().to_owned())
    }

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
