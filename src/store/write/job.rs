//! Runs of maintenance.

use std::convert::Infallible;

use super::super::record::{Counted, Job, SERVER};
use super::super::row::Record;
use super::Write;
use crate::id::JobId;

/// How long runs are kept, in milliseconds: 90 days.
const KEPT: u64 = 90 * 24 * 60 * 60 * 1_000;

/// A run is this from now on; one with the identifier 0 gets one of its own. Answers with it as it is kept.
pub fn put_job(job: Job) -> Write<Job, Infallible> {
    Write::new(move |open| {
        let mut job = job.clone();
        if job.id.0 == 0 {
            job.id = JobId(open.next_id(Counted::Job, SERVER)?);
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
