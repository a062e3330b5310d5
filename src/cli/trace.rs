//! A frame-by-frame record of what was sent or heard, for measuring: JSON lines with the time of
//! `CLOCK_MONOTONIC`, which all processes of one machine share.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use anyhow::Context;
use serde::{Deserialize, Serialize};

/// One frame.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Frame {
    /// When, in nanoseconds of `CLOCK_MONOTONIC`.
    pub(super) t_ns: u64,
    /// Whose.
    pub(super) ssrc: u32,
    /// Its RTP sequence number.
    pub(super) seq: u16,
    /// Bytes of Opus.
    pub(super) bytes: usize,
}

/// Writes frames to a file.
pub(super) struct Trace(BufWriter<File>);

impl Trace {
    pub(super) fn create(path: &Path) -> anyhow::Result<Self> {
        let file = File::create(path).with_context(|| format!("can't write the trace {}", path.display()))?;
        Ok(Self(BufWriter::new(file)))
    }

    pub(super) fn add(&mut self, frame: &Frame) -> io::Result<()> {
        serde_json::to_writer(&mut self.0, frame)?;
        self.0.write_all(b"\n")
    }

    pub(super) fn finish(mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Reads what [`Trace`] wrote.
pub(super) fn read(path: &Path) -> anyhow::Result<Vec<Frame>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("can't read {}", path.display()))?;
    text.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
}

/// Now, in nanoseconds of `CLOCK_MONOTONIC`.
pub(super) fn now_ns() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    seconds * 1_000_000_000 + u64::try_from(now.tv_nsec).unwrap_or(0)
}
