//! Where each packet of a speaker belongs in a recording, by its timestamp and by when it arrived.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::{SAMPLE_RATE, packet_duration};
use crate::protocol::VoiceHeader;

/// How long a packet waits for those that were overtaken on the way, in samples: 200 ms.
const SETTLE: u64 = SAMPLE_RATE as u64 / 5;

/// Packets that wait at most: 5 s of 10 ms frames. Beyond that the oldest are due.
const WAITING: usize = 500;

/// How far from its arrival a packet's place may be, in samples: 10 s.
const PLAUSIBLE: u64 = 10 * SAMPLE_RATE as u64;

/// What became of a speaker's frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// That came.
    pub received: u64,
    /// That came when their place was taken already.
    pub late: u64,
    /// That came again.
    pub duplicate: u64,
    expected: u64,
}

impl Counts {
    /// Frames that were sent, as the sequence numbers tell, and never came.
    pub fn lost(self) -> u64 {
        self.expected.saturating_sub(self.received)
    }
}

/// A packet whose turn it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// The sample at which it belongs.
    pub at: u64,
    /// The sample at which the packet before it ended; zero for the first.
    pub from: u64,
    /// The packet.
    pub packet: Bytes,
}

/// Ties a stream's numbers to the recording.
#[derive(Clone, Copy, Debug)]
struct Anchor {
    header: VoiceHeader,
    position: u64,
    highest: u16,
}

/// One speaker's packets. Times are samples at 48 kHz since the recording began. The order of calls is:
/// [`Timeline::hear`] for what arrives, and [`Timeline::poll`] now and then for what is to be written.
#[derive(Debug, Default)]
pub struct Timeline {
    anchor: Option<Anchor>,
    waiting: BTreeMap<u64, Bytes>,
    /// Everything before this sample is written.
    settled: u64,
    counts: Counts,
}

impl Timeline {
    /// What became of the frames so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// The sample before which everything is written.
    pub fn settled(&self) -> u64 {
        self.settled
    }

    /// Takes a packet that arrived at sample `now`.
    pub fn hear(&mut self, now: u64, header: &VoiceHeader, packet: Bytes) {
        let position = self.position(now, *header);
        // One that claims a place far in the future would have those that come in time be late.
        if position < self.settled || position > now + PLAUSIBLE {
            self.counts.received += 1;
            self.counts.late += 1;
        } else if self.waiting.insert(position, packet).is_some() {
            self.counts.duplicate += 1;
        } else {
            self.counts.received += 1;
        }
    }

    /// A packet that has waited long enough at sample `now`; the oldest first.
    pub fn poll(&mut self, now: u64) -> Option<Due> {
        let first = self.waiting.first_key_value()?;
        if first.0.saturating_add(SETTLE) > now && self.waiting.len() <= WAITING {
            return None;
        }
        let (at, packet) = self.waiting.pop_first()?;
        let from = self.settled;
        self.settled = from.max(at + u64::from(packet_duration(&packet).unwrap_or(0)));
        Some(Due { at, from, packet })
    }

    /// Counts a packet that was due and had no room.
    pub fn count_late(&mut self) {
        self.counts.late += 1;
    }

    /// Where the packet belongs. The first of a stream stands where it arrived, and so does the first of a
    /// talk spurt, since clocks drift apart in a long silence; the rest follow by their timestamps.
    fn position(&mut self, now: u64, header: VoiceHeader) -> u64 {
        let free = now.max(self.end());
        if let Some(anchor) = &mut self.anchor
            && anchor.header.ssrc == header.ssrc
        {
            let ahead = header.sequence.wrapping_sub(anchor.highest).cast_signed();
            if ahead > 0 {
                self.counts.expected += u64::from(ahead.cast_unsigned());
                anchor.highest = header.sequence;
            }
            let samples = i64::from(header.timestamp.wrapping_sub(anchor.header.timestamp).cast_signed());
            let position = anchor.position.saturating_add_signed(samples);
            // A stream that claims to be far from where it arrives is taken at its arrival.
            let plausible = position.abs_diff(now) < PLAUSIBLE;
            if plausible && !(header.marker && ahead > 0) {
                return position;
            }
            *anchor = Anchor { header, position: free, ..*anchor };
            return free;
        }
        self.anchor = Some(Anchor { header, position: free, highest: header.sequence });
        self.counts.expected += 1;
        free
    }

