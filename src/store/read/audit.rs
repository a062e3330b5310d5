//! The audit trail: who changed what, and what else it tells.

use crate::id::{OneTimeTokenId, OrganizationId, Timestamp, UserId};
use crate::store::Store;
use crate::store::error::ReadError;
use crate::store::record::{AuditEntry, Author, Ban, SubjectKind, Verb};
use crate::store::row::Record;
use crate::store::table::Tables;

/// Milliseconds by which a clock is set back at most, as far as anybody looks: a day.
const SET_BACK: u64 = 24 * 60 * 60 * 1_000;

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
    /// A page of an organization's audit trail, the newest first; with 0, of the server's own. Looks through all of it that was
    /// written since the filter's time, as long as it takes to find a page: nothing for a thread that carries voice.
    pub fn audit(
        &self,
        organization: OrganizationId,
        filter: &AuditFilter,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<AuditEntry>, ReadError> {
        self.look(|tables| {
            let mut found = Vec::new();
            for entry in newest(tables, organization, before, filter.since)? {
                let entry = entry?;
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
            for entry in newest(tables, home, None, Some(since))?.take(most) {
                let entry = entry?;
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

    /// Who made a ban, as far as the audit trail tells. Looks through all of it that was written since: the clock may have
    /// been set back, so times don't say how much that is.
    pub fn author_of_ban(&self, ban: &Ban) -> Result<Option<Author>, ReadError> {
        let home = ban.organization;
        self.look(|tables| {
            for entry in newest(tables, home, None, None)? {
                let entry = entry?;
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

/// The entries of an audit trail, the newest first, from before a number on, down to a time. They are in the order in which
/// they were written, so their times descend, but where the clock was set back: so those of a day before are looked at, too.
fn newest(
    tables: &Tables,
    organization: OrganizationId,
    before: Option<u64>,
    since: Option<Timestamp>,
) -> Result<impl Iterator<Item = Result<AuditEntry, ReadError>> + use<>, ReadError> {
    let rows = tables.audit.range((organization.0, 0)..(organization.0, before.unwrap_or(u64::MAX)))?;
    let last = since.map_or(0, |since| since.0.saturating_sub(SET_BACK));
    let entries = rows.rev().map(|row| AuditEntry::decode(row?.1.value()));
    Ok(entries.take_while(move |entry| entry.as_ref().map_or(true, |entry| entry.at.0 >= last)))
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use redb::backends::InMemoryBackend;

    use super::*;
    use crate::store::write::{self, Write};
    use crate::store::{By, SEEDED_ORGANIZATION as HOME};

    #[test]
    fn what_is_older_than_what_is_asked_for_is_not_looked_at() {
        let store = Store::open_on(InMemoryBackend::new(), Timestamp(1)).unwrap();
        let note = |at| {
            let note = write::note(HOME, Verb::Create, SubjectKind::Ban, at, serde_json::Value::Null);
            store.run(By::server(Timestamp(at)), note).unwrap();
        };
        // The clock was set back by an hour.
        let (day, hour) = (SET_BACK, SET_BACK / 24);
        for at in [day, 10 * day, 20 * day + hour, 20 * day] {
            note(at);
        }
        let since = |at| {
            let filter = AuditFilter { since: Some(Timestamp(at)), ..AuditFilter::default() };
            store.audit(HOME, &filter, None, 100).map(|found| found.len())
        };
        assert_eq!(
            (since(20 * day + 1).unwrap(), since(20 * day).unwrap(), since(9 * day).unwrap()),
            (1, 2, 3)
        );
        // What isn't read does no harm.
        let damage: Write<(), Infallible> = Write::new(|open| {
            let first = open.tables.audit.range((HOME.0, 0)..)?.next();
            let key = first.map_or(Ok((0, 0)), |row| row.map(|row| row.0.value()))?;
            open.tables.audit.insert(key, &b"damaged"[..])?;
            Ok(())
        });
        store.run(By::server(Timestamp(20 * day)), damage).unwrap();
        assert_eq!((since(20 * day).unwrap(), since(9 * day).unwrap()), (2, 3));
        let ban = Ban {
            id: crate::id::BanId(10 * day),
            organization: HOME,
            subject: crate::store::BanSubject::User(UserId(1)),
            reason: String::new(),
            created: Timestamp(10 * day),
            until: None,
        };
        assert_eq!(store.author_of_ban(&ban).unwrap(), Some(Author::Server));
        // A machine that forgot the time: all that is written from then on seems to be older.
        note(1);
        assert_eq!(store.author_of_ban(&ban).unwrap(), Some(Author::Server));
        assert!(since(1).is_err(), "the first one can't be read");
    }
}
