//! The state of a live client, and what follows from it: the picture, what the threads of sound are ordered, which devices are open.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{Notify, broadcast, watch};

use super::changes::changes;
use super::kept::{Kept, OfServer};
use super::picture::{Connection, Line, Own, Picture, TEXTS, Talking, To};
use super::shared::{FRAME_MS, Loudness, Orders, Shared, lock};
use super::traffic::Traffic;
use super::whisper::Flows;
use super::{Chimes, Mode, Note, Settings};
use crate::audio::Chime;
use crate::audio::processing::{GateMode, GateSettings};
use crate::client::{Session, View};
use crate::id::{ChannelId, FlowId, SessionId};
use crate::protocol::wire::{self, text};

/// Notes that a reader can fall behind; then it misses the oldest.
const NOTES: usize = 256;

/// How long one isn't told again that one talks and is muted.
const AGAIN: Duration = Duration::from_secs(10);

/// How long one is still heard after the last that was like speech. A pause between two sentences is most often shorter, and costs more
/// as silence (0.3 of PESQ, for the room is gone) than it takes of the line.
const HOLD: Duration = Duration::from_secs(1);

/// What the network's task, the threads of sound and whoever acts have in common.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) shared: Arc<Shared>,
    pub(super) kept: Kept,
    /// `host:port` or `host:port/+tag`, under which things are kept.
    pub(super) home: String,
    state: Mutex<State>,
    picture: watch::Sender<Arc<Picture>>,
    notes: broadcast::Sender<Note>,
    pub(super) traffic: Mutex<Traffic>,
    /// Whoever has the server told for whom a flow is.
    pub(super) whispering: tokio::sync::Mutex<()>,
    /// Other devices are wanted, or the same otherwise.
    pub(super) devices: Notify,
    /// It is to end.
    pub(super) stop: Notify,
}

/// What changes.
#[derive(Debug)]
pub(super) struct State {
    /// While there is a connection.
    pub(super) session: Option<Session>,
    pub(super) picture: Picture,
    pub(super) flows: Flows,
    pub(super) of_server: OfServer,
    /// When one was told last that one talks and is muted.
    told_silent: Option<Duration>,
    /// When what was learnt of the way to the server was kept last.
    pub(super) kept: Duration,
}

impl Live {
    pub(super) fn new(shared: Arc<Shared>, kept: Kept, picture: Picture, of_server: OfServer) -> Self {
        let home = picture.server.clone();
        let (pictures, _) = watch::channel(Arc::new(picture.clone()));
        let (notes, _) = broadcast::channel(NOTES);
        let state = State {
            session: None,
            picture,
            flows: Flows::default(),
            of_server,
            told_silent: None,
            kept: Duration::ZERO,
        };
        Self {
            shared,
            kept,
            home,
            state: Mutex::new(state),
            picture: pictures,
            notes,
            traffic: Mutex::default(),
            whispering: tokio::sync::Mutex::default(),
            devices: Notify::new(),
            stop: Notify::new(),
        }
    }

    /// The picture as of now, to wait for the next ones.
    pub(super) fn watch(&self) -> watch::Receiver<Arc<Picture>> {
        self.picture.subscribe()
    }

    pub(super) fn notes(&self) -> broadcast::Receiver<Note> {
        self.notes.subscribe()
    }

    /// Tells something once, with the small sound for it.
    pub(super) fn note(&self, note: Note) {
        let chime = self.look(|state| chime(&note, state.picture.settings.chimes));
        if chime.is_some() {
            *lock(&self.shared.chime) = chime;
        }
        // Nobody may be listening.
        let _ = self.notes.send(note);
    }

