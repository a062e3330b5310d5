//! A crowd of any kind of client, as a run sees it.

use std::time::Duration;

use tokio::task::JoinSet;

use super::count::{Counting, EVERY};

/// What is told while a run goes on: what is being done, and how far it is, from 0 to 1.
pub type Progress<'a> = &'a dyn Fn(&str, f64);

/// People who are connected and may speak.
pub trait Crowd {
    /// Lets the first `speakers` of each channel speak, each in a rhythm of their own, until the set is
    /// dropped.
    fn talk(&self, speakers: usize) -> JoinSet<()>;

    /// What they count in.
    fn counting(&self) -> &Counting;
}

/// When in the 20 ms between two frames the speaker of a number speaks: spread as evenly as can be, for any
/// number of them, and so that neighbours are far apart.
pub fn rhythm(speaker: usize) -> Duration {
    const GOLDEN: f64 = 0.618_033_988_749_895;
    EVERY.mul_f64((speaker as f64 * GOLDEN).fract())
}
