//! Microphones and loudspeakers by the system's own interface: Core Audio on macOS, WASAPI on Windows.
//!
//! What the system calls back only moves samples; the work on them is done on the thread that keeps the device open.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use cpal::traits::{DeviceTrait, HostTrait, StreamTrait};
use cpal::{BufferSize, Error, ErrorKind, StreamConfig};

use super::super::SAMPLE_RATE;
use super::block::BLOCK;
use super::choose::{Choice, Device};
use super::error::DeviceError;
use super::open::{About, Driver, Line, Step, Stream, lock};
use super::side::Side;

/// How long a step waits for the device.
const STEP: Duration = Duration::from_millis(50);

/// How often it is looked whether another device is to be used.
const LOOKED: Duration = Duration::from_secs(1);

/// Most samples of a microphone that wait to be worked on: a tenth of a second.
const KEPT: usize = SAMPLE_RATE as usize / 10;

/// Most samples that a loudspeaker is thought to take at once.
const LARGEST: usize = SAMPLE_RATE as usize / 20;

/// The devices that there are.
pub(super) fn list() -> Result<Vec<Device>, DeviceError> {
    let host = cpal::default_host();
    let mut devices = Vec::new();
    for side in [Side::Microphone, Side::Loudspeaker] {
        devices.extend(of_side(&host, side)?.into_iter().map(|(device, _)| device));
    }
    Ok(devices)
}

/// The devices of one side, with what opens them.
fn of_side(host: &cpal::Host, side: Side) -> Result<Vec<(Device, cpal::Device)>, DeviceError> {
    let default = match side {
        Side::Microphone => host.default_input_device(),
        Side::Loudspeaker => host.default_output_device(),
    };
    let default = default.and_then(|device| device.id().ok());
    let goes = |device: &cpal::Device| match side {
        Side::Microphone => device.supports_input(),
        Side::Loudspeaker => device.supports_output(),
    };
    let all = host.devices().map_err(|error| refusal(&error))?;
    let devices = all.filter(goes).filter_map(|device| {
        let id = device.id().ok()?;
        let name = device.description().ok()?.name().replace(char::is_control, " ");
        let is_default = default.as_ref() == Some(&id);
        Some((Device { side, id: id.to_string(), name, is_default, is_monitor: false }, device))
    });
    Ok(devices.collect())
}

/// The system's devices.
#[derive(Debug, Default)]
pub(super) struct Native;

impl Driver for Native {
    type Stream = NativeStream;

    fn open(&mut self, side: Side, choice: &Choice) -> Result<NativeStream, DeviceError> {
        let host = cpal::default_host();
        let devices = of_side(&host, side)?;
        let (chosen, instead_of) = choose(choice, side, &devices)?;
        let found = devices.into_iter().find(|(device, _)| device.id == chosen.id);
        let (device, opens) = found.ok_or(DeviceError::None(side))?;
        let between = Arc::new(Between::default());
        let stream = match side {
            Side::Microphone => record(&opens, &between),
            Side::Loudspeaker => play(&opens, &between),
        };
        let stream = stream.map_err(|error| refusal(&error))?;
        stream.play().map_err(|error| refusal(&error))?;
        let (choice, looked) = (choice.clone(), Instant::now());
        Ok(NativeStream { side, choice, device, instead_of, between, gaps: 0, looked, _stream: stream })
    }
}

/// The device that is meant; where it isn't there, the default and the name of the one that is missing.
fn choose(
    choice: &Choice,
    side: Side,
    devices: &[(Device, cpal::Device)],
) -> Result<(Device, Option<String>), DeviceError> {
    let devices: Vec<Device> = devices.iter().map(|(device, _)| device.clone()).collect();
    choice.find_or_default(side, &devices)
}

/// What the system's callback and our thread share.
#[derive(Default)]
struct Between {
    samples: Mutex<Samples>,
    changed: Condvar,
}

#[derive(Default)]
struct Samples {
    /// What was heard, or is to be played.
    ready: VecDeque<f32>,
    /// How many the system took or gave at once, at most.
    at_once: usize,
    /// How often it called since that was looked at.
    calls: u32,
    /// How often something was missing.
    gaps: u64,
    broken: Option<DeviceError>,
}

impl Between {
    fn fail(&self, error: &Error) {
        // The stream goes on after these.
        if matches!(error.kind(), ErrorKind::DeviceChanged | ErrorKind::RealtimeDenied) {
            return;
        }
        lock(&self.samples).broken = Some(refusal(error));
        self.changed.notify_one();
    }

    /// Takes what a microphone with so many channels gave.
    fn take(&self, heard: &[f32], channels: usize) {
        let mut samples = lock(&self.samples);
        samples.calls += 1;
        let mixed = heard.chunks_exact(channels).map(|frame| frame.iter().sum::<f32>() / channels as f32);
        samples.ready.extend(mixed);
        if samples.ready.len() > KEPT {
            let surplus = samples.ready.len() - KEPT;
            samples.ready.drain(..surplus);
            samples.gaps += 1;
        }
        drop(samples);
        self.changed.notify_one();
    }

