//! What moves all the time: meters, how much of the line voice takes, and all of it as text for whoever looks for a fault.

use std::fmt::Write;
use std::time::Duration;

use super::live::Live;
use super::picture::{Connection, Device, Meters, Picture, VoiceMeter};
use super::shared::lock;
use crate::client::{Session, Speaker};

/// How often what was learnt of the way to the server is kept.
const KEEP: Duration = Duration::from_secs(60);

impl Live {
    /// Looks at what has no event.
    pub(super) fn tick(&self) {
        lock(&self.traffic).count(self.shared.now(), self.shared.bytes());
        let told = lock(&self.shared.speaker).as_ref().and_then(Speaker::loss);
        if told != self.look(|state| state.picture.told_loss) {
            self.change(|state| state.picture.told_loss = told);
        }
        let now = self.shared.now();
        if self.look(|state| now.saturating_sub(state.kept)) >= KEEP {
            self.change(|state| state.kept = now);
            self.keep();
        }
    }

    /// What moves all the time, as of now.
    pub(super) fn meters(&self) -> Meters {
        let (mouth, traffic) = (*lock(&self.shared.mouth), *lock(&self.traffic));
        let (loudspeaker, voices) = {
            let ear = lock(&self.shared.ear);
            (ear.level, ear.voices.iter().map(|voice| voice.meter).collect())
        };
        Meters {
            microphone: mouth.level,
            speech: mouth.speech,
            sending: mouth.sending,
            echo_found: mouth.echo_found,
            loudspeaker,
            voices,
            round_trip: self
                .look(|state| state.session.as_ref().map(Session::round_trip))
                .unwrap_or_default(),
            sent_bits: traffic.sent_rate,
            received_bits: traffic.received_rate,
        }
    }

    /// Keeps what was learnt of the way to the server, so that the next time begins with it.
    pub(super) fn keep(&self) {
        let voices = lock(&self.shared.ear).voices.clone();
        let told = self.look(|state| state.picture.told_loss);
        let used = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_secs();
        let kept = self.kept.change(|contents| {
            let server = contents.server_mut(&self.home);
            server.used = used;
            if !voices.is_empty() {
                let sum: f32 = voices.iter().map(|voice| voice.meter.loss).sum();
                server.loss = sum / voices.len() as f32;
                server.is_bursty = voices.iter().any(|voice| voice.is_bursty);
                let lateness = voices.iter().map(|voice| voice.lateness).max().unwrap_or_default();
                server.lateness_ms = u32::try_from(lateness.as_millis()).unwrap_or(u32::MAX);
            }
            if let Some(told) = told {
                (server.told_loss, server.told_bursts) = (told.percent, told.bursts);
            }
        });
        if let Err(error) = kept {
            tracing::warn!(%error, "what was learnt of the way to the server isn't kept");
        }
    }

    /// What whoever looks for a fault wants to know. It names nobody, and no address; devices have the names that the machine gives
    /// them.
    pub(super) fn statistics(&self) -> String {
        let meters = self.meters();
        let (picture, welcome) = self.look(|state| {
            let version = state.session.as_ref().map(|session| session.welcome().server_version.clone());
            (state.picture.clone(), version)
        });
        let dropped = self.shared.dropped();
        write(&picture, &meters, welcome.as_deref(), dropped).unwrap_or_default()
    }
}

