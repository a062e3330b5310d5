//! Gathering: where several people speak at once, frames that are about to meet wait for each other, so that
//! each listener gets them in one packet. A packet costs far more than a frame in it.
//!
//! Better still, speakers are asked to come together: a frame's beginning may be anywhere in 20 ms without
//! anybody hearing later for it, so each who is off the channel's beat is told by how much ([`Gather::pace`]).
//!
//! A speaker's frames come at even intervals, so it is known when the next ones are due. A frame waits only
//! when another one is due within the bound, and all leave with the last of those: nothing waits in vain, and
//! the usual end of the waiting is a frame, not a timer.

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;

use crate::id::{ChannelId, FlowId, Ssrc};

/// From how many speakers on frames wait. One or two would seldom meet.
const CROWD: usize = 3;

/// How long after a frame its speaker counts as speaking: a few frames may be lost or late.
const SPEAKING: Duration = Duration::from_millis(120);

/// The interval of frames of 20 ms, and what is taken for one at all: 2.5 to 60 ms (RFC 6716, section 2.1.4).
const USUAL: Duration = Duration::from_millis(20);
const SHORTEST: Duration = Duration::from_millis(2);
const LONGEST: Duration = Duration::from_millis(70);

/// How far from the beat a speaker may be, in microseconds, and after how many frames that is believed.
const OFFBEAT: i64 = 1_000;
const HEARD: u32 = 25;

/// How long a frame that is late is waited for.
const LATE: Duration = Duration::from_millis(1);

/// Frames of a channel that wait at most; one more sends them all.
const MOST: usize = 64;

/// A packet and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame<H> {
    /// Where the speaker is known: what leads to the table of their organization. An SSRC means nothing elsewhere.
    pub home: H,
    /// The speaker.
    pub ssrc: Ssrc,
    /// Through which flow.
    pub flow: FlowId,
    /// The datagram, which is passed on as it came.
    pub datagram: Bytes,
    /// The same without the speaker's position, where it has one: for those whom that doesn't concern.
    pub plain: Option<Bytes>,
}

/// What is to be done with a frame.
#[derive(Debug, PartialEq, Eq)]
pub enum Offer<H> {
    /// Send these now, in this order.
    Send(Vec<Frame<H>>),
    /// Send this one now. The usual case of the above, without the vector.
    SendOne(Frame<H>),
    /// It waits; [`Gather::take`] is wanted at this time, if not earlier.
    Wait(Duration),
}

/// What waits, by channel. Times are those since any fixed instant.
#[derive(Debug)]
pub struct Gather<H> {
    /// How long a frame waits at most; zero sends all of them at once.
    bound: Duration,
    channels: HashMap<ChannelId, Waiting<H>>,
    /// Until when the list of channels isn't looked through for silent ones.
    swept: Duration,
}

#[derive(Debug)]
struct Waiting<H> {
    /// Those who speak. Who fell silent is taken out when another one is heard.
    speaking: Vec<Speaking>,
    frames: Vec<Frame<H>>,
    /// When they leave at the latest.
    due: Duration,
    /// When the last of those who are waited for is expected.
    expected: Duration,
}

#[derive(Clone, Copy, Debug)]
struct Speaking {
    ssrc: Ssrc,
    /// When its last frame came, and how long after the one before; a start is taken for a frame of 20 ms.
    last: Duration,
    interval: Duration,
    /// How far after the channel's beat its frames come, smoothed, in microseconds; negative before it.
    offbeat: i64,
    /// Frames since that was begun.
    frames: u32,
}

impl Speaking {
    /// When its next frame is due.
    fn next(&self) -> Duration {
        self.last + self.interval
    }
}

impl<H> Default for Waiting<H> {
    fn default() -> Self {
        Self { speaking: Vec::new(), frames: Vec::new(), due: Duration::ZERO, expected: Duration::ZERO }
    }
}

