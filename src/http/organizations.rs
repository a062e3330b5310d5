//! Which organizations have metrics of their own.
//!
//! The first one's have no label, as if there were no other. Each of the next [`LISTED`] that somebody comes to has its
//! tag as the label `organization`, and all that come later are one, [`OTHERS`]. A sum over all of them is right, and
//! no counter ever goes back: whoever is among the others stays there, and what they counted stays when they are deleted.

use std::collections::BTreeMap;

use crate::control::Handle;
use crate::endpoint::LinkPeer;
use crate::id::OrganizationId;

/// Organizations with metrics of their own at most, beside the first one.
pub(super) const LISTED: usize = 100;

/// The label of the others. No tag has such characters.
const OTHERS: &str = "(others)";

/// What was counted since the server started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Counted {
    /// Requests by how they were answered.
    pub(super) requests: BTreeMap<&'static str, u64>,
    /// Packets by what became of them.
    pub(super) voice: BTreeMap<&'static str, u64>,
    /// Requests that took long.
    pub(super) slow: u64,
}

impl Counted {
    fn add(&mut self, other: &Self) {
        for (sum, more) in [(&mut self.requests, &other.requests), (&mut self.voice, &other.voice)] {
            for (name, count) in more {
                *sum.entry(name).or_default() += count;
            }
        }
        self.slow += other.slow;
    }
}

/// An organization as it is now.
#[derive(Clone, Debug)]
pub(super) struct Snapshot {
    organization: OrganizationId,
    tag: String,
    sessions: u64,
    counted: Counted,
}

impl Snapshot {
    pub(super) fn of(tag: &str, handle: &Handle<LinkPeer>) -> Self {
        let short =
            |prefix, (name, count): (&'static str, u64)| (name.strip_prefix(prefix).unwrap_or(name), count);
        Self {
            organization: handle.organization(),
            tag: tag.to_owned(),
            sessions: handle.connected().into(),
            counted: Counted {
                requests: handle.counts().all().map(|one| short("requests_", one)).collect(),
                voice: handle.voice_counts().all().map(|one| short("voice_", one)).collect(),
                slow: handle.counts().slow(),
            },
        }
    }
}

/// What is told of one organization, or of the others.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// Empty for the first organization.
    tag: String,
    /// Connected now.
    pub(super) sessions: u64,
    /// Since the start.
    pub(super) counted: Counted,
}

impl Row {
    /// The label of the organization.
    pub(super) fn label(&self) -> Vec<(&'static str, &str)> {
        if self.tag.is_empty() { Vec::new() } else { vec![("organization", &self.tag)] }
    }

    /// Counters with their own label and the organization's. The first organization has all of them; to spare room,
    /// another one those that counted something.
    pub(super) fn labelled<'a>(
        &'a self,
        label: &'static str,
        counters: &'a BTreeMap<&'static str, u64>,
    ) -> impl Iterator<Item = (Vec<(&'a str, &'a str)>, u64)> {
        let told = |(_, count): &(_, &u64)| self.tag.is_empty() || **count > 0;
        counters.iter().filter(told).map(move |(name, count)| {
            let mut labels = self.label();
            labels.push((label, name));
            (labels, *count)
        })
    }
}

/// Who has metrics of their own, and what the others counted.
#[derive(Debug, Default)]
pub(super) struct Listed {
    own: Vec<OrganizationId>,
    others: BTreeMap<OrganizationId, Counted>,
    /// Of those among the others that are there no more.
    gone: Counted,
}

impl Listed {
    /// What is told of all that are there now.
    pub(super) fn rows(&mut self, all: impl IntoIterator<Item = Snapshot>) -> Vec<Row> {
        let all: Vec<_> = all.into_iter().collect();
        let is_there =
            |organization: &OrganizationId| all.iter().any(|one| one.organization == *organization);
        self.own.retain(is_there);
        self.others.retain(|organization, counted| {
            let stays = is_there(organization);
            if !stays {
                self.gone.add(counted);
            }
            stays
        });
        let (mut rows, mut sessions) = (Vec::new(), 0);
        for Snapshot { organization, tag, sessions: connected, counted } in all {
            let is_first = organization == OrganizationId::FIRST;
            let is_other = self.others.contains_key(&organization);
            if !is_first && !is_other && !self.own.contains(&organization) && self.own.len() < LISTED {
                self.own.push(organization);
            }
            if is_first || self.own.contains(&organization) {
                rows.push(Row { tag, sessions: connected, counted });
            } else {
                sessions += connected;
                self.others.insert(organization, counted);
            }
        }
        if !self.others.is_empty() || self.gone != Counted::default() {
            let mut counted = self.gone.clone();
            self.others.values().for_each(|other| counted.add(other));
            rows.push(Row { tag: OTHERS.to_owned(), sessions, counted });
        }
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(number: u64, answered: u64) -> Snapshot {
        let tag = if number == 1 { String::new() } else { format!("tag{number}") };
        let requests = BTreeMap::from([("answered", answered), ("busy", 0)]);
        let counted = Counted { requests, voice: BTreeMap::new(), slow: 0 };
        Snapshot { organization: OrganizationId(number), tag, sessions: 1, counted }
    }

    fn answered(rows: &[Row]) -> u64 {
        rows.iter().map(|row| row.counted.requests.get("answered").unwrap_or(&0)).sum()
    }

    #[test]
    fn thousands_of_organizations_have_a_bounded_number_of_rows_whose_sum_is_right() {
        let mut listed = Listed::default();
        let rows = listed.rows((1..=1_000).map(|number| snapshot(number, 1)));
        assert_eq!(rows.len(), LISTED + 2);
        assert_eq!((answered(&rows), rows.iter().map(|row| row.sessions).sum::<u64>()), (1_000, 1_000));
        assert_eq!(rows[0].label(), []);
        assert_eq!(rows[1].label(), [("organization", "tag2")]);
        assert_eq!(rows[LISTED + 1].label(), [("organization", OTHERS)]);
        assert_eq!(rows[0].labelled("result", &rows[0].counted.requests).count(), 2, "also what is 0");
        assert_eq!(rows[1].labelled("result", &rows[1].counted.requests).count(), 1);
    }

    #[test]
    fn the_counters_of_the_others_never_go_back() {
        let mut listed = Listed::default();
        listed.rows((1..=200).map(|number| snapshot(number, 5)));
        let others = |rows: &[Row]| rows.last().map(|row| (row.counted.requests["answered"], row.sessions));
        // Somebody listed is deleted, and one of the others; nobody of these gets the place that is free.
        let left = || (1..=199).filter(|number| *number != 2);
        let rows = listed.rows(left().map(|number| snapshot(number, 6)));
        let (before, now) = (99 * 5, 98 * 6 + 5);
        assert!(now > before);
        assert_eq!(others(&rows), Some((now, 98)));
        assert_eq!(rows.len(), LISTED + 1, "the first, those listed but one, and the others");
        // A new one gets it.
        let rows = listed.rows(left().chain([201]).map(|number| snapshot(number, 6)));
        assert_eq!((rows.len(), others(&rows)), (LISTED + 2, Some((now, 98))));
    }
}
