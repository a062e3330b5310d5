//! Sound devices that come and go, on a sound server of the test's own: what is said, and how soon there is sound again.

use std::thread::sleep;
use std::time::{Duration, Instant};

use parlour::audio::device::{Change, DeviceError, Side};

use crate::support::alone;
use crate::support::sound::{Ear, SoundServer, Told, play};

/// How soon sound is back. On a machine that has other things to do it may take longer than the two seconds that are wanted.
const SOON: Duration = Duration::from_secs(4);

fn report(what: &str, took: Duration) {
    println!("{what}: heard again after {} ms", took.as_millis());
}

/// A server, and a tone that is heard from the sink "ear".
fn playing(sinks: &[&str]) -> (SoundServer, Told, parlour::audio::device::Loudspeaker, Ear) {
    let server = SoundServer::start(sinks);
    let (events, mut told) = Told::new();
    let ear = Ear::open(&server.backend(), "ear.monitor", Told::new().0);
    let loudspeaker = play(&server.backend(), "", events);
    assert_eq!(told.works(), "ear");
    ear.hears_after(Instant::now(), SOON);
    (server, told, loudspeaker, ear)
}

#[test]
fn devices_are_listed_with_the_default_and_what_is_only_a_monitor() {
    let server = SoundServer::start(&["ear", "other"]);
    let devices = server.backend().list().unwrap();
    let about = |side| {
        let of_side = devices.iter().filter(move |device| device.side == side);
        of_side.map(|device| (device.id.as_str(), device.is_default, device.is_monitor)).collect::<Vec<_>>()
    };
    assert_eq!(about(Side::Loudspeaker), [("ear", true, false), ("other", false, false)]);
    let microphones = about(Side::Microphone);
    assert_eq!(
        microphones.iter().map(|(id, _, is_monitor)| (*id, *is_monitor)).collect::<Vec<_>>(),
        [("ear.monitor", true), ("other.monitor", true)]
    );
}

#[test]
fn a_loudspeaker_that_is_unplugged_is_followed_by_the_next_one() {
    let _alone = alone();
    let (server, mut told, _loudspeaker, _ear) = playing(&["ear", "other"]);
    let other = Ear::open(&server.backend(), "other.monitor", Told::new().0);
    sleep(Duration::from_millis(300));
    let moment = Instant::now();
    server.control(&["unload-module", "1"]);
    let took = other.hears_after(moment, SOON);
    assert_eq!(told.next().to_string(), "The loudspeaker is other now.");
    report("unplugged", took);
}

#[test]
fn a_chosen_loudspeaker_that_is_unplugged_is_used_again_when_it_is_back() {
    let _alone = alone();
    let server = SoundServer::start(&["other", "ear"]);
    let (events, mut told) = Told::new();
    let _loudspeaker = play(&server.backend(), "ear", events);
    assert_eq!(told.works(), "ear");
    server.control(&["unload-module", "2"]);
    assert_eq!(
        told.next().to_string(),
        "The loudspeaker doesn't work now: it was removed. It is tried again."
    );
    assert_eq!(told.next().to_string(), "The loudspeaker \"ear\" isn't there; other is used until it is.");
    server.add("ear");
    let ear = Ear::open(&server.backend(), "ear.monitor", Told::new().0);
    report("plugged in again", ear.hears_after(Instant::now(), SOON));
    assert_eq!(told.next().to_string(), "The loudspeaker works again: ear.");
}

#[test]
fn the_only_loudspeaker_is_unplugged_and_plugged_in_again() {
    let _alone = alone();
    let (server, mut told, _loudspeaker, _ear) = playing(&["ear"]);
    server.control(&["unload-module", "1"]);
    assert_eq!(told.next().change, Change::Lost { why: DeviceError::Removed });
    sleep(Duration::from_millis(500));
    server.add("ear");
    let ear = Ear::open(&server.backend(), "ear.monitor", Told::new().0);
    report("the only one, unplugged and back", ear.hears_after(Instant::now(), SOON));
    assert_eq!(told.works(), "ear");
}

