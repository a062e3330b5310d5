//! What happens to sound between the microphone and the encoder, and between the mixer and the loudspeaker.
//!
//! A block of the microphone has 10 ms ([`BLOCK`] samples, one channel, 48 kHz, -1 to 1). [`Capture`] cancels
//! the echo, suppresses noise and evens the loudness out, and [`Gate`] says when a block is sent. What others say
//! is mixed elsewhere; [`Limiter`] keeps the sum within bounds, and [`Sidetone`] lets people hear themselves.
//!
//! None of it reads a clock, starts a thread or opens a device: time is an argument, and whoever calls decides where
//! it runs.

mod capture;
mod denoise;
mod echo;
mod far;
mod gain;
mod gate;
mod level;
mod limiter;
mod queue;

pub use capture::{Capture, CaptureSettings, Heard};
pub use echo::EchoMode;
pub use gain::GainMode;
pub use gate::{Gate, GateMode, GateSettings};
pub use level::{SILENCE, loudness};
pub use limiter::Limiter;
pub use queue::{SampleQueue, Sidetone};

/// Samples in a block of 10 ms.
pub const BLOCK: usize = 480;

/// Fades from one block into another, so that a switch isn't heard as a click.
fn fade(from: &[f32; BLOCK], to: &[f32; BLOCK], out: &mut [f32; BLOCK]) {
    for (at, sample) in out.iter_mut().enumerate() {
        let share = at as f32 / BLOCK as f32;
        *sample = from[at] + share * (to[at] - from[at]);
    }
}
