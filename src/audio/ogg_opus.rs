//! Ogg Opus files (RFC 7845) of packets that are encoded already, with silence where there are none.

use std::io::{self, Write};

use super::ogg_page::{LARGEST_PACKET, PageWriter};
use super::{FRAME, SAMPLE_RATE, packet_duration};

/// Samples on a page, so that at most a second is missing after a crash.
const PAGE: u64 = SAMPLE_RATE as u64;

/// The same of long silence, whose pages would otherwise outweigh it. Readers find more than 5 s too much.
const SILENT_PAGE: u64 = 40 * LONG;

/// Longest silence that is filled in, in samples: a month. What is placed later than that is a mistake.
const LONGEST_GAP: u64 = 31 * 24 * 3_600 * SAMPLE_RATE as u64;

/// Longest gap in speech that a player is asked to conceal, in samples: 60 ms.
const CONCEALED: u64 = 2_880;

/// A fullband CELT frame of 20 ms that decodes to silence (RFC 6716, section 3.1: configuration 31).
const SILENCE: &[u8] = &[0xf8, 0xff, 0xfe];

/// The same of 2.5 ms (configuration 28), for what a gap has left.
const SHORT_SILENCE: &[u8] = &[0xe0, 0xff, 0xfe];
const SHORT: u64 = 120;

/// Six empty frames of 20 ms: nothing new is to be heard, so silence stays silence. An hour of them takes 110 kB.
const LONG_SILENCE: &[u8] = &[0xfb, 6];
const LONG: u64 = 6 * FRAME as u64;

/// Silent frames after which every decoder has forgotten what was before.
const FORGOTTEN: u32 = 5;

/// What became of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placed {
    /// It is in the file.
    Written,
    /// Its place is taken by a later one already, or by itself.
    TooLate,
    /// It is no Opus packet, or lies more than a month ahead.
    Refused,
}

/// Writes one stream. Pages are written as they fill, so a file that is never finished still plays.
#[derive(Debug)]
pub struct OggOpusWriter<W> {
    pages: PageWriter<W>,
    pre_skip: u64,
    /// Samples in all packets before the pending one; the pending packet and its samples.
    position: u64,
    pending: Option<(Vec<u8>, u64)>,
    on_page: u64,
    /// Silent frames since the last packet; `None` before the first.
    silent: Option<u32>,
}

impl<W: Write> OggOpusWriter<W> {
    /// Begins a stream of one channel. `serial` tells it from others; `pre_skip` is the encoder's
    /// look-ahead in samples, 312 for libopus; tags are names and values (RFC 7845, section 5.2).
    pub fn new(writer: W, serial: u32, pre_skip: u16, tags: &[(&str, &str)]) -> io::Result<Self> {
        let mut pages = PageWriter::new(writer, serial);
        let mut head = b"OpusHead\x01\x01".to_vec();
        head.extend_from_slice(&pre_skip.to_le_bytes());
        head.extend_from_slice(&SAMPLE_RATE.to_le_bytes());
        // No gain, and channel mapping family 0.
        head.extend_from_slice(&[0, 0, 0]);
        pages.push(&head, 0)?;
        pages.end(false)?;
        pages.push(&comment(tags), 0)?;
        pages.end(false)?;
        let pre_skip = pre_skip.into();
        Ok(Self { pages, pre_skip, position: 0, pending: None, on_page: 0, silent: None })
    }

    /// Puts a packet at a sample since the beginning, to 2.5 ms. What is missing before it is silence, or the
    /// player's to conceal when it is short.
    pub fn place(&mut self, at: u64, packet: &[u8]) -> io::Result<Placed> {
        let samples = packet_duration(packet).filter(|_| packet.len() <= LARGEST_PACKET);
        let Some(samples) = samples else { return Ok(Placed::Refused) };
        let end = self.end();
        // A little early is a clock's drift, and no other packet has that place.
        if at + SHORT < end {
            return Ok(Placed::TooLate);
        }
        if at > end + LONGEST_GAP {
            return Ok(Placed::Refused);
        }
        self.fill(at)?;
        self.push(packet, samples.into())?;
        self.silent = Some(0);
        Ok(Placed::Written)
    }

    /// Writes what there is, but for the last packet, which may have to end the stream.
    pub fn flush(&mut self) -> io::Result<()> {
        self.end_page()
    }

    /// What is written to.
    pub fn writer(&mut self) -> &mut W {
        self.pages.writer()
    }

