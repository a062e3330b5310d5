//! Two people who talk with the program as it is: how soon and how well one hears the other, and what becomes of a program
//! that stood still, and of a device that did.

use std::thread::sleep;
use std::time::{Duration, Instant};

use parlour::audio::device::Loudspeaker;

use crate::support::quality::speech;
use crate::support::rig::{Person, Rig, SINKS, listen};
use crate::support::sound::{Ear, SoundServer, Told, say};
use crate::support::{Alone, alone};

/// How soon one is heard again. Two seconds are wanted, on a machine that has nothing else to do.
const SOON: Duration = Duration::from_secs(6);

/// How long the sound server plays what it held, at most.
const HELD: Duration = Duration::from_millis(200);

#[test]
fn one_hears_the_other_soon_and_well() {
    let _alone = alone();
    let rig = Rig::start(SoundServer::start(&SINKS));
    let backend = rig.sound.backend();
    // `make bench` measures it. Here the machine has other things to do, so the best of some counts.
    let all: Vec<_> = (0..3).map(|_| listen(&backend, speech())).collect();
    println!("{all:.2?}");
    let soon_and_well = |most: f64, least: f64| {
        all.iter().any(|heard| heard.delay < most && heard.quality > least && heard.found > 0.8)
    };
    assert!(soon_and_well(200.0, 3.5), "{all:.2?}");
}

/// Somebody who talks all the time, and an ear at what the other one hears.
struct Conversation {
    rig: Rig,
    ear: Ear,
    _mouth: Loudspeaker,
    _alone: Alone,
}

impl Conversation {
    fn start() -> Self {
        let alone = alone();
        let rig = Rig::start(SoundServer::start(&SINKS));
        let backend = rig.sound.backend();
        let (events, mut told) = Told::new();
        let mouth = say(&backend, "mouth", speech(), events);
        told.works();
        let ear = Ear::open(&backend, "ear.monitor", Told::new().0);
        ear.hears_after(Instant::now(), Duration::from_secs(10));
        Self { rig, ear, _mouth: mouth, _alone: alone }
    }

    /// Waits until something is heard that the sound server didn't hold at a moment.
    fn hears_again(&self, moment: Instant, what: &str) {
        let took = HELD + self.ear.hears_after(moment + HELD, SOON);
        println!("{what}: heard again after {} ms", took.as_millis());
    }

    /// Suspends a sink, which is what somebody's device of this side goes by, as a sound server does when a machine is suspended.
    fn suspend(&self, sink: &str, side: &str, of: &Person) {
        self.rig.sound.control(&["suspend-sink", sink, "1"]);
        of.says(&format!("The {side} doesn't work now: "));
        sleep(Duration::from_secs(2));
        let moment = Instant::now();
        self.rig.sound.control(&["suspend-sink", sink, "0"]);
        self.hears_again(moment, &format!("the {side} suspended for 2 s"));
        of.says(&format!("The {side} works again: "));
    }
}

#[test]
fn a_program_that_stood_still_hears_and_is_heard_again() {
    let talk = Conversation::start();
    for (who, person) in [("listener", &talk.rig.listener), ("speaker", &talk.rig.speaker)] {
        person.signal("STOP");
        sleep(Duration::from_secs(3));
        let moment = Instant::now();
        person.signal("CONT");
        talk.hears_again(moment, &format!("{who} stopped for 3 s"));
    }
}

#[test]
fn a_device_that_is_suspended_is_used_again_and_that_is_said() {
    let talk = Conversation::start();
    talk.suspend("ear", "loudspeaker", &talk.rig.listener);
    talk.suspend("mouth", "microphone", &talk.rig.speaker);
}
