//! The audit trail: who changed what, and what else it tells.

use crate::id::{OneTimeTokenId, OrganizationId, Timestamp, UserId};
use crate::store::Store;
use crate::store::error::ReadError;
use crate::store::record::{AuditEntry, Author, Ban, SubjectKind, Verb};
use crate::store::row::Record;

/// Which entries of an audit trail are wanted; what is `None` doesn't matter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// By whom.
    pub author: Option<Author>,
    /// What was done.
    pub verb: Option<Verb>,
    /// To what kind of thing.
    pub subject: Option<SubjectKind>,
    /// Not before.
    pub since: Option<Timestamp>,
    /// Before.
    pub until: Option<Timestamp>,
}

impl AuditFilter {
    fn matches(&self, entry: &AuditEntry) -> bool {
        self.author.is_none_or(|author| author == entry.author)
            && self.verb.is_none_or(|verb| verb == entry.verb)
            && self.subject.is_none_or(|subject| subject == entry.subject)
            && self.since.is_none_or(|since| entry.at >= since)
            && self.until.is_none_or(|until| entry.at < until)
    }
}

impl Store {
    /// A page of an organization's audit trail, the newest first; with 0, of the server's own.
    pub fn audit(
        &self,
        organization: OrganizationId,
        filter: &AuditFilter,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<AuditEntry>, ReadError> {
        self.look(|tables| {
            let end = (organization.0, before.unwrap_or(u64::MAX));
            let mut found = Vec::new();
            for row in tables.audit.range((organization.0, 0)..end)?.rev() {
                let entry = AuditEntry::decode(row?.1.value())?;
                if filter.matches(&entry) {
                    found.push(entry);
                    if found.len() == limit {
                        break;
                    }
                }
            }
            Ok(found)
        })
    }

    /// Which accounts were made by which invites since a time, the newest first, as far as the newest `most` entries of the
    /// audit trail tell.
    pub fn came_by_invites(
        &self,
        home: OrganizationId,
        since: Timestamp,
        most: usize,
    ) -> Result<Vec<(OneTimeTokenId, UserId)>, ReadError> {
        self.look(|tables| {
            let mut came = Vec::new();
            for row in tables.audit.range((home.0, 0)..=(home.0, u64::MAX))?.rev().take(most) {
                let entry = AuditEntry::decode(row?.1.value())?;
                if entry.at < since {
                    break;
                }
                if (entry.verb, entry.subject) == (Verb::Create, SubjectKind::User) {
                    let invite = entry.after_and_way().1.strip_prefix("invite ").map(str::parse);
                    if let Some(Ok(invite)) = invite {
                        came.push((OneTimeTokenId(invite), UserId(entry.subject_id)));
                    }
                }
            }
            Ok(came)
        })
    }

    /// Who made a ban, as far as the audit trail tells. Looks through all of it.
    pub fn author_of_ban(&self, ban: &Ban) -> Result<Option<Author>, ReadError> {
        let home = ban.organization;
        self.look(|tables| {
            for row in tables.audit.range((home.0, 0)..=(home.0, u64::MAX))?.rev() {
                let entry = AuditEntry::decode(row?.1.value())?;
                let is_it = (entry.verb, entry.subject, entry.subject_id)
                    == (Verb::Create, SubjectKind::Ban, ban.id.0);
                if is_it {
                    return Ok(Some(entry.author));
                }
            }
            Ok(None)
        })
    }
}
