//! Sound between two threads that work in blocks of different lengths.

use std::collections::VecDeque;

use super::level::factor;

/// Samples on their way from one thread to another. It holds a bounded number: whoever writes is never held up, and
/// where nobody reads, the oldest go.
#[derive(Debug)]
pub struct SampleQueue {
    samples: VecDeque<f32>,
    reserve: usize,
    most: usize,
}

impl SampleQueue {
    /// A queue that begins with `reserve` samples of silence, for threads that aren't in step. When there would be more
    /// than `most`, it falls back to so many, or to what is written then, where that is more.
    pub fn new(reserve: usize, most: usize) -> Self {
        let most = most.max(reserve);
        Self { samples: VecDeque::from(vec![0.0; reserve]), reserve, most }
    }

    /// Adds samples at the end.
    pub fn write(&mut self, samples: &[f32]) {
        self.samples.extend(samples);
        if self.samples.len() > self.most {
            let kept = self.reserve.max(samples.len()).min(self.most);
            self.samples.drain(..self.samples.len() - kept);
        }
    }

    /// Takes samples from the beginning. Where there are too few, silence comes first, so that what is written next
    /// follows on what is read last.
    pub fn read(&mut self, out: &mut [f32]) {
        let there = self.samples.len().min(out.len());
        let (silence, sound) = out.split_at_mut(out.len() - there);
        silence.fill(0.0);
        for (to, sample) in sound.iter_mut().zip(self.samples.drain(..there)) {
            *to = sample;
        }
    }

    /// How many samples wait.
    pub fn len(&self) -> usize {
        self.samples.len()
    }

    /// Whether none wait.
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }
}

/// Most samples of a side tone that wait: what one hears of oneself later than that disturbs.
const SIDETONE_MOST: usize = 1_440;

/// What people hear of themselves, after the filters.
#[derive(Debug)]
pub struct Sidetone {
    queue: SampleQueue,
    factor: f32,
}

impl Default for Sidetone {
    fn default() -> Self {
        Self::new()
    }
}

impl Sidetone {
    /// One that is off.
    pub fn new() -> Self {
        Self { queue: SampleQueue::new(0, SIDETONE_MOST), factor: 0.0 }
    }

    /// How loud it is, in decibels above the microphone (-60 to 20, others become the nearest); `None` is off.
    pub fn set_volume(&mut self, decibels: Option<f32>) {
        self.factor = decibels.map_or(0.0, |decibels| factor(decibels.clamp(-60.0, 20.0)));
        if self.factor <= 0.0 {
            self.queue = SampleQueue::new(0, SIDETONE_MOST);
        }
    }

    /// Whether anything is heard of it.
    pub fn is_on(&self) -> bool {
        self.factor > 0.0
    }

    /// Takes what the microphone gave, after the filters.
    pub fn write(&mut self, block: &[f32]) {
        if self.is_on() {
            self.queue.write(block);
        }
    }

    /// Adds it to what is played. Silence waits for a block that isn't whole yet.
    pub fn mix_into<const N: usize>(&mut self, out: &mut [f32; N]) {
        if !self.is_on() || self.queue.len() < N {
            return;
        }
        let mut own = [0.0; N];
        self.queue.read(&mut own);
        for (sum, sample) in out.iter_mut().zip(own) {
            *sum += sample * self.factor;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_come_out_in_order_behind_the_reserve() {
        let mut queue = SampleQueue::new(2, 10);
        queue.write(&[1.0, 2.0]);
        let mut out = [9.0; 3];
        queue.read(&mut out);
        assert_eq!((out, queue.len()), ([0.0, 0.0, 1.0], 1));
        queue.read(&mut out);
        assert_eq!((out, queue.is_empty()), ([0.0, 0.0, 2.0], true));
    }

    #[test]
    fn what_nobody_reads_goes_down_to_the_reserve() {
        let mut queue = SampleQueue::new(2, 6);
        for sample in [1.0, 2.0, 3.0, 4.0, 5.0] {
            queue.write(&[sample]);
            assert!(queue.len() <= 6);
        }
        assert_eq!(queue.len(), 2);
        let mut out = [0.0; 2];
        queue.read(&mut out);
        assert_eq!((out, queue.len()), ([4.0, 5.0], 0));
    }

    #[test]
    fn a_sidetone_is_heard_at_its_volume_and_never_late() {
        let mut own = Sidetone::new();
        own.write(&[1.0; 480]);
        let mut out = [0.25_f32; 240];
        own.mix_into(&mut out);
        assert!(out.iter().all(|sample| (sample - 0.25).abs() < 1e-6), "it is off");

        own.set_volume(Some(-20.0));
        for _ in 0..100 {
            own.write(&[1.0; 480]);
        }
        own.mix_into(&mut out);
        assert!(out.iter().all(|sample| (sample - 0.35).abs() < 1e-6));
        let mut blocks = 1;
        while {
            let mut out = [0.0; 240];
            own.mix_into(&mut out);
            out[0] > 0.0
        } {
            blocks += 1;
        }
        assert!(blocks <= SIDETONE_MOST / 240, "{blocks}");

        own.set_volume(None);
        own.write(&[1.0; 480]);
        own.set_volume(Some(0.0));
        out = [0.0; 240];
        own.mix_into(&mut out);
        assert_eq!(out.iter().sum::<f32>().to_bits(), 0, "what was said while it was off isn't kept");
    }
}
