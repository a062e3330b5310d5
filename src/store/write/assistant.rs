//! What assistants asked for: begun and ended, and kept as long as the audit trail.

use std::convert::Infallible;

use super::super::error::ReadError;
use super::super::open::Open;
use super::super::record::{AssistantCall, AssistantUse};
use super::super::row::Record;
use super::super::table::range_of;
use super::Write;
use super::rows::limits_of;
use crate::bounds::{ASSISTANT_CALLS_GOING, MAX_ASSISTANT_CALLS};
use crate::id::{OrganizationId, Timestamp};

/// Milliseconds of a day.
const DAY: u64 = 24 * 60 * 60 * 1_000;

/// Old calls that one new one takes with it.
const GOING: usize = 16;

/// A call begins: its row with the next number, which is the answer. A few of those go that are older than the organization's audit
/// trail is kept.
pub fn begin_assistant_call(call: AssistantCall) -> Write<u64, Infallible> {
    Write::new(move |open| {
        let home = call.organization;
        let mut used = used(open, home)?;
        used.last += 1;
        let call = AssistantCall { number: used.last, ..call.clone() };
        // It has nothing that must be unique but its number.
        put(open, &mut used, None, Some(&call))?;
        prune(open, &mut used, GOING)?;
        save(open, &used)?;
        Ok(call.number)
    })
}

/// A call has ended, unless it is gone already: this came of it. Where there are as many of its kind as there can be, those that were
/// done or those that were refused, the oldest of them go.
pub fn end_assistant_call(home: OrganizationId, number: u64, outcome: String) -> Write<(), Infallible> {
    Write::new(move |open| {
        if let Some(old) = open.get::<AssistantCall>((home.0, number))? {
            let (ended, outcome) = (Some(open.by.at), outcome.clone());
            let new = AssistantCall { ended, outcome, ..old.clone() };
            let mut used = used(open, home)?;
            put(open, &mut used, Some(&old), Some(&new))?;
            let (done, refused) = MAX_ASSISTANT_CALLS;
            let is_over = if new.is_refused() { used.refused > refused } else { used.done > done };
            if is_over {
                make_room(open, &mut used, new.is_refused())?;
            }
            save(open, &used)?;
        }
        Ok(())
    })
}

/// Removes calls that are older than the organization keeps its audit trail, `chunk` at most, and answers with how many.
pub fn prune_assistant_calls(home: OrganizationId, chunk: usize) -> Write<u64, Infallible> {
    Write::new(move |open| {
        let mut used = used(open, home)?;
        let count = prune(open, &mut used, chunk)?;
        if count > 0 {
            save(open, &used)?;
        }
        Ok(count)
    })
}

fn all_of(home: OrganizationId) -> std::ops::RangeInclusive<(u64, u64)> {
    (home.0, 0)..=(home.0, u64::MAX)
}

/// What is counted. Those of before that was are counted now.
fn used(open: &mut Open<'_>, home: OrganizationId) -> Result<AssistantUse, ReadError> {
    if let Some(used) = open.get(home.0)? {
        return Ok(used);
    }
    let mut used = AssistantUse { organization: home, last: 0, done: 0, refused: 0 };
    for row in open.tables.assistant_calls.range(all_of(home))? {
        let call = AssistantCall::decode(row?.1.value())?;
        used.last = call.number;
        *place(&mut used, &call) += 1;
    }
    Ok(used)
}

fn save(open: &mut Open<'_>, used: &AssistantUse) -> Result<(), ReadError> {
    let _ = open.put_unaudited(None, Some(used))?;
    Ok(())
}

/// Among which a call is counted. One that hasn't ended may be done yet.
fn place<'a>(used: &'a mut AssistantUse, call: &AssistantCall) -> &'a mut u64 {
    if call.is_refused() { &mut used.refused } else { &mut used.done }
}

/// Replaces the row `old` by `new`, either of which may be none.
fn put(
    open: &mut Open<'_>,
    used: &mut AssistantUse,
    old: Option<&AssistantCall>,
    new: Option<&AssistantCall>,
) -> Result<(), ReadError> {
    if let Some(old) = old {
        let count = place(used, old);
        *count = count.saturating_sub(1);
    }
    if let Some(new) = new {
        *place(used, new) += 1;
    }
    let _ = open.put_unaudited(old, new)?;
    Ok(())
}

