//! The key to talk, as a terminal tells of it. Few tell when a key comes up; elsewhere a key that is held is a key that comes again
//! and again. Pure: time is an argument.

use std::time::Duration;

use ratatui::crossterm::event::KeyEventKind;

use crate::talk::Push;

/// A key that comes again within this is held: no finger is that fast, and keyboards repeat every 20 to 50 ms.
const REPEAT: Duration = Duration::from_millis(100);

/// A held key that hasn't come again for this long is up.
const GONE: Duration = Duration::from_millis(250);

/// The state of a key to talk.
#[derive(Debug, Default)]
pub(super) struct Hold {
    /// The terminal tells when a key comes up.
    has_releases: bool,
    /// One talks by it.
    is_on: bool,
    /// It is held, which is known by its repetitions.
    is_held: bool,
    last: Option<Duration>,
}

impl Hold {
    /// A key of a terminal that tells when keys come up, or doesn't.
    pub(super) fn new(has_releases: bool) -> Self {
        Self { has_releases, ..Self::default() }
    }

    /// The key was pressed, repeated or released. A repetition may look like a press.
    pub(super) fn handle(&mut self, kind: KeyEventKind, now: Duration) -> Option<Push> {
        if self.has_releases {
            return match kind {
                KeyEventKind::Press => Some(Push::Down),
                KeyEventKind::Release => Some(Push::Up),
                KeyEventKind::Repeat => None,
            };
        }
        let gap = self.last.map(|last| now.saturating_sub(last));
        self.last = Some(now);
        if gap.is_none_or(|gap| gap >= REPEAT) {
            // The first repetition comes so late that it can't be told from a second push; the next one tells.
            self.is_held = false;
            return Some(self.toggle());
        }
        self.is_held = true;
        (!self.is_on).then(|| self.toggle())
    }

    /// Time has passed.
    pub(super) fn handle_timeout(&mut self, now: Duration) -> Option<Push> {
        let is_gone = self.last.is_some_and(|last| now.saturating_sub(last) >= GONE);
        if !(self.is_held && is_gone) {
            return None;
        }
        self.is_held = false;
        self.is_on.then(|| self.toggle())
    }

    /// Whether one talks was decided elsewhere.
    pub(super) fn set_on(&mut self, is_on: bool) {
        self.is_on = is_on;
    }

    fn toggle(&mut self) -> Push {
        self.is_on = !self.is_on;
        Push::Toggle
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn releases_are_told_where_there_are_any() {
        let mut hold = Hold::new(true);
        assert_eq!(hold.handle(KeyEventKind::Press, ms(0)), Some(Push::Down));
        assert_eq!(hold.handle(KeyEventKind::Repeat, ms(500)), None);
        assert_eq!(hold.handle_timeout(ms(2_000)), None);
        assert_eq!(hold.handle(KeyEventKind::Release, ms(2_000)), Some(Push::Up));
    }

    #[test]
    fn elsewhere_a_push_toggles() {
        let mut hold = Hold::new(false);
        assert_eq!(hold.handle(KeyEventKind::Press, ms(0)), Some(Push::Toggle));
        assert_eq!(hold.handle_timeout(ms(5_000)), None);
        assert_eq!(hold.handle(KeyEventKind::Press, ms(9_000)), Some(Push::Toggle));
        assert!(!hold.is_on);
    }

    #[test]
    fn a_held_key_talks_until_it_comes_no_more() {
        let mut hold = Hold::new(false);
        let mut toggles = 0;
        // A keyboard's repetition: the first after half a second, then thirty a second.
        for at in [0].into_iter().chain((500..2_000).step_by(33)) {
            toggles += u32::from(hold.handle(KeyEventKind::Press, ms(at)).is_some());
            assert!(hold.is_on || at == 500);
        }
        // Off for one repetition, which the release delay bridges.
        assert_eq!(toggles, 3);
        assert_eq!(hold.handle_timeout(ms(2_100)), None);
        assert_eq!(hold.handle_timeout(ms(2_300)), Some(Push::Toggle));
        assert!(!hold.is_on);
        assert_eq!(hold.handle(KeyEventKind::Press, ms(4_000)), Some(Push::Toggle));
    }
}
