//! Who hears whom, as the voice path reads it: what [`Hearing`] works out anew is replaced in the forwarding table, an audience or
//! a speaker at a time.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arc_swap::ArcSwap;
use bytes::Bytes;

use super::connection::Connection;
use super::recorder::Recorder;
use crate::id::{ChannelId, FlowId, SessionId, Ssrc};
use crate::state::{Earshot, Heard, Hearing, Member, State, Touched};
use crate::voice::{Audience, ForwardTable, Listener, Peer, Route, SpeakerSelection};

/// What the forwarding table is made of.
pub(super) struct Routing<P> {
    hearing: Hearing,
    audiences: HashMap<Earshot, Arc<ArcSwap<Audience<P>>>>,
    /// What each session's packets carried when the table was made, and where its position counted.
    known: HashMap<SessionId, (Ssrc, Bytes)>,
    contexts: Contexts,
    table: ForwardTable<P>,
}

impl<P> Default for Routing<P> {
    fn default() -> Self {
        Self {
            hearing: Hearing::default(),
            audiences: HashMap::new(),
            known: HashMap::new(),
            contexts: Contexts::default(),
            table: ForwardTable::default(),
        }
    }
}

/// What routes are made of, beside who hears whom.
pub(super) struct Parts<'a, P> {
    pub(super) state: &'a State,
    pub(super) connections: &'a HashMap<SessionId, Connection<P>>,
    pub(super) selections: &'a HashMap<ChannelId, Arc<SpeakerSelection>>,
    pub(super) recorder: &'a Recorder,
}

impl<P: Peer> Routing<P> {
    /// Follows what was touched. Answers with the table to publish, where it is another one; who hears in an earshot is replaced
    /// at once.
    pub(super) fn follow(&mut self, parts: &Parts<'_, P>, touched: &Touched) -> Option<ForwardTable<P>> {
        if *touched == Touched::default() {
            return None;
        }
        if touched.everything {
            *self = Self::default();
        }
        let turned = self.hearing.follow(parts.state, touched);
        // Those who only listen have a context, too.
        let about = touched.sessions.iter().chain(&turned.speakers);
        for session in about {
            self.know(*session, parts.state.member(*session));
        }
        for earshot in &turned.earshots {
            let Some(within) = self.hearing.within(earshot) else {
                self.audiences.remove(earshot);
                continue;
            };
            let audience = Arc::new(self.audience(parts, Some(earshot.channel), within));
            match self.audiences.get(earshot) {
                Some(place) => place.store(audience),
                None => {
                    self.audiences.insert(earshot.clone(), Arc::new(ArcSwap::new(audience)));
                }
            }
        }
        for session in turned.speakers {
            if let Some(member) = parts.state.member(session) {
                let flows = self.flows(parts, member);
                self.table.set(member.ssrc, flows);
            }
        }
        Some(self.table.clone())
    }

    /// Keeps in mind what a session's packets carry, and forgets what they carried before.
    fn know(&mut self, session: SessionId, member: Option<&Member>) {
        let is = member.map(|member| (member.ssrc, member.context.clone()));
        if self.known.get(&session) == is.as_ref() {
            return;
        }
        if let Some((_, context)) = &is {
            self.contexts.take(context);
        }
        let was = match is {
            Some(is) => self.known.insert(session, is),
            None => self.known.remove(&session),
        };
        if let Some((ssrc, context)) = was {
            self.contexts.release(&context);
            self.table.set(ssrc, Vec::new());
        }
    }

    fn audience(
        &self,
        parts: &Parts<'_, P>,
        channel: Option<ChannelId>,
        listeners: &[SessionId],
    ) -> Audience<P> {
        let listener = |session: &SessionId| {
            let (member, connection) = (parts.state.member(*session)?, parts.connections.get(session)?);
            let context = self.contexts.number(&member.context);
            Some(Listener { ssrc: member.ssrc, context, peer: connection.peer.clone() })
        };
        Audience::new(channel, listeners.iter().filter_map(listener))
    }

    /// The flows of somebody that are heard.
    fn flows(&self, parts: &Parts<'_, P>, member: &Member) -> Vec<(FlowId, Route<P>)> {
        if !parts.connections.contains_key(&member.session) {
            return Vec::new();
        }
        let route = |(flow, heard): &(FlowId, Heard)| {
            let channel = member.channel.filter(|_| *flow == FlowId::CHANNEL);
            let audience = match heard {
                Heard::There(earshot) => Arc::clone(self.audiences.get(earshot)?),
                Heard::By(listeners) => {
                    Arc::new(ArcSwap::from_pointee(self.audience(parts, None, listeners)))
                }
            };
            let route = Route {
                audience,
                context: self.contexts.number(&member.context),
                priority: member.priority,
                selection: channel.and_then(|channel| parts.selections.get(&channel)).cloned(),
                tap: channel.and_then(|channel| parts.recorder.tap(channel)),
            };
            Some((*flow, route))
        };
        self.hearing.speeches(member.session).iter().filter_map(route).collect()
    }
}

/// A number for each place in which positions count, while anybody's does.
#[derive(Debug, Default)]
struct Contexts {
    numbers: HashMap<Bytes, (u32, usize)>,
    in_use: HashSet<u32>,
    last: u32,
}

impl Contexts {
    /// The number of one; 0 is nowhere.
    fn number(&self, context: &Bytes) -> u32 {
        self.numbers.get(context).map_or(0, |(number, _)| *number)
    }

    fn take(&mut self, context: &Bytes) {
        if context.is_empty() {
            return;
        }
        if let Some((_, used)) = self.numbers.get_mut(context) {
            *used += 1;
            return;
        }
        // As many as there are numbers can't be in use at once.
        while self.last == 0 || self.in_use.contains(&self.last) {
            self.last = self.last.wrapping_add(1);
        }
        self.in_use.insert(self.last);
        self.numbers.insert(context.clone(), (self.last, 1));
    }

    fn release(&mut self, context: &Bytes) {
        if let Some((number, used)) = self.numbers.get_mut(context) {
            *used -= 1;
            if *used == 0 {
                self.in_use.remove(number);
                self.numbers.remove(context);
            }
        }
    }
}