    /// Ends the stream at a sample since the beginning, filling up with silence, and gives the writer back.
    /// What was placed beyond that end is cut off when it is played.
    pub fn finish(mut self, end: u64) -> io::Result<W> {
        let last_granule = end + self.pre_skip;
        if self.end() + CONCEALED < last_granule {
            self.fill(last_granule)?;
        }
        while self.end() < last_granule || self.pending.is_none() {
            self.push(SILENCE, FRAME as u64)?;
        }
        if let Some((packet, _)) = self.pending.take() {
            // A page that ends before the last packet's begin would be a lie about the packets before.
            self.pages.push(&packet, last_granule.max(self.position + 1))?;
            self.pages.end(true)?;
        }
        let mut writer = self.pages.into_inner();
        writer.flush()?;
        Ok(writer)
    }

    /// Samples in all packets so far.
    fn end(&self) -> u64 {
        self.position + self.pending.as_ref().map_or(0, |(_, samples)| *samples)
    }

    fn fill(&mut self, until: u64) -> io::Result<()> {
        let gap = until.saturating_sub(self.end());
        if self.silent == Some(0) && gap <= CONCEALED {
            return self.conceal(gap);
        }
        while self.silent.is_none_or(|frames| frames < FORGOTTEN) && self.end() + FRAME as u64 <= until {
            self.push(SILENCE, FRAME as u64)?;
            self.silent = Some(self.silent.unwrap_or(0) + 1);
        }
        while self.end() + LONG <= until {
            self.push(LONG_SILENCE, LONG)?;
        }
        while self.end() + FRAME as u64 <= until {
            self.push(SILENCE, FRAME as u64)?;
        }
        while self.end() + SHORT <= until {
            self.push(SHORT_SILENCE, SHORT)?;
        }
        Ok(())
    }

    /// Frames without bytes ask the player to conceal what was lost (RFC 7845, section 4.1).
    fn conceal(&mut self, gap: u64) -> io::Result<()> {
        let (whole, rest) = (gap / FRAME as u64, gap % FRAME as u64 / SHORT);
        if whole > 0 {
            self.push(&[0xfb, whole as u8], whole * FRAME as u64)?;
        }
        if rest > 0 {
            self.push(&[0xe3, rest as u8], rest * SHORT)?;
        }
        Ok(())
    }

    /// The last packet of a stream is written otherwise than the rest, so each waits for the next.
    fn push(&mut self, packet: &[u8], samples: u64) -> io::Result<()> {
        let silent = packet == LONG_SILENCE;
        if let Some((before, duration)) = self.pending.replace((packet.to_vec(), samples)) {
            self.position += duration;
            self.on_page += duration;
            self.pages.push(&before, self.position)?;
            if self.on_page >= if silent { SILENT_PAGE } else { PAGE } {
                self.end_page()?;
            }
        }
        Ok(())
    }

    fn end_page(&mut self) -> io::Result<()> {
        self.on_page = 0;
        self.pages.end(false)?;
        self.pages.writer().flush()
    }
}