#[test]
fn a_default_that_changes_is_followed_and_a_chosen_device_isn_t_left_for_it() {
    let _alone = alone();
    let (server, mut told, loudspeaker, ear) = playing(&["ear", "other"]);
    let (events, mut told_chosen) = Told::new();
    let chosen = play(&server.backend(), "ear", events);
    assert_eq!(told_chosen.works(), "ear");
    let other = Ear::open(&server.backend(), "other.monitor", Told::new().0);
    sleep(Duration::from_millis(300));
    let moment = Instant::now();
    server.control(&["set-default-sink", "other"]);
    let took = other.hears_after(moment, SOON);
    assert_eq!(told.works(), "other");
    assert_eq!(loudspeaker.state().name.as_deref(), Some("other"));
    report("another default", took);
    ear.hears_after(Instant::now(), SOON);
    assert_eq!(chosen.state().name.as_deref(), Some("ear"));
}

#[test]
fn a_sound_server_that_is_killed_is_used_again_when_it_is_back() {
    let _alone = alone();
    let (mut server, mut told, loudspeaker, ear) = playing(&["ear"]);
    server.kill();
    assert_eq!(told.next().change, Change::Lost { why: DeviceError::Ended });
    let before = loudspeaker.state().blocks;
    sleep(Duration::from_millis(1_500));
    assert!(loudspeaker.state().blocks > before + 100, "what is heard by nobody is rendered all the same");
    server.begin(&["ear"]);
    let took = ear.hears_after(Instant::now(), SOON);
    assert_eq!(told.works(), "ear");
    report("server killed and back", took);
}

#[test]
fn a_sound_server_that_stands_still_freezes_nothing() {
    let _alone = alone();
    let (server, mut told, loudspeaker, ear) = playing(&["ear"]);
    server.signal("STOP");
    assert!(matches!(
        told.next().change,
        Change::Lost { why: DeviceError::Stopped | DeviceError::Unanswered }
    ));
    sleep(Duration::from_secs(3));
    server.signal("CONT");
    let took = ear.hears_after(Instant::now(), SOON);
    assert_eq!(told.works(), "ear");
    report("server stopped for 3 s", took);
    let start = Instant::now();
    drop(loudspeaker);
    drop(ear);
    assert!(start.elapsed() < Duration::from_secs(1), "closing waits for nobody");
}

#[test]
fn a_sound_server_that_is_missing_at_the_start_is_waited_for() {
    let _alone = alone();
    let mut server = SoundServer::absent();
    let (events, mut told) = Told::new();
    let _loudspeaker = play(&server.backend(), "", events.clone());
    let lost = told.next();
    assert!(matches!(lost.change, Change::Lost { why: DeviceError::Unreachable { .. } }));
    assert!(
        lost.to_string()
            .starts_with("The loudspeaker doesn't work now: the sound server can't be reached at ")
    );
    let ear = Ear::open(&server.backend(), "ear.monitor", Told::new().0);
    sleep(Duration::from_secs(1));
    server.begin(&["ear"]);
    report("missing at the start", ear.hears_after(Instant::now(), SOON));
}

#[test]
fn a_device_that_isn_t_there_has_another_one_stand_in_until_it_is() {
    let _alone = alone();
    let server = SoundServer::start(&["ear"]);
    let (events, mut told) = Told::new();
    let _loudspeaker = play(&server.backend(), "headset", events);
    let said = told.next().to_string();
    assert_eq!(said, "The loudspeaker \"headset\" isn't there; ear is used until it is.");
    let moment = Instant::now();
    server.add("headset");
    assert_eq!(told.works(), "headset");
    report("plugged in", moment.elapsed());
}

#[test]
fn what_a_loudspeaker_plays_is_no_microphone_by_default() {
    let _alone = alone();
    let server = SoundServer::start(&["ear"]);
    let (events, mut told) = Told::new();
    let _ear = Ear::open(&server.backend(), "", events);
    assert!(matches!(told.next().change, Change::Lost { why: DeviceError::OnlyMonitor(_) }));
}

#[test]
fn a_closed_device_is_closed_for_the_sound_server_at_once() {
    let _alone = alone();
    let (server, _told, loudspeaker, ear) = playing(&["ear"]);
    let streams = || server.count("source-outputs") + server.count("sink-inputs");
    assert_eq!(streams(), 2);
    drop((loudspeaker, ear));
    let start = Instant::now();
    while streams() > 0 {
        assert!(start.elapsed() < SOON, "a microphone that is closed stays open");
        sleep(Duration::from_millis(10));
    }
}
