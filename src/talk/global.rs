//! What the keys do that are seen while another program has the focus.

use std::sync::Arc;

use tokio::runtime::Handle;

use super::act;
use super::key::Chord;
use super::live::Live;
use super::x11::{GlobalKeys, GlobalKeysError};
use super::{Action, Push};

/// What a key does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyDoes {
    /// It is the key to talk: one is heard while it is down.
    Push,
    /// One says nothing from now on, or is heard again.
    Mute,
    /// One hears nothing from now on, or hears again.
    Deafen,
}

/// Watches keys, and does what they do.
pub(super) fn watch(
    display: Option<&str>,
    keys: Vec<(Chord, KeyDoes)>,
    live: &Arc<Live>,
    runtime: &Handle,
) -> Result<GlobalKeys, GlobalKeysError> {
    let (chords, does): (Vec<Chord>, Vec<KeyDoes>) = keys.into_iter().unzip();
    let (live, runtime) = (Arc::clone(live), runtime.clone());
    GlobalKeys::watch(display, chords, move |place, is_down| match (does.get(place), is_down) {
        (Some(KeyDoes::Push), true) => act::push(&live, Push::Down),
        (Some(KeyDoes::Push), false) => act::push(&live, Push::Up),
        (Some(KeyDoes::Mute), true) => {
            let is_mute = live.look(|state| state.picture.own.mute);
            spawn(&runtime, &live, Action::Mute(!is_mute));
        }
        (Some(KeyDoes::Deafen), true) => {
            let is_deaf = live.look(|state| state.picture.own.deaf);
            spawn(&runtime, &live, Action::Deafen(!is_deaf));
        }
        (Some(KeyDoes::Mute | KeyDoes::Deafen), false) | (None, _) => (),
    })
}

/// Does something on the connection's thread.
fn spawn(runtime: &Handle, live: &Arc<Live>, action: Action) {
    let live = Arc::clone(live);
    runtime.spawn(async move {
        if let Err(error) = act::act(&live, action).await {
            tracing::warn!(%error, "what a key was pressed for isn't done");
        }
    });
}
