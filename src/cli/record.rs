//! `parlour record`.

mod track;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::Instant;

use super::connect::Place;
use super::output::{Output, counted};
use super::trace::{Frame, Trace, now_ns};
use crate::audio::SAMPLE_RATE;
use crate::client::{Heard, Restored, Session, View};
use crate::id::{ChannelId, Ssrc};
use track::{Sink, Track};

/// Record a channel: a file for each speaker, or one mixed.
#[derive(Debug, Args)]
pub(super) struct Record {
    /// A directory for an Ogg Opus file of each speaker, or a file ending in .wav for one mix.
    out: PathBuf,
    #[command(flatten)]
    place: Place,
    /// Record another channel, too, without being in it; may be given several times.
    #[arg(long = "listen", value_name = "CHANNEL")]
    listens: Vec<String>,
    /// Stop after so many seconds. Default: at Ctrl-C.
    #[arg(long = "for", value_name = "SECONDS")]
    seconds: Option<f64>,
    /// Come in deafened, so that nothing is heard.
    #[arg(long)]
    deaf: bool,
    /// Write when each frame arrived to this file, as JSON lines.
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
}

/// Speakers that are recorded at most; further ones are counted and left out.
const SPEAKERS: usize = 256;

/// SSRCs whose speaker is remembered at most: some come back by another one, again and again.
const SSRCS: usize = 4 * SPEAKERS;

/// Packets of speakers whose name isn't known yet that wait at most.
const UNKNOWN: usize = 256;

/// How often what waits for stragglers is looked at.
const TICK: Duration = Duration::from_millis(100);

impl Record {
    pub(super) async fn run(self, output: Output) -> anyhow::Result<()> {
        if self.seconds.is_some_and(|seconds| !(0.0..=1e6).contains(&seconds)) {
            bail!("--for takes a number of seconds from 0 to 1000000");
        }
        let sink = Sink::create(&self.out)?;
        let trace = self.trace.as_deref().map(Trace::create).transpose()?;
        let mut remote = self.place.remote()?;
        let mut entered = self.place.enter(&mut remote, output).await?;
        entered.session.set_self(Some(true), Some(self.deaf)).await?;
        let channel = self.place.join(&entered.session, &remote, output).await?;
        self.listen(&entered.session).await?;
        output.line(format!("Recording {channel} to {}. Ctrl-C stops.", self.out.display()));
        output.object(&json!({ "event": "recording", "channel": channel }));
        let mut recorder = Recorder {
            sink,
            trace,
            tracks: BTreeMap::new(),
            spoke: BTreeMap::new(),
            left_out: 0,
            started: Instant::now(),
            unknown: Vec::new(),
        };
        let end = self.seconds.map(|seconds| recorder.started + Duration::from_secs_f64(seconds));
        let stopping = stop(end);
        tokio::pin!(stopping);
        loop {
            tokio::select! {
                result = recorder.follow(&entered.session) => result?,
                () = &mut stopping => break,
            }
            output.line("The connection is lost; coming back.");
            let restored = tokio::select! {
                restored = entered.keeper.restore(&entered.session) => restored,
                () = &mut stopping => break,
            };
            match restored {
                Restored::Session(session) => entered.session = session,
                Restored::Over(reason) => {
                    output.line(format!("The connection ended: {reason}."));
                    output.object(&json!({ "event": "ended", "reason": reason }));
                    break;
                }
            }
            output.line("Back again.");
            output.object(&json!({ "event": "restored" }));
        }
        recorder.finish(&entered.session.view(), output)?;
        entered.session.close().await;
        Ok(())
    }

    /// Hears the channels that are named beside the one it is in.
    async fn listen(&self, session: &Session) -> anyhow::Result<()> {
        let view = session.view();
        for path in &self.listens {
            let channel = ChannelId(view.find(path)?.id);
            session.listen(channel, 100).await.with_context(|| format!("can't listen to {path}"))?;
        }
        Ok(())
    }
}

