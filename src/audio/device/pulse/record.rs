//! A stream that is recorded.

use std::ffi::CString;
use std::time::Duration;

use pulseaudio::protocol::stream::{BufferAttr, StreamFlags};
use pulseaudio::protocol::{
    ChannelMap, Command, CreateRecordStreamReply, Prop, Props, RecordStreamParams, SampleFormat, SampleSpec,
};

use super::super::super::SAMPLE_RATE;
use super::super::DeviceError;
use super::super::block::{BYTES, of_bytes};
use super::super::open::{Line, Step};
use super::connection::Connection;

/// Blocks that the server keeps for a program that doesn't fetch them: what is older than a tenth of a second isn't heard.
const KEPT: usize = 20;

/// Samples as they are here; the server converts where the device has others.
pub(super) const SAMPLES: SampleSpec =
    SampleSpec { format: SampleFormat::Float32Le, channels: 1, sample_rate: SAMPLE_RATE };

/// How a stream is to be. Where somebody chose its device, the server doesn't move it when the default changes.
pub(super) fn flags(is_chosen: bool) -> StreamFlags {
    StreamFlags { adjust_latency: true, no_move: is_chosen, ..StreamFlags::default() }
}

/// A microphone's stream.
pub(super) struct Recording {
    delay: Duration,
    /// Less than a block: the server sends as many samples at once as it likes.
    begun: Vec<u8>,
}

impl Recording {
    /// Begins to record, from the default where no device is named.
    pub(super) fn create(connection: &mut Connection, device: Option<&str>) -> Result<Self, DeviceError> {
        let mut props = Props::new();
        props.set(Prop::MediaName, c"Voice");
        // A Bluetooth headset is switched to its mode with a microphone for streams of this role.
        props.set(Prop::MediaRole, c"phone");
        let buffer_attr = BufferAttr {
            max_length: (KEPT * BYTES) as u32,
            fragment_size: BYTES as u32,
            ..BufferAttr::default()
        };
        let parameters = RecordStreamParams {
            sample_spec: SAMPLES,
            channel_map: ChannelMap::mono(),
            source_name: device.and_then(|id| CString::new(id).ok()),
            buffer_attr,
            flags: flags(device.is_some()),
            props,
            ..RecordStreamParams::default()
        };
        let stream: CreateRecordStreamReply = connection.ask(&Command::CreateRecordStream(parameters))?;
        Ok(Self { delay: Duration::from_micros(stream.stream_latency), begun: Vec::with_capacity(2 * BYTES) })
    }

    /// What the server says that a sample takes from the device to here.
    pub(super) fn delay(&self) -> Duration {
        self.delay
    }

    /// Takes samples as they come.
    pub(super) fn take(&mut self, bytes: &[u8], line: &Line) -> Step {
        self.begun.extend_from_slice(bytes);
        let whole = self.begun.len() / BYTES * BYTES;
        for bytes in self.begun.as_chunks().0 {
            line.hear(&of_bytes(bytes));
        }
        self.begun.drain(..whole);
        if whole > 0 { Step::Worked } else { Step::Waited }
    }
}