    /// Looks at the state.
    pub(super) fn look<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&lock(&self.state))
    }

    /// Changes the state, and does what follows from it.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = lock(&self.state);
        let outcome = change(&mut state);
        let picture = &mut state.picture;
        let voice = picture.channel().and_then(|channel| channel.voice).unwrap_or_default();
        picture.bitrate = picture.settings.quality.bitrate(voice.bitrate);
        self.order(&state);
        let next = &state.picture;
        let is_new = self.picture.send_if_modified(|before| {
            let differs = **before != *next;
            if differs {
                *before = Arc::new(next.clone());
            }
            differs
        });
        if is_new {
            self.devices.notify_one();
        }
        outcome
    }

    /// Tells the threads of sound.
    fn order(&self, state: &State) {
        let Picture { view, own, settings, .. } = &state.picture;
        let member = view.own();
        let by_others = member.is_some_and(|member| member.muted || member.deafened || member.suppressed);
        // What is meant for a few isn't heard by all while the server doesn't know whom it is for.
        let is_for_nobody = !own.whisper.is_empty() && state.flows.current().is_none();
        let orders = Orders {
            settings: Arc::clone(settings),
            silent: own.mute || own.deaf || own.away || by_others || is_for_nobody,
            deaf: own.deaf,
            echo_test: state.picture.echo_test,
            flow: state.flows.current().unwrap_or(FlowId::CHANNEL),
            bitrate: state.picture.bitrate,
            frame_ms: frame_ms(&state.picture),
            loss: state.picture.told_loss.unwrap_or(state.of_server.way_there()),
        };
        if **self.shared.orders.load() != orders {
            let mut gate = lock(&self.shared.gate);
            let wanted = gate_settings(settings);
            if gate.settings() != wanted {
                gate.set(wanted);
            }
            lock(&self.shared.sidetone).set_volume(sidetone(settings.sidetone));
            self.shared.orders.store(Arc::new(orders));
        }
        let loudness = loudness(&state.picture);
        if **self.shared.loudness.load() != loudness {
            self.shared.loudness.store(Arc::new(loudness));
        }
    }

    /// Whether a microphone is wanted: nobody is listened to who is deaf, away or alone with themselves.
    pub(super) fn wants_microphone(picture: &Picture) -> bool {
        let Own { deaf, away, .. } = picture.own;
        picture.connection == Connection::Connected && !deaf && !away
    }

    /// There is a connection.
    pub(super) fn connected(&self, session: &Session) {
        let view = Arc::new(session.view());
        self.change(|state| {
            state.session = Some(session.clone());
            state.picture.name.clone_from(&session.logged_in().name);
            state.picture.connection = Connection::Connected;
            state.see(view);
        });
    }

    /// There is none any more.
    pub(super) fn disconnected(&self, connection: Connection) {
        self.change(|state| {
            state.session = None;
            state.picture.connection = connection;
            state.picture.talking.clear();
            state.picture.own.sending = false;
            state.flows.forget();
        });
    }

    /// There is none any more, and there won't be one.
    pub(super) fn over(&self, reason: String) {
        self.disconnected(Connection::Over { reason: reason.clone() });
        self.note(Note::Over(reason));
    }

    /// The channels and the people are others.
    pub(super) fn saw(&self, view: View) {
        let view = Arc::new(view);
        let before = self.change(|state| {
            let before = Arc::clone(&state.picture.view);
            state.see(Arc::clone(&view));
            before
        });
        for note in changes(&before, &view) {
            self.note(note);
        }
    }

    /// Something was written.
    pub(super) fn wrote(&self, text: &wire::Text) {
        let Some(line) = self.look(|state| line(text, &state.picture.view)) else { return };
        self.change(|state| {
            let texts = Arc::make_mut(&mut state.picture.texts);
            texts.push_back(line.clone());
            if texts.len() > TEXTS {
                texts.pop_front();
            }
        });
        if !line.own {
            self.note(Note::Text(line));
        }
    }

    /// Somebody began or ceased to speak, perhaps oneself.
    pub(super) fn heard(&self) {
        let mouth = *lock(&self.shared.mouth);
        let voices = lock(&self.shared.ear).voices.clone();
        let speaking = voices.iter().filter(|voice| voice.speaking);
        let talking: BTreeMap<_, _> =
            speaking.map(|voice| (voice.meter.session, Talking { whisper: voice.whisper })).collect();
        let now = self.shared.now();
        let notes = self.change(|state| {
            let own = &mut state.picture.own;
            let is_busy = mouth.busy && !own.busy;
            (own.sending, own.busy) = (mouth.sending, mouth.busy);
            state.picture.talking = talking;
            let was_told = state.told_silent.is_some_and(|told| now.saturating_sub(told) < AGAIN);
            let is_silent = mouth.talks_silently && !was_told;
            if is_silent {
                state.told_silent = Some(now);
            }
            [is_busy.then_some(Note::Busy), is_silent.then_some(Note::TalkingWhileMuted)]
        });
        for note in notes.into_iter().flatten() {
            self.note(note);
        }
    }
}

impl State {
    /// Takes another view, and what follows from it for those who are in it.
    fn see(&mut self, view: Arc<View>) {
        self.picture.people = Arc::new(self.of_server.heard(&view));
        self.picture.view = view;
    }

    /// The session, or that there is none now.
    pub(super) fn session(&self) -> Result<Session, super::ActionError> {
        self.session.clone().ok_or(super::ActionError::Disconnected)
    }
}

/// How long frames are where one is. A length that a later server may know is none of ours.
fn frame_ms(picture: &Picture) -> u32 {
    let wanted = picture.channel().and_then(|channel| channel.voice).map(|voice| voice.frame_ms);
    wanted.filter(|wanted| [10, 20, 40, 60].contains(wanted)).unwrap_or(FRAME_MS)
}

