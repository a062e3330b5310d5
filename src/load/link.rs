//! The way to a server and back: delay, jitter and loss of voice in each direction, by the echo.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::chart;
use super::count::{EVERY, Stamp};
use super::crowd::Progress;
use super::tally::Delays;
use crate::client::{Ended, Session};
use crate::id::FlowId;

/// How long the last packets are waited for.
const TAIL: Duration = Duration::from_secs(1);

/// One way's figures.
#[derive(Clone, Debug, Default)]
pub struct Way {
    /// How long packets took.
    pub delays: Delays,
    /// By how much the time varies from one packet to the next, smoothed (RFC 3550, section 6.4.1).
    pub jitter: Duration,
    /// Packets that didn't arrive.
    pub lost: u64,
    /// Packets that were sent.
    pub sent: u64,
}

impl Way {
    /// The share that was lost.
    pub fn loss(&self) -> f64 {
        self.lost as f64 / self.sent.max(1) as f64
    }
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct LinkReport {
    /// To the server. Its clock isn't ours: the fastest packet is taken to have been as fast each way.
    pub there: Way,
    /// Back.
    pub back: Way,
    /// Both together.
    pub round: Way,
    /// For each packet that came back: when it was sent, and how long it took each way, in milliseconds.
    pub course: Vec<(Duration, f64, f64)>,
}

/// A packet that came back: when it was sent, reached the server by its clock, and was here again.
struct Trip {
    sent: Duration,
    there: Duration,
    back: Duration,
}

/// Sends a frame every 20 ms for so long, and hears them come back.
pub async fn link(
    session: &Session,
    duration: Duration,
    progress: Progress<'_>,
) -> Result<LinkReport, Ended> {
    let (mut voice, mut speaker) = (session.voice(), session.speaker_on(FlowId::ECHO));
    let base = Instant::now();
    let mut due = tokio::time::interval(EVERY);
    let (mut trips, mut sent, mut reached) = (Vec::new(), 0, 0);
    let wanted = (duration.as_millis() / EVERY.as_millis()).max(1) as u32;
    let end = tokio::time::sleep(duration + TAIL);
    tokio::pin!(end);
    while trips.len() < wanted as usize {
        tokio::select! {
            () = &mut end => break,
            _ = due.tick(), if sent < wanted => {
                let stamp = Stamp { sent: base.elapsed().as_nanos() as u64, number: sent };
                speaker.send(&stamp.frame());
                sent += 1;
                progress("sending and hearing", f64::from(sent) / f64::from(wanted));
            }
            heard = voice.next() => {
                let heard = heard?;
                let (Some(stamp), Some(echo)) = (Stamp::of(&heard.payload), heard.echo) else { continue };
                reached = reached.max(echo.count);
                let back = heard.at.saturating_duration_since(base);
                trips.push(Trip { sent: Duration::from_nanos(stamp.sent), there: echo.at, back });
            }
        }
    }
    Ok(evaluate(&trips, sent, reached))
}

fn evaluate(trips: &[Trip], sent: u32, reached: u32) -> LinkReport {
    let mut report = LinkReport::default();
    let Some(fastest) = trips.iter().min_by_key(|trip| trip.back.saturating_sub(trip.sent)) else {
        let lost = |sent: u32| Way { sent: sent.into(), lost: sent.into(), ..Way::default() };
        return LinkReport { there: lost(sent), round: lost(sent), ..LinkReport::default() };
    };
    // Signed, in seconds: the server's clock may have begun before ours.
    let half = fastest.back.saturating_sub(fastest.sent).as_secs_f64() / 2.0;
    let ahead = fastest.there.as_secs_f64() - fastest.sent.as_secs_f64() - half;
    let mut before: Option<(f64, f64)> = None;
    let (mut jitter_there, mut jitter_back) = (0.0, 0.0);
    for trip in trips {
        let there = (trip.there.as_secs_f64() - ahead - trip.sent.as_secs_f64()).max(0.0);
        let round = trip.back.saturating_sub(trip.sent);
        let back = (round.as_secs_f64() - there).max(0.0);
        report.there.delays.add(Duration::from_secs_f64(there));
        report.back.delays.add(Duration::from_secs_f64(back));
        report.round.delays.add(round);
        if let Some((last_there, last_back)) = before {
            jitter_there += ((there - last_there).abs() - jitter_there) / 16.0;
            jitter_back += ((back - last_back).abs() - jitter_back) / 16.0;
        }
        before = Some((there, back));
        report.course.push((trip.sent, there * 1e3, back * 1e3));
    }
    report.there.jitter = Duration::from_secs_f64(jitter_there);
    report.back.jitter = Duration::from_secs_f64(jitter_back);
    report.round.jitter = report.there.jitter + report.back.jitter;
    let (sent, reached, came) = (u64::from(sent), u64::from(reached), trips.len() as u64);
    (report.there.sent, report.there.lost) = (sent, sent.saturating_sub(reached));
    (report.back.sent, report.back.lost) = (reached, reached.saturating_sub(came));
    (report.round.sent, report.round.lost) = (sent, sent.saturating_sub(came));
    report
}

impl LinkReport {
    /// The ways with their names.
    pub fn ways(&self) -> [(&'static str, &Way); 3] {
        [("there", &self.there), ("back", &self.back), ("round trip", &self.round)]
    }

    /// All of it for a program.
    pub fn to_json(&self) -> Value {
        let milliseconds = |time: Duration| (time.as_secs_f64() * 1e6).round() / 1e3;
        let way = |way: &Way| {
            json!({
                "sent": way.sent, "lost": way.lost, "loss": way.loss(), "jitter_ms": milliseconds(way.jitter),
                "p50_ms": milliseconds(way.delays.at(0.5)), "p99_ms": milliseconds(way.delays.at(0.99)),
            })
        };
        json!({
            "bench": "link", "there": way(&self.there), "back": way(&self.back), "round_trip": way(&self.round),
        })
    }

    /// The highest delay of each fifth of a second, each way, in milliseconds.
    pub fn by_fifths(&self) -> [Vec<f64>; 2] {
        let mut lines = [Vec::new(), Vec::new()];
        for (sent, there, back) in &self.course {
            let place = (sent.as_millis() / 200) as usize;
            for (line, value) in lines.iter_mut().zip([there, back]) {
                if line.len() <= place {
                    line.resize(place + 1, 0.0);
                }
                line[place] = f64::max(line[place], *value);
            }
        }
        lines
    }

    /// A chart of it, as SVG.
    pub fn chart(&self, server: &str) -> String {
        let [there, back] = self.by_fifths();
        let title = format!("The way to {server} and back; highest delay of each fifth of a second, in ms");
        chart::draw(&title, &[("there", "#27c", there), ("back", "#d80", back)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ways_are_told_apart_whatever_the_servers_clock_says() {
        let ms = Duration::from_millis;
        // 10 ms each way, but 30 there for every fifth; the server's clock is an hour ahead.
        let hour = Duration::from_secs(3_600);
        let trips: Vec<Trip> = (0..100)
            .filter(|number| number % 10 != 3)
            .map(|number| {
                let (sent, slow) = (ms(number * 20), if number % 5 == 0 { 30 } else { 10 });
                Trip { sent, there: hour + sent + ms(slow), back: sent + ms(slow + 10) }
            })
            .collect();
        let report = evaluate(&trips, 100, 95);
        let at = |way: &Way, share| way.delays.at(share).as_secs_f64() * 1e3;
        assert!((at(&report.there, 0.5) - 10.0).abs() < 0.4 && (at(&report.there, 0.99) - 30.0).abs() < 1.0);
        assert!((at(&report.back, 0.99) - 10.0).abs() < 0.4);
        assert!(report.there.jitter > report.back.jitter);
        assert_eq!((report.there.lost, report.back.lost, report.round.lost), (5, 5, 10));
        assert!(report.chart("here").contains("polyline"));
    }

    #[test]
    fn nothing_that_comes_back_is_a_loss_of_everything() {
        let report = evaluate(&[], 50, 0);
        assert_eq!((report.round.lost, report.there.lost), (50, 50));
        assert!((report.round.loss() - 1.0).abs() < 1e-9);
    }
}
