//! Ogg Opus files (RFC 7845), as far as they are there: chained ones, with up to 32 channels, with gain, and with pages
//! that are lost, whose sound is concealed.

use std::collections::VecDeque;
use std::io::Read;
use std::time::Duration;

use super::decode::{Block, Decode, Faults, MOST_CHANNELS};
use super::layout::Layout;
use super::ogg_page::{CONTINUED, FIRST, LAST};
use super::ogg_read::{Page, PageReader};
use super::{FRAME, ManyDecoder, SAMPLE_RATE, SoundError, packet_duration};

/// Largest packet that is decoded, in bytes: 120 ms of 32 channels at the highest bitrate there is.
const LARGEST_PACKET: usize = 6 * 1_275 * MOST_CHANNELS;

/// Longest stretch of lost pages that is concealed, in samples: a minute. A file that says that more is missing is
/// mistaken, or was cut together.
const LONGEST_GAP: u64 = 60 * SAMPLE_RATE as u64;

/// Samples of the longest packet there is, by which those of lost pages are bounded: 120 ms.
const LONGEST_PACKET: u64 = 5_760;

/// Packets of a page at most.
const MOST_PACKETS: u64 = 255;

/// The shortest frame there is, in samples: 2.5 ms.
const SHORTEST: u64 = 120;

/// What the first packet of a stream says.
struct Head {
    layout: Layout,
    streams: u8,
    coupled: u8,
    mapping: Vec<u8>,
    pre_skip: u64,
    /// In 256ths of a decibel.
    gain: i16,
}

impl Head {
    /// Reads an identification header; `None` for what is none.
    fn read(packet: &[u8]) -> Option<Result<Self, SoundError>> {
        let said = packet.strip_prefix(b"OpusHead")?;
        // The upper half of the version is what makes it another format.
        let [0..=15, channels, low, high, _, _, _, _, gain_low, gain_high, family, table @ ..] = said else {
            return Some(Err(SoundError::OpusKind("its head isn't whole, or of a later version")));
        };
        let head = Self::mapped(*family, *channels, table).map(|head| Self {
            pre_skip: u16::from_le_bytes([*low, *high]).into(),
            gain: i16::from_le_bytes([*gain_low, *gain_high]),
            ..head
        });
        Some(head)
    }

    /// Which stream has which channel (RFC 7845, section 5.1.1; RFC 8486).
    fn mapped(family: u8, channels: u8, table: &[u8]) -> Result<Self, SoundError> {
        let count = usize::from(channels);
        if !(1..=MOST_CHANNELS).contains(&count) {
            return Err(SoundError::Shape { rate: SAMPLE_RATE, channels: count });
        }
        let layout = match (family, count) {
            (0, 1 | 2) => Layout::of_count(count),
            (1, 1..=8) => Layout::of_vorbis(count),
            (2, _) => Layout::of_ambisonics(count),
            (255, _) => Layout::of_nowhere(count),
            _ => return Err(SoundError::OpusKind("its channels are mapped in a way that isn't known")),
        };
        let (streams, coupled, mapping) = match (family, table) {
            (0, _) => (1, channels - 1, (0..channels).collect()),
            (_, [streams, coupled, mapping @ ..]) if mapping.len() >= count => {
                (*streams, *coupled, mapping[..count].to_vec())
            }
            _ => return Err(SoundError::OpusKind("it doesn't say which channel is in which stream")),
        };
        Ok(Self { layout, streams, coupled, mapping, pre_skip: 0, gain: 0 })
    }
}

/// A packet that goes on on the next page.
enum Begun {
    /// None does.
    No,
    /// Its bytes so far.
    Packet(Vec<u8>),
    /// One that isn't wanted, or whose beginning is lost.
    Unwanted,
}

/// One stream of a chain.
struct Link {
    serial: u32,
    layout: Layout,
    decoder: ManyDecoder,
    /// Samples that are still to be left out at the beginning.
    pre_skip: u64,
    /// The number that the next page should have.
    sequence: u32,
    begun: Begun,
    /// Samples up to the last page's end; `None` before the first page with sound.
    position: Option<u64>,
    has_ended: bool,
}

