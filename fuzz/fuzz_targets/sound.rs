//! A sound file of any kind, as `parlour play` reads it from a pipe: each frame of it, in one channel or in two.
#![no_main]

use libfuzzer_sys::fuzz_target;
use parlour::audio::{FRAME, Source};

/// Frames of each that are played: a few bytes may say that they are an hour of silence. Of most the first ones are enough, since
/// what comes later is read by the same code.
const FRAMES: [usize; 8] = [50, 3, 3, 3, 3, 3, 3, 3];

fuzz_target!(|bytes: &[u8]| {
    let in_stereo = bytes.len() % 2 == 1;
    let Ok(source) = Source::read(std::io::Cursor::new(bytes.to_vec())) else { return };
    let mut source = if in_stereo { source.in_stereo() } else { source };
    for _ in 0..FRAMES[bytes.len() / 2 % FRAMES.len()] {
        match source.next_frame() {
            Ok(Some(frame)) => assert_eq!(frame.len(), if in_stereo { 2 * FRAME } else { FRAME }),
            _ => break,
        }
    }
    let _ = source.faults();
});
