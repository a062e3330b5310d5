//! Keys that `parlour talk` sees while another program has the focus.

use clap::Args;

use super::super::output::Output;
use crate::talk::{Chord, ChordError, KeptKeys, KeyDoes, Talk};

/// Under X11, keys are seen whatever program has the focus.
#[derive(Clone, Debug, Args)]
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
    /// Has a live client watch them: those that are given, and for what none is given those that are kept. Kept ones that can't be
    /// watched here, as over ssh, keep nobody from talking.
    pub(super) fn watch(&self, mut talk: Talk, output: Output) -> anyhow::Result<Talk> {
        let is_given = !(self.push.is_empty() && self.mute.is_empty() && self.deafen.is_empty());
        let keys = match self.keys(talk.kept_keys()) {
            Ok(keys) if keys.is_empty() => return Ok(talk),
            Ok(keys) => keys,
            Err(error) => {
                output.warn(&format!("a key in talk.toml isn't watched: {error}"));
                return Ok(talk);
            }
        };
        if std::env::var_os("WAYLAND_DISPLAY").is_some() {
            output.warn(
                "under Wayland these keys are seen only while a program of X11 has the focus; have the desktop run \
                 `parlour ptt down` and `parlour ptt up`, or `parlour ptt toggle`, by a key of its own",
            );
        }
        match talk.watch_keys(None, keys) {
            Err(error) if is_given => return Err(error.into()),
            Err(error) => output.warn(&format!("the keys in talk.toml aren't watched: {error}")),
            Ok(()) => (),
        }
        Ok(talk)
    }

    fn keys(&self, kept: &KeptKeys) -> Result<Vec<(Chord, KeyDoes)>, ChordError> {
        let mut keys = Vec::new();
        for (given, kept, does) in [
            (&self.push, &kept.push, KeyDoes::Push),
            (&self.mute, &kept.mute, KeyDoes::Mute),
            (&self.deafen, &kept.deafen, KeyDoes::Deafen),
        ] {
            keys.extend(given.iter().map(|chord| (chord.clone(), does)));
            let kept = kept.iter().filter(|_| given.is_empty());
            keys.extend(kept.map(|name| Ok((name.parse()?, does))).collect::<Result<Vec<_>, _>>()?);
        }
        Ok(keys)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_are_kept_give_way_to_those_that_are_given() {
        let of = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let kept = KeptKeys { push: of(&["F8", "mouse8"]), mute: of(&["F9"]), deafen: Vec::new() };
        let given = GlobalKeys { push: vec!["F1".parse().unwrap()], mute: Vec::new(), deafen: Vec::new() };
        let names = |keys: Vec<(Chord, KeyDoes)>| -> Vec<_> {
            keys.into_iter().map(|(chord, does)| (chord.to_string(), does)).collect()
        };
        let both = names(given.keys(&kept).unwrap());
        assert_eq!(both, [("F1".to_owned(), KeyDoes::Push), ("F9".to_owned(), KeyDoes::Mute)]);
        let none = GlobalKeys { push: Vec::new(), mute: Vec::new(), deafen: Vec::new() };
        assert_eq!(names(none.keys(&kept).unwrap()).len(), 3);
        assert!(none.keys(&KeptKeys { push: of(&["hyper+F8"]), ..kept }).is_err());
    }
}
