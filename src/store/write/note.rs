//! What isn't kept, and belongs into the audit trail all the same: what people do to other people.

use std::convert::Infallible;

use serde_json::Value;

use super::super::record::{SubjectKind, Verb};
use super::Write;
use crate::id::OrganizationId;

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
