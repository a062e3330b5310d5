//! The unit in which sound comes and goes.

use std::time::Duration;

/// Samples in a block: 5 ms.
pub const BLOCK: usize = 240;

/// How long a block lasts.
pub const BLOCK_LASTS: Duration = Duration::from_millis(5);

/// Bytes of a block, as sound servers and programs take it: samples of 32 bits, the lowest byte first.
pub(super) const BYTES: usize = BLOCK * size_of::<f32>();

/// The bytes of a block.
pub(super) fn to_bytes(block: &[f32; BLOCK]) -> [u8; BYTES] {
    let mut bytes = [0; BYTES];
    for (bytes, sample) in bytes.as_chunks_mut().0.iter_mut().zip(block) {
        *bytes = sample.to_le_bytes();
    }
    bytes
}

/// The block that has these bytes.
pub(super) fn of_bytes(bytes: &[u8; BYTES]) -> [f32; BLOCK] {
    let mut block = [0.0; BLOCK];
    for (sample, bytes) in block.iter_mut().zip(bytes.as_chunks().0) {
        *sample = f32::from_le_bytes(*bytes);
    }
    block
}