impl<H> Waiting<H> {
    /// Notes that one speaks.
    fn hear(&mut self, ssrc: Ssrc, now: Duration) {
        if let Some(speaking) = self.speaking.iter_mut().find(|speaking| speaking.ssrc == ssrc) {
            let passed = now.saturating_sub(speaking.last);
            // Lost and late frames make intervals that say nothing.
            if (SHORTEST..LONGEST).contains(&passed) {
                speaking.interval = (speaking.interval * 7 + passed) / 8;
            }
            speaking.last = now;
        } else {
            self.speaking.push(Speaking { ssrc, last: now, interval: USUAL, offbeat: 0, frames: 0 });
        }
        self.speaking.retain(|speaking| now.saturating_sub(speaking.last) < SPEAKING);
    }

    /// When the last frame comes that is due from now until `until`, with some patience for each; none when
    /// there is no such frame.
    fn expected(&self, now: Duration, until: Duration) -> Option<Duration> {
        let next = self.speaking.iter().map(Speaking::next);
        next.filter(|next| *next + LATE > now && *next <= until).max()
    }
}

/// When in the 20 ms the frames of a channel are wanted. It follows from the channel alone, so that all shards
/// agree, and channels are spread evenly, so that not all of them come at once.
fn beat(channel: ChannelId) -> Duration {
    const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
    let place = channel.0.wrapping_mul(GOLDEN) >> 32;
    Duration::from_micros((place * (USUAL.as_micros() as u64)) >> 32)
}

/// A time in microseconds, as the distance to the nearest beat.
fn around_beat(time: i64) -> i64 {
    let beat = USUAL.as_micros() as i64;
    (time + beat / 2).rem_euclid(beat) - beat / 2
}

impl<H> Gather<H> {
    /// Frames wait for `bound` at most.
    pub fn new(bound: Duration) -> Self {
        Self { bound, channels: HashMap::new(), swept: Duration::ZERO }
    }

    /// A frame for a channel.
    pub fn offer(&mut self, now: Duration, channel: ChannelId, frame: Frame<H>) -> Offer<H> {
        if self.bound.is_zero() {
            return Offer::SendOne(frame);
        }
        let waiting = self.channels.entry(channel).or_default();
        waiting.hear(frame.ssrc, now);
        if waiting.frames.is_empty() {
            let until = now + self.bound;
            let expected = waiting.expected(now, until).filter(|_| waiting.speaking.len() >= CROWD);
            let Some(expected) = expected else { return Offer::SendOne(frame) };
            (waiting.expected, waiting.due) = (expected, (expected + LATE).min(until));
        }
        waiting.frames.push(frame);
        let complete = waiting.expected(now, waiting.expected).is_none();
        if complete || waiting.frames.len() >= MOST {
            return Offer::Send(std::mem::take(&mut waiting.frames));
        }
        Offer::Wait(waiting.due)
    }

    /// By how much a speaker who was just heard should send later, once, to come at the same time as the
    /// others of the channel; none when it does already, or when few speak.
    pub fn pace(&mut self, now: Duration, channel: ChannelId, ssrc: Ssrc) -> Option<Duration> {
        let waiting = self.channels.get_mut(&channel)?;
        if waiting.speaking.len() < CROWD {
            return None;
        }
        let speaking = waiting.speaking.iter_mut().find(|speaking| speaking.ssrc == ssrc)?;
        if speaking.interval < USUAL * 3 / 4 {
            return None;
        }
        let found = around_beat((now + USUAL).saturating_sub(beat(channel)).as_micros() as i64);
        speaking.offbeat = match speaking.frames {
            0 => found,
            _ => around_beat(speaking.offbeat + around_beat(found - speaking.offbeat) / 8),
        };
        speaking.frames += 1;
        if speaking.frames < HEARD || speaking.offbeat.abs() < OFFBEAT {
            return None;
        }
        speaking.frames = 0;
        let later = (-speaking.offbeat).rem_euclid(USUAL.as_micros() as i64);
        u64::try_from(later).ok().map(Duration::from_micros)
    }

