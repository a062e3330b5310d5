//! The audit trail, and maintenance of the database.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::request::{Audit, Database};
use super::{AdminError, Answer, Desk, shown};
use crate::id::{JobId, OrganizationId, Timestamp};
use crate::store::write;
use crate::store::{
    AuditFilter, Author, BACKUPS, By, Job, JobKind, JobState, ReadError, Store, backup_name, prune_backups,
};

const HOUR: std::time::Duration = std::time::Duration::from_secs(60 * 60);

/// Sessions that one transaction of a sweep looks at, and audit entries that one of a pruning takes out.
const CHUNK: usize = 1_000;

impl Desk<'_> {
    pub(super) fn audit(&self, request: &Audit) -> Result<Answer, AdminError> {
        // What belongs to no organization is written by no account.
        let author = match request.user.as_deref() {
            None => None,
            Some("operator") => Some(Author::Operator),
            Some("server") => Some(Author::Server),
            Some(name) => return Err(AdminError::Unknown { what: "user", name: name.to_owned() }),
        };
        let Audit { verb, subject, since, until, .. } = *request;
        let filter = AuditFilter { author, verb, subject, since, until };
        let mut rows = Vec::new();
        for entry in self.store.audit(OrganizationId(0), &filter, request.before, request.limit)? {
            let by = match entry.author {
                Author::Server => "server".to_owned(),
                Author::Operator => "operator".to_owned(),
                Author::Guest => "guest".to_owned(),
                Author::User(id) => {
                    self.store.user(id)?.map_or_else(|| format!("user {id}"), |user| user.name)
                }
            };
            rows.push(json!({
                "number": entry.number, "at": entry.at, "by": by, "from": entry.from,
                "what": format!("{} {} {}", entry.verb.word(), entry.subject.word(), entry.subject_id),
                "before": entry.before, "after": entry.after,
            }));
        }
        Ok(Answer::rows(rows))
    }

    pub(super) fn database(&self, request: Database) -> Result<Answer, AdminError> {
        match request {
            Database::Status => self.status(false),
            Database::Stats => self.status(true),
            Database::Verify => self.verify(),
            Database::Backup { to } => self.backup(to),
            Database::Sweep => self.sweep(),
            Database::Outbox => {
                let waiting = self.store.outbox(0, 1_000)?;
                let good = waiting.iter().filter(|mail| self.by.at < mail.expires);
                Ok(Answer::rows(good.map(|mail| shown(mail, &[])).collect()))
            }
            Database::Jobs { limit } => {
                let jobs = self.store.jobs(None, limit)?;
                Ok(Answer::rows(jobs.iter().map(shown_job).collect()))
            }
        }
    }

    fn status(&self, with_tables: bool) -> Result<Answer, AdminError> {
        let stats = self.store.stats()?;
        let bytes = std::fs::metadata(self.store.path()).map_or(0, |data| data.len());
        let mut row = json!({
            "file": self.store.path(), "file_bytes": bytes, "schema": stats.schema,
            "parlour": env!("CARGO_PKG_VERSION"), "applied": stats.applied, "pending": stats.pending,
            "last_backup": stats.last_backup, "last_verify": stats.last_verify,
        });
        if with_tables {
            row["tables"] = json!(stats.tables);
        }
        Ok(Answer::rows(vec![row]))
    }

    fn verify(&self) -> Result<Answer, AdminError> {
        let problems = self.as_job(JobKind::Verify, |desk, steps| {
            let problems = desk.store.verify_with(&mut |what| {
                steps.push(what.to_owned());
                (desk.progress)(&format!("checking {what}"), steps.len() as f64 / 10.0);
            })?;
            Ok(problems)
        })?;
        if problems.is_empty() {
            self.store.note_verified(self.by.at)?;
            return Ok(Answer::text(
                "The database is whole: every row, index entry, reference and the audit trail.",
            ));
        }
        let rows = problems.iter().map(|problem| json!({ "problem": problem.to_string() })).collect();
        let text = format!(
            "The database is damaged ({} problems). Restore a backup with `parlour db restore`.",
            problems.len()
        );
        Ok(Answer { text, rows })
    }

    fn backup(&self, to: Option<PathBuf>) -> Result<Answer, AdminError> {
        let regular = self.store.path().parent().unwrap_or(Path::new(".")).join(BACKUPS);
        let is_regular = to.is_none();
        let to = to.unwrap_or_else(|| regular.join(backup_name(self.by.at)));
        let bytes = self.as_job(JobKind::Backup, |desk, steps| {
            steps.push(format!("copying to {}", to.display()));
            Ok(desk.store.backup(&to, desk.by.at, &|done| (desk.progress)("copying", done))?)
        })?;
        if is_regular && let Err(error) = prune_backups(&regular) {
            tracing::warn!(%error, "old backups can't be removed");
        }
        let text = format!("The backup is {} ({bytes} bytes).", to.display());
        Ok(Answer::row(text, json!({ "backup": to, "bytes": bytes })))
    }

    /// Removes what has expired: sessions, tokens, what programs were given, audit entries and calls of assistants past their days, old jobs.
    fn sweep(&self) -> Result<Answer, AdminError> {
        let (sessions, tokens, given, entries, calls) = self.as_job(JobKind::Sweep, |desk, steps| {
            let (mut place, mut sessions) = (None, 0);
            loop {
                let (count, next) = desk.write(write::sweep_sessions(place, CHUNK))?;
                sessions += count;
                place = next;
                if place.is_none() {
                    break;
                }
            }
            steps.push(format!("{sessions} sessions"));
            let tokens = desk.write(write::sweep_tokens())?;
            desk.write(write::sweep_emails())?;
            desk.write(write::sweep_runs())?;
            steps.push(format!("{tokens} tokens"));
            let (mut place, mut given) = (None, 0);
            loop {
                let (count, next) = desk.write(write::sweep_oauth_families(place, CHUNK))?;
                given += count;
                place = next;
                if place.is_none() {
                    break;
                }
            }
            steps.push(format!("{given} times what a program was given"));
            let mut trails = vec![OrganizationId(0)];
            trails.extend(desk.store.organizations(None, usize::MAX)?.iter().map(|one| one.id));
            let (mut entries, mut calls) = (0, 0);
            for trail in trails {
                loop {
                    match desk.write(write::prune_audit(trail, CHUNK))? {
                        0 => break,
                        count => entries += count,
                    }
                }
                loop {
                    match desk.write(write::prune_assistant_calls(trail, CHUNK))? {
                        0 => break,
                        count => calls += count,
                    }
                }
            }
            steps.push(format!("{entries} audit entries"));
            steps.push(format!("{calls} calls of assistants"));
            desk.write(write::sweep_jobs())?;
            Ok((sessions, tokens, given, entries, calls))
        })?;
        let text = format!(
            "{sessions} sessions, {tokens} tokens, {given} times what a program was given, {entries} audit entries, and {calls} calls of assistants were removed."
        );
        let row = json!({ "sessions": sessions, "tokens": tokens, "given": given, "audit_entries": entries, "assistant_calls": calls });
        Ok(Answer::row(text, row))
    }

    /// Does something and keeps a record of it.
    fn as_job<T>(
        &self,
        kind: JobKind,
        work: impl FnOnce(&Self, &mut Vec<String>) -> Result<T, AdminError>,
    ) -> Result<T, AdminError> {
        let began = self.clock.monotonic();
        let job = Job {
            id: JobId(0),
            kind,
            state: JobState::Running,
            progress: 0,
            steps: Vec::new(),
            started: self.by.at,
            finished: None,
            error: None,
        };
        let mut job = self.write(write::put_job(job))?;
        let outcome = work(self, &mut job.steps);
        job.finished = Some(self.by.at.plus(self.clock.monotonic().saturating_sub(began)));
        match &outcome {
            Ok(_) => (job.state, job.progress) = (JobState::Done, 100),
            Err(error) => (job.state, job.error) = (JobState::Failed, Some(error.to_string())),
        }
        // A failure of the disk is what `outcome` tells already.
        let _ = self.write(write::put_job(job));
        outcome
    }
}

fn shown_job(job: &Job) -> Value {
    let mut row = shown(job, &[]);
    let took = job.finished.map(|finished| finished.since(job.started).as_secs_f64());
    row["seconds"] = json!(took);
    row
}

/// What of the maintenance was under way when the server ended has failed. For the start, when nothing is under way. A file that can't be
/// written keeps it as it is.
pub fn end_jobs(store: &Store, now: Timestamp) -> Result<(), ReadError> {
    let goes_on = |job: &Job| matches!(job.state, JobState::Queued | JobState::Running);
    if store.jobs(None, usize::MAX)?.iter().any(goes_on)
        && let Err(error) = store.run(By::server(now), write::end_jobs())
    {
        tracing::warn!(%error, "maintenance that was under way when the server ended can't be said to have failed");
    }
    Ok(())
}

/// Whether the last backup is this many hours old, or from a time that is still to come, as the clock was set back; never
/// when the hours are 0.
pub fn backup_is_due(store: &Store, now: Timestamp, hours: u32) -> bool {
    let is_due = |last: Timestamp| now.since(last) >= HOUR * hours || last > now.plus(HOUR);
    hours > 0 && store.last_backup().unwrap_or(None).is_none_or(is_due)
}
