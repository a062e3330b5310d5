//! How many of a speaker's packets are lost, lately.

/// What a packet weighs: the last 500, which are 10 s of speech, count most.
const WEIGHT: f64 = 1.0 / 500.0;

/// As how many packets that came what is known beforehand counts.
const BEFORE: f64 = 100.0;

/// What a run of lost packets weighs.
const RUN_WEIGHT: f64 = 0.1;

/// From which share on a frame of look-ahead pays, and below which it doesn't any more.
const MUCH: f64 = 0.008;
const LITTLE: f64 = 0.004;

/// How long the runs are, on average, from which on loss comes in bursts.
const BURST: f64 = 1.6;

/// The loss of one speaker's packets.
#[derive(Debug)]
pub(super) struct Loss {
    share: f64,
    /// What the next packet weighs: the more, the fewer there were.
    weight: f64,
    /// Packets that were lost one after the other, now.
    run: u32,
    /// How long such runs are.
    length: f64,
    is_much: bool,
}

impl Loss {
    /// With a share from 0 to 1 that was found before.
    pub(super) fn new(share: f32, is_bursty: bool) -> Self {
        let share = f64::from(share).clamp(0.0, 1.0);
        let length = if is_bursty { 3.0 } else { 1.0 };
        Self { share, weight: 1.0 / BEFORE, run: 0, length, is_much: share > MUCH }
    }

    /// A packet came.
    pub(super) fn received(&mut self) {
        self.share -= self.share * self.weigh();
        if self.run > 0 {
            self.length += (f64::from(self.run) - self.length) * RUN_WEIGHT;
            self.run = 0;
        }
        self.judge();
    }

    /// So many didn't.
    pub(super) fn lost(&mut self, packets: u32) {
        for _ in 0..packets.min(500) {
            self.share += (1.0 - self.share) * self.weigh();
        }
        self.run = self.run.saturating_add(packets);
        self.judge();
    }

    /// One that was taken for lost came after all.
    pub(super) fn came_late(&mut self) {
        self.share = (self.share - self.weight).max(0.0);
        self.judge();
    }

    /// What this packet weighs.
    fn weigh(&mut self) -> f64 {
        let weight = self.weight;
        self.weight = (1.0 / (1.0 / weight + 1.0)).max(WEIGHT);
        weight
    }

    fn judge(&mut self) {
        self.is_much = self.share > if self.is_much { LITTLE } else { MUCH };
    }

    /// The share of packets that are lost, from 0 to 1.
    pub(super) fn share(&self) -> f32 {
        self.share as f32
    }

    /// Whether so much is lost that waiting for the packet behind each pays.
    pub(super) fn is_much(&self) -> bool {
        self.is_much
    }

    /// Whether several are lost together.
    pub(super) fn is_bursty(&self) -> bool {
        self.length > BURST
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_packet_is_not_much_and_two_percent_are() {
        let mut loss = Loss::new(0.0, false);
        (0..400).for_each(|_| loss.received());
        loss.lost(1);
        assert!(!loss.is_much());
        for packet in 0..1_000 {
            if packet % 50 == 0 { loss.lost(1) } else { loss.received() }
        }
        assert!(loss.is_much() && !loss.is_bursty());
        assert!((loss.share() - 0.02).abs() < 0.005, "{}", loss.share());
        for _ in 0..1_000 {
            loss.received();
        }
        assert!(!loss.is_much());
    }

    #[test]
    fn runs_are_told_from_single_ones() {
        let mut loss = Loss::new(0.0, false);
        for _ in 0..20 {
            loss.lost(3);
            (0..27).for_each(|_| loss.received());
        }
        assert!(loss.is_bursty());
        for _ in 0..40 {
            loss.lost(1);
            (0..9).for_each(|_| loss.received());
        }
        assert!(!loss.is_bursty());
    }

    #[test]
    fn what_was_found_before_is_believed() {
        assert!(Loss::new(0.05, false).is_much());
        assert!(!Loss::new(0.001, false).is_much());
        assert!(Loss::new(0.1, true).is_bursty());
    }
}
