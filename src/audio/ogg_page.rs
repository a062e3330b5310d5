//! Pages of an Ogg stream (RFC 3533, section 6), each ended when its writer says so, and the end of a stream that
//! nobody ended.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};

/// Size of a page's header before its lacing values, in bytes.
pub(super) const HEADER: usize = 27;

/// Lacing values of a page at most.
const SEGMENTS: usize = 255;

/// Largest page there is, in bytes.
const LARGEST: usize = HEADER + SEGMENTS + SEGMENTS * 255;

/// Largest packet that stays on one page, in bytes.
pub(super) const LARGEST_PACKET: usize = SEGMENTS * 255 - 1;

/// Where in a header its fields are.
pub(super) const FLAGS: usize = 5;
pub(super) const GRANULE: usize = 6;
pub(super) const SERIAL: usize = 14;
pub(super) const SEQUENCE: usize = 18;
const CHECKSUM: usize = 22;

/// The flags of a page that begins within a packet, of a stream's first page, and of its last.
pub(super) const CONTINUED: u8 = 1;
pub(super) const FIRST: u8 = 2;
pub(super) const LAST: u8 = 4;

/// Gathers packets to pages. No packet goes over two.
#[derive(Debug)]
pub(super) struct PageWriter<W> {
    writer: W,
    serial: u32,
    sequence: u32,
    lacing: Vec<u8>,
    body: Vec<u8>,
    granule: u64,
}

impl<W: Write> PageWriter<W> {
    pub(super) fn new(writer: W, serial: u32) -> Self {
        Self { writer, serial, sequence: 0, lacing: Vec::new(), body: Vec::new(), granule: 0 }
    }

    /// Adds a packet of [`LARGEST_PACKET`] at most, at whose end the stream is at `granule`.
    pub(super) fn push(&mut self, packet: &[u8], granule: u64) -> io::Result<()> {
        if packet.len() > LARGEST_PACKET {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the packet doesn't fit on a page"));
        }
        let whole = packet.len() / 255;
        if self.lacing.len() + whole + 1 > SEGMENTS {
            self.end(false)?;
        }
        self.lacing.extend(std::iter::repeat_n(255, whole));
        self.lacing.push((packet.len() % 255) as u8);
        self.body.extend_from_slice(packet);
        self.granule = granule;
        Ok(())
    }

    /// Writes the page, if there is anything on it.
    pub(super) fn end(&mut self, last: bool) -> io::Result<()> {
        if self.lacing.is_empty() {
            return Ok(());
        }
        let mut page = Vec::with_capacity(HEADER + self.lacing.len() + self.body.len());
        page.extend_from_slice(b"OggS\0");
        page.push(if self.sequence == 0 { FIRST } else { 0 } | if last { LAST } else { 0 });
        page.extend_from_slice(&self.granule.to_le_bytes());
        page.extend_from_slice(&self.serial.to_le_bytes());
        page.extend_from_slice(&self.sequence.to_le_bytes());
        page.extend_from_slice(&[0; 4]);
        page.push(self.lacing.len() as u8);
        page.append(&mut self.lacing);
        page.append(&mut self.body);
        seal(&mut page);
        self.sequence = self.sequence.wrapping_add(1);
        self.writer.write_all(&page)
    }

    pub(super) fn writer(&mut self) -> &mut W {
        &mut self.writer
    }

    pub(super) fn into_inner(self) -> W {
        self.writer
    }
}

/// Ends a stream that was cut off: what comes after its last whole page goes, and that page is marked as the last.
/// Answers the sample at its end (its granule position), or `None` when there is no page with sound. Needs no room
/// on the disk.
pub fn end_stream(file: &mut File) -> io::Result<Option<u64>> {
    let (from, mut tail) = tail(file)?;
    let Some((start, length)) = last_page(&tail) else { return Ok(None) };
    let page = &mut tail[start..start + length];
    let granule = page[GRANULE..].first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
    if granule == 0 {
        return Ok(None);
    }
    page[FLAGS] |= LAST;
    seal(page);
    let start = from + start as u64;
    file.seek(SeekFrom::Start(start))?;
    file.write_all(page)?;
    file.set_len(start + length as u64)?;
    Ok(Some(granule))
}

/// The number of the stream that a file ends with, and the sample at its end.
pub(super) fn last_stream(file: &mut File) -> io::Result<Option<(u32, u64)>> {
    let (_, tail) = tail(file)?;
    let Some((start, _)) = last_page(&tail) else { return Ok(None) };
    let page = &tail[start..];
    let serial = page[SERIAL..].first_chunk().map(|bytes| u32::from_le_bytes(*bytes));
    let granule = page[GRANULE..].first_chunk().map(|bytes| i64::from_le_bytes(*bytes));
    Ok(serial.zip(granule.and_then(|granule| u64::try_from(granule).ok())))
}

