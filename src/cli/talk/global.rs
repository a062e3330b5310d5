//! Keys that `parlour talk` sees while another program has the focus.

use clap::Args;

use super::super::output::Output;
use crate::talk::{Chord, GlobalKeysError, KeyDoes, Talk};

/// Under X11, keys are seen whatever program has the focus.
#[derive(Debug, Args)]
pub(super) struct GlobalKeys {
    /// A key to talk that works while another program has the focus, under X11: F8, ctrl+space, mouse8. It can be given several times.
    #[arg(id = "push-key", long = "push-key", value_name = "KEY", env = "PARLOUR_PUSH_KEY")]
    push: Vec<Chord>,
    /// Likewise a key that mutes oneself, and unmutes.
    #[arg(id = "mute-key", long = "mute-key", value_name = "KEY", env = "PARLOUR_MUTE_KEY")]
    mute: Vec<Chord>,
    /// Likewise a key that deafens oneself, and undeafens.
    #[arg(id = "deafen-key", long = "deafen-key", value_name = "KEY", env = "PARLOUR_DEAFEN_KEY")]
    deafen: Vec<Chord>,
}

impl GlobalKeys {
    /// Has a live client watch them.
    pub(super) fn watch(&self, mut talk: Talk, output: Output) -> Result<Talk, GlobalKeysError> {
        let Self { push, mute, deafen } = self;
        let keys: Vec<(Chord, KeyDoes)> =
            [(push, KeyDoes::Push), (mute, KeyDoes::Mute), (deafen, KeyDoes::Deafen)]
                .into_iter()
                .flat_map(|(chords, does)| chords.iter().map(move |chord| (chord.clone(), does)))
                .collect();
        if keys.is_empty() {
            return Ok(talk);
        }
        if std::env::var_os("WAYLAND_DISPLAY").is_some() {
            output.warn(
                "under Wayland these keys are seen only while a program of X11 has the focus; have the desktop run \
                 `parlour ptt down` and `parlour ptt up`, or `parlour ptt toggle`, by a key of its own",
            );
        }
        talk.watch_keys(None, keys)?;
        Ok(talk)
    }
}
