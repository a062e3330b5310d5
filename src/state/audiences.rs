//! Who hears whom, kept: a change works out anew only what it touches.

use std::collections::{BTreeSet, HashMap};

use super::{Earshot, Heard, Lean, State, Touched};
use crate::id::{ChannelId, FlowId, SessionId};

/// Who hears whom, as it was when [`Hearing::follow`] was asked last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hearing {
    speakers: HashMap<SessionId, Spoken>,
    earshots: HashMap<Earshot, Within>,
    /// The earshots by each channel in which they are heard.
    heard_in: BTreeSet<(ChannelId, Earshot)>,
    leaning: BTreeSet<(Lean, SessionId)>,
}

/// What somebody's voice is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Spoken {
    speeches: Vec<(FlowId, Heard)>,
    leans: BTreeSet<Lean>,
}

/// Who hears an earshot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Within {
    listeners: Vec<SessionId>,
    /// How many speak there; without any it isn't kept.
    speakers: usize,
}

/// What was worked out anew.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Turned {
    /// Those whose flows may be others; some may be gone.
    pub speakers: BTreeSet<SessionId>,
    /// Earshots in which others may hear; some may be gone.
    pub earshots: BTreeSet<Earshot>,
}

impl Hearing {
    /// The flows of somebody that are heard, the one to their channel first.
    pub fn speeches(&self, session: SessionId) -> &[(FlowId, Heard)] {
        self.speakers.get(&session).map_or(&[], |spoken| &spoken.speeches)
    }

    /// Who hears what is said in an earshot, its speakers among them, in order of session; `None` where nobody may speak.
    pub fn within(&self, earshot: &Earshot) -> Option<&[SessionId]> {
        self.earshots.get(earshot).map(|within| within.listeners.as_slice())
    }

    /// Follows what was touched, and answers with what was worked out anew.
    pub fn follow(&mut self, state: &State, touched: &Touched) -> Turned {
        let mut turned = Turned::default();
        if touched.everything {
            *self = Self::default();
            turned.speakers.extend(state.members().map(|member| member.session));
        } else {
            turned.speakers.clone_from(&touched.sessions);
            let sessions = touched.sessions.iter().copied().map(Lean::Session);
            let channels = touched.channels.iter().copied().map(Lean::Channel);
            let roles = touched.roles.iter().copied().map(Lean::Role);
            turned.speakers.extend(sessions.chain(channels).chain(roles).flat_map(|lean| self.leaning(lean)));
        }
        for session in &turned.speakers {
            self.speak(state, *session, &mut turned.earshots);
        }
        for channel in touched.channels.iter().filter(|_| !touched.everything) {
            for earshot in self.heard_in(*channel) {
                if !turned.earshots.contains(&earshot)
                    && let Some(within) = self.earshots.get_mut(&earshot)
                {
                    within.listeners = state.within_earshot(&earshot);
                    turned.earshots.insert(earshot);
                }
            }
        }
        turned
    }

    fn leaning(&self, on: Lean) -> impl Iterator<Item = SessionId> {
        let all = (on, SessionId(0))..=(on, SessionId(u64::MAX));
        self.leaning.range(all).map(|(_, session)| *session)
    }

    fn heard_in(&self, channel: ChannelId) -> Vec<Earshot> {
        let first = (channel, Earshot { channel: ChannelId(0), links: Vec::new() });
        let of_it = self.heard_in.range(first..).take_while(|(one, _)| *one == channel);
        of_it.map(|(_, earshot)| earshot.clone()).collect()
    }

    /// Works out anew what somebody's voice is.
    fn speak(&mut self, state: &State, session: SessionId, fresh: &mut BTreeSet<Earshot>) {
        let is = Spoken { speeches: state.speeches(session), leans: state.leans(session) };
        let there = |spoken: &Spoken| {
            let first = spoken.speeches.first().map(|(_, heard)| heard.clone());
            first.and_then(|heard| match heard {
                Heard::There(earshot) => Some(earshot),
                Heard::By(_) => None,
            })
        };
        let to = there(&is);
        let was = if is.speeches.is_empty() && is.leans.is_empty() {
            self.speakers.remove(&session)
        } else {
            for lean in &is.leans {
                self.leaning.insert((*lean, session));
            }
            self.speakers.insert(session, is.clone())
        };
        let was = was.unwrap_or_default();
        for lean in was.leans.difference(&is.leans) {
            self.leaning.remove(&(*lean, session));
        }
        let from = there(&was);
        if from == to {
            return;
        }
        if let Some(earshot) = to {
            self.earshots
                .entry(earshot)
                .or_insert_with_key(|earshot| {
                    self.heard_in.extend(earshot.channels().map(|channel| (channel, earshot.clone())));
                    fresh.insert(earshot.clone());
                    Within { listeners: state.within_earshot(earshot), speakers: 0 }
                })
                .speakers += 1;
        }
        if let Some(earshot) = from
            && let Some(within) = self.earshots.get_mut(&earshot)
        {
            within.speakers -= 1;
            if within.speakers == 0 {
                self.earshots.remove(&earshot);
                for channel in earshot.channels() {
                    self.heard_in.remove(&(channel, earshot.clone()));
                }
                fresh.insert(earshot);
            }
        }
    }
}
