//! Reads a sound beside what sends it, so that a slow disk or pipe holds nothing else up.

use std::io;

use tokio::sync::mpsc;

use crate::audio::{Faults, SoundError, Source};

/// Frames that are read ahead: a second.
const AHEAD: usize = 50;

/// What was read.
enum Part {
    Frame(Vec<i16>),
    End(Result<Faults, SoundError>),
}

/// The frames of a sound, as a thread reads them.
pub(super) struct FrameReader {
    parts: mpsc::Receiver<Part>,
    faults: Faults,
}

impl FrameReader {
    /// Begins to read. The thread ends with the sound, or with the first frame that nobody wants.
    pub(super) fn start(source: Source) -> io::Result<Self> {
        let (sender, parts) = mpsc::channel(AHEAD);
        std::thread::Builder::new().name("sound".to_owned()).spawn(move || read(source, &sender))?;
        Ok(Self { parts, faults: Faults::default() })
    }

    /// The next frame, or `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<i16>>, SoundError> {
        match self.parts.recv().await {
            Some(Part::Frame(frame)) => Ok(Some(frame)),
            Some(Part::End(faults)) => {
                self.faults = faults?;
                Ok(None)
            }
            None => Err(SoundError::Hopeless),
        }
    }

    /// What was wrong with the sound, once it is at its end.
    pub(super) fn faults(&self) -> Faults {
        self.faults
    }
}

fn read(mut source: Source, parts: &mpsc::Sender<Part>) {
    let end = loop {
        match source.next_frame() {
            Ok(Some(frame)) => {
                if parts.blocking_send(Part::Frame(frame)).is_err() {
                    return;
                }
            }
            Ok(None) => break Ok(source.faults()),
            Err(error) => break Err(error),
        }
    };
    // Nobody may be there any more to be told.
    let _ = parts.blocking_send(Part::End(end));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn frames_come_in_order_and_then_what_was_wrong() {
        let samples: Vec<u8> = (0..2_000_i16).flat_map(i16::to_le_bytes).collect();
        let head =
            b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x80\xbb\0\0\0\0\0\0\x02\0\x10\0data\xff\xff\0\0";
        let file = [&head[..], &samples].concat();
        let mut reader = FrameReader::start(Source::read(io::Cursor::new(file)).unwrap()).unwrap();
        let mut heard = Vec::new();
        while let Some(frame) = reader.next().await.unwrap() {
            heard.extend(frame);
        }
        assert_eq!(heard[..2_000], (0..2_000).collect::<Vec<i16>>());
        assert_eq!((heard.len(), reader.faults()), (2_880, Faults { cut_off: true, damaged: 0 }));
    }
}
