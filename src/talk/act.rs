//! What one does.

use std::sync::Arc;

use super::action::{Action, ActionError, Push};
use super::kept::BOOKMARKS;
use super::live::{Live, State};
use super::picture::{Hearing, Own, To};
use super::settings::within;
use super::shared::lock;
use super::{Choice, Note, Settings};
use crate::client::{OwnState, RequestError, Target};
use crate::id::SessionId;

/// Does something. When it answers with an error, nothing has changed.
pub(super) async fn act(live: &Live, action: Action) -> Result<(), ActionError> {
    match action {
        Action::Join { channel, password } => {
            let session = live.look(State::session)?;
            Ok(session.join_with_password(channel, &password).await?)
        }
        Action::Leave => Ok(live.look(State::session)?.leave().await?),
        Action::Mute(mute) => {
            set(live, |own| {
                own.mute = mute;
                // Whoever wants to be heard wants to hear.
                own.deaf &= mute;
            })
            .await
        }
        Action::Deafen(deaf) => set(live, |own| own.deaf = deaf).await,
        Action::Away(away) => set(live, |own| own.away = away).await,
        Action::Status(status) => set(live, |own| own.status = status).await,
        Action::Push(push) => {
            self::push(live, push);
            Ok(())
        }
        Action::Whisper(targets) => whisper(live, targets).await,
        Action::Volume { session, percent } => {
            within("a volume in percent", f32::from(percent), 0.0, 200.0)?;
            hear(live, session, |hearing| hearing.volume = percent)
        }
        Action::LocalMute { session, mute } => hear(live, session, |hearing| hearing.mute = mute),
        Action::Text { to: To::Channel(channel), text } => {
            Ok(live.look(State::session)?.text_channel(channel, &text).await?)
        }
        Action::Text { to: To::Person(session), text } => {
            Ok(live.look(State::session)?.text_session(session, &text).await?)
        }
        Action::Choose(choice) => choose(live, choice),
        Action::EchoTest(on) => {
            live.change(|state| state.picture.echo_test = on);
            Ok(())
        }
        Action::Bookmark { name, address } => bookmark(live, &name, &address),
        Action::RemoveBookmark { name } => {
            let (contents, removed) = live.kept.change(|contents| contents.remove_bookmark(&name))?;
            live.change(|state| state.picture.bookmarks = Arc::new(contents.bookmarks()));
            if removed { Ok(()) } else { Err(ActionError::NoBookmark(name)) }
        }
    }
}

/// Pushes the key to talk.
pub(super) fn push(live: &Live, push: Push) {
    let now = live.shared.now();
    let mut gate = lock(&live.shared.gate);
    match push {
        Push::Down => gate.press(now),
        Push::Up => gate.release(now),
        Push::Toggle => gate.toggle(now),
    }
    let (pressed, latched) = (push == Push::Down, gate.is_latched());
    drop(gate);
    live.change(|state| {
        let own = &mut state.picture.own;
        (own.pressed, own.latched) = (pressed, latched);
    });
}

/// Sets something of oneself: here at once, so that nothing is sent or heard any more, and then on the server. While there is
/// no connection, the server is told when one is back.
async fn set(live: &Live, set: impl FnOnce(&mut Own)) -> Result<(), ActionError> {
    let (before, now, session) = live.change(|state| {
        let before = state.picture.own.clone();
        set(&mut state.picture.own);
        (before, state.picture.own.clone(), state.session.clone())
    });
    let told = match session {
        Some(session) => session.set_own_state(difference(&before, &now)).await,
        None => Ok(()),
    };
    match told {
        // It is told again when one is back.
        Ok(()) | Err(RequestError::Ended(_)) => (),
        Err(error) => {
            live.change(|state| {
                let Own { mute, deaf, away, status, .. } = before;
                let own = &mut state.picture.own;
                (own.mute, own.deaf, own.away, own.status) = (mute, deaf, away, status);
            });
            return Err(error.into());
        }
    }
    if before.deaf != now.deaf {
        live.note(Note::Deafened { deaf: now.deaf, by_others: false });
    }
    if before.mute != now.mute {
        live.note(Note::Muted { mute: now.mute, by_others: false });
    }
    Ok(())
}

/// What the server is told of a change.
fn difference(before: &Own, now: &Own) -> OwnState {
    OwnState {
        mute: (before.mute != now.mute).then_some(now.mute),
        deaf: (before.deaf != now.deaf).then_some(now.deaf),
        away: (before.away != now.away).then_some(now.away),
        status: (before.status != now.status).then(|| now.status.clone()),
        position_context: None,
    }
}

/// Speaks to these from now on.
pub(super) async fn whisper(live: &Live, targets: Vec<Target>) -> Result<(), ActionError> {
    // One after the other: two at once would take the same flow, and the one reach whom the other is for.
    let _turn = live.whispering.lock().await;
    let known = live.change(|state| {
        let known = if targets.is_empty() {
            state.flows.end();
            true
        } else {
            state.flows.take(&targets).is_some()
        };
        if known {
            state.picture.own.whisper.clone_from(&targets);
        }
        known
    });
    if known {
        return Ok(());
    }
    let (session, flow) = live.look(|state| Ok::<_, ActionError>((state.session()?, state.flows.free())))?;
    session.set_voice_target(flow, &targets).await?;
    live.change(|state| {
        state.flows.put(flow, &targets);
        state.picture.own.whisper = targets;
    });
    Ok(())
}

/// Hears somebody otherwise, from now on and when they come again.
fn hear(live: &Live, session: SessionId, change: impl FnOnce(&mut Hearing)) -> Result<(), ActionError> {
    let (member, mut hearing) = live.look(|state| {
        let member = state.picture.view.member(session).cloned().ok_or(ActionError::Nobody)?;
        Ok::<_, ActionError>((member, state.picture.people.get(&session).copied().unwrap_or_default()))
    })?;
    change(&mut hearing);
    let home = &live.home;
    let (contents, ()) = live.kept.change(|contents| contents.server_mut(home).hear(&member, hearing))?;
    live.change(|state| {
        state.of_server = contents.server(home);
        state.picture.people = Arc::new(state.of_server.heard(&state.picture.view));
    });
    Ok(())
}

/// Keeps a choice. One that was made for this time only stays out of what is kept.
fn choose(live: &Live, choice: Choice) -> Result<(), ActionError> {
    live.look(|state| Settings::clone(&state.picture.settings).choose(choice.clone()))?;
    let (_, chosen) = live.kept.change(|contents| contents.settings.choose(choice.clone()))?;
    chosen?;
    // Another choice may have been made meanwhile.
    Ok(live.change(|state| Arc::make_mut(&mut state.picture.settings).choose(choice))?)
}

fn bookmark(live: &Live, name: &str, address: &str) -> Result<(), ActionError> {
    let is_name = !name.trim().is_empty() && name.chars().count() <= 64;
    if !is_name || address.parse::<crate::client::Address>().is_err() {
        return Err(ActionError::Bookmark);
    }
    let (contents, has_room) = live.kept.change(|contents| contents.keep_bookmark(name.trim(), address))?;
    if !has_room {
        return Err(ActionError::ManyBookmarks(BOOKMARKS));
    }
    live.change(|state| state.picture.bookmarks = Arc::new(contents.bookmarks()));
    Ok(())
}
