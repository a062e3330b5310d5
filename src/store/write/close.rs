//! The ways into an account, closed: its sessions end, and its devices' keys, its API keys, the invites that it made and what
//! programs were allowed are good no more, nor do programs act for it by themselves or log-ins at other servers lead to it;
//! and its webhooks and flows are off.

use super::super::error::ReadError;
use super::super::open::Open;
use super::super::record::{ApiKey, Device};
use super::super::seen::Seen;
use super::acting::end_acting_for;
use super::flow::close_flows;
use super::flow_run::end_runs_of;
use super::hook::close_hooks;
use super::oauth::end_grants_of;
use super::rows::{api_keys_of, keys_of, linked_log_ins_of};
use super::session::{end, sessions_of};
use super::token::{end_invites_by, end_invites_of};
use crate::id::{ApiKeyId, Fingerprint, OAuthClientId, OneTimeTokenId, SessionId, UserId};

/// What was closed of the ways into an account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    /// Sessions that ended.
    pub sessions: Vec<SessionId>,
    /// Devices' keys that are good no more.
    pub device_keys: Vec<Fingerprint>,
    /// API keys that are good no more.
    pub api_keys: Vec<ApiKeyId>,
    /// Invites that the account made and that are good no more: whoever was in it may have made one to come back by.
    pub invites: Vec<OneTimeTokenId>,
    /// Programs that were allowed to act for the account, or did so by themselves, and do no more.
    pub programs: Vec<OAuthClientId>,
    /// How many log-ins at other servers lead to the account no more.
    pub linked: usize,
    /// How many webhooks are off from now on: they tell what the account may know.
    pub hooks: usize,
    /// How many flows are off from now on: they act with the account's rights.
    pub flows: usize,
}

impl Ended {
    /// Whether there was nothing to close.
    pub fn is_empty(&self) -> bool {
        self.sessions.is_empty()
            && self.device_keys.is_empty()
            && self.api_keys.is_empty()
            && self.invites.is_empty()
            && self.programs.is_empty()
            && self.linked == 0
            && self.hooks == 0
            && self.flows == 0
    }
}

/// What stays open when the other ways into an account are closed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Kept {
    /// The session of whoever closes the others.
    pub(super) session: Option<SessionId>,
    /// The key of that session's device.
    pub(super) device_key: Option<Fingerprint>,
    /// Every API key, every program that acts by itself, every log-in at another server, every webhook and every flow.
    pub(super) api_keys: bool,
}

impl Kept {
    /// The device of a session: the session itself and the key that the device has.
    pub(super) fn device(
        open: &mut Open<'_>,
        user: UserId,
        session: Option<SessionId>,
    ) -> Result<Self, ReadError> {
        let Some(id) = session else { return Ok(Self::default()) };
        let device: Option<Device> = open.get((user.0, id.0))?;
        Ok(Self { session, device_key: device.and_then(|device| device.key), api_keys: false })
    }
}

/// Closes every way into an account but what is kept, and those that it opened to others. Looks at every API key, token and
/// program of the organization.
pub(super) fn close_ways_in(open: &mut Open<'_>, user: UserId, kept: Kept) -> Result<Ended, ReadError> {
    let mut ended = Ended::default();
    for session in sessions_of(open, user)? {
        if Some(session.id) != kept.session {
            end(open, &session)?;
            ended.sessions.push(session.id);
        }
    }
    for key in keys_of(open, user)? {
        if Some(key.fingerprint) != kept.device_key {
            let _ = open.put(Some(&key), None)?;
            ended.device_keys.push(key.fingerprint);
        }
    }
    if !kept.api_keys {
        for key in api_keys_of(open, user)? {
            revoke_key(open, &key)?;
            ended.api_keys.push(key.id);
        }
        for link in linked_log_ins_of(open, user)? {
            let _ = open.put(Some(&link), None)?;
            ended.linked += 1;
        }
        ended.hooks = close_hooks(open, user)?;
        ended.flows = close_flows(open, user)?;
        // Whoever was in the account may have left a run that waits.
        end_runs_of(
            open,
            user,
            "the ways into its owner's account were closed, which ends what goes on by itself",
        )?;
    }
    ended.invites = end_invites_of(open, user)?;
    ended.programs = end_grants_of(open, user)?;
    if !kept.api_keys {
        for client in end_acting_for(open, user)? {
            if !ended.programs.contains(&client) {
                ended.programs.push(client);
            }
        }
    }
    Ok(ended)
}

/// An API key is good no more, nor are the invites that it made: whoever had it may have made one to come back by.
pub(super) fn revoke_key(open: &mut Open<'_>, key: &ApiKey) -> Result<(), ReadError> {
    end_invites_by(open, (key.user.0, 0)..=(key.user.0, u64::MAX), |way| way.key == Some(key.id))?;
    let _ = open.put(Some(key), None)?;
    open.tables.seen.remove(Seen::ApiKey(key.user, key.id).key())?;
    Ok(())
}
