//! When one is heard: by voice, by a key, or always.

use std::time::Duration;

use super::Heard;

/// How long a block lasts.
const BLOCK: Duration = Duration::from_millis(10);

/// How loud a block is at least that counts as risen out of the room, in dBov: where a device gives digital silence in between, anything
/// is far above that.
const RISEN: f32 = -50.0;

/// How long it has to stay so: the click of a key is shorter.
const RISES: Duration = Duration::from_millis(30);

/// How long it may: what turns out not to be speech is heard no longer than that. The network knows a word that begins without a
/// voice, as with an "s", only when the voice comes.
const AWAITED: Duration = Duration::from_millis(300);

/// How long it is open after that.
const FALLS: Duration = Duration::from_millis(100);

/// What opens the gate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GateMode {
    /// Speech, and the key.
    #[default]
    Voice,
    /// The key.
    Push,
    /// It is always open.
    Continuous,
}

/// When a [`Gate`] opens and closes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GateSettings {
    /// What opens it.
    pub mode: GateMode,
    /// How likely speech is to be that opens it, 0 to 1.
    pub open: f32,
    /// How likely it is to be to keep it open, 0 to 1; what is above `open` counts as that.
    pub close: f32,
    /// By how many decibels a sound rises out of the room to be sent before it is known to be speech; infinity is never.
    pub rise: f32,
    /// How loud a block is at least that opens it or keeps it open, in dBov.
    pub quietest: f32,
    /// How long it stays open after the last block with speech, so that the pauses between words aren't cut out.
    pub hold: Duration,
    /// How long it stays open after the key was let go, since people let go too early.
    pub release: Duration,
    /// Two pushes that begin within this time latch the gate open, until the key is pushed once more; zero is never.
    pub double_push: Duration,
}

impl Default for GateSettings {
    fn default() -> Self {
        Self {
            mode: GateMode::Voice,
            open: 0.5,
            close: 0.25,
            rise: 15.0,
            quietest: -60.0,
            hold: Duration::from_millis(300),
            release: Duration::from_millis(150),
            double_push: Duration::from_millis(350),
        }
    }
}

/// Whether the microphone is open. Times are those of one clock that doesn't go back; each call is told the time.
#[derive(Clone, Debug)]
pub struct Gate {
    settings: GateSettings,
    is_held: bool,
    is_latched: bool,
    /// When the key was pushed last, as far as that push may be the first of two.
    pushed: Option<Duration>,
    /// Until when the gate stays open after the key.
    released: Duration,
    /// Until when it stays open after speech, while it is open by that.
    spoken: Option<Duration>,
    /// For how long it was louder than the room without a break.
    risen: Duration,
    /// Until when it is open by that.
    awaited: Duration,
}

impl Gate {
    /// A gate whose key isn't held.
    pub fn new(settings: GateSettings) -> Self {
        Self {
            settings,
            is_held: false,
            is_latched: false,
            pushed: None,
            released: Duration::ZERO,
            spoken: None,
            risen: Duration::ZERO,
            awaited: Duration::ZERO,
        }
    }

    /// When it opens and closes.
    pub fn settings(&self) -> GateSettings {
        self.settings
    }

    /// Changes that. A key that is held stays held.
    pub fn set(&mut self, settings: GateSettings) {
        self.settings = settings;
        self.spoken = None;
        self.awaited = Duration::ZERO;
    }

    /// The key goes down; a key that repeats while it is held changes nothing.
    pub fn press(&mut self, now: Duration) {
        if self.is_held {
            return;
        }
        self.is_held = true;
        if self.is_latched {
            self.is_latched = false;
            self.pushed = None;
            return;
        }
        let is_second =
            self.pushed.is_some_and(|first| now.saturating_sub(first) < self.settings.double_push);
        self.is_latched = is_second;
        self.pushed = (!is_second).then_some(now);
    }

    /// The key comes up.
    pub fn release(&mut self, now: Duration) {
        if self.is_held {
            self.is_held = false;
            self.released = now + self.settings.release;
        }
    }

    /// For keys that don't tell when they come up: latches the gate open, or closes it.
    pub fn toggle(&mut self, now: Duration) {
        if self.is_latched || self.is_held {
            self.let_go(now);
        } else {
            self.is_latched = true;
        }
    }