/// What is to be played next.
enum Due {
    Packet(Vec<u8>),
    /// So many samples that are lost.
    Lost(u64),
    /// Only so many samples of what comes until the stream's end are to be played.
    Until(u64),
}

/// Whether an Ogg file that begins so holds Opus.
pub(super) fn is_opus(head: &[u8]) -> bool {
    let mut pages = PageReader::new(head);
    while let Ok(Some(page)) = pages.next()
        && page.has(FIRST)
    {
        if page.pieces().any(|piece| piece.bytes.starts_with(b"OpusHead")) {
            return true;
        }
    }
    false
}

/// Reads an Ogg Opus file.
pub(super) struct OpusReader<R> {
    pages: PageReader<R>,
    link: Option<Link>,
    due: VecDeque<Due>,
    /// Samples that may still be played of this stream, once its last page is there.
    left: Option<u64>,
    length: Option<Duration>,
    damaged: u64,
    is_torn: bool,
}

impl<R: Read> OpusReader<R> {
    /// Begins to read. `end` is the sample at the end of a file that is one stream, where it is known.
    pub(super) fn new(reader: R, end: Option<u64>) -> Result<Self, SoundError> {
        let mut new = Self {
            pages: PageReader::new(reader),
            link: None,
            due: VecDeque::new(),
            left: None,
            length: None,
            damaged: 0,
            is_torn: false,
        };
        while new.link.is_none() {
            let Some(page) = new.pages.next()? else { return Err(SoundError::Empty) };
            new.handle_page(&page)?;
        }
        let pre_skip = new.link.as_ref().map_or(0, |link| link.pre_skip);
        let samples = end.map(|end| end.saturating_sub(pre_skip));
        new.length = samples.map(|samples| Duration::from_secs_f64(samples as f64 / f64::from(SAMPLE_RATE)));
        Ok(new)
    }

    /// Takes what is on a page.
    fn handle_page(&mut self, page: &Page) -> Result<(), SoundError> {
        if page.has(FIRST) {
            return self.begin(page);
        }
        let Some(link) = self.link.as_mut().filter(|link| link.serial == page.serial() && !link.has_ended)
        else {
            return Ok(());
        };
        let lost = u64::from(page.sequence().wrapping_sub(link.sequence));
        link.sequence = page.sequence().wrapping_add(1);
        if lost > 0 || page.has(CONTINUED) == matches!(link.begun, Begun::No) {
            link.begun = if page.has(CONTINUED) { Begun::Unwanted } else { Begun::No };
        }
        let packets = link.packets(page);
        let samples =
            packets.iter().map(|packet| u64::from(packet_duration(packet).unwrap_or(0))).sum::<u64>();
        let is_last = page.has(LAST);
        link.has_ended = is_last;
        self.is_torn |= page.is_torn;
        let start = link.position;
        if let (Some(end), false) = (page.granule(), packets.is_empty() && !is_last) {
            // A stream that was recorded from its middle on begins where it says; one that is on one page may be
            // shorter than its packets.
            let from = start.unwrap_or(if lost > 0 || is_last { 0 } else { end.saturating_sub(samples) });
            let missing = end.saturating_sub(samples).saturating_sub(from);
            let bound = lost.saturating_mul(MOST_PACKETS * LONGEST_PACKET).min(LONGEST_GAP);
            let concealed = if missing <= bound { missing } else { 0 };
            if is_last {
                self.due.push_back(Due::Until(end.saturating_sub(from).min(samples + concealed)));
            }
            if concealed > 0 {
                self.due.push_back(Due::Lost(concealed));
            }
            link.position = Some(end);
        }
        self.due.extend(packets.into_iter().map(Due::Packet));
        Ok(())
    }

