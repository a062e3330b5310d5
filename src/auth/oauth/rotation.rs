//! When keys sign, and how long they are shown: the next one before it signs, so that nobody meets a token of a key that
//! they haven't read, and the former ones until what they signed has expired.

use std::time::Duration;

use crate::id::Timestamp;

/// For how long a key signs.
pub const LIFE: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// For how long the next one is shown before it signs.
pub const AHEAD: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// For how long a key is shown after it signed last. No token of a day's life is longer good.
pub const KEPT: Duration = Duration::from_secs(2 * 24 * 60 * 60);

/// When a key signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Since when.
    pub from: Timestamp,
    /// Until when.
    pub until: Timestamp,
}

/// When the key signs that has to be made now; nothing while there are enough. Those that there are come in order.
pub fn next_span(now: Timestamp, keys: &[Span]) -> Option<Span> {
    let from = match keys.iter().map(|key| key.until).max() {
        None => now,
        Some(last) if now.plus(AHEAD) < last => return None,
        Some(last) => last.max(now),
    };
    // A clock that was set far back doesn't make keys for ever.
    let is_ahead = keys.iter().filter(|key| now < key.from).count() > 1;
    (!is_ahead).then_some(Span { from, until: from.plus(LIFE) })
}

/// Which of the keys signs now. Where none should, since the clock was set, the one whose time is nearest does.
pub fn signing(now: Timestamp, keys: &[Span]) -> Option<usize> {
    let begun = keys.iter().enumerate().filter(|(_, key)| key.from <= now).max_by_key(|(_, key)| key.from);
    let first = keys.iter().enumerate().min_by_key(|(_, key)| key.from);
    begun.or(first).map(|(place, _)| place)
}

/// Whether a key need not be shown any more.
pub fn is_gone(now: Timestamp, key: Span) -> bool {
    key.until.plus(KEPT) <= now
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    #[test]
    fn the_next_key_is_shown_before_it_signs_and_the_former_one_after() {
        let mut now = Timestamp(1_000);
        let mut keys = vec![next_span(now, &[]).unwrap()];
        assert_eq!((keys[0].from, signing(now, &keys), next_span(now, &keys)), (now, Some(0), None));
        now = now.plus(LIFE.saturating_sub(AHEAD + DAY));
        assert_eq!(next_span(now, &keys), None);
        now = now.plus(DAY);
        keys.push(next_span(now, &keys).unwrap());
        assert_eq!(
            (keys[1].from, signing(now, &keys), next_span(now, &keys)),
            (keys[0].until, Some(0), None)
        );
        now = now.plus(AHEAD);
        assert_eq!((signing(now, &keys), is_gone(now, keys[0])), (Some(1), false));
        assert!(is_gone(now.plus(KEPT), keys[0]) && !is_gone(now.plus(KEPT), keys[1]));
    }

    proptest! {
        #[test]
        fn whoever_reads_the_keys_once_a_week_knows_every_token_s(asked in proptest::collection::vec(0..6_u64, 1..200)) {
            let (mut now, mut keys): (Timestamp, Vec<Span>) = (Timestamp(5), Vec::new());
            let mut read: Vec<Span> = Vec::new();
            for days in asked {
                now = now.plus(DAY * days as u32);
                keys.retain(|key| !is_gone(now, *key));
                keys.extend(next_span(now, &keys));
                let signs = keys[signing(now, &keys).unwrap()];
                prop_assert!(signs.from <= now && now < signs.until);
                prop_assert!(read.is_empty() || read.contains(&signs));
                prop_assert!(keys.len() <= 3);
                read.clone_from(&keys);
            }
        }
    }
}
