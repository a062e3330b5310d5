//! Ogg Opus files (RFC 7845) of packets that are encoded already, with silence where there are none.

use std::io::{self, Write};

use ogg::writing::{PacketWriteEndInfo, PacketWriter};

use super::{FRAME, SAMPLE_RATE, packet_duration};

/// Packets on a page: a second of frames, so that at most that is missing after a crash.
const PAGE: u32 = 50;

/// Longest silence that is filled in, in samples: a day. What is placed later than that is a mistake.
const LONGEST_GAP: u64 = 24 * 3_600 * SAMPLE_RATE as u64;

/// A fullband CELT frame of 20 ms that decodes to silence (RFC 6716, section 3.1: configuration 31).
const SILENCE: &[u8] = &[0xf8, 0xff, 0xfe];

/// The same of 2.5 ms (configuration 28), for what a gap has left.
const SHORT_SILENCE: &[u8] = &[0xe0, 0xff, 0xfe];
const SHORT: u64 = 120;

/// What became of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placed {
    /// It is in the file.
    Written,
    /// Its place is taken by a later one already, or by itself.
    TooLate,
    /// It is no Opus packet, or lies more than a day ahead.
    Refused,
}

/// Writes one stream. Pages are written as they fill, so a file that is never finished still plays.
pub struct OggOpusWriter<W: Write> {
    pages: PacketWriter<'static, W>,
    serial: u32,
    pre_skip: u64,
    /// Samples in all packets before the pending one; the pending packet and its samples.
    position: u64,
    pending: Option<(Vec<u8>, u64)>,
    on_page: u32,
}

impl<W: Write> std::fmt::Debug for OggOpusWriter<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OggOpusWriter")
            .field("serial", &self.serial)
            .field("position", &self.position)
            .finish_non_exhaustive()
    }
}

impl<W: Write> OggOpusWriter<W> {
    /// Begins a stream of one channel. `serial` tells it from others; `pre_skip` is the encoder's
    /// look-ahead in samples, 312 for libopus; tags are names and values (RFC 7845, section 5.2).
    pub fn new(writer: W, serial: u32, pre_skip: u16, tags: &[(&str, &str)]) -> io::Result<Self> {
        let mut pages = PacketWriter::new(writer);
        let mut head = b"OpusHead\x01\x01".to_vec();
        head.extend_from_slice(&pre_skip.to_le_bytes());
        head.extend_from_slice(&SAMPLE_RATE.to_le_bytes());
        // No gain, and channel mapping family 0.
        head.extend_from_slice(&[0, 0, 0]);
        pages.write_packet(head, serial, PacketWriteEndInfo::EndPage, 0)?;
        pages.write_packet(comment(tags), serial, PacketWriteEndInfo::EndPage, 0)?;
        Ok(Self { pages, serial, pre_skip: pre_skip.into(), position: 0, pending: None, on_page: 0 })
    }

    /// Puts a packet at a sample since the beginning, to 2.5 ms; silence fills what is before it.
    pub fn place(&mut self, at: u64, packet: &[u8]) -> io::Result<Placed> {
        let Some(samples) = packet_duration(packet) else { return Ok(Placed::Refused) };
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
        Ok(Placed::Written)
    }

    /// Ends the stream at a sample since the beginning, filling up with silence, and gives the writer back.
    /// What was placed beyond that end is cut off when it is played.
    pub fn finish(mut self, end: u64) -> io::Result<W> {
        let last_granule = end + self.pre_skip;
        while self.end() < last_granule || self.pending.is_none() {
            self.push(SILENCE, FRAME as u64)?;
        }
        if let Some((packet, _)) = self.pending.take() {
            // A page that ends before the last packet's begin would be a lie about the packets before.
            let granule = last_granule.max(self.position + 1);
            self.pages.write_packet(packet, self.serial, PacketWriteEndInfo::EndStream, granule)?;
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
        while self.end() + FRAME as u64 <= until {
            self.push(SILENCE, FRAME as u64)?;
        }
        while self.end() + SHORT <= until {
            self.push(SHORT_SILENCE, SHORT)?;
        }
        Ok(())
    }

    /// The last packet of a stream is written otherwise than the rest, so each waits for the next.
    fn push(&mut self, packet: &[u8], samples: u64) -> io::Result<()> {
        if let Some((before, duration)) = self.pending.replace((packet.to_vec(), samples)) {
            self.position += duration;
            self.on_page = (self.on_page + 1) % PAGE;
            let ends = self.on_page == 0;
            let info = if ends { PacketWriteEndInfo::EndPage } else { PacketWriteEndInfo::NormalPacket };
            self.pages.write_packet(before, self.serial, info, self.position)?;
            if ends {
                self.pages.inner_mut().flush()?;
            }
        }
        Ok(())
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
        let samples = Source::read(Cursor::new(bytes)).unwrap().samples().to_vec();
        assert_eq!(samples.len(), 96_000);
        let energy =
            |range: std::ops::Range<usize>| samples[range].iter().map(|s| i64::from(*s).abs()).max().unwrap();
        assert_eq!(energy(0..47_500), 0);
        assert!(energy(49_000..57_000) > 4_000);
        assert!(energy(70_000..96_000) < 100);
    }

    #[test]
    fn an_empty_recording_is_a_file_all_the_same() {
        let bytes = OggOpusWriter::new(Vec::new(), 1, 312, &[]).unwrap().finish(48_000).unwrap();
        assert_eq!(Source::read(Cursor::new(bytes)).unwrap().samples().len(), 48_000);
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
                prop_assert_eq!(Source::read(Cursor::new(bytes)).unwrap().samples().len() as u64, end);
            }
        }
    }
}
