//! What assistants asked for: begun and ended, and kept as long as the audit trail.

use std::convert::Infallible;

use super::super::error::ReadError;
use super::super::open::Open;
use super::super::record::AssistantCall;
use super::super::row::Record;
use super::super::table::range_of;
use super::Write;
use super::rows::{limits_of, remove_in};
use crate::bounds::MAX_ASSISTANT_CALLS;
use crate::id::{OrganizationId, Timestamp};

/// Milliseconds of a day.
const DAY: u64 = 24 * 60 * 60 * 1_000;

/// Old calls that one new one takes with it.
const GOING: usize = 16;

/// A call begins: its row with the next number, which is the answer. Where there are as many as there can be, the oldest goes, and so
/// do a few of those that are older than the organization's audit trail is kept.
pub fn begin_assistant_call(call: AssistantCall) -> Write<u64, Infallible> {
    Write::new(move |open| {
        let home = call.organization;
        let last = open.tables.assistant_calls.range(all_of(home))?.next_back();
        let last = last.transpose()?.map_or(0, |(key, _)| key.value().1);
        let call = AssistantCall { number: last + 1, ..call.clone() };
        // It has nothing that must be unique but its number.
        let _ = open.put_unaudited(None, Some(&call))?;
        if call.number > MAX_ASSISTANT_CALLS {
            let gone = call.number - MAX_ASSISTANT_CALLS;
            remove_in::<AssistantCall>(open, (home.0, 0)..=(home.0, gone))?;
        }
        prune(open, home, GOING)?;
        Ok(call.number)
    })
}

/// A call that began then has ended, unless it is gone already: this came of it.
pub fn end_assistant_call(
    (home, number, begun): (OrganizationId, u64, Timestamp),
    outcome: String,
) -> Write<(), Infallible> {
    Write::new(move |open| {
        // Numbers begin anew once all are gone.
        let old: Option<AssistantCall> = open.get((home.0, number))?;
        if let Some(old) = old.filter(|old| old.begun == begun) {
            let (ended, outcome) = (Some(open.by.at), outcome.clone());
            let new = AssistantCall { ended, outcome, ..old.clone() };
            let _ = open.put_unaudited(Some(&old), Some(&new))?;
        }
        Ok(())
    })
}

/// Removes calls that are older than the organization keeps its audit trail, `chunk` at most, and answers with how many.
pub fn prune_assistant_calls(home: OrganizationId, chunk: usize) -> Write<u64, Infallible> {
    Write::new(move |open| Ok(prune(open, home, chunk)?))
}

fn all_of(home: OrganizationId) -> std::ops::RangeInclusive<(u64, u64)> {
    (home.0, 0)..=(home.0, u64::MAX)
}

fn prune(open: &mut Open<'_>, home: OrganizationId, chunk: usize) -> Result<u64, ReadError> {
    let days = limits_of(open, *range_of(home).start())?.audit_days;
    let oldest = Timestamp(open.by.at.0.saturating_sub(u64::from(days) * DAY));
    let mut last = None;
    for row in open.tables.assistant_calls.range(all_of(home))?.take(chunk) {
        let call = AssistantCall::decode(row?.1.value())?;
        if call.begun >= oldest {
            break;
        }
        last = Some(call.number);
    }
    match last {
        Some(last) => remove_in::<AssistantCall>(open, (home.0, 0)..=(home.0, last)),
        None => Ok(0),
    }
}

#[cfg(test)]
mod tests {
    use redb::backends::InMemoryBackend;

    use super::*;
    use crate::id::{OAuthClientId, UserId};
    use crate::store::{By, SEEDED_ORGANIZATION as HOME, Store};

    fn call(at: u64) -> AssistantCall {
        AssistantCall {
            organization: HOME,
            number: 0,
            user: UserId(1),
            client: OAuthClientId(2),
            from: None,
            tool: "list".to_owned(),
            arguments: "{}".to_owned(),
            begun: Timestamp(at),
            ended: None,
            outcome: String::new(),
        }
    }

    #[test]
    fn a_call_is_noted_before_it_is_done_and_after() {
        let store = Store::open_on(InMemoryBackend::new(), Timestamp(1)).unwrap();
        let by = |at| By::server(Timestamp(at));
        let numbers: Vec<_> =
            (5..8).map(|at| store.run(by(at), begin_assistant_call(call(at))).unwrap()).collect();
        assert_eq!(numbers, [1, 2, 3]);
        store.run(by(9), end_assistant_call((HOME, 2, Timestamp(6)), "done".to_owned())).unwrap();
        store.run(by(9), end_assistant_call((HOME, 99, Timestamp(6)), "done".to_owned())).unwrap();
        store.run(by(9), end_assistant_call((HOME, 1, Timestamp(4)), "done".to_owned())).unwrap();
        let found = store.assistant_calls(HOME, None, 2).unwrap();
        let told: Vec<_> = found.iter().map(|one| (one.number, one.ended, one.outcome.as_str())).collect();
        assert_eq!(told, [(3, None, ""), (2, Some(Timestamp(9)), "done")]);
        assert_eq!(store.assistant_calls(HOME, Some(2), 9).unwrap()[0].number, 1);
        assert!(store.assistant_calls(OrganizationId(2), None, 9).unwrap().is_empty());
    }

    #[test]
    fn the_oldest_ones_go() {
        let store = Store::open_on(InMemoryBackend::new(), Timestamp(1)).unwrap();
        let days = u64::from(crate::store::Limits::default().audit_days);
        for at in [1, 2, 3] {
            store.run(By::server(Timestamp(at)), begin_assistant_call(call(at))).unwrap();
        }
        let late = By::server(Timestamp(3 + days * DAY));
        assert_eq!(store.run(late, prune_assistant_calls(HOME, 1)).unwrap(), 1);
        assert_eq!(store.run(late, begin_assistant_call(call(late.at.0))).unwrap(), 4);
        let numbers = || -> Vec<_> {
            store.assistant_calls(HOME, None, 20_000).unwrap().iter().map(|call| call.number).collect()
        };
        assert_eq!(numbers(), [4, 3], "the third one is as old as what is kept");
        // As many as there can be.
        let last = AssistantCall { number: MAX_ASSISTANT_CALLS + 3, ..call(late.at.0) };
        let put: Write<(), Infallible> = Write::new(move |open| {
            let _ = open.put_unaudited(None, Some(&last))?;
            Ok(())
        });
        store.run(late, put).unwrap();
        store.run(late, begin_assistant_call(call(late.at.0))).unwrap();
        assert_eq!(numbers(), [MAX_ASSISTANT_CALLS + 4, MAX_ASSISTANT_CALLS + 3]);
    }
}
