//! Reads the pages of an Ogg stream (RFC 3533) as far as they are there: one that is damaged is passed over, and of
//! one that is cut off at the end what came is given.

use std::io::{self, Read};

use super::ogg_page::{FLAGS, GRANULE, HEADER, SEQUENCE, SERIAL, is_sound, said_length};

/// How each page begins, with the version of the format.
const BEGIN: &[u8; 5] = b"OggS\0";

/// Bytes that are read at once.
const PART: usize = 8 * 1024;

/// A page as it was read.
#[derive(Debug)]
pub(super) struct Page {
    bytes: Vec<u8>,
    /// Where its body begins.
    body: usize,
    /// Whether its end is missing.
    pub(super) is_torn: bool,
}

/// A packet's part on a page.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece<'a> {
    pub(super) bytes: &'a [u8],
    /// Whether the packet ends here.
    pub(super) is_last: bool,
}

impl Page {
    pub(super) fn has(&self, flag: u8) -> bool {
        self.bytes[FLAGS] & flag != 0
    }

    /// Samples up to its end; `None` where no packet ends on it.
    pub(super) fn granule(&self) -> Option<u64> {
        let granule = self.bytes[GRANULE..].first_chunk().map(|bytes| u64::from_le_bytes(*bytes))?;
        (granule.cast_signed() >= 0).then_some(granule)
    }

    pub(super) fn serial(&self) -> u32 {
        self.number(SERIAL)
    }

    pub(super) fn sequence(&self) -> u32 {
        self.number(SEQUENCE)
    }

    fn number(&self, at: usize) -> u32 {
        self.bytes[at..].first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes))
    }

    /// The packets on it, and parts of them, as far as they are there.
    pub(super) fn pieces(&self) -> impl Iterator<Item = Piece<'_>> {
        let (mut lacing, mut at) = (&self.bytes[HEADER..self.body], self.body);
        std::iter::from_fn(move || {
            let count = lacing.iter().position(|part| *part < 255).map_or(lacing.len(), |last| last + 1);
            let (now, later) = lacing.split_at(count);
            let length: usize = now.iter().map(|part| usize::from(*part)).sum();
            let bytes = self.bytes.get(at..at + length)?;
            (lacing, at) = (later, at + length);
            let last = now.last()?;
            Some(Piece { bytes, is_last: *last < 255 })
        })
    }
}

/// Reads page after page. It holds one page and a little more.
#[derive(Debug)]
pub(super) struct PageReader<R> {
    reader: R,
    buffer: Vec<u8>,
    /// What of the buffer is done with.
    start: usize,
    has_ended: bool,
    damaged: u64,
}

impl<R: Read> PageReader<R> {
    pub(super) fn new(reader: R) -> Self {
        Self { reader, buffer: Vec::new(), start: 0, has_ended: false, damaged: 0 }
    }

    /// Places that were passed over because they are no pages, or damaged ones.
    pub(super) fn damaged(&self) -> u64 {
        self.damaged
    }

