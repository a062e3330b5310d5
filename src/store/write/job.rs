//! Runs of maintenance.

use std::convert::Infallible;

use super::super::error::ReadError;
use super::super::record::{Counted, Job, JobState, SERVER};
use super::super::row::Record;
use super::Write;
use crate::id::JobId;

/// How long runs are kept, in milliseconds: 90 days.
const KEPT: u64 = 90 * 24 * 60 * 60 * 1_000;

/// How many are kept.
const MAX_JOBS: usize = 1_000;

/// A run is this from now on, and at the bound the oldest goes; one with the identifier 0 gets one of its own. Answers with it as it is kept.
pub fn put_job(job: Job) -> Write<Job, Infallible> {
    Write::new(move |open| {
        let mut job = job.clone();
        if job.id.0 == 0 {
            job.id = JobId(open.next_id(Counted::Job, SERVER)?);
            let all = open.tables.jobs.all()?.count();
            let oldest = open.tables.jobs.all()?.take((all + 1).saturating_sub(MAX_JOBS));
            let oldest: Vec<u64> = oldest.map(|row| Ok(row?.0.value())).collect::<Result<_, ReadError>>()?;
            for id in oldest {
                open.tables.jobs.remove(&id)?;
            }
        }
        job.progress = job.progress.min(100);
        open.tables.jobs.insert(job.key(), job.encode()?.as_slice())?;
        Ok(job)
    })
}

/// Removes runs of more than 90 days ago, and answers with how many.
pub fn sweep_jobs() -> Write<u64, Infallible> {
    Write::new(|open| {
        let oldest = open.by.at.0.saturating_sub(KEPT);
        let mut going = Vec::new();
        for row in open.tables.jobs.all()? {
            let job = Job::decode(row?.1.value())?;
            if job.started.0 < oldest {
                going.push(job.id.0);
            }
        }
        for id in &going {
            open.tables.jobs.remove(id)?;
        }
        Ok(going.len() as u64)
    })
}

/// Runs that were under way when the server ended have failed.
pub fn end_jobs() -> Write<u64, Infallible> {
    Write::new(|open| {
        let mut ended = Vec::new();
        for row in open.tables.jobs.all()? {
            let job = Job::decode(row?.1.value())?;
            if matches!(job.state, JobState::Queued | JobState::Running) {
                ended.push(Job {
                    state: JobState::Failed,
                    finished: Some(open.by.at),
                    error: Some("the server ended while this was done".to_owned()),
                    ..job
                });
            }
        }
        for job in &ended {
            open.tables.jobs.insert(job.key(), job.encode()?.as_slice())?;
        }
        Ok(ended.len() as u64)
    })
}
