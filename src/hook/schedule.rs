//! When a message that wasn't taken is tried again. Pure.

use std::time::Duration;

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;

/// Milliseconds after each try that failed (Standard Webhooks, "Deliverability and reliability"); after the last one there is
/// no further try.
const PAUSES: [u64; 7] = [5 * SECOND, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 10 * HOUR];

/// By how much a pause is longer at most, in percent: receivers that were away aren't met by everybody at once.
pub(super) const JITTER: u64 = 20;

/// How long to wait after the try that was the `tries`th to fail, from 1, with a number that was drawn at random. `None` after
/// the last one.
pub(super) fn pause(tries: u32, drawn: u64) -> Option<Duration> {
    let pause = *PAUSES.get(usize::try_from(tries).ok()?.checked_sub(1)?)?;
    let more = pause * JITTER / 100;
    Some(Duration::from_millis(pause + drawn % (more + 1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_tried_eight_times_in_a_little_more_than_a_day() {
        let pauses = |drawn| (1..).map_while(move |tries| pause(tries, drawn)).collect::<Vec<_>>();
        let seconds = pauses(0).iter().map(Duration::as_secs).collect::<Vec<_>>();
        assert_eq!(seconds, [5, 300, 1_800, 7_200, 18_000, 36_000, 36_000]);
        for drawn in [1, 999, 12_345_678_901, u64::MAX] {
            for (longer, pause) in pauses(drawn).iter().zip(pauses(0)) {
                assert!(*longer >= pause && *longer <= pause * 12 / 10, "{longer:?}");
            }
        }
        assert_eq!(pause(0, 0), None);
        assert_eq!(pause(u32::MAX, 0), None);
    }
}
