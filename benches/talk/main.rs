//! From mouth to ear: two `parlour talk --headless`, each a process, talk through a server on this machine with the settings that
//! everybody begins with. What one's microphone is given stands beside what comes out of the other's loudspeaker: how long it
//! takes, and how good it is then (PESQ, wide band). The limit is the way through the sound server alone: a program that plays
//! what it hears. Beside it stands Mumble, where its client starts. Names (PulseAudio, PipeWire, Mumble) choose what is measured.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints its figures, and fails by panicking"
)]

mod mumble;
#[path = "../../tests/support/quality.rs"]
#[expect(unreachable_pub, reason = "tests use it, too")]
mod quality;
#[path = "../../tests/support/rig.rs"]
#[expect(dead_code, unreachable_pub, reason = "tests use more of it")]
mod rig;
#[path = "../../tests/support/sound.rs"]
#[expect(dead_code, unreachable_pub, reason = "tests use more of it")]
mod sound;
mod through;

use mumble::Mumble;
use quality::speech;
use rig::{Heard, Rig, SINKS, listen, median};
use sound::SoundServer;
use through::Through;

/// Of so many runs of 16 s the median counts.
const ROUNDS: usize = 5;

fn main() {
    println!("From mouth to ear through a server on this machine, medians of {ROUNDS} runs of 16 s");
    println!("{:<28} {:>8} {:>8} {:>10}", "way", "ms", "PESQ", "found, %");
    let chosen: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let is_chosen = |name: &str| chosen.is_empty() || chosen.iter().any(|one| one == name);
    for name in ["PulseAudio", "PipeWire"].into_iter().filter(|name| is_chosen(name)) {
        let sound =
            if name == "PipeWire" { SoundServer::pipewire(&SINKS) } else { SoundServer::start(&SINKS) };
        let through = Through::start(&sound.backend());
        row(&format!("{name} alone"), &sound);
        drop(through);
        let rig = Rig::start(sound);
        row(&format!("Parlour on {name}"), &rig.sound);
    }
    if is_chosen("Mumble") {
        let sound = SoundServer::start(&SINKS);
        match Mumble::start(&sound) {
            Ok(_mumble) => row("Mumble on PulseAudio", &sound),
            Err(why) => println!("Mumble isn't measured: {why}."),
        }
    }
}

fn row(way: &str, sound: &SoundServer) {
    let all: Vec<Heard> = (0..ROUNDS).map(|_| listen(&sound.backend(), speech())).collect();
    let of = |figure: fn(&Heard) -> f64| median(&mut all.iter().map(figure).collect::<Vec<_>>());
    let (delay, quality, found) =
        (of(|heard| heard.delay), of(|heard| heard.quality), of(|heard| heard.found));
    println!("{way:<28} {delay:>8.1} {quality:>8.2} {:>10.0}", found * 100.0);
    println!(
        "{{\"bench\":\"talk\",\"way\":\"{way}\",\"mouth_to_ear_ms\":{delay:.1},\"pesq\":{quality:.3},\"found\":{found:.3}}}"
    );
}
