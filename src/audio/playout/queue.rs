//! The packets of one speaker that wait to be played, in order, with numbers that don't wrap.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::audio::packet_duration;
use crate::protocol::VoiceHeader;

/// Sound that waits at most, in samples: 3 s. Beyond that the oldest goes.
const LONGEST: i64 = 144_000;

/// Packets that wait at most.
const MOST: usize = 400;

/// How far from the newest packet another one of the same stream may be, in packets: 20 s of 20 ms. What is further is
/// another stream.
const FAR: i64 = 1_000;

/// A packet that waits.
#[derive(Clone, Debug)]
pub(super) struct Packet {
    /// The sample at which it begins, on the speaker's clock.
    pub(super) at: i64,
    /// Samples in it.
    pub(super) duration: i64,
    /// Whether a talk spurt begins with it.
    pub(super) marker: bool,
    pub(super) payload: Bytes,
}

/// What became of a packet that came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// It waits. It begins at this sample.
    Taken(i64),
    /// It is the first of a stream: what was before is no more.
    First(i64),
    /// Its place was played already. It begins at this sample.
    Late(i64),
    /// It was there already, or is no Opus packet.
    Useless,
}

/// The packets that wait.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: BTreeMap<i64, Packet>,
    /// The newest packet's header, and its numbers as they go on.
    newest: Option<(VoiceHeader, i64, i64)>,
    /// Packets before this one aren't wanted any more.
    wanted: i64,
}

impl Queue {
    /// Takes a packet that came.
    pub(super) fn hear(&mut self, header: &VoiceHeader, payload: Bytes) -> Heard {
        let Some(duration) = packet_duration(&payload) else { return Heard::Useless };
        let Some((number, at)) = self.place(header) else { return self.restart(header, duration, payload) };
        if number < self.wanted {
            return Heard::Late(at);
        }
        let packet = Packet { at, duration: duration.into(), marker: header.marker, payload };
        if self.waiting.contains_key(&number) {
            return Heard::Useless;
        }
        self.waiting.insert(number, packet);
        if self.newest.is_none_or(|(_, newest, _)| number > newest) {
            self.newest = Some((*header, number, at));
        }
        self.bound();
        Heard::Taken(at)
    }

    /// Where a packet belongs in the stream; `None` where it is of another one.
    fn place(&self, header: &VoiceHeader) -> Option<(i64, i64)> {
        let (newest, number, at) = self.newest?;
        if newest.ssrc != header.ssrc {
            return None;
        }
        let ahead = i64::from(header.sequence.wrapping_sub(newest.sequence).cast_signed());
        let later = i64::from(header.timestamp.wrapping_sub(newest.timestamp).cast_signed());
        // Numbers and time go the same way. Time may be far ahead, behind a long silence.
        let agrees = ahead.signum() * later.signum() >= 0;
        (ahead.abs() <= FAR && agrees).then_some((number + ahead, at + later))
    }

    fn restart(&mut self, header: &VoiceHeader, duration: u32, payload: Bytes) -> Heard {
        let at = i64::from(header.timestamp);
        self.waiting.clear();
        self.newest = Some((*header, FAR, at));
        self.wanted = 0;
        let packet = Packet { at, duration: duration.into(), marker: header.marker, payload };
        self.waiting.insert(FAR, packet);
        Heard::First(at)
    }

    fn bound(&mut self) {
        while self.waiting.len() > MOST || self.sound() > LONGEST && self.waiting.len() > 1 {
            if let Some((number, _)) = self.waiting.pop_first() {
                self.wanted = number + 1;
            }
        }
    }

    /// Sound that waits, in samples, without the gaps.
    pub(super) fn sound(&self) -> i64 {
        self.waiting.values().map(|packet| packet.duration).sum()
    }

    /// The first packet that waits, and its number.
    pub(super) fn first(&self) -> Option<(i64, &Packet)> {
        self.waiting.first_key_value().map(|(number, packet)| (*number, packet))
    }

