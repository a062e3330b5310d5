//! A change that is asked for, or that time brings: decided, made on the unpublished state, and left to be written.

use tokio::sync::oneshot;
use tracing::Span;

use super::connection::Farewell;
use super::given::{Given, NewPassword};
use super::live::Control;
use super::load;
use super::pending::Pending;
use super::refused::Refused;
use crate::feed::Doer;
use crate::id::SessionId;
use crate::protocol::CloseCode;
use crate::protocol::wire::{self, response};
use crate::state::{Actor, Asked, Change, State};
use crate::store::By;
use crate::voice::Peer;

impl<P: Peer> Control<P> {
    /// Decides what is asked; what it leads to is published and written with the batch, and then answered.
    pub(super) fn take_change(
        &mut self,
        (actor, asked, given): (Actor, &Asked, &Given),
        reply: oneshot::Sender<Result<response::Body, Refused>>,
        pending: &mut Pending,
        before: &mut Option<State>,
    ) {
        let answered = |outcome| {
            // The one who asked may be gone.
            let _ = reply.send(outcome);
        };
        let decided =
            self.facts(actor, asked, given).and_then(|facts| Ok(self.state.decide(actor, asked, &facts)?));
        let change = match decided {
            Ok(change) => change,
            Err(refused) => return answered(Err(refused)),
        };
        let only_if = self.check_condition(actor, given.only_if.as_ref());
        if let Err(refused) = only_if.and_then(|()| self.count_kept(actor, asked.operation())) {
            return answered(Err(refused));
        }
        if let Change::TextChannel { channel, .. } = &change
            && let Err(wait) = self.shared.texts.admit(*channel)
        {
            return answered(Err(Refused::RateLimited(wait)));
        }
        if let Actor::Session(session) = actor
            && let Some(connection) = self.connections.get(&session)
        {
            connection.activity.acts(self.shared.clock.monotonic());
        }
        let answer = match change.created() {
            Some(id) => response::Body::Created(wire::Created { id }),
            None => response::Body::Done(wire::Done {}),
        };
        let doer = given.written_by.as_ref().map(|written| written.1.clone());
        let by = (self.by(actor), doer.unwrap_or_else(|| self.doer(actor)));
        let ended = match &change {
            Change::End { session, .. } if actor == Actor::Session(*session) => Some((*session, None)),
            Change::End { session, .. } => Some((*session, Some(CloseCode::LoggedOut.into()))),
            _ => None,
        };
        self.make(by, change, &given.password, pending, before);
        pending.dismissed.extend(ended);
        pending.replies.push(Box::new(move |outcome| answered(outcome.map(|()| answer))));
    }

    /// Makes a change, which is published and written later. `before` is the state as it was before the first that
    /// must be on disk.
    pub(super) fn make(
        &mut self,
        (by, doer): (By, Doer),
        change: Change,
        password: &NewPassword,
        pending: &mut Pending,
        before: &mut Option<State>,
    ) {
        if change.is_durable() && before.is_none() {
            // What came before needs no disk, so it doesn't wait for it either.
            self.publish_pending(std::mem::take(pending));
            *before = Some(self.state.clone());
            pending.span = Some(Span::current());
        }
        let writes = load::writes(&change, password, &self.state, by.at).into_iter();
        pending.writes.extend(writes.map(|write| (by, write)));
        pending.unsettles |= self.note_sight(&change);
        if let Some(happened) = self.note(&change, by.at, doer) {
            if change.is_durable() {
                let rows = self.attached.iter().flat_map(|attachment| attachment(&happened));
                pending.writes.extend(rows.map(|write| (by, write)));
            }
            pending.happened.push(happened);
        }
        match &change {
            Change::SetUserDisabled { user, disabled: true } => {
                let ended = self.state.sessions_of(*user);
                let dismissed = |session| (session, Some(CloseCode::Disabled.into()));
                pending.dismissed.extend(ended.into_iter().map(dismissed));
            }
            Change::Kick { session, reason } => {
                let farewell = Farewell::with(CloseCode::Kicked, reason.clone());
                pending.dismissed.push((*session, Some(farewell)));
            }
            Change::Moderate { session, muted, deafened, .. } => {
                self.note_restraint(*session, (*muted, *deafened));
            }
            Change::SetUserDisabled { disabled: false, .. }
            | Change::Nothing
            | Change::Arrive(_)
            | Change::Depart(_)
            | Change::End { .. }
            | Change::Move { .. }
            | Change::SetSelf { .. }
            | Change::Present { .. }
            | Change::Listen { .. }
            | Change::Watch { .. }
            | Change::SetTarget { .. }
            | Change::TextChannel { .. }
            | Change::TextSession { .. }
            | Change::CreateChannel(_)
            | Change::PutChannel(_)
            | Change::Link { .. }
            | Change::Record { .. }
            | Change::StopRecording(_)
            | Change::PutSettings(_)
            | Change::CreateRole(_)
            | Change::PutRole(_)
            | Change::RemoveRole(_)
            | Change::Grant { .. }
            | Change::Revoke { .. }
            | Change::PutOverwrite(_)
            | Change::RemoveOverwrite { .. }
            | Change::RemoveChannels(_) => (),
        }
        pending.events.extend(self.state.apply(change));
    }

    /// Keeps in mind what was laid upon a guest, in case they come again.
    fn note_restraint(&mut self, session: SessionId, (muted, deafened): (Option<bool>, Option<bool>)) {
        let Some(member) = self.state.member(session).filter(|member| member.user.is_none()) else { return };
        let Some(connection) = self.connections.get(&session) else { return };
        let restraint = (muted.unwrap_or(member.muted), deafened.unwrap_or(member.deafened));
        self.restrained.note(connection.address, restraint);
    }
}
