//! When schedules of flows are due.

use std::collections::BTreeMap;

use serde_json::json;

use super::parts::Parts;
use crate::account::{AccountError, Accounts};
use crate::flow::{Flow, MOST_MISSED, Missed, On, Schedule};
use crate::id::{FlowNumber, Timestamp, UserId};
use crate::store::write::NewRun;

/// Until when a time that has come isn't missed: the server looked a moment later, or was busy.
const LATE: u64 = 60_000;

/// What is due of one flow.
#[derive(Clone, Debug)]
pub(super) struct Due {
    user: UserId,
    flow: FlowNumber,
    trigger: String,
    at: Timestamp,
    schedule: Schedule,
    missed: Missed,
}

impl Due {
    /// Queues its run, or, where it was missed, what the flow says of that.
    pub(super) async fn queue(self, accounts: &Accounts) -> Result<(), AccountError> {
        let Self { user, flow, trigger, at, schedule, missed } = self;
        let now = accounts.clock().wall();
        // After a while away the last of the times that were missed stands for all of them.
        let times = schedule.missed(Timestamp(at.0.saturating_sub(1)), now);
        let last = times.map_or(at, |times| times.last);
        // Where more were missed than are counted, it stands for those that weren't, too.
        let until = if times.is_some_and(|times| times.count >= MOST_MISSED) { now } else { last };
        if now.0.saturating_sub(last.0) > LATE && missed == Missed::Skip {
            return accounts.see_to_flow(user, flow, trigger, until).await;
        }
        let event = json!({ "at": last.to_string() }).to_string();
        let new = NewRun {
            user,
            flow,
            trigger,
            event,
            input: "{}".to_owned(),
            depth: 1,
            again: 0,
            due: Some(until),
            over: false,
        };
        accounts.queue_runs(vec![new]).await
    }
}

/// The next time of each schedule of each flow that is on.
#[derive(Debug, Default)]
pub(super) struct Times(BTreeMap<(Timestamp, u64, u64, usize), Due>);

impl Times {
    /// The next time.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.0.first_key_value().map(|((at, ..), _)| *at)
    }

    /// Looks at all flows anew.
    pub(super) fn read(&mut self, accounts: &Accounts, parts: &Parts) -> Result<(), AccountError> {
        self.0.clear();
        let now = accounts.clock().wall();
        for (row, stats) in accounts.all_flows_on()? {
            let Ok(flow) = parts.flow(accounts, &row, row.version) else { continue };
            let Flow::Workflow(workflow) = &*flow else { continue };
            for (place, trigger) in workflow.triggers.iter().enumerate() {
                let On::Cron(schedule) = &trigger.on else { continue };
                let Some(at) = schedule.next_after(stats.seen_to(&trigger.name, now)) else { continue };
                let due = Due {
                    user: row.user,
                    flow: row.id,
                    trigger: trigger.name.clone(),
                    at,
                    schedule: schedule.clone(),
                    missed: workflow.missed,
                };
                self.0.insert((at, row.user.0, row.id.0, place), due);
            }
        }
        Ok(())
    }

    /// What is due by now. The next times of these are looked for from now on.
    pub(super) fn take(&mut self, now: Timestamp) -> Vec<(UserId, Due)> {
        let mut taken = Vec::new();
        while let Some(entry) = self.0.first_entry() {
            if now < entry.key().0 {
                break;
            }
            let ((_, user, flow, place), due) = entry.remove_entry();
            if let Some(at) = due.schedule.next_after(now) {
                self.0.insert((at, user, flow, place), Due { at, ..due.clone() });
            }
            taken.push((due.user, due));
        }
        taken
    }
}
