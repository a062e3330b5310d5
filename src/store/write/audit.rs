//! The audit trail: what is noted in it that isn't kept otherwise, and how long it is kept.

use std::convert::Infallible;

use serde_json::Value;

use super::super::record::{AuditEntry, SubjectKind, Verb};
use super::super::row::Record;
use super::Write;
use super::rows::limits_of;
use crate::id::{OrganizationId, Timestamp};

/// Milliseconds of a day.
const DAY: u64 = 24 * 60 * 60 * 1_000;

/// Removes entries older than the organization keeps, `chunk` at most, and answers with how many. The
/// hash of the last one removed stays as the chain's anchor, and an entry of the chain says that they
/// were removed, so what is kept can still be proven.
pub fn prune_audit(organization: OrganizationId, chunk: usize) -> Write<u64, Infallible> {
    Write::new(move |open| {
        let days = match organization.0 {
            0 => super::super::record::Limits::default().audit_days,
            _ => limits_of(open, *super::super::table::range_of(organization).start())?.audit_days,
        };
        let oldest = Timestamp(open.by.at.0.saturating_sub(u64::from(days) * DAY));
        let mut last: Option<AuditEntry> = None;
        let mut count = 0;
        for row in open.tables.audit.range((organization.0, 0)..=(organization.0, u64::MAX))?.take(chunk) {
            let entry = AuditEntry::decode(row?.1.value())?;
            if entry.at >= oldest {
                break;
            }
            last = Some(entry);
            count += 1;
        }
        let Some(last) = last else { return Ok(0) };
        let going = (organization.0, 0)..=(organization.0, last.number);
        open.tables.audit.retain_in(going, |_, _| false)?;
        let ledger = open.ledger(organization)?;
        (ledger.audit_first, ledger.audit_anchor) = (last.number + 1, last.hash);
        let hash = serde_json::to_string(&last.hash).unwrap_or_default();
        let after = format!("{{\"removed\":{count},\"through\":{},\"hash\":{hash}}}", last.number);
        open.audit(organization, Verb::Prune, SubjectKind::Audit, last.number, String::new(), after)?;
        Ok(count)
    })
}

/// An entry of the audit trail, with what there is to say about it; nothing else changes.
pub fn note(
    organization: OrganizationId,
    verb: Verb,
    subject: SubjectKind,
    subject_id: u64,
    said: Value,
) -> Write<(), Infallible> {
    Write::new(move |open| {
        open.audit(organization, verb, subject, subject_id, String::new(), said.to_string())?;
        Ok(())
    })
}