    /// Lets go of the key and of the latch, such as when the window loses the key's release.
    pub fn let_go(&mut self, now: Duration) {
        if self.is_latched || self.is_held {
            self.released = now + self.settings.release;
        }
        (self.is_held, self.is_latched, self.pushed) = (false, false, None);
    }

    /// Whether it is latched open.
    pub fn is_latched(&self) -> bool {
        self.is_latched
    }

    /// Whether the key opens it at this moment.
    pub fn is_pushed(&self, now: Duration) -> bool {
        self.is_held || self.is_latched || now < self.released
    }

    /// Takes what was heard in a block of 10 ms, and answers whether it is to be sent.
    pub fn hear(&mut self, now: Duration, heard: &Heard) -> bool {
        let Heard { speech, level, .. } = *heard;
        let GateSettings { open, close, quietest, hold, .. } = self.settings;
        self.await_speech(now, heard);
        let is_open = self.spoken.is_some_and(|until| now < until);
        let enough = if is_open { close.min(open) } else { open };
        if speech >= enough && level >= quietest {
            self.spoken = Some(now + hold);
        } else if !is_open {
            self.spoken = None;
        }
        match self.settings.mode {
            GateMode::Continuous => true,
            GateMode::Push => self.is_pushed(now),
            GateMode::Voice => self.spoken.is_some() || now < self.awaited || self.is_pushed(now),
        }
    }

