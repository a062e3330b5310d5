//! Runs of the server's maintenance in the model. What is known of them is one fact: the last ones, each with how far it is.

use super::disk::Dice;
use super::model::{Fact, Step, made};
use crate::id::{JobId, Timestamp};
use crate::store::{Job, JobKind, JobState, Store, write};

/// How many of them are looked at.
const LOOKED_AT: usize = 8;

fn find(store: &Store) -> Vec<Job> {
    store.jobs(None, LOOKED_AT).unwrap()
}

fn words(jobs: &[Job]) -> Option<String> {
    let words: Vec<_> = jobs
        .iter()
        .take(LOOKED_AT)
        .map(|job| (job.id.0, job.state, job.progress, job.finished, job.error.is_some()))
        .collect();
    (!words.is_empty()).then(|| format!("{words:?}"))
}

pub(super) fn look(store: &Store) -> Option<String> {
    words(&find(store))
}

/// Something is begun, goes on, or is broken off by the server's end.
pub(super) fn step(store: &Store, dice: &mut Dice) -> Step {
    let mut after = find(store);
    let goes_on = |job: &Job| matches!(job.state, JobState::Queued | JobState::Running);
    let Some(place) = after.iter().position(goes_on).filter(|_| dice.roll(4) > 0) else {
        let last = after.first().map_or(0, |last| last.id.0);
        let new = Job {
            id: JobId(0),
            kind: JobKind::Sweep,
            state: if dice.roll(2) == 0 { JobState::Queued } else { JobState::Running },
            progress: 0,
            steps: Vec::new(),
            started: Timestamp(1),
            finished: None,
            error: None,
        };
        after.insert(0, Job { id: JobId(last + 1), ..new.clone() });
        return made("put_job", write::put_job(new).or_nothing(), Fact::Jobs, words(&after));
    };
    if dice.roll(3) > 0 {
        let job = &mut after[place];
        (job.state, job.progress, job.finished) = (JobState::Done, 100, Some(Timestamp(1)));
        let write = write::put_job(job.clone()).or_nothing();
        return made("put_job (ended)", write, Fact::Jobs, words(&after));
    }
    for job in after.iter_mut().filter(|job| goes_on(job)) {
        (job.state, job.finished, job.error) = (JobState::Failed, Some(Timestamp(1)), Some(String::new()));
    }
    made("end_jobs", write::end_jobs().or_nothing(), Fact::Jobs, words(&after))
}
