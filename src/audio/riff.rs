//! The chunks of a RIFF file (RIFF, RIFX, RF64 and BW64), as they come from a pipe, by writers who miscount.

use std::io::{self, Read};

/// The names of chunks of which one is recognized where it isn't quite in its place.
const KNOWN: [&[u8; 4]; 10] =
    [b"data", b"fmt ", b"LIST", b"fact", b"bext", b"cue ", b"smpl", b"iXML", b"JUNK", b"id3 "];

/// A length from which on it is what a writer puts who doesn't know: so long is no file that has one.
const UNKNOWN: u32 = 0x7fff_0000;

/// How much a chunk holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// So many bytes. A file that ends before is cut off.
    Bytes(u64),
    /// All that comes, or so many bytes where that is less.
    ToTheEnd(u64),
}

impl Extent {
    /// Bytes at most.
    pub(super) fn bytes(self) -> u64 {
        let (Self::Bytes(bytes) | Self::ToTheEnd(bytes)) = self;
        bytes
    }
}

/// A chunk's head.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chunk {
    pub(super) name: [u8; 4],
    pub(super) size: u32,
}

/// Reads chunk after chunk. Whoever calls reads or skips a chunk's body before it asks for the next one.
#[derive(Debug)]
pub(super) struct Chunks<R> {
    reader: R,
    /// Numbers have their highest byte first.
    big_endian: bool,
    /// What the file says of its own length, after the first eight bytes.
    said: u32,
    /// What RF64 says of the length of its sound.
    long: Option<u64>,
    position: u64,
    /// The last chunk had an odd length, so a byte of padding follows, if the writer knew that.
    is_odd: bool,
}

impl<R: Read> Chunks<R> {
    /// Begins to read; `None` for what is no WAV.
    pub(super) fn new(mut reader: R) -> io::Result<Option<Self>> {
        let mut head = [0; 12];
        if read_full(&mut reader, &mut head)? < head.len() || !head.ends_with(b"WAVE") {
            return Ok(None);
        }
        let big_endian = head.starts_with(b"RIFX");
        if !big_endian && ![&b"RIFF"[..], b"RF64", b"BW64"].contains(&&head[..4]) {
            return Ok(None);
        }
        let mut chunks = Self { reader, big_endian, said: 0, long: None, position: 12, is_odd: false };
        chunks.said = chunks.number([head[4], head[5], head[6], head[7]]);
        Ok(Some(chunks))
    }

    pub(super) fn is_big_endian(&self) -> bool {
        self.big_endian
    }

    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// The next chunk's head, or `None` at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<Chunk>> {
        let mut head = [0; 8];
        if self.take(&mut head)? < head.len() {
            return Ok(None);
        }
        let begins_like_one = KNOWN.iter().any(|known| head[1..4] == known[..3]);
        let is_one = KNOWN.iter().any(|known| head[..4] == known[..]);
        if self.is_odd && (head[0] == 0 || begins_like_one && !is_one) {
            head.rotate_left(1);
            if self.take(&mut head[7..])? < 1 {
                return Ok(None);
            }
        }
        let size = self.number([head[4], head[5], head[6], head[7]]);
        self.is_odd = size % 2 == 1;
        Ok(Some(Chunk { name: [head[0], head[1], head[2], head[3]], size }))
    }

    /// How much sound is in a chunk of it. The length 0 is what a writer leaves who was killed, unless the file says
    /// that something follows.
    pub(super) fn extent(&self, size: u32) -> Extent {
        let follows = self.said != u32::MAX && u64::from(self.said) + 8 > self.position;
        match size {
            u32::MAX => match self.long {
                Some(long) if long > 0 && long < u64::MAX / 2 => Extent::Bytes(long),
                _ => Extent::ToTheEnd(u64::MAX),
            },
            0 if !follows => Extent::ToTheEnd(u64::MAX),
            UNKNOWN.. => Extent::ToTheEnd(size.into()),
            size => Extent::Bytes(size.into()),
        }
    }

    /// Reads as much of a chunk's body as the buffer holds; less only at the file's end.
    pub(super) fn take(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = read_full(&mut self.reader, buffer)?;
        self.position += read as u64;
        Ok(read)
    }

    /// Reads what there is of a chunk's body, and waits only where there is nothing.
    pub(super) fn take_some(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.reader.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
                read => {
                    let read = read?;
                    self.position += read as u64;
                    return Ok(read);
                }
            }
        }
    }

    /// Passes over bytes of a chunk's body.
    pub(super) fn skip(&mut self, bytes: u64) -> io::Result<()> {
        self.position += io::copy(&mut (&mut self.reader).take(bytes), &mut io::sink())?;
        Ok(())
    }

    /// Reads the chunk in which RF64 has the lengths that don't fit into 32 bits (EBU Tech 3306).
    pub(super) fn take_long_sizes(&mut self, size: u32) -> io::Result<()> {
        let mut sizes = [0; 16];
        let wanted = sizes.len().min(size as usize);
        let read = self.take(&mut sizes[..wanted])?;
        if let (16, Some(long)) = (read, sizes[8..].first_chunk()) {
            self.long = Some(u64::from_le_bytes(*long));
        }
        self.skip(u64::from(size) - wanted as u64)
    }

    /// A number of a file of this kind.
    pub(super) fn number(&self, bytes: [u8; 4]) -> u32 {
        if self.big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
    }
}

/// Fills a buffer, or as much of it as there is.
fn read_full(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match reader.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