    /// The sample after the last packet.
    fn end(&self) -> u64 {
        let last = self.waiting.last_key_value();
        last.map_or(self.settled, |(at, packet)| at + u64::from(packet_duration(packet).unwrap_or(0)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::protocol::OPUS_PAYLOAD_TYPE;

    const SECOND: u64 = SAMPLE_RATE as u64;

    fn header(sequence: u16, timestamp: u32, marker: bool) -> VoiceHeader {
        VoiceHeader { ssrc: 1.into(), sequence, timestamp, marker, payload_type: OPUS_PAYLOAD_TYPE }
    }

    fn frame() -> Bytes {
        Bytes::from_static(&[0xf8, 1, 2])
    }

    fn places(timeline: &mut Timeline, now: u64) -> Vec<u64> {
        std::iter::from_fn(|| timeline.poll(now)).map(|due| due.at).collect()
    }

    #[test]
    fn overtaken_packets_find_their_places_and_stragglers_are_counted() {
        let mut timeline = Timeline::default();
        let wrapped = u32::MAX - 959;
        timeline.hear(SECOND, &header(u16::MAX, wrapped, true), frame());
        timeline.hear(SECOND + 2_000, &header(1, 960, false), frame());
        timeline.hear(SECOND + 2_100, &header(0, 0, false), frame());
        timeline.hear(SECOND + 2_200, &header(0, 0, false), frame());
        assert_eq!(places(&mut timeline, SECOND + 9_000), [] as [u64; 0]);
        assert_eq!(places(&mut timeline, 2 * SECOND), [SECOND, SECOND + 960, SECOND + 1_920]);
        timeline.hear(2 * SECOND, &header(0, 0, false), frame());
        timeline.hear(2 * SECOND, &header(5, 4_800, false), frame());
        let counts = timeline.counts();
        assert_eq!((counts.received, counts.late, counts.duplicate, counts.lost()), (5, 1, 1, 2));
        // A talk spurt begins where it arrives, whatever its clock says.
        timeline.hear(5 * SECOND, &header(6, 5_760, true), frame());
        assert_eq!(places(&mut timeline, u64::MAX), [SECOND + 5_760, 5 * SECOND]);
    }

    #[test]
    fn a_stream_that_runs_ahead_of_time_is_left_out() {
        let mut timeline = Timeline::default();
        let longest = Bytes::from_static(&[0xfb, 6]);
        for index in 0..1_000_u16 {
            timeline.hear(u64::from(index), &header(index, 0, true), longest.clone());
        }
        while timeline.poll(u64::MAX).is_some() {}
        assert!(timeline.settled() < 11 * SECOND, "{}", timeline.settled());
        assert!(timeline.counts().late > 900);
    }

    proptest! {
        #[test]
        fn whatever_comes_is_due_in_order_and_near_its_arrival(
            packets in proptest::collection::vec((any::<u16>(), any::<u32>(), any::<bool>(), 0..3_000_u64), 0..800),
        ) {
            let (mut timeline, mut now, mut last) = (Timeline::default(), 0, 0);
            for (sequence, timestamp, marker, later) in packets {
                now += later;
                timeline.hear(now, &header(sequence, timestamp, marker), frame());
                while let Some(due) = timeline.poll(now) {
                    prop_assert!(due.at >= last && due.at <= now + PLAUSIBLE);
                    last = due.at;
                }
                prop_assert!(timeline.waiting.len() <= WAITING);
            }
        }
    }
}