fn gate_settings(settings: &Settings) -> GateSettings {
    let usual = GateSettings::default();
    // Whoever wants to be heard less easily than usual doesn't want sounds to be heard that may become speech.
    let is_strict = settings.threshold > Settings::default().threshold;
    GateSettings {
        mode: match settings.mode {
            Mode::VoiceActivation => GateMode::Voice,
            Mode::PushToTalk => GateMode::Push,
            Mode::Continuous => GateMode::Continuous,
        },
        open: settings.threshold,
        close: settings.threshold / 2.0,
        rise: if is_strict { f32::INFINITY } else { usual.rise },
        hold: HOLD,
        release: Duration::from_millis(settings.release_ms.into()),
        double_push: Settings::LATCH,
        ..usual
    }
}

/// Percent of an amplitude in decibels; `None` for nothing.
fn sidetone(percent: u16) -> Option<f32> {
    (percent > 0).then(|| 20.0 * (f32::from(percent) / 100.0).log10())
}

/// The small sound for what one is told.
fn chime(note: &Note, chimes: Chimes) -> Option<Chime> {
    let (chime, is_on) = match note {
        Note::Came { .. } => (Chime::Join, chimes.join),
        Note::Left { .. } => (Chime::Leave, chimes.leave),
        Note::Muted { mute: true, .. } | Note::Deafened { deaf: true, .. } => (Chime::Mute, chimes.mute),
        Note::Muted { mute: false, .. } | Note::Deafened { deaf: false, .. } => {
            (Chime::Unmute, chimes.unmute)
        }
        Note::Text(Line { to: To::Person(_), .. }) => (Chime::Poke, chimes.poke),
        Note::Text(_) => (Chime::Message, chimes.message),
        _ => return None,
    };
    is_on.then_some(chime)
}

/// How everybody is played, by SSRC: one's own choice for a person, and what one chose for a channel that one listens to from
/// elsewhere.
fn loudness(picture: &Picture) -> HashMap<u32, Loudness> {
    let view = &picture.view;
    let own = view.own();
    let near = |channel: u64| {
        own.is_some_and(|own| own.channel == channel)
            || view.own_channel().is_some_and(|here| here.links.contains(&channel))
    };
    let listened = |channel: u64| {
        let listening = own?.listening.iter().find(|listening| listening.channel == channel)?;
        Some(if listening.volume == 0 { 1.0 } else { listening.volume as f32 / 100.0 })
    };
    let of = |member: &wire::Member| {
        let session = SessionId(member.session);
        let hearing = picture.people.get(&session).copied().unwrap_or_default();
        let own = if hearing.mute { 0.0 } else { f32::from(hearing.volume) / 100.0 };
        let far = if near(member.channel) { 1.0 } else { listened(member.channel).unwrap_or(1.0) };
        let priority = member.priority && member.session != view.own_session;
        (member.ssrc, Loudness { session, own, far, priority })
    };
    view.members.values().map(of).collect()
}

/// A text as it is kept; `None` for one that is for nobody.
fn line(text: &wire::Text, view: &View) -> Option<Line> {
    let to = match text.to {
        Some(text::To::Channel(channel)) => To::Channel(ChannelId(channel)),
        Some(text::To::Session(session)) => To::Person(SessionId(session)),
        None => return None,
    };
    Some(Line {
        sent_ms: text.sent_ms,
        from: (text.from_session != 0).then_some(SessionId(text.from_session)),
        name: text.from_name.clone(),
        own: text.from_session == view.own_session,
        to,
        text: text.text.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::wire::{Channel, Listening, Member, event};
    use crate::talk::Hearing;

    #[test]
    fn everybody_is_as_loud_as_one_chose() {
        let mut view = View { own_session: 1, ..View::default() };
        view.apply(&event::Body::ChannelIs(Channel { id: 1, links: vec![3], ..Channel::default() }));
        let listening = vec![Listening { channel: 2, volume: 50 }, Listening { channel: 3, volume: 10 }];
        for (session, channel, priority) in [(1, 1, true), (2, 1, false), (3, 2, false), (4, 3, true)] {
            let ssrc = session as u32 * 10;
            let listening = if session == 1 { listening.clone() } else { Vec::new() };
            let member = Member { session, channel, ssrc, priority, listening, ..Member::default() };
            view.apply(&event::Body::MemberIs(member));
        }
        let people = [(2, Hearing { volume: 150, mute: false }), (3, Hearing { volume: 80, mute: true })];
        let people = people.map(|(session, hearing)| (SessionId(session), hearing)).into_iter().collect();
        let picture = Picture { view: Arc::new(view), people: Arc::new(people), ..Picture::default() };
        let loudness = loudness(&picture);
        let of = |ssrc: u32| {
            let Loudness { own, far, priority, .. } = loudness[&ssrc];
            (own, far, priority)
        };
        assert_eq!(of(10), (1.0, 1.0, false), "nobody is turned down for oneself");
        assert_eq!(of(20), (1.5, 1.0, false));
        assert_eq!(of(30), (0.0, 0.5, false));
        assert_eq!(of(40), (1.0, 1.0, true), "a linked channel is near");
    }
}