/// The second header (RFC 7845, section 5.2).
fn comment(tags: &[(&str, &str)]) -> Vec<u8> {
    let mut packet = b"OpusTags".to_vec();
    let number = |number: usize| u32::try_from(number).unwrap_or(0).to_le_bytes();
    let vendor = concat!("Parlour ", env!("CARGO_PKG_VERSION"));
    packet.extend_from_slice(&number(vendor.len()));
    packet.extend_from_slice(vendor.as_bytes());
    packet.extend_from_slice(&number(tags.len()));
    for line in tags.iter().map(|(name, value)| format!("{name}={value}")) {
        packet.extend_from_slice(&number(line.len()));
        packet.extend_from_slice(line.as_bytes());
    }
    packet
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use proptest::prelude::*;

    use super::*;
    use crate::audio::{Encoder, Source};

    #[test]
    fn silence_stands_where_nobody_spoke() {
        let mut encoder = Encoder::new(32_000).unwrap();
        let loud: [i16; FRAME] = std::array::from_fn(|i| ((i as f32 * 0.05).sin() * 8_000.0) as i16);
        let mut writer = OggOpusWriter::new(Vec::new(), 1, 312, &[]).unwrap();
        for index in 0..10 {
            assert_eq!(
                writer.place(48_000 + index * 960, &encoder.encode(&loud).unwrap()).unwrap(),
                Placed::Written
            );
        }
        let late = writer.place(48_000, &encoder.encode(&loud).unwrap()).unwrap();
        assert_eq!(late, Placed::TooLate);
        let bytes = writer.finish(96_000).unwrap();
        let samples = Source::read(Cursor::new(bytes)).unwrap().samples().unwrap();
        assert_eq!(samples.len(), 96_000);
        let energy =
            |range: std::ops::Range<usize>| samples[range].iter().map(|s| i64::from(*s).abs()).max().unwrap();
        assert_eq!(energy(0..47_500), 0);
        assert!(energy(49_000..57_000) > 4_000);
        assert!(energy(70_000..96_000) < 100);
    }

    #[test]
    fn a_short_gap_is_concealed_and_a_long_one_is_silence() {
        let mut encoder = Encoder::new(32_000).unwrap();
        let loud: [i16; FRAME] = std::array::from_fn(|i| ((i as f32 * 0.05).sin() * 8_000.0) as i16);
        let mut writer = OggOpusWriter::new(Vec::new(), 1, 312, &[]).unwrap();
        for index in (0..10).chain(12..20).chain(30..40) {
            writer.place(index * 960, &encoder.encode(&loud).unwrap()).unwrap();
        }
        let samples = Source::read(Cursor::new(writer.finish(48_000).unwrap())).unwrap().samples().unwrap();
        let loudest = |frames: std::ops::Range<usize>| {
            samples[frames.start * FRAME..frames.end * FRAME].iter().map(|s| s.abs()).max().unwrap()
        };
        assert!(loudest(10..12) > 4_000 && loudest(31..40) > 4_000);
        assert!(loudest(22..29) < 100, "{}", loudest(22..29));
    }

    #[test]
    fn long_silence_costs_little_and_stays_silent() {
        let mut encoder = Encoder::new(32_000).unwrap();
        let loud: [i16; FRAME] = std::array::from_fn(|i| ((i as f32 * 0.05).sin() * 8_000.0) as i16);
        let packet = encoder.encode(&loud).unwrap();
        let mut writer = OggOpusWriter::new(Vec::new(), 1, 312, &[]).unwrap();
        writer.place(0, &packet).unwrap();
        let length = 600 * u64::from(SAMPLE_RATE);
        writer.place(length / 2, &packet).unwrap();
        let bytes = writer.finish(length - 9_999).unwrap();
        assert!(bytes.len() < 20_000, "{}", bytes.len());
        let samples = Source::read(Cursor::new(bytes)).unwrap().samples().unwrap();
        assert_eq!(samples.len() as u64, length - 9_999);
        let second = length as usize / 2;
        assert!(samples[second..][..1_500].iter().any(|sample| sample.abs() > 1_000));
        assert!(samples[2_400..second - 400].iter().all(|sample| sample.abs() < 50));
        assert!(samples[second + 2_400..].iter().all(|sample| sample.abs() < 50));
    }

    #[test]
    fn what_is_flushed_is_there() {
        let mut writer = OggOpusWriter::new(Vec::new(), 1, 312, &[]).unwrap();
        let headers = writer.writer().len();
        writer.place(0, SILENCE).unwrap();
        writer.place(960, SILENCE).unwrap();
        assert_eq!(writer.writer().len(), headers);
        writer.flush().unwrap();
        assert!(writer.writer().len() > headers);
        let bytes = writer.finish(1_900).unwrap();
        assert_eq!(Source::read(Cursor::new(bytes)).unwrap().samples().unwrap().len(), 1_900);
    }

    #[test]
    fn an_empty_recording_is_a_file_all_the_same() {
        let bytes = OggOpusWriter::new(Vec::new(), 1, 312, &[]).unwrap().finish(48_000).unwrap();
        assert_eq!(Source::read(Cursor::new(bytes)).unwrap().samples().unwrap().len(), 48_000);
    }

    proptest! {
        #[test]
        fn any_places_give_a_file_of_the_right_length(
            places in proptest::collection::vec(0..100_000_u64, 0..20),
            end in 0..120_000_u64,
        ) {
            let mut writer = OggOpusWriter::new(Vec::new(), 1, 312, &[]).unwrap();
            for at in places {
                writer.place(at, SILENCE).unwrap();
            }
            let longest = writer.end();
            let bytes = writer.finish(end).unwrap();
            if end > 0 && end + 312 >= longest {
                prop_assert_eq!(Source::read(Cursor::new(bytes)).unwrap().samples().unwrap().len() as u64, end);
            }
        }
    }
}