/// The oldest go, of those that were refused or of the others.
fn make_room(open: &mut Open<'_>, used: &mut AssistantUse, refused: bool) -> Result<(), ReadError> {
    let mut going = Vec::new();
    for row in open.tables.assistant_calls.range(all_of(used.organization))? {
        let call = AssistantCall::decode(row?.1.value())?;
        if call.is_refused() == refused {
            going.push(call);
            if going.len() as u64 == ASSISTANT_CALLS_GOING {
                break;
            }
        }
    }
    going.iter().try_for_each(|call| put(open, used, Some(call), None))
}

fn prune(open: &mut Open<'_>, used: &mut AssistantUse, chunk: usize) -> Result<u64, ReadError> {
    let home = used.organization;
    let days = limits_of(open, *range_of(home).start())?.audit_days;
    let oldest = Timestamp(open.by.at.0.saturating_sub(u64::from(days) * DAY));
    let mut going = Vec::new();
    for row in open.tables.assistant_calls.range(all_of(home))?.take(chunk) {
        let call = AssistantCall::decode(row?.1.value())?;
        if call.begun >= oldest {
            break;
        }
        going.push(call);
    }
    going.iter().try_for_each(|call| put(open, used, Some(call), None))?;
    Ok(going.len() as u64)
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
        store.run(by(9), end_assistant_call(HOME, 2, "done".to_owned())).unwrap();
        store.run(by(9), end_assistant_call(HOME, 99, "done".to_owned())).unwrap();
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
    }

    #[test]
    fn those_that_were_refused_take_no_other_s_place() {
        let store = Store::open_on(InMemoryBackend::new(), Timestamp(1)).unwrap();
        let by = By::server(Timestamp(5));
        // All in a few transactions: a disk isn't what is tried here.
        let make = |count: u64, outcome: &'static str| {
            let write: Write<(), Infallible> = Write::new(move |open| {
                for _ in 0..count {
                    let mut used = used(open, HOME)?;
                    used.last += 1;
                    let ended = Some(Timestamp(5));
                    let call =
                        AssistantCall { number: used.last, ended, outcome: outcome.to_owned(), ..call(5) };
                    put(open, &mut used, None, Some(&call))?;
                    save(open, &used)?;
                }
                Ok(())
            });
            store.run(by, write).unwrap();
        };
        let end = |outcome: &str| {
            let number = store.run(by, begin_assistant_call(call(5))).unwrap();
            store.run(by, end_assistant_call(HOME, number, outcome.to_owned())).unwrap();
            number
        };
        let count = |refused: bool| {
            let all = store.assistant_calls(HOME, None, 20_000).unwrap();
            all.iter().filter(|call| call.is_refused() == refused).count() as u64
        };
        make(MAX_ASSISTANT_CALLS.0, "done");
        make(MAX_ASSISTANT_CALLS.1, "forbidden");
        for _ in 0..3 {
            end("malformed");
        }
        assert_eq!(count(false), MAX_ASSISTANT_CALLS.0, "what was done is all there");
        assert_eq!(count(true), MAX_ASSISTANT_CALLS.1 - ASSISTANT_CALLS_GOING + 3);
        let last = end("done");
        assert_eq!(count(false), MAX_ASSISTANT_CALLS.0 + 1 - ASSISTANT_CALLS_GOING);
        assert_eq!(store.assistant_calls(HOME, None, 1).unwrap()[0].number, last);
        // What was written before it was counted is counted then.
        let forget: Write<(), Infallible> = Write::new(|open| {
            open.tables.assistant_uses.remove(HOME.0)?;
            Ok(())
        });
        store.run(by, forget).unwrap();
        assert_eq!(end("done"), last + 1);
        assert_eq!(count(false), MAX_ASSISTANT_CALLS.0 + 2 - ASSISTANT_CALLS_GOING);
        assert_eq!(store.verify().unwrap(), []);
    }
}