    /// Gives to a loudspeaker with so many channels what is ready, and silence where nothing is.
    fn give(&self, played: &mut [f32], channels: usize) {
        let mut samples = lock(&self.samples);
        samples.calls += 1;
        let wanted = played.len() / channels;
        samples.at_once = samples.at_once.max(wanted).min(LARGEST);
        samples.gaps += u64::from(samples.ready.len() < wanted);
        for frame in played.chunks_mut(channels) {
            frame.fill(samples.ready.pop_front().unwrap_or(0.0));
        }
        drop(samples);
        self.changed.notify_one();
    }

    /// Waits until there is something to do.
    fn wait(&self, is_due: impl Fn(&Samples) -> bool) {
        let waits = |samples: &mut Samples| samples.broken.is_none() && !is_due(samples);
        drop(self.changed.wait_timeout_while(lock(&self.samples), STEP, waits));
    }
}

fn record(device: &cpal::Device, between: &Arc<Between>) -> Result<cpal::Stream, Error> {
    let channels = device.default_input_config()?.channels();
    let (heard, failed) = (Arc::clone(between), Arc::clone(between));
    device.build_input_stream(
        config(channels),
        move |samples: &[f32], _| heard.take(samples, usize::from(channels)),
        move |error| failed.fail(&error),
        None,
    )
}

fn play(device: &cpal::Device, between: &Arc<Between>) -> Result<cpal::Stream, Error> {
    let channels = device.default_output_config()?.channels();
    let (played, failed) = (Arc::clone(between), Arc::clone(between));
    device.build_output_stream(
        config(channels),
        move |samples: &mut [f32], _| played.give(samples, usize::from(channels)),
        move |error| failed.fail(&error),
        None,
    )
}

/// As many channels as the device has, at our rate: the system converts, or sets the device.
fn config(channels: u16) -> StreamConfig {
    StreamConfig { channels: channels.max(1), sample_rate: SAMPLE_RATE, buffer_size: BufferSize::Default }
}

/// A stream of the system.
pub(super) struct NativeStream {
    side: Side,
    choice: Choice,
    device: Device,
    instead_of: Option<String>,
    between: Arc<Between>,
    /// Of the gaps that were counted, how many the line knows.
    gaps: u64,
    looked: Instant,
    /// Runs until it is dropped.
    _stream: cpal::Stream,
}

impl Stream for NativeStream {
    fn about(&self) -> About {
        let held = lock(&self.between.samples).at_once as u64;
        let delay = Duration::from_micros(held * 1_000_000 / u64::from(SAMPLE_RATE));
        About { name: self.device.name.clone(), instead_of: self.instead_of.clone(), delay }
    }

    fn step(&mut self, line: &Line) -> Result<Step, DeviceError> {
        if self.looked.elapsed() > LOOKED {
            self.looked = Instant::now();
            let devices = of_side(&cpal::default_host(), self.side)?;
            let (meant, _) = choose(&self.choice, self.side, &devices)?;
            if meant.id != self.device.id {
                return Ok(Step::Outdated);
            }
        }
        match self.side {
            Side::Microphone => self.hear(line)?,
            Side::Loudspeaker => self.render(line)?,
        }
        let mut samples = lock(&self.between.samples);
        let gaps = samples.gaps - self.gaps;
        self.gaps = samples.gaps;
        let has_called = std::mem::take(&mut samples.calls) > 0;
        drop(samples);
        (0..gaps).for_each(|_| line.count_gap());
        Ok(if has_called { Step::Worked } else { Step::Waited })
    }
}

impl NativeStream {
    fn hear(&self, line: &Line) -> Result<(), DeviceError> {
        self.between.wait(|samples| samples.ready.len() >= BLOCK);
        loop {
            let mut samples = lock(&self.between.samples);
            if let Some(why) = samples.broken.take() {
                return Err(why);
            }
            if samples.ready.len() < BLOCK {
                return Ok(());
            }
            let mut block = [0.0; BLOCK];
            for (sample, heard) in block.iter_mut().zip(samples.ready.drain(..BLOCK)) {
                *sample = heard;
            }
            drop(samples);
            line.hear(&block);
        }
    }

    /// Renders as far as the system takes at once, and no further.
    fn render(&self, line: &Line) -> Result<(), DeviceError> {
        let is_due = |samples: &Samples| samples.at_once > 0 && samples.ready.len() < samples.at_once;
        self.between.wait(is_due);
        loop {
            let mut samples = lock(&self.between.samples);
            if let Some(why) = samples.broken.take() {
                return Err(why);
            }
            if !is_due(&samples) {
                return Ok(());
            }
            drop(samples);
            let mut block = [0.0; BLOCK];
            line.render(&mut block);
            lock(&self.between.samples).ready.extend(block);
        }
    }
}

fn refusal(error: &Error) -> DeviceError {
    match error.kind() {
        ErrorKind::DeviceNotAvailable => DeviceError::Removed,
        ErrorKind::DeviceBusy => DeviceError::Refused("another program has the device to itself"),
        ErrorKind::PermissionDenied => {
            DeviceError::Refused("this program may not use it; allow that in the system's settings")
        }
        ErrorKind::StreamInvalidated => DeviceError::Stopped,
        ErrorKind::UnsupportedConfig => {
            DeviceError::Refused("the device doesn't take 48,000 samples a second")
        }
        ErrorKind::HostUnavailable => DeviceError::Ended,
        _ => DeviceError::Refused("the system gave an error"),
    }
}