    /// Begins a stream, where the page begins one that is to be played.
    fn begin(&mut self, page: &Page) -> Result<(), SoundError> {
        // Of streams that run side by side the first one is played.
        if self.link.as_ref().is_some_and(|link| !link.has_ended && link.position.is_none()) {
            return Ok(());
        }
        let Some(head) = page.pieces().next().and_then(|piece| Head::read(piece.bytes)) else {
            return Ok(());
        };
        let head = head?;
        let mut decoder = ManyDecoder::new(head.streams, head.coupled, &head.mapping)?;
        decoder.set_gain(head.gain)?;
        self.left = None;
        self.link = Some(Link {
            serial: page.serial(),
            layout: head.layout,
            decoder,
            pre_skip: head.pre_skip,
            sequence: page.sequence().wrapping_add(1),
            begun: Begun::No,
            position: None,
            has_ended: page.has(LAST),
        });
        Ok(())
    }

    /// Plays what is due.
    fn play(&mut self, due: Due) -> Vec<f32> {
        let Some(link) = &mut self.link else { return Vec::new() };
        let mut samples = match due {
            Due::Until(samples) => {
                self.left = Some(samples);
                return Vec::new();
            }
            Due::Lost(missing) => {
                // Longer gaps are concealed part by part, so that memory stays what it is.
                let now = missing.min(FRAME as u64);
                if missing > now {
                    self.due.push_front(Due::Lost(missing - now));
                }
                link.conceal(now)
            }
            Due::Packet(packet) => link.decoder.decode(&packet).unwrap_or_else(|_| {
                self.damaged += 1;
                link.conceal(packet_duration(&packet).map_or(0, u64::from))
            }),
        };
        let channels = link.layout.channels();
        let frames = (samples.len() / channels) as u64;
        if let Some(left) = &mut self.left {
            samples.truncate((*left).min(frames) as usize * channels);
            *left -= frames.min(*left);
        }
        let skipped = link.pre_skip.min((samples.len() / channels) as u64);
        link.pre_skip -= skipped;
        samples.drain(..skipped as usize * channels);
        samples
    }
}

impl Link {
    /// The packets with sound that end on a page.
    fn packets(&mut self, page: &Page) -> Vec<Vec<u8>> {
        let mut packets = Vec::new();
        for piece in page.pieces() {
            let begun = match std::mem::replace(&mut self.begun, Begun::No) {
                // Tags may hold a picture of any size, and nobody hears it.
                Begun::No if piece.bytes.starts_with(b"OpusTags") => Begun::Unwanted,
                Begun::No => Begun::Packet(piece.bytes.to_vec()),
                Begun::Packet(bytes) if bytes.len() + piece.bytes.len() > LARGEST_PACKET => Begun::Unwanted,
                Begun::Packet(bytes) => Begun::Packet([&bytes, piece.bytes].concat()),
                Begun::Unwanted => Begun::Unwanted,
            };
            match begun {
                Begun::Packet(packet) if piece.is_last && !packet.is_empty() => packets.push(packet),
                _ if piece.is_last => (),
                begun => self.begun = begun,
            }
        }
        packets
    }

    /// What the decoder makes up for a gap of 120 ms at most; what is left of it is silence.
    fn conceal(&mut self, samples: u64) -> Vec<f32> {
        let whole = samples / SHORTEST * SHORTEST;
        let mut concealed = self.decoder.conceal(whole as usize).unwrap_or_default();
        concealed.resize(samples as usize * self.layout.channels(), 0.0);
        concealed
    }
}

impl<R: Read + Send> Decode for OpusReader<R> {
    fn next(&mut self) -> Result<Option<Block>, SoundError> {
        loop {
            if let Some(due) = self.due.pop_front() {
                let samples = self.play(due);
                if let (false, Some(link)) = (samples.is_empty(), &self.link) {
                    return Ok(Some(Block { rate: SAMPLE_RATE, layout: link.layout.clone(), samples }));
                }
            } else if let Some(page) = self.pages.next()? {
                self.handle_page(&page)?;
            } else {
                return Ok(None);
            }
        }
    }

    fn length(&self) -> Option<Duration> {
        self.length
    }

    fn faults(&self) -> Faults {
        let has_ended = self.link.as_ref().is_none_or(|link| link.has_ended);
        Faults { cut_off: self.is_torn || !has_ended, damaged: self.damaged + self.pages.damaged() }
    }
}
