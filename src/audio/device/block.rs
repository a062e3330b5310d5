//! The unit in which sound comes and goes.

use std::time::Duration;

/// Samples in a block: 5 ms.
pub const BLOCK: usize = 240;

/// How long a block lasts.
pub const BLOCK_LASTS: Duration = Duration::from_millis(5);
