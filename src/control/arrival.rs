//! Sessions that come and go.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

use super::connection::Connection;
use super::live::Control;
use super::load;
use super::newcomer::{Attached, Newcomer};
use super::pending::Pending;
use super::refused::Refused;
use crate::account::{AccountError, Proven};
use crate::feed::Doer;
use crate::id::{ApiKeyId, SessionId, Ssrc, Timestamp};
use crate::protocol::CloseCode;
use crate::protocol::wire;
use crate::state::{Actor, Change, Held, Member};
use crate::store::Seen;
use crate::voice::{Activity, Peer};

/// Changes that wait for one session at most, each with all of its events; a client that lets more pile up
/// is disconnected, and gets a fresh snapshot when it comes back.
const EVENTS: usize = 1_024;

/// Somebody who has proven who they are, and waits to be brought in.
pub(super) struct Arrival<P> {
    pub(super) proven: Box<Proven>,
    pub(super) newcomer: Newcomer<P>,
    pub(super) reply: oneshot::Sender<Result<(Attached, mpsc::Receiver<Bytes>), Refused>>,
}

impl<P: Peer> Control<P> {
    /// Brings in whoever has proven who they are, and still waits for it.
    pub(super) fn arrive(&mut self, arrival: Arrival<P>, pending: &mut Pending) {
        let Arrival { proven, newcomer, reply } = arrival;
        if reply.is_closed() {
            return;
        }
        let Newcomer { peer, address, kind, client, wants } = newcomer;
        let brief = proven.brief;
        let member = self.member(*proven, kind, client, address);
        let change = member.and_then(|(mut member, until)| {
            member.by_interest = wants.presence;
            Ok((self.state.decide_arrival(member)?, until))
        });
        let (member, until) = match change {
            Ok((Change::Arrive(member), until)) => (member, until),
            Ok(_) => return,
            Err(refused) => {
                let _ = reply.send(Err(refused));
                return;
            }
        };
        let (session, ssrc, name) = (member.session, member.ssrc, member.name.clone());
        self.last_attachment += 1;
        let (sender, events) = mpsc::channel(EVENTS);
        let arrived = self.shared.clock.monotonic();
        let activity = Arc::new(Activity::new(arrived));
        let (attachment, parting) = (self.last_attachment, Arc::default());
        let mut connection =
            Connection::new(peer, address, attachment, Arc::clone(&activity), Arc::clone(&parting), sender);
        // What is left of the hour goes by the monotonic clock, so that setting the other one neither cuts nor stretches it.
        connection.brief = brief.map(|end| arrived.saturating_add(end.since(self.shared.clock.wall())));
        connection.wants = wants;
        connection.set_until(until);
        let held = self.let_go.hold(session, attachment);
        let attached = Attached { session, name, attachment, ssrc, activity, arrived, parting, _held: held };
        if let Some(replaced) = self.connections.insert(session, connection) {
            replaced.send_away(CloseCode::Replaced);
        }
        self.touch(&member);
        let doer = Doer::Member { session, user: member.user, name: member.name.clone() };
        let arrival = Change::Arrive(member);
        pending.happened.extend(self.note(&arrival, self.shared.clock.wall(), doer));
        pending.events.extend(self.state.apply(arrival));
        pending.events.extend(self.state.welcome(session));
        pending.arrived.push(session);
        pending.replies.push(Box::new(move |outcome| {
            let _ = reply.send(outcome.map(|()| (attached, events)));
        }));
    }

    /// The member that a proven session becomes, and until when. What it proved is looked at again here: it may have
    /// been ended while its arrival was queued.
    fn member(
        &self,
        proven: Proven,
        kind: wire::MemberKind,
        client: String,
        address: IpAddr,
    ) -> Result<(Member, Option<Timestamp>), Refused> {
        let (store, now) = (&self.shared.store, self.shared.clock.wall());
        let mut member = Member::new(proven.session, proven.user, proven.name, self.new_ssrc()?);
        member.client = client;
        if let Some((key, scopes)) = proven.key {
            (member.key, member.ceiling) = (Some(key), scopes);
        }
        let accounts = &self.shared.accounts;
        accounts.check_bans(proven.user, Some(address), None)?;
        let Some(id) = proven.user else {
            member.roles = vec![Held { role: self.state.guest_role(), until: None }];
            member.kind = wire::MemberKind::Guest;
            (member.muted, member.deafened) = self.restrained.of(address);
            return Ok((member, None));
        };
        let until = if let Some(key) = member.key {
            self.end_of_key(key)?
        } else {
            let row = store.session(id, proven.session, now)?.ok_or(AccountError::TokenInvalid)?;
            Some(row.expires)
        };
        accounts.check_device(id, proven.session)?;
        member.brief = proven.brief.is_some();
        let user = store.user(id)?.filter(|user| !user.disabled).ok_or(AccountError::TokenInvalid)?;
        (member.roles, member.name) = (load::held(&user, now), user.name);
        member.second_factor = load::has_second_factor(store, id)?;
        member.kind = if proven.key.is_some() { wire::MemberKind::Bot } else { kind };
        (member.muted, member.deafened) = load::restraint(store, user.organization, id)?;
        Ok((member, until))
    }

    /// When an API key ends, which may have been revoked while whoever comes by it waited.
    fn end_of_key(&self, key: ApiKeyId) -> Result<Option<Timestamp>, Refused> {
        let key = self.shared.store.api_key_by_id(key, self.shared.clock.wall())?;
        Ok(key.ok_or(AccountError::LogInFailed)?.expires)
    }

    /// An SSRC that nobody connected has; random, as RFC 3550 (section 8) wants it.
    fn new_ssrc(&self) -> Result<Ssrc, Refused> {
        loop {
            let ssrc = Ssrc(u32::from_ne_bytes(crate::account::random()?));
            if ssrc.0 != 0 && self.state.speaker(ssrc).is_none() {
                return Ok(ssrc);
            }
        }
    }

    /// Takes a connection that ended out, unless its session has another by now.
    pub(super) fn depart(&mut self, session: SessionId, attachment: u64, pending: &mut Pending) {
        if self.connections.get(&session).is_some_and(|connection| connection.attachment == attachment) {
            self.connections.remove(session);
            self.take_out(session, pending);
        }
    }

    /// Takes somebody out whose connection is there no more.
    pub(super) fn take_out(&mut self, session: SessionId, pending: &mut Pending) {
        if let Some(member) = self.state.member(session) {
            self.touch(member);
        }
        let (departure, doer) = (Change::Depart(session), self.doer(Actor::Session(session)));
        pending.happened.extend(self.note(&departure, self.shared.clock.wall(), doer));
        pending.events.extend(self.state.apply(departure));
    }

    /// Takes out those that nobody has any more, though nobody says so: whoever waited for an arrival went before it was answered.
    pub(super) fn depart_unnoticed(&mut self, pending: &mut Pending) {
        for (session, attachment) in self.let_go.take() {
            self.depart(session, attachment, pending);
        }
    }

    /// Notes that a member's session was seen.
    fn touch(&self, member: &Member) {
        if let Some(user) = member.user {
            self.shared.store.touch(Seen::Session(user, member.session), self.shared.clock.wall());
        }
    }
}
