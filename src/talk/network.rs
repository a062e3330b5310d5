//! The task that holds the connection: what comes is taken in, and when it is lost, one comes back.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::broadcast::error::RecvError;
use tokio::time::MissedTickBehavior;

use super::Note;
use super::devices::Devices;
use super::ear::Ear;
use super::live::Live;
use super::picture::Connection;
use super::shared::{Shared, lock};
use super::sleep::Sleep;
use crate::audio::device::Backend;
use crate::client::{Keeper, OwnState, Restored, Session};
use crate::protocol::wire::{self, event, request};

/// How often what has no event is looked at.
const TICK: Duration = Duration::from_millis(500);

/// After the machine slept, how long the server may take to answer before the connection counts as lost.
const ANSWER: Duration = Duration::from_millis(800);

/// Why following a connection ended.
enum Why {
    /// It is to end.
    Stopped,
    /// It ended.
    Ended,
    /// It is there, and nothing comes through it any more.
    Dead,
}

/// Runs until it is stopped, or there is no coming back.
pub(super) async fn run(live: &Arc<Live>, session: Session, keeper: &Keeper, backend: Backend, ear: Ear) {
    let mut devices = Devices::new(Arc::clone(&live.shared), backend, ear);
    let mut session = session;
    *lock(&live.shared.speaker) = Some(session.speaker());
    loop {
        devices.adjust(live);
        match follow(live, &session, &mut devices).await {
            Why::Stopped => break,
            why => match come_back(live, &session, keeper, &mut devices, why).await {
                Some(restored) => session = restored,
                None => break,
            },
        }
    }
    live.keep();
    drop(devices);
    if !live.look(|state| matches!(state.picture.connection, Connection::Over { .. })) {
        live.disconnected(Connection::Over { reason: "it was ended here".to_owned() });
    }
    *lock(&live.shared.speaker) = None;
    session.close().await;
}

/// Takes in what comes, until the connection is lost.
async fn follow(live: &Arc<Live>, session: &Session, devices: &mut Devices) -> Why {
    let _receiving = Receiving::start(session, &live.shared);
    let (mut view, mut events) = (session.watch(), session.events());
    let (mut tick, mut sleep) = (tokio::time::interval(TICK), Sleep::now());
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            Ok(()) = view.changed() => {
                let view = view.borrow_and_update().clone();
                live.saw(view);
            }
            event = events.recv() => match event {
                Ok(event::Body::Text(text)) => live.wrote(&text),
                Ok(_) | Err(RecvError::Lagged(_)) => (),
                Err(RecvError::Closed) => {
                    session.closed().await;
                    break Why::Ended;
                }
            },
            _ = session.closed() => break Why::Ended,
            event = devices.next() => live.device(&event),
            () = live.devices.notified() => devices.adjust(live),
            () = live.shared.changed.notified() => live.heard(),
            _ = tick.tick() => {
                live.tick();
                if sleep.was_long() && !answers(session).await {
                    break Why::Dead;
                }
            }
            () = live.stop.notified() => break Why::Stopped,
        }
    }
}

/// Reads voice as it comes, until it is dropped.
struct Receiving(tokio::task::JoinHandle<()>);

impl Receiving {
    fn start(session: &Session, shared: &Arc<Shared>) -> Self {
        let (mut voice, shared) = (session.voice(), Arc::clone(shared));
        Self(tokio::spawn(async move {
            while let Ok(heard) = voice.next().await {
                shared.receive(heard);
            }
        }))
    }
}

impl Drop for Receiving {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Whether the server answers soon.
async fn answers(session: &Session) -> bool {
    let ping = session.request(request::Body::Ping(wire::Ping {}));
    matches!(tokio::time::timeout(ANSWER, ping).await, Ok(Ok(_)))
}

/// Another session in place of the one that was lost; `None` where there is no coming back, or it is to end.
async fn come_back(
    live: &Arc<Live>,
    lost: &Session,
    keeper: &Keeper,
    devices: &mut Devices,
    why: Why,
) -> Option<Session> {
    let reason = match why {
        Why::Dead => "the server didn't answer after the machine slept".to_owned(),
        Why::Ended | Why::Stopped => lost.closed_because().await,
    };
    let returns = matches!(why, Why::Dead) || Keeper::returns_after(&lost.closed().await);
    if !returns {
        live.over(reason);
        return None;
    }
    let speaker = lock(&live.shared.speaker).take();
    live.disconnected(Connection::Returning { reason: reason.clone() });
    live.note(Note::Lost(reason));
    devices.adjust(live);
    let mut restoring = std::pin::pin!(keeper.come_back(lost));
    let restored = loop {
        tokio::select! {
            restored = &mut restoring => break restored,
            event = devices.next() => live.device(&event),
            () = live.devices.notified() => devices.adjust(live),
            () = live.shared.changed.notified() => live.heard(),
            () = live.stop.notified() => return None,
        }
    };
    let session = match restored {
        Restored::Session(session) => session,
        Restored::Over(reason) => {
            live.over(reason);
            return None;
        }
    };
    let mut speaker = speaker.unwrap_or_else(|| session.speaker());
    speaker.continue_in(session.clone());
    *lock(&live.shared.speaker) = Some(speaker);
    live.connected(&session);
    resume(live, &session).await;
    live.note(Note::Back);
    Some(session)
}

/// Tells the server what was set meanwhile, and to whom one whispered. What it refuses, one does without, and is told.
async fn resume(live: &Live, session: &Session) {
    let (own, whisper) = live.look(|state| {
        let own = &state.picture.own;
        let wanted = OwnState {
            mute: Some(own.mute),
            deaf: Some(own.deaf),
            away: Some(own.away),
            status: Some(own.status.clone()),
            position_context: None,
        };
        (wanted, own.whisper.clone())
    });
    if let Err(error) = session.set_own_state(own).await {
        live.note(Note::NotRestored(format!("The server wasn't told how you had set yourself: {error}")));
    }
    if !whisper.is_empty()
        && let Err(error) = super::act::whisper(live, whisper).await
    {
        // What was meant for a few isn't heard by all.
        live.change(|state| {
            state.picture.own.whisper.clear();
            state.picture.own.mute = true;
        });
        let told = session.set_self(Some(true), None).await;
        let told = told.err().map(|error| format!(" ({error})")).unwrap_or_default();
        live.note(Note::NotRestored(format!(
            "Whom you whispered to can't be reached: {error}. You are muted, so that the channel doesn't hear it{told}."
        )));
    }
}