/// Completes at Ctrl-C, at a request to terminate, or at the end.
pub(super) async fn stop(end: Option<Instant>) {
    let until = async {
        match end {
            Some(end) => tokio::time::sleep_until(end).await,
            None => std::future::pending().await,
        }
    };
    let terminated = async {
        match signal(SignalKind::terminate()) {
            Ok(mut terminate) => drop(terminate.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        () = until => (),
        () = terminated => (),
        _ = tokio::signal::ctrl_c() => (),
    }
}

struct Recorder {
    sink: Sink,
    trace: Option<Trace>,
    /// By session: a speaker who reconnects goes on in the same track.
    tracks: BTreeMap<u64, Track>,
    /// In which track what comes by an SSRC is: the last of it may come after word that its speaker left.
    spoke: BTreeMap<Ssrc, u64>,
    left_out: u64,
    started: Instant,
    /// What came before the event that tells who speaks, with its position; it is told within moments.
    unknown: Vec<(u64, Heard)>,
}

impl Recorder {
    /// Records until the connection ends.
    async fn follow(&mut self, session: &Session) -> anyhow::Result<()> {
        let mut voice = session.voice();
        let mut tick = tokio::time::interval(TICK);
        loop {
            tokio::select! {
                heard = voice.next() => match heard {
                    Ok(heard) => self.hear(session, &heard)?,
                    Err(_) => return Ok(()),
                },
                _ = tick.tick() => {
                    let now = self.position();
                    self.place_unknown(&session.view(), now)?;
                    for track in self.tracks.values_mut() {
                        track.settle(now, &mut self.sink)?;
                    }
                }
            }
        }
    }

    /// Samples since the recording began.
    fn position(&self) -> u64 {
        (self.started.elapsed().as_secs_f64() * f64::from(SAMPLE_RATE)) as u64
    }

    fn hear(&mut self, session: &Session, heard: &Heard) -> anyhow::Result<()> {
        if let Some(trace) = &mut self.trace {
            let (ssrc, seq) = (heard.header.ssrc.0, heard.header.sequence);
            trace.add(&Frame { t_ns: now_ns(), ssrc, seq, bytes: heard.payload.len() })?;
        }
        let (now, view) = (self.position(), session.view());
        self.unknown.push((now, heard.clone()));
        self.place_unknown(&view, now)
    }

    /// Puts what waits for its speaker's name into their track, in its order. What waited for a second, or for too
    /// many others, has none.
    fn place_unknown(&mut self, view: &View, now: u64) -> anyhow::Result<()> {
        let all = std::mem::take(&mut self.unknown);
        let crowded = all.len() > UNKNOWN;
        for (at, heard) in all {
            let ssrc = heard.header.ssrc;
            match view.speaker(ssrc) {
                Some(member) => self.place(member.session, &member.name, at, &heard)?,
                None if self.spoke.contains_key(&ssrc) => {
                    if let Some(track) = self.spoke.get(&ssrc).and_then(|id| self.tracks.get_mut(id)) {
                        track.hear(at, &heard);
                    }
                }
                None if crowded || at + u64::from(SAMPLE_RATE) < now => {
                    let id = u64::MAX - u64::from(ssrc.0);
                    self.place(id, &format!("unknown-{ssrc}"), at, &heard)?;
                }
                None => self.unknown.push((at, heard)),
            }
        }
        Ok(())
    }

    fn place(&mut self, id: u64, name: &str, at: u64, heard: &Heard) -> anyhow::Result<()> {
        if !self.tracks.contains_key(&id) {
            if self.tracks.len() >= SPEAKERS {
                self.left_out += 1;
                return Ok(());
            }
            self.tracks.insert(id, self.sink.track(id, name)?);
        }
        if self.spoke.len() >= SSRCS {
            self.spoke.clear();
        }
        self.spoke.insert(heard.header.ssrc, id);
        if let Some(track) = self.tracks.get_mut(&id) {
            track.hear(at, heard);
        }
        Ok(())
    }

    fn finish(mut self, view: &View, output: Output) -> anyhow::Result<()> {
        let end = self.position();
        self.place_unknown(view, u64::MAX)?;
        let mut rows = Vec::new();
        let mut speakers = Vec::new();
        for (id, mut track) in std::mem::take(&mut self.tracks) {
            track.settle(u64::MAX, &mut self.sink)?;
            let counts = track.counts();
            rows.push(vec![
                track.name().to_owned(),
                counts.received.to_string(),
                counts.lost().to_string(),
                counts.late.to_string(),
                counts.duplicate.to_string(),
                track.file(),
            ]);
            speakers.push(json!({
                "session": id, "name": track.name(), "received": counts.received, "lost": counts.lost(),
                "late": counts.late, "duplicate": counts.duplicate, "file": track.file(),
            }));
            track.finish(end).with_context(|| format!("can't finish the recording of session {id}"))?;
        }
        self.sink.finish(end)?;
        if let Some(trace) = self.trace {
            trace.finish()?;
        }
        let seconds = end as f64 / f64::from(SAMPLE_RATE);
        let speakers_word = counted(rows.len() as u64, "speaker");
        output.line(format!("Recorded {seconds:.1} s of {speakers_word}."));
        if !rows.is_empty() {
            output.table(&["Speaker", "Frames", "Lost", "Late", "Twice", "File"], rows);
        }
        output.object(&json!({
            "event": "done", "seconds": seconds, "speakers": speakers, "frames_left_out": self.left_out,
        }));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::id::FlowId;
    use crate::protocol::wire::Member;
    use crate::protocol::{OPUS_PAYLOAD_TYPE, VoiceHeader};

    #[test]
    fn what_comes_after_word_that_somebody_left_is_in_their_track() {
        let home = tempfile::tempdir().unwrap();
        let mut recorder = Recorder {
            sink: Sink::create(&home.path().join("heard")).unwrap(),
            trace: None,
            tracks: BTreeMap::new(),
            spoke: BTreeMap::new(),
            left_out: 0,
            started: Instant::now(),
            unknown: Vec::new(),
        };
        let heard = |ssrc: u32, sequence: u16| Heard {
            flow: FlowId::CHANNEL,
            header: VoiceHeader {
                ssrc: Ssrc(ssrc),
                sequence,
                timestamp: u32::from(sequence) * 960,
                marker: false,
                payload_type: OPUS_PAYLOAD_TYPE,
            },
            payload: Bytes::from_static(&[0xf8, 0xff, 0xfe]),
            echo: None,
            level: None,
            position: None,
            at: std::time::Instant::now(),
        };
        let mut view = View::default();
        let anna = Member { session: 1, name: "anna".to_owned(), ssrc: 7, ..Member::default() };
        view.members.insert(1, anna);
        let second = u64::from(SAMPLE_RATE);
        let mut hear = |view: &View, packet: Heard, at: u64, now: u64| {
            recorder.unknown.push((at, packet));
            recorder.place_unknown(view, now).unwrap();
            (recorder.tracks.keys().copied().collect::<Vec<_>>(), recorder.unknown.len())
        };
        assert_eq!(hear(&view, heard(7, 1), 0, 0), (vec![1], 0));
        view.members.clear();
        assert_eq!(hear(&view, heard(7, 2), 960, 960), (vec![1], 0), "the last of it");
        assert_eq!(hear(&view, heard(8, 1), 960, 960), (vec![1], 1), "whoever is told of in a moment");
        assert_eq!(hear(&view, heard(7, 3), 960, 3 * second).0, vec![1, u64::MAX - 8], "nobody was told of");
    }
}
