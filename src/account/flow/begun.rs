//! Flows that somebody else's server begins, by the secret that their owner gave it.

use std::time::Duration;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::super::{AccountError, Accounts};
use super::FlowUnfit;
use crate::auth::webhook::{Secret, is_signed};
use crate::bounds::{MAX_FLOW_DEPTH, MAX_RUN_INPUT, MESSAGE_KEPT};
use crate::flow::{self, On};
use crate::id::{FlowNumber, Timestamp, UserId};
use crate::protocol::wire;
use crate::store::write::{self, FlowEdit, FlowError, NewRun};
use crate::store::{By, Flow};

/// What somebody else's server shows that begins a flow.
#[derive(Clone, Copy)]
pub enum FlowProof<'a> {
    /// The secret.
    Shown(&'a str),
    /// A message that is signed by it (Standard Webhooks).
    Signed {
        /// By which it is known again.
        id: &'a str,
        /// When it was sent, in seconds since 1970.
        at: &'a str,
        /// Its signatures, with spaces between them.
        signatures: &'a str,
    },
}

/// How somebody else's server begins a flow.
#[derive(Clone, Copy)]
pub struct FlowCalled<'a> {
    /// What it shows.
    pub proof: FlowProof<'a>,
    /// By which the message is known again; nothing where it says none.
    pub message: Option<&'a str>,
    /// How many flows began each other before it, as whoever asks says.
    pub after: u8,
}

/// How far the time of a signed message may be from this server's, in seconds.
const TOLERANCE: u64 = 300;

impl Accounts {
    /// Another secret by which a flow is begun over HTTP. The one before is good no more.
    pub async fn make_flow_secret(
        &self,
        user: UserId,
        name: &str,
        by: By,
    ) -> Result<wire::FlowSecret, AccountError> {
        let row = self.own_flow(user, name)?;
        let (secret, sealed) = self.new_hook_secret(user)?;
        let edit = FlowEdit { secret: Some(sealed), ..FlowEdit::default() };
        self.run(by, write::edit_flow(user, row.id, edit)).await?;
        Ok(wire::FlowSecret { secret, path: format!("/api/flows/{}/hook", row.name) })
    }

    /// A run that somebody else's server begins, where it shows the flow's secret, is queued. A message that comes again begins no other: it is
    /// answered with the same run. Answers with whose it is, too.
    pub async fn begin_flow(
        &self,
        name: &str,
        called: &FlowCalled<'_>,
        body: &[u8],
        admit: impl Fn(UserId, FlowNumber) -> Result<(), Duration>,
    ) -> Result<(UserId, u64), AccountError> {
        let FlowCalled { proof, message, after } = *called;
        let now = self.0.clock.wall();
        let row = self.0.store.flow_by_name(self.0.organization, name)?;
        // Whoever hasn't the secret doesn't learn which flows there are.
        let row = row.filter(|row| self.is_proven(row, &proof, body, now)).ok_or(FlowError::Unproven)?;
        let flow::Flow::Workflow(workflow) = self.read_flow(&row, row.version)? else {
            return Err(FlowUnfit::Skill.into());
        };
        let trigger = workflow.triggers.iter().find(|trigger| matches!(trigger.on, On::Webhook));
        let trigger = trigger.ok_or(FlowUnfit::NotByWebhook)?;
        let message = message.map(hashed);
        if let Some(message) = message
            && let Some(run) = self.begun_by_message(&row, message, now)?
        {
            return Ok((row.user, run));
        }
        let depth = after.saturating_add(1);
        if usize::from(depth) > MAX_FLOW_DEPTH {
            return Err(FlowUnfit::TooDeep.into());
        }
        admit(row.user, row.id).map_err(AccountError::RateLimited)?;
        let body = serde_json::from_slice(body)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(body).into_owned()));
        let event = serde_json::json!({ "at": now.to_string(), "body": body }).to_string();
        if event.len() > 2 * MAX_RUN_INPUT {
            return Err(FlowUnfit::TooLong(MAX_RUN_INPUT).into());
        }
        let new = NewRun {
            user: row.user,
            flow: row.id,
            trigger: trigger.name.clone(),
            event,
            input: "{}".to_owned(),
            depth,
            again: 0,
            due: None,
            over: false,
        };
        let run = match message {
            Some(message) => self.run(By::server(now), write::queue_run_by_message(new, message)).await?.0,
            None => self.run(By::server(now), write::queue_run(new)).await?,
        };
        Ok((row.user, run.0))
    }

    /// The run that a message has begun already, while that is known.
    fn begun_by_message(
        &self,
        row: &Flow,
        message: u64,
        now: Timestamp,
    ) -> Result<Option<u64>, AccountError> {
        let known = self.0.store.flow_message(row.user, row.id, message)?;
        Ok(known.filter(|known| now.since(known.at) <= MESSAGE_KEPT).map(|known| known.run.0))
    }

    fn is_proven(&self, row: &Flow, proof: &FlowProof<'_>, body: &[u8], now: Timestamp) -> bool {
        let secret = self.0.seal.open(row.user.0, &row.secret).and_then(|bytes| Secret::of(&bytes));
        let Some(secret) = secret else { return false };
        match proof {
            FlowProof::Shown(shown) => {
                Secret::read(shown).is_some_and(|shown| is_same(shown.bytes(), secret.bytes()))
            }
            FlowProof::Signed { id, at, signatures } => {
                let Ok(at) = at.parse::<u64>() else { return false };
                (now.0 / 1_000).abs_diff(at) <= TOLERANCE && is_signed(&secret, id, at, body, signatures)
            }
        }
    }
}

/// The first eight bytes of the hash of a message's identifier.
fn hashed(id: &str) -> u64 {
    let hash: [u8; 32] = Sha256::digest(id).into();
    hash[..8].iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// Whether two secrets are the same, in a time that doesn't say how much of them is.
fn is_same(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && one.iter().zip(other).fold(0, |all, (one, other)| all | (one ^ other)) == 0
}