    /// The next page, or `None` at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<Page>> {
        let mut is_lost = false;
        loop {
            if !self.find_begin(&mut is_lost)? {
                return Ok(None);
            }
            self.fill(HEADER)?;
            let count = self.rest().get(HEADER - 1).map_or(0, |count| usize::from(*count));
            self.fill(HEADER + count)?;
            let Some(length) = said_length(self.rest()) else {
                // The file ends in this head.
                self.start += BEGIN.len();
                continue;
            };
            self.fill(length)?;
            let is_torn = self.rest().len() < length;
            let is_page = if is_torn {
                // A page that only says that it is so long has others behind it.
                find(&self.rest()[BEGIN.len()..]).is_none()
            } else {
                is_sound(&self.rest()[..length])
            };
            if is_page {
                let end = self.start + length.min(self.rest().len());
                let bytes = self.buffer[self.start..end].to_vec();
                self.start = end;
                return Ok(Some(Page { bytes, body: HEADER + count, is_torn }));
            }
            self.start += BEGIN.len();
            self.note_damage(&mut is_lost);
        }
    }

    /// Goes to where a page may begin. Answers `false` at the end.
    fn find_begin(&mut self, is_lost: &mut bool) -> io::Result<bool> {
        loop {
            if let Some(at) = find(self.rest()) {
                self.start += at;
                if at > 0 {
                    self.note_damage(is_lost);
                }
                return Ok(true);
            }
            // The beginning of one may be at the end.
            let kept = self.rest().len().min(BEGIN.len() - 1);
            let passed = self.rest().len() - kept;
            self.start += passed;
            if passed > 0 {
                self.note_damage(is_lost);
            }
            if !self.fill(kept + 1)? {
                return Ok(false);
            }
        }
    }

    /// Counts a place once, however long it is.
    fn note_damage(&mut self, is_lost: &mut bool) {
        self.damaged += u64::from(!*is_lost);
        *is_lost = true;
    }

    fn rest(&self) -> &[u8] {
        &self.buffer[self.start..]
    }

    /// Reads until so many bytes are there. Answers `false` where the file ends before.
    fn fill(&mut self, wanted: usize) -> io::Result<bool> {
        while self.rest().len() < wanted && !self.has_ended {
            self.buffer.drain(..self.start);
            self.start = 0;
            let already = self.buffer.len();
            self.buffer.resize(already + PART, 0);
            let read = match self.reader.read(&mut self.buffer[already..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                    self.buffer.truncate(already);
                    continue;
                }
                read => read?,
            };
            self.buffer.truncate(already + read);
            self.has_ended = read == 0;
        }
        Ok(self.rest().len() >= wanted)
    }
}

/// Where a page may begin.
fn find(bytes: &[u8]) -> Option<usize> {
    bytes.windows(BEGIN.len()).position(|five| five == BEGIN)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::ogg_page::PageWriter;
    use super::*;

    fn stream() -> Vec<u8> {
        let mut pages = PageWriter::new(Vec::new(), 7);
        for index in 0..60_u8 {
            pages.push(&vec![index; 300], u64::from(index) + 1).unwrap();
            if index % 3 == 2 {
                pages.end(index == 59).unwrap();
            }
        }
        pages.into_inner()
    }

    /// The packets of a stream's pages, and how many places are damaged.
    fn packets(bytes: &[u8], with_torn: bool) -> (Vec<u8>, u64) {
        let (mut pages, mut packets) = (PageReader::new(bytes), Vec::new());
        while let Some(page) = pages.next().unwrap() {
            if page.is_torn <= with_torn {
                assert!(page.pieces().all(|piece| piece.is_last && piece.bytes.len() == 300));
                packets.extend(page.pieces().map(|piece| piece.bytes[0]));
            }
        }
        (packets, pages.damaged())
    }

    #[test]
    fn what_was_written_is_read() {
        assert_eq!(packets(&stream(), true), ((0..60).collect(), 0));
        let noise = [b"noise OggS".as_slice(), &stream(), b"more"].concat();
        assert_eq!(packets(&noise, true), ((0..60).collect(), 1));
    }

    proptest! {
        #[test]
        fn one_damaged_byte_costs_one_page(place: prop::sample::Index, other in 1..=255_u8) {
            let mut bytes = stream();
            let index = place.index(bytes.len());
            bytes[index] ^= other;
            let (read, damaged) = packets(&bytes, false);
            let lost = index / (bytes.len() / 20) * 3;
            let expected: Vec<u8> = (0..60).filter(|packet| !(lost..lost + 3).contains(&usize::from(*packet))).collect();
            prop_assert_eq!(read, expected);
            prop_assert!(damaged <= 1);
        }

        #[test]
        fn a_stream_that_is_cut_off_is_read_to_the_end(cut: prop::sample::Index) {
            let mut bytes = stream();
            bytes.truncate(cut.index(bytes.len()) + 1);
            let whole = bytes.len() / (stream().len() / 20) * 3;
            let read = packets(&bytes, true).0;
            prop_assert!(read.len() >= whole && read.iter().copied().eq(0..read.len() as u8), "{read:?}");
        }

        #[test]
        fn any_bytes_are_no_reason_to_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let bytes = [b"OggS\0", &bytes[..]].concat();
            let mut pages = PageReader::new(&bytes[..]);
            while let Some(page) = pages.next().unwrap() {
                page.pieces().count();
            }
        }
    }
}
