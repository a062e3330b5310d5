//! A stream that is played.

use std::ffi::CString;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};

use pulseaudio::protocol::stream::BufferAttr;
use pulseaudio::protocol::{
    ChannelMap, Command, CreatePlaybackStreamReply, PlaybackStreamParams, Prop, Props,
    SetPlaybackStreamBufferAttrParams,
};

use super::super::DeviceError;
use super::super::block::{BLOCK, BYTES, to_bytes};
use super::super::open::{Line, Step};
use super::connection::Connection;
use super::record::{SAMPLES, flags};

/// The number of what is asked for and whose answer isn't waited for.
const UNREAD: u32 = 3;

/// Milliseconds that the server holds of a stream to begin with: two blocks.
const HELD: u32 = 10;

/// The most, after it ran dry again and again.
const MOST: u32 = 60;

/// How much is added when it does.
const MORE: u32 = 10;

/// It runs dry too often where it does so twice within this time.
const OFTEN: Duration = Duration::from_secs(20);

/// A loudspeaker's stream.
pub(super) struct Rendering {
    channel: u32,
    delay: Duration,
    /// Bytes that the server has asked for.
    owed: usize,
    /// Milliseconds that the server holds; what was learnt stays when the stream is opened again.
    held: Arc<AtomicU32>,
    ran_dry: Option<Instant>,
    /// The device plays: the server has asked for more than what it holds before it begins.
    plays: bool,
}

impl Rendering {
    /// Begins to play, to the default where no device is named.
    pub(super) fn create(
        connection: &mut Connection,
        device: Option<&str>,
        held: Arc<AtomicU32>,
    ) -> Result<Self, DeviceError> {
        let mut props = Props::new();
        props.set(Prop::MediaName, c"Voice");
        held.fetch_max(HELD, Relaxed);
        let parameters = PlaybackStreamParams {
            sample_spec: SAMPLES,
            channel_map: ChannelMap::mono(),
            sink_name: device.and_then(|id| CString::new(id).ok()),
            buffer_attr: buffer(held.load(Relaxed)),
            flags: flags(device.is_some()),
            props,
            ..PlaybackStreamParams::default()
        };
        let stream: CreatePlaybackStreamReply = connection.ask(&Command::CreatePlaybackStream(parameters))?;
        Ok(Self {
            channel: stream.channel,
            delay: Duration::from_micros(stream.stream_latency),
            owed: stream.requested_bytes as usize,
            held,
            ran_dry: None,
            plays: false,
        })
    }

    /// What the server says that it holds.
    pub(super) fn delay(&self) -> Duration {
        self.delay
    }

    /// The server asks for so many bytes.
    pub(super) fn owe(&mut self, bytes: u32) {
        // It asks for what it holds at most; more than that is a server that miscounts.
        self.plays = true;
        self.owed = (self.owed + bytes as usize).min(MOST as usize / 5 * BYTES);
    }

    /// A block is asked for.
    pub(super) fn is_due(&self) -> bool {
        self.owed >= BYTES
    }

    /// Renders a block.
    pub(super) fn render(&mut self, connection: &mut Connection, line: &Line) -> Result<Step, DeviceError> {
        let mut block = [0.0; BLOCK];
        line.render(&mut block);
        connection.send_sound(self.channel, &to_bytes(&block))?;
        self.owed = self.owed.saturating_sub(BYTES);
        Ok(if self.plays { Step::Worked } else { Step::Waited })
    }

    /// The server had nothing to play: it holds more from now on, where that happens often.
    pub(super) fn run_dry(&mut self, connection: &mut Connection) -> Result<(), DeviceError> {
        let before = self.ran_dry.replace(Instant::now());
        let held = self.held.load(Relaxed);
        if held >= MOST || before.is_none_or(|before| before.elapsed() > OFTEN) {
            return Ok(());
        }
        let held = (held + MORE).min(MOST);
        self.held.store(held, Relaxed);
        self.ran_dry = None;
        let parameters = SetPlaybackStreamBufferAttrParams {
            index: self.channel,
            buffer_attr: buffer(held),
            adjust_latency: true,
            early_requests: false,
        };
        connection.send(UNREAD, &Command::SetPlaybackStreamBufferAttr(parameters))
    }
}

/// How the server is to hold so many milliseconds: it asks for a block at a time.
fn buffer(held: u32) -> BufferAttr {
    BufferAttr {
        target_length: held / 5 * BYTES as u32,
        minimum_request_length: BYTES as u32,
        ..BufferAttr::default()
    }
}
