//! A batch of commands: each is done in its order, and all of it is committed and published together.

use tokio::sync::oneshot;
use tracing::Span;

use super::arrival::Arrival;
use super::command::{Command, Followed};
use super::given::NewPassword;
use super::live::Control;
use super::pending::Pending;
use super::refused::Refused;
use crate::feed::{Doer, Filter, Subscription};
use crate::state::{Actor, State};
use crate::store::write::{self, Deleted};
use crate::store::{By, Failed};
use crate::voice::Peer;

/// What ends the thread.
pub(super) enum Last {
    Stop { reply: oneshot::Sender<()> },
    Delete { by: By, reply: oneshot::Sender<Result<Deleted, Refused>> },
}

/// What is answered behind the batch, by all that is in it: before it is committed, the state is ahead of what is known.
enum Behind {
    Follow {
        what: Followed,
        reply: oneshot::Sender<Result<(), Refused>>,
    },
    Subscribe {
        actor: Actor,
        from: Option<u64>,
        filter: Filter,
        reply: oneshot::Sender<Result<Subscription, Refused>>,
    },
}

impl<P: Peer> Control<P> {
    /// Does a batch. Answers with what is to be done last, if anything is.
    pub(super) fn handle_batch(&mut self, batch: &mut Vec<Command<P>>) -> Option<Last> {
        let mut pending =
            Pending { events: self.state.advance(self.shared.clock.now()), ..Pending::default() };
        let mut before: Option<State> = None;
        self.note_opened();
        let (mut last, mut behind, mut is_time) = (None, Vec::new(), false);
        let (mut arrivals, brings_in) = (Vec::new(), batch.iter().any(Command::brings_in));
        if brings_in {
            self.depart_unnoticed(&mut pending);
        }
        for command in batch.drain(..) {
            match command {
                // Whoever comes in is what the store says they are, and it doesn't have yet what is about to be written.
                Command::Arrive(arrival) if before.is_some() => arrivals.push(arrival),
                Command::Arrive(arrival) => self.arrive(arrival, &mut pending),
                Command::Depart { session, attachment } => self.depart(session, attachment, &mut pending),
                Command::Change { actor, asked, given, span, reply } => {
                    let _entered = span.enter();
                    self.take_change((actor, &asked, &given), reply, &mut pending, &mut before);
                }
                Command::Look(look) => look(self),
                Command::Subscribe { actor, from, filter, reply } => {
                    behind.push(Behind::Subscribe { actor, from, filter, reply });
                }
                Command::Attach(attachment) => self.attached.push(attachment),
                Command::Tick => {
                    for change in self.due() {
                        self.make(
                            (By::server(self.shared.clock.wall()), Doer::Server),
                            change,
                            &NewPassword::Kept,
                            &mut pending,
                            &mut before,
                        );
                    }
                    self.recorder.forget_broken();
                    is_time = true;
                }
                Command::Follow { what, reply } => behind.push(Behind::Follow { what, reply }),
                Command::Stop { reply } => last = Some(Last::Stop { reply }),
                Command::Delete { by, reply } => last = Some(Last::Delete { by, reply }),
            }
        }
        match before {
            Some(before) => self.commit(pending, before),
            None => self.publish_pending(pending),
        }
        if brings_in {
            self.bring_in(arrivals);
        }
        if is_time {
            self.end_logins();
            self.tell_counts();
        }
        self.set_due();
        for one in behind {
            match one {
                Behind::Follow { what, reply } => {
                    let _ = reply.send(self.follow(what));
                }
                Behind::Subscribe { actor, from, filter, reply } => {
                    let _ = reply.send(self.subscribe(actor, from, filter));
                }
            }
        }
        debug_assert!(self.is_whole(), "a member without a connection, or a connection without a member");
        last
    }

    /// Brings in those who came after the first change that had to be written, and lets go of whoever left meanwhile.
    fn bring_in(&mut self, arrivals: Vec<Arrival<P>>) {
        let mut pending = Pending::default();
        for arrival in arrivals {
            self.arrive(arrival, &mut pending);
        }
        self.publish_pending(pending);
        let mut pending = Pending::default();
        self.depart_unnoticed(&mut pending);
        self.publish_pending(pending);
    }

    /// Whether every member has a connection, and every connection a member.
    fn is_whole(&self) -> bool {
        self.connections.len() == self.state.members().len()
            && self.state.members().all(|member| self.connections.contains_key(&member.session))
    }

    /// Commits what is pending, then publishes it. If that fails, everyone in it gets the error and the
    /// state is what it was before.
    fn commit(&mut self, mut pending: Pending, before: State) {
        let for_hooks = self.write_for_hooks(&pending.happened);
        let messages = for_hooks.map(|(messages, write)| {
            pending.writes.push((By::server(self.shared.clock.wall()), write));
            messages
        });
        let writes = write::all(std::mem::take(&mut pending.writes));
        let span = pending.span.take().unwrap_or_else(Span::none);
        let outcome = span.in_scope(|| self.shared.store.run(By::server(self.shared.clock.wall()), writes));
        let failure = match outcome.map_err(Failed::into_commit_error) {
            Ok(outcomes) => outcomes.into_iter().find_map(Result::err).map(|rejected| {
                // The state allowed what the store refuses, so they have come apart.
                tracing::error!(%rejected, "the store refuses what the state allowed; the state is read anew");
                Refused::from(rejected)
            }),
            Err(error) => Some(error.into()),
        };
        let first = pending.happened.first().map(|first| first.number);
        if let Some(messages) = messages {
            self.hooks_are_written(messages, first, failure.is_none());
        }
        let Some(failure) = failure else {
            pending.is_written = true;
            return self.publish_pending(pending);
        };
        if let Some(first) = first {
            self.feed.take_back(first);
        }
        self.state = before;
        self.state.touch_everything();
        // Who left in the batch is gone all the same.
        let connections = &self.connections;
        let gone: Vec<_> = self
            .state
            .members()
            .map(|member| member.session)
            .filter(|id| !connections.contains_key(id))
            .collect();
        let mut left = Pending::default();
        for session in gone {
            self.take_out(session, &mut left);
        }
        self.publish_pending(left);
        // Where nothing of it is on disk, the state before is right. Else what of it came to be is told, and whoever was ended
        // by it goes.
        if !matches!(failure, Refused::ReadOnly)
            && let Err(error) = self.follow(Followed::Everything)
        {
            tracing::error!(%error, "the state can't be read anew");
        }
        for reply in pending.replies {
            reply(Err(failure.clone()));
        }
    }
}