/// The text, or that there is no memory for it.
fn write(
    picture: &Picture,
    meters: &Meters,
    server: Option<&str>,
    dropped: u64,
) -> Result<String, std::fmt::Error> {
    let (settings, mut out) = (&picture.settings, String::new());
    writeln!(
        out,
        "parlour {} on {} {}",
        env!("CARGO_PKG_VERSION"),
        std::env::consts::OS,
        std::env::consts::ARCH
    )?;
    writeln!(out, "server: {}", server.unwrap_or("not connected"))?;
    let connection = match &picture.connection {
        Connection::Connecting => "connecting".to_owned(),
        Connection::Connected => format!("connected, round trip {:.1} ms", milliseconds(meters.round_trip)),
        // Why that is may name somebody, or where the server is.
        Connection::Returning { .. } => "coming back".to_owned(),
        Connection::Over { .. } => "ended".to_owned(),
    };
    writeln!(out, "connection: {connection}")?;
    writeln!(
        out,
        "voice: {} kbit/s of Opus; {} kbit/s sent, {} kbit/s received; loss told by the server: {}",
        picture.bitrate / 1_000,
        meters.sent_bits / 1_000,
        meters.received_bits / 1_000,
        picture.told_loss.map_or("none".to_owned(), |loss| {
            format!("{} %{}", loss.percent, if loss.bursts { " in bursts" } else { "" })
        }),
    )?;
    for (side, device) in [("microphone", &picture.microphone), ("loudspeaker", &picture.loudspeaker)] {
        let device = match device {
            Device::Closed => "closed".to_owned(),
            Device::Open(name) => name.clone(),
            Device::Failing(why) => format!("failing: {why}"),
        };
        writeln!(out, "{side}: {device}")?;
    }
    writeln!(
        out,
        "settings: {:?}, threshold {:.2}, release {} ms, noise suppression {}, gain {}, echo {:?}, sidetone {} %, volume {} %, \
         quality {}",
        settings.mode,
        settings.threshold,
        settings.release_ms,
        on(settings.noise_suppression),
        on(settings.gain),
        settings.echo,
        settings.sidetone,
        settings.volume,
        settings.quality.name(),
    )?;
    writeln!(
        out,
        "microphone level {:.0} dB, speech {:.2}, sending {}, echo found {}",
        meters.microphone, meters.speech, meters.sending, meters.echo_found,
    )?;
    writeln!(out, "loudspeaker level {:.0} dB; packets that found no place: {dropped}", meters.loudspeaker)?;
    for (number, voice) in (1..).zip(&meters.voices) {
        writeln!(out, "voice {number}: {}", one(voice))?;
    }
    Ok(out)
}

fn one(voice: &VoiceMeter) -> String {
    format!(
        "level {:.0} dB, delay {:.0} of {:.0} ms, loss {:.1} %, concealed {:.1} %, stalls {}",
        voice.level,
        milliseconds(voice.delay),
        milliseconds(voice.target),
        voice.loss * 100.0,
        voice.concealed * 100.0,
        voice.stalls,
    )
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

fn on(on: bool) -> &'static str {
    if on { "on" } else { "off" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::SessionId;
    use crate::protocol::Loss;

    #[test]
    fn statistics_name_nobody() {
        let picture = Picture {
            server: "secret.example:4848".to_owned(),
            name: "anna".to_owned(),
            connection: Connection::Connected,
            told_loss: Some(Loss { percent: 3, bursts: false }),
            ..Picture::default()
        };
        let voice = VoiceMeter { session: SessionId(77), loss: 0.125, ..VoiceMeter::default() };
        let text =
            write(&picture, &Meters { voices: vec![voice], ..Meters::default() }, Some("1.2"), 4).unwrap();
        for secret in ["secret", "anna", "77"] {
            assert!(!text.contains(secret), "{text}");
        }
        assert!(text.contains("voice 1: level -127 dB, delay 0 of 0 ms, loss 12.5 %"), "{text}");
        assert!(text.contains("loss told by the server: 3 %"), "{text}");
        for reason in ["anna sent you away", "no answer from secret.example:4848"].map(str::to_owned) {
            let over = Connection::Over { reason: reason.clone() };
            for connection in [over, Connection::Returning { reason: reason.clone() }] {
                let picture = Picture { connection, ..Picture::default() };
                let text = write(&picture, &Meters::default(), None, 0).unwrap();
                assert!(!text.contains(&reason), "{text}");
            }
        }
    }
}
