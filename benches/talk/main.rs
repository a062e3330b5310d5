//! From mouth to ear: two `parlour talk --headless`, each a process, talk through a server on this machine with the settings that
//! everybody begins with. What one's microphone is given stands beside what comes out of the other's loudspeaker: how long it
//! takes, and how good it is then (PESQ, wide band). The limit is the way through the sound server alone: a program that plays
//! what it hears.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints its figures, and fails by panicking"
)]

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

use quality::speech;
use rig::{Heard, Rig, SINKS, listen, median};
use sound::SoundServer;
use through::Through;

/// Of so many runs of 16 s the median counts.
const ROUNDS: usize = 5;

/// What Mumble's clients did in the same way (1.3.4, Debian's, by its own server).
const MUMBLE: (f64, f64) = (116.0, 4.21);

fn main() {
    println!("From mouth to ear through a server on this machine, medians of {ROUNDS} runs of 16 s");
    println!("{:<28} {:>8} {:>8} {:>10}", "way", "ms", "PESQ", "found, %");
    for name in ["PulseAudio", "PipeWire"] {
        let sound =
            if name == "PipeWire" { SoundServer::pipewire(&SINKS) } else { SoundServer::start(&SINKS) };
        let through = Through::start(&sound.backend());
        row(&format!("{name} alone"), &sound);
        drop(through);
        let rig = Rig::start(sound);
        row(&format!("Parlour on {name}"), &rig.sound);
    }
    let (delay, quality) = MUMBLE;
    println!("{:<28} {delay:>8.1} {quality:>8.2}", "Mumble 1.3.4, before");
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
