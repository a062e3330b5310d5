//! A disk that fails: it forgets, tears and reorders what wasn't synced, refuses, or is full.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use redb::StorageBackend;

/// A disk of two layers: what is synced, and what was written since. A crash keeps the first and, of the
/// second, some writes whole, some torn and some not at all.
#[derive(Clone, Debug, Default)]
struct Layers {
    synced: Vec<u8>,
    current: Vec<u8>,
    since: Vec<(u64, Vec<u8>)>,
    /// Answers every sync without doing it: the control that shows a loss being seen.
    lies: bool,
    /// Writes and syncs that still work; then everything is refused.
    budget: u64,
    /// How long a sync takes.
    stalls: Duration,
    /// Bytes that fit.
    room: u64,
}

#[derive(Clone, Debug)]
pub(super) struct Disk(Arc<Mutex<Layers>>);

/// A small generator: tests need a sequence that repeats, not good randomness.
#[derive(Clone, Debug)]
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

impl Disk {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(Layers { budget: u64::MAX, room: u64::MAX, ..Layers::default() })))
    }

    /// A disk of its own with the same bytes.
    pub(super) fn copy(&self) -> Self {
        Self(Arc::new(Mutex::new(self.0.lock().unwrap().clone())))
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        self.0.lock().unwrap().current.clone()
    }

    pub(super) fn of_bytes(bytes: Vec<u8>) -> Self {
        let disk = Self::new();
        {
            let mut layers = disk.0.lock().unwrap();
            layers.synced.clone_from(&bytes);
            layers.current = bytes;
        }
        disk
    }

    pub(super) fn lie(&self) {
        self.0.lock().unwrap().lies = true;
    }

    /// Takes so long for every sync.
    pub(super) fn stall(&self, time: Duration) {
        self.0.lock().unwrap().stalls = time;
    }

    /// Refuses everything after so many writes and syncs.
    pub(super) fn fail_after(&self, operations: u64) {
        self.0.lock().unwrap().budget = operations;
    }

    /// Has room for so many bytes more than it holds.
    pub(super) fn fill_up(&self, left: u64) {
        let mut disk = self.0.lock().unwrap();
        disk.room = disk.current.len() as u64 + left;
    }

    /// What is there when the same machine opens it again: everything written.
    pub(super) fn after_restart(&self) -> Self {
        let disk = self.0.lock().unwrap();
        let layers = Layers { budget: u64::MAX, room: u64::MAX, ..disk.clone() };
        Self(Arc::new(Mutex::new(layers)))
    }

    /// What is there when the power comes back.
    pub(super) fn after_crash(&self, dice: &mut Dice) -> Self {
        let disk = self.0.lock().unwrap();
        let mut bytes = disk.synced.clone();
        bytes.resize(disk.current.len().max(bytes.len()), 0);
        // Later writes may have come to the disk before earlier ones.
        let mut writes: Vec<_> = disk.since.iter().collect();
        for index in (1..writes.len()).rev() {
            if dice.roll(4) == 0 {
                writes.swap(index, index - 1);
            }
        }
        for (offset, data) in writes {
            let kept = match dice.roll(3) {
                0 => 0,
                // Sectors come whole, mostly; a worse disk tears anywhere.
                1 if dice.roll(2) == 0 => dice.roll(data.len() as u64 / 512 + 1) as usize * 512,
                1 => dice.roll(data.len() as u64 + 1) as usize,
                _ => data.len(),
            };
            let (start, kept) = (*offset as usize, kept.min(data.len()));
            if bytes.len() < start + kept {
                bytes.resize(start + kept, 0);
            }
            bytes[start..start + kept].copy_from_slice(&data[..kept]);
        }
        let after = Self::of_bytes(bytes);
        after.0.lock().unwrap().lies = disk.lies;
        after
    }
}

fn spend(disk: &mut Layers) -> io::Result<()> {
    disk.budget = disk.budget.checked_sub(1).ok_or_else(|| io::Error::other("the power is gone"))?;
    Ok(())
}

impl StorageBackend for Disk {
    fn len(&self) -> Result<u64, io::Error> {
        Ok(self.0.lock().unwrap().current.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), io::Error> {
        let disk = self.0.lock().unwrap();
        let start = offset as usize;
        let bytes = disk.current.get(start..start + out.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(bytes);
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<(), io::Error> {
        let mut disk = self.0.lock().unwrap();
        if len > disk.room {
            return Err(io::ErrorKind::StorageFull.into());
        }
        disk.current.resize(len as usize, 0);
        Ok(())
    }

    fn sync_data(&self) -> Result<(), io::Error> {
        let mut disk = self.0.lock().unwrap();
        spend(&mut disk)?;
        std::thread::sleep(disk.stalls);
        if !disk.lies {
            disk.synced = disk.current.clone();
            disk.since.clear();
        }
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), io::Error> {
        let mut disk = self.0.lock().unwrap();
        spend(&mut disk)?;
        let (start, end) = (offset as usize, offset as usize + data.len());
        if disk.current.len() < end {
            if end as u64 > disk.room {
                return Err(io::ErrorKind::StorageFull.into());
            }
            disk.current.resize(end, 0);
        }
        disk.current[start..end].copy_from_slice(data);
        disk.since.push((offset, data.to_vec()));
        Ok(())
    }
}