    /// What is due, by channel, and when to look again; none when nothing waits.
    pub fn take(&mut self, now: Duration) -> (Vec<Vec<Frame<H>>>, Option<Duration>) {
        let (mut due, mut next) = (Vec::new(), None::<Duration>);
        for waiting in self.channels.values_mut().filter(|waiting| !waiting.frames.is_empty()) {
            if waiting.due <= now {
                due.push(std::mem::take(&mut waiting.frames));
            } else {
                next = Some(next.map_or(waiting.due, |next| next.min(waiting.due)));
            }
        }
        if now.saturating_sub(self.swept) > SPEAKING * 50 {
            self.swept = now;
            self.channels.retain(|_, waiting| {
                let heard = |speaking: &Speaking| now.saturating_sub(speaking.last) < SPEAKING;
                !waiting.frames.is_empty() || waiting.speaking.iter().any(heard)
            });
        }
        (due, next)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BOUND: Duration = Duration::from_millis(5);

    fn frame(ssrc: u32, number: u32) -> Frame<()> {
        Frame {
            home: (),
            ssrc: Ssrc(ssrc),
            flow: FlowId::CHANNEL,
            datagram: Bytes::copy_from_slice(&number.to_be_bytes()),
            plain: None,
        }
    }

    fn at(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    #[test]
    fn one_and_two_speakers_never_wait() {
        let mut gather = Gather::new(BOUND);
        for time in 0..200 {
            let offer = gather.offer(at(time * 10), ChannelId(1), frame(time as u32 % 2, 0));
            assert!(matches!(offer, Offer::SendOne(_)), "{offer:?}");
        }
        assert_eq!(gather.take(at(5_000)), (vec![], None));
    }

    /// Three who speak every 20 ms, at these places in the 20 ms.
    fn rounds(gather: &mut Gather<()>, places: [u64; 3], rounds: u64) -> Vec<(u64, Offer<()>)> {
        let mut offers = Vec::new();
        for round in 0..rounds {
            for (ssrc, place) in (1..).zip(places) {
                let now = round * 20 + place;
                gather.take(at(now));
                offers.push((now, gather.offer(at(now), ChannelId(1), frame(ssrc, round as u32))));
            }
        }
        offers
    }

    #[test]
    fn frames_that_are_about_to_meet_leave_together_with_the_last() {
        let mut gather = Gather::new(BOUND);
        let offers = rounds(&mut gather, [0, 2, 4], 10);
        // The second round is the first of which it is known when it comes.
        for round in offers.chunks(3).skip(2) {
            assert!(matches!(&round[0].1, Offer::Wait(due) if *due == at(round[0].0 + 5)), "{round:?}");
            assert!(matches!(&round[1].1, Offer::Wait(_)), "{round:?}");
            assert!(matches!(&round[2].1, Offer::Send(frames) if frames.len() == 3), "{round:?}");
        }
    }

    #[test]
    fn a_frame_that_nobody_is_about_to_follow_does_not_wait() {
        let mut gather = Gather::new(BOUND);
        let offers = rounds(&mut gather, [0, 7, 14], 10);
        assert!(offers.iter().skip(3).all(|(_, offer)| matches!(offer, Offer::SendOne(_))), "{offers:?}");
    }

    #[test]
    fn speakers_who_follow_the_pace_come_together() {
        let mut gather = Gather::new(BOUND);
        let mut places = [Duration::from_micros(1_300), at(8), Duration::from_micros(14_700)];
        let mut waited = 0;
        for round in 0..200 {
            let mut order: Vec<usize> = (0..3).collect();
            order.sort_by_key(|speaker| places[*speaker]);
            for speaker in order {
                let (now, ssrc) = (at(round * 20) + places[speaker], Ssrc(speaker as u32 + 1));
                gather.take(now);
                let offer = gather.offer(now, ChannelId(7), frame(ssrc.0, round as u32));
                waited += usize::from(round >= 150 && matches!(offer, Offer::Wait(_)));
                if let Some(later) = gather.pace(now, ChannelId(7), ssrc) {
                    assert!(later < USUAL);
                    places[speaker] += later;
                    places[speaker] = Duration::from_micros((places[speaker].as_micros() % 20_000) as u64);
                }
            }
        }
        let apart: Vec<_> = places
            .iter()
            .map(|place| around_beat((*place + USUAL).saturating_sub(beat(ChannelId(7))).as_micros() as i64))
            .collect();
        assert!(apart.iter().all(|apart| apart.abs() <= OFFBEAT), "{apart:?}");
        assert_eq!(waited, 50 * 2, "two of three wait for the last");
    }

    #[test]
    fn two_speakers_are_left_alone() {
        let mut gather = Gather::new(BOUND);
        for round in 0..500 {
            for ssrc in 1..=2 {
                let now = at(round * 20 + u64::from(ssrc) * 5);
                gather.offer(now, ChannelId(1), frame(ssrc, 0));
                assert_eq!(gather.pace(now, ChannelId(1), Ssrc(ssrc)), None);
            }
        }
    }

    #[test]
    fn who_falls_silent_is_waited_for_a_little_and_then_no_more() {
        let mut gather = Gather::new(BOUND);
        rounds(&mut gather, [0, 2, 4], 5);
        // The third one says nothing any more.
        assert!(matches!(gather.offer(at(100), ChannelId(1), frame(1, 5)), Offer::Wait(_)));
        assert_eq!(gather.offer(at(102), ChannelId(1), frame(2, 5)), Offer::Wait(at(105)));
        let (sent, next) = gather.take(at(105));
        assert_eq!((sent.len(), sent[0].len(), next), (1, 2, None));
        assert!(matches!(gather.offer(at(300), ChannelId(1), frame(1, 6)), Offer::SendOne(_)));
        // Other channels don't wait for this one.
        assert!(matches!(gather.offer(at(300), ChannelId(2), frame(9, 0)), Offer::SendOne(_)));
    }

    #[test]
    fn what_waits_is_bounded() {
        let mut gather = Gather::new(BOUND);
        let mut sent = 0;
        for ssrc in 0..10_000 {
            match gather.offer(at(0), ChannelId(1), frame(ssrc, 0)) {
                Offer::Send(frames) => sent += frames.len(),
                Offer::SendOne(_) => sent += 1,
                Offer::Wait(_) => (),
            }
        }
        assert!(sent > 10_000 - 2 * MOST, "{sent}");
    }

    proptest! {
        #[test]
        fn every_frame_leaves_once_in_its_speakers_order_and_in_time(
            steps in proptest::collection::vec((0..4_u64, 1..6_u32, 1..3_u64), 1..400),
        ) {
            let mut gather = Gather::new(BOUND);
            let mut now = 0;
            let mut sent: HashMap<u32, u32> = HashMap::new();
            let mut left: HashMap<u32, u32> = HashMap::new();
            let mut born: HashMap<(u32, u32), u64> = HashMap::new();
            let mut leave = |frames: Vec<Frame<()>>, now: u64, born: &HashMap<(u32, u32), u64>| {
                for frame in frames {
                    let number = u32::from_be_bytes(frame.datagram[..].try_into().unwrap());
                    let next = left.entry(frame.ssrc.0).or_default();
                    assert_eq!(*next, number);
                    *next += 1;
                    assert!(now - born[&(frame.ssrc.0, number)] <= 5);
                }
            };
            for (passed, ssrc, channel) in steps {
                for _ in 0..passed {
                    now += 1;
                    for frames in gather.take(at(now)).0 {
                        leave(frames, now, &born);
                    }
                }
                // A speaker is in one channel.
                let ssrc = ssrc * 10 + channel as u32;
                let number = sent.entry(ssrc).or_default();
                born.insert((ssrc, *number), now);
                let offer = gather.offer(at(now), ChannelId(channel), frame(ssrc, *number));
                *number += 1;
                match offer {
                    Offer::Send(frames) => leave(frames, now, &born),
                    Offer::SendOne(frame) => leave(vec![frame], now, &born),
                    Offer::Wait(due) => prop_assert!(due >= at(now) && due <= at(now + 5)),
                }
            }
            for _ in 0..5 {
                now += 1;
                for frames in gather.take(at(now)).0 {
                    leave(frames, now, &born);
                }
            }
            prop_assert_eq!(left, sent);
        }
    }
}