    /// The packet of this number, if it waits.
    pub(super) fn get(&self, number: i64) -> Option<&Packet> {
        self.waiting.get(&number)
    }

    /// Takes the packet of this number out; it and those before it aren't wanted any more.
    pub(super) fn take(&mut self, number: i64) -> Option<Packet> {
        let packet = self.waiting.remove(&number);
        self.skip_to(number + 1);
        packet
    }

    /// Packets before this one aren't wanted any more.
    pub(super) fn skip_to(&mut self, number: i64) {
        self.wanted = self.wanted.max(number);
        while self.waiting.first_key_value().is_some_and(|(first, _)| *first < self.wanted) {
            self.waiting.pop_first();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Ssrc;
    use crate::protocol::OPUS_PAYLOAD_TYPE;

    fn header(sequence: u16, timestamp: u32) -> VoiceHeader {
        VoiceHeader { ssrc: Ssrc(7), sequence, timestamp, marker: false, payload_type: OPUS_PAYLOAD_TYPE }
    }

    /// A frame of 20 ms of silence.
    fn frame() -> Bytes {
        Bytes::from_static(&[0xf8, 0xff, 0xfe])
    }

    #[test]
    fn packets_wait_in_order_over_the_wrap_of_both_numbers() {
        let mut queue = Queue::default();
        let time = u32::MAX - 1_000;
        assert!(matches!(queue.hear(&header(65_534, time), frame()), Heard::First(_)));
        for step in [3_u32, 1, 2] {
            let sequence = 65_534_u16.wrapping_add(step as u16);
            queue.hear(&header(sequence, time.wrapping_add(step * 960)), frame());
        }
        let (first, _) = queue.first().unwrap();
        let begins: Vec<i64> = (0..4).map(|step| queue.take(first + step).unwrap().at).collect();
        assert_eq!(begins, [0, 960, 1_920, 2_880].map(|later| i64::from(time) + later));
    }

    #[test]
    fn what_was_played_is_late_and_what_is_there_is_useless() {
        let mut queue = Queue::default();
        queue.hear(&header(10, 0), frame());
        queue.hear(&header(12, 1_920), frame());
        assert_eq!(queue.hear(&header(12, 1_920), frame()), Heard::Useless);
        assert_eq!(queue.hear(&header(13, 2_880), Bytes::new()), Heard::Useless);
        let (first, _) = queue.first().unwrap();
        queue.take(first);
        queue.skip_to(first + 2);
        assert_eq!(queue.hear(&header(11, 960), frame()), Heard::Late(960));
    }

    #[test]
    fn another_stream_begins_anew() {
        let mut queue = Queue::default();
        queue.hear(&header(10, 0), frame());
        let mut other = header(11, 960);
        other.ssrc = Ssrc(8);
        assert_eq!(queue.hear(&other, frame()), Heard::First(960));
        assert_eq!(
            queue.hear(&header(5_000, 5_000_000), frame()),
            Heard::First(5_000_000),
            "another speaker"
        );
        assert_eq!(queue.hear(&header(9_000, 5_001_000), frame()), Heard::First(5_001_000), "a jump");
        assert_eq!(queue.hear(&header(9_001, 4_000_000), frame()), Heard::First(4_000_000), "time goes back");
        assert_eq!(queue.sound(), 960);
    }

    #[test]
    fn no_more_than_three_seconds_wait() {
        let mut queue = Queue::default();
        for number in 0..500_u16 {
            queue.hear(&header(number, u32::from(number) * 960), frame());
        }
        assert_eq!(queue.sound(), LONGEST);
        assert_eq!(queue.first().unwrap().1.at, 350 * 960);
        let mut many = Queue::default();
        for number in 0..900_u16 {
            many.hear(&header(number, u32::from(number) * 120), Bytes::from_static(&[0xe0, 0xff, 0xfe]));
        }
        assert_eq!(many.waiting.len(), MOST);
    }
}