/// The end of a file, in which a whole page is, and where it begins: what was torn is less than a page.
fn tail(file: &mut File) -> io::Result<(u64, Vec<u8>)> {
    let size = file.seek(SeekFrom::End(0))?;
    let from = size.saturating_sub(2 * LARGEST as u64);
    file.seek(SeekFrom::Start(from))?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail)?;
    Ok((from, tail))
}

/// Where the last whole page begins, and how long it is.
fn last_page(bytes: &[u8]) -> Option<(usize, usize)> {
    let starts = bytes.windows(4).enumerate().filter(|(_, four)| four == b"OggS").map(|(start, _)| start);
    let starts: Vec<usize> = starts.collect();
    starts.into_iter().rev().find_map(|start| Some((start, page_length(&bytes[start..])?)))
}

/// How long the page is that begins here, if it is whole.
fn page_length(bytes: &[u8]) -> Option<usize> {
    let length = said_length(bytes)?;
    is_sound(bytes.get(..length)?).then_some(length)
}

/// How long the page says it is that begins here, if its head is whole.
pub(super) fn said_length(bytes: &[u8]) -> Option<usize> {
    let count = usize::from(*bytes.get(HEADER - 1)?);
    let lacing = bytes.get(HEADER..HEADER + count)?;
    Some(HEADER + count + lacing.iter().map(|part| usize::from(*part)).sum::<usize>())
}

/// Whether a page is as it was written, by its checksum.
pub(super) fn is_sound(page: &[u8]) -> bool {
    page.get(CHECKSUM..CHECKSUM + 4).is_some_and(|said| checksum(page).to_le_bytes() == *said)
}

/// Puts the checksum in.
fn seal(page: &mut [u8]) {
    let sum = checksum(page);
    page[CHECKSUM..CHECKSUM + 4].copy_from_slice(&sum.to_le_bytes());
}

/// CRC-32 of a page whose checksum counts as zero: polynomial 04c11db7, nothing reflected, nothing inverted.
fn checksum(page: &[u8]) -> u32 {
    page.iter().enumerate().fold(0, |sum, (index, byte)| {
        let byte = if (CHECKSUM..CHECKSUM + 4).contains(&index) { 0 } else { *byte };
        sum << 8 ^ CRC[usize::from((sum >> 24) as u8 ^ byte)]
    })
}

const CRC: [u32; 256] = {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let mut sum = (index as u32) << 24;
        let mut bit = 0;
        while bit < 8 {
            sum = if sum >> 31 == 1 { sum << 1 ^ 0x04c1_1db7 } else { sum << 1 };
            bit += 1;
        }
        table[index] = sum;
        index += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use ogg::PacketReader;
    use proptest::prelude::*;

    use super::*;

    fn stream(packets: &[Vec<u8>]) -> Vec<u8> {
        let mut pages = PageWriter::new(Vec::new(), 7);
        for (index, packet) in packets.iter().enumerate() {
            pages.push(packet, index as u64 + 1).unwrap();
            if index % 3 == 0 {
                pages.end(false).unwrap();
            }
        }
        pages.end(false).unwrap();
        pages.into_inner()
    }

    fn read(bytes: &[u8]) -> Vec<Vec<u8>> {
        let mut reader = PacketReader::new(Cursor::new(bytes));
        let mut packets = Vec::new();
        while let Some(packet) = reader.read_packet().unwrap() {
            packets.push(packet.data);
        }
        packets
    }

    fn ended(bytes: &[u8]) -> (Option<u64>, Vec<u8>) {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        let granule = end_stream(&mut file).unwrap();
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(0)).unwrap();
        file.read_to_end(&mut bytes).unwrap();
        (granule, bytes)
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(
            lengths in proptest::collection::vec(prop_oneof![0..600_usize, Just(LARGEST_PACKET)], 1..12),
        ) {
            let packets: Vec<Vec<u8>> = lengths.iter().map(|length| vec![*length as u8; *length]).collect();
            prop_assert_eq!(read(&stream(&packets)), packets);
        }

        #[test]
        fn a_stream_cut_anywhere_ends_after_a_whole_page(cut: prop::sample::Index) {
            let packets: Vec<Vec<u8>> = (0..20).map(|index| vec![index; 100]).collect();
            let mut bytes = stream(&packets);
            bytes.truncate(cut.index(bytes.len()) + 1);
            let (granule, ended) = ended(&bytes);
            if let Some(granule) = granule {
                prop_assert!(bytes.len() - ended.len() < 400);
                let read = read(&ended);
                prop_assert_eq!(read.len() as u64, granule);
                prop_assert_eq!(&read[..], &packets[..read.len()]);
                prop_assert_eq!(super::tests::ended(&ended), (Some(granule), ended));
            } else {
                prop_assert!(bytes.len() < 200);
            }
        }

        #[test]
        fn any_bytes_are_no_reason_to_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            ended(&bytes);
        }
    }
}