    /// What likely becomes speech is sent before it is known to be: the network that tells speech needs some of it.
    fn await_speech(&mut self, now: Duration, heard: &Heard) {
        if heard.rise < self.settings.rise || heard.input < RISEN {
            self.risen = Duration::ZERO;
            return;
        }
        self.risen = self.risen.saturating_add(BLOCK);
        if (RISES..=AWAITED).contains(&self.risen) {
            self.awaited = now + FALLS;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A loud block that is likely speech, and that is louder than the room by so many decibels.
    fn loud(speech: f32, rise: f32) -> Heard {
        Heard { speech, rise, input: -20.0, level: -20.0, ..Heard::default() }
    }

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn push(release: u64) -> Gate {
        Gate::new(GateSettings { mode: GateMode::Push, release: ms(release), ..GateSettings::default() })
    }

    #[test]
    fn speech_opens_at_one_threshold_and_closes_at_another_after_a_while() {
        let mut gate = Gate::new(GateSettings::default());
        let mut now = Duration::ZERO;
        let mut hear = |speech: f32, blocks: u32| {
            (0..blocks)
                .filter(|_| {
                    now += BLOCK;
                    gate.hear(now, &loud(speech, 0.0))
                })
                .count()
        };
        assert_eq!(hear(0.45, 100), 0, "not likely enough to open it");
        assert_eq!(hear(0.7, 5), 5);
        assert_eq!(hear(0.4, 100), 100, "likely enough to keep it open");
        assert_eq!(hear(0.1, 100), 29, "the hold, of which the last block of speech took the first 10 ms");
        assert_eq!(hear(0.4, 100), 0);
        assert_eq!((hear(0.7, 1), hear(0.0, 10), hear(0.4, 1), hear(0.0, 100)), (1, 10, 1, 29));
    }

    #[test]
    fn what_is_too_quiet_isn_t_speech() {
        let mut gate = Gate::new(GateSettings { quietest: -50.0, ..GateSettings::default() });
        assert!(!gate.hear(ms(10), &Heard { level: -51.0, ..loud(1.0, 0.0) }));
        assert!(gate.hear(ms(20), &Heard { level: -49.0, ..loud(1.0, 0.0) }));
    }

    #[test]
    fn what_rises_out_of_the_room_is_sent_before_it_is_known_to_be_speech() {
        let mut gate = Gate::new(GateSettings::default());
        let mut now = Duration::ZERO;
        let mut hear = |heard: Heard, blocks: u32| {
            let mut is_open = |_: &u32| {
                now += BLOCK;
                gate.hear(now, &heard)
            };
            (0..blocks).filter(|block| is_open(block)).count()
        };
        let (room, risen) = (loud(0.0, 0.0), loud(0.0, 30.0));
        assert_eq!(hear(loud(0.0, 14.0), 100), 0, "not far enough");
        assert_eq!(hear(Heard { input: -51.0, ..risen }, 100), 0, "far above silence is still quiet");
        assert_eq!((hear(risen, 2), hear(room, 20)), (0, 0), "the click of a key");
        assert_eq!((hear(risen, 10), hear(room, 20)), (8, 9), "a knock");
        assert_eq!(hear(risen, 1000), 37, "a fan that is switched on: 300 ms, and 100 more");
        assert_eq!((hear(room, 1), hear(risen, 25), hear(loud(0.7, 30.0), 100)), (0, 23, 100), "a word");

        let mut strict = Gate::new(GateSettings { rise: f32::INFINITY, ..GateSettings::default() });
        assert!((0..100).all(|block| !strict.hear(BLOCK * block, &risen)));
    }

    #[test]
    fn a_key_opens_at_once_and_closes_after_the_release_delay() {
        let mut gate = push(150);
        assert!(!gate.hear(ms(0), &loud(1.0, 0.0)), "speech doesn't open it");
        gate.press(ms(1));
        assert!(gate.hear(ms(1), &loud(0.0, 0.0)));
        gate.press(ms(500));
        gate.release(ms(1_000));
        assert!(gate.hear(ms(1_149), &loud(0.0, 0.0)));
        assert!(!gate.hear(ms(1_150), &loud(0.0, 0.0)));
        gate.release(ms(1_200));
        assert!(!gate.hear(ms(1_201), &loud(0.0, 0.0)), "a release without a push does nothing");
    }

    #[test]
    fn a_key_that_repeats_doesn_t_latch() {
        let mut gate = push(0);
        for at in 0..20 {
            gate.press(ms(at * 30));
        }
        assert!(!gate.is_latched());
        gate.release(ms(600));
        assert!(!gate.hear(ms(600), &loud(0.0, 0.0)));
    }

    #[test]
    fn a_double_push_latches_until_the_next_one_is_let_go() {
        let mut gate = push(100);
        for at in [0, 200] {
            gate.press(ms(at));
            gate.release(ms(at + 50));
        }
        assert!(gate.is_latched());
        assert!(gate.hear(ms(60_000), &loud(0.0, 0.0)));
        gate.press(ms(60_010));
        assert!(gate.hear(ms(60_010), &loud(0.0, 0.0)) && !gate.is_latched());
        gate.release(ms(60_020));
        assert!(gate.hear(ms(60_119), &loud(0.0, 0.0)));
        assert!(!gate.hear(ms(60_120), &loud(0.0, 0.0)));
        gate.press(ms(60_200));
        assert!(!gate.is_latched(), "the push that unlatched isn't the first of two");
    }

    #[test]
    fn slow_pushes_don_t_latch_and_zero_turns_it_off() {
        let mut gate = push(0);
        gate.press(ms(0));
        gate.release(ms(10));
        gate.press(ms(350));
        assert!(!gate.is_latched());
        gate.release(ms(360));
        gate.press(ms(500));
        assert!(gate.is_latched());

        let mut gate = Gate::new(GateSettings { double_push: Duration::ZERO, ..GateSettings::default() });
        gate.press(ms(0));
        gate.release(ms(0));
        gate.press(ms(0));
        assert!(!gate.is_latched());
    }

    #[test]
    fn a_toggle_opens_and_closes() {
        let mut gate = push(0);
        gate.toggle(ms(0));
        assert!(gate.hear(ms(10), &loud(0.0, 0.0)));
        gate.toggle(ms(20));
        assert!(!gate.hear(ms(20), &loud(0.0, 0.0)));
        gate.press(ms(30));
        gate.let_go(ms(40));
        assert!(!gate.hear(ms(40), &loud(0.0, 0.0)));
    }

    #[test]
    fn a_key_opens_in_voice_activation_and_nothing_closes_a_continuous_gate() {
        let mut gate = Gate::new(GateSettings::default());
        gate.press(ms(0));
        assert!(gate.hear(ms(0), &Heard { level: -127.0, ..loud(0.0, 0.0) }));
        gate.set(GateSettings { mode: GateMode::Continuous, ..GateSettings::default() });
        assert!(gate.hear(ms(10), &Heard { level: -127.0, ..loud(0.0, 0.0) }));
    }
}
