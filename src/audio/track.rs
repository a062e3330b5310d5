//! One speaker's part of a recording, as an Ogg Opus file of the packets as they came.

use std::io::{self, Write};

use bytes::Bytes;

use super::{Counts, OggOpusWriter, Placed, Timeline};
use crate::protocol::VoiceHeader;

/// Look-ahead of the encoders that speak Parlour: libopus's, in samples.
const PRE_SKIP: u16 = 312;

/// Puts packets in their places and writes them. Times are samples at 48 kHz since the recording began. The order
/// of calls is: [`OggTrack::hear`] for what arrives, [`OggTrack::settle`] every tenth of a second or so,
/// [`OggTrack::finish`] at the end.
#[derive(Debug)]
pub struct OggTrack<W> {
    timeline: Timeline,
    file: OggOpusWriter<W>,
}

impl<W: Write> OggTrack<W> {
    /// Begins a file of a speaker's; `serial` tells it from others.
    pub fn new(writer: W, serial: u32, speaker: &str) -> io::Result<Self> {
        let tags = [("ARTIST", speaker), ("TITLE", "Recorded with Parlour")];
        let file = OggOpusWriter::new(writer, serial, PRE_SKIP, &tags)?;
        Ok(Self { timeline: Timeline::default(), file })
    }

    /// What became of the speaker's frames.
    pub fn counts(&self) -> Counts {
        self.timeline.counts()
    }

    /// Takes a packet that arrived at sample `now`.
    pub fn hear(&mut self, now: u64, header: &VoiceHeader, packet: Bytes) {
        self.timeline.hear(now, header, packet);
    }

    /// Places what has waited long enough at sample `now`. A page of a second is written when it is full.
    pub fn settle(&mut self, now: u64) -> io::Result<()> {
        while let Some(due) = self.timeline.poll(now) {
            if self.file.place(due.at, &due.packet)? != Placed::Written {
                self.timeline.count_late();
            }
        }
        Ok(())
    }

    /// Writes what is placed and fills no page yet, but for the last packet.
    pub fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }

    /// What is written to.
    pub fn writer(&mut self) -> &mut W {
        self.file.writer()
    }

    /// Places what still waits, and ends the file at sample `end`, or after the last packet when that is later.
    pub fn finish(mut self, end: u64) -> io::Result<W> {
        self.settle(u64::MAX)?;
        self.file.finish(end.max(self.timeline.settled()))
    }
}

/// The name of a speaker's file without its ending: what letters and digits the name has, and a number that tells
/// the speaker from others of that name.
pub fn track_name(speaker: &str, number: u64) -> String {
    let safe: String = speaker.chars().take(40).map(|c| if c.is_alphanumeric() { c } else { '_' }).collect();
    format!("{safe}-{number}")
}
