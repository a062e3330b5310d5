//! The memory that a plugin and the server share: Extism's, beside the plugin's own. Pure. What is handed over lies in blocks,
//! which are taken and given back in constant time, whatever the plugin does.

use std::collections::HashMap;

use crate::bounds::MAX_PLUGIN_ARENA;

/// Where the first block begins; 0 is nothing.
const FIRST: u64 = 64;

/// Bytes of the smallest block.
const SMALLEST: u64 = 16;

/// Blocks that are taken at once.
const MOST: usize = 16_384;

/// It is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full;

#[derive(Debug, Default)]
pub(super) struct Arena {
    bytes: Vec<u8>,
    /// Where the blocks begin that are taken, and how long they are.
    taken: HashMap<u64, u64>,
    /// Where blocks begin that were given back, by the room that they have.
    free: HashMap<u64, Vec<u64>>,
}

impl Arena {
    /// Takes a block. One of no bytes is nothing.
    pub(super) fn take(&mut self, len: u64) -> Result<u64, Full> {
        if len == 0 {
            return Ok(0);
        }
        if len > MAX_PLUGIN_ARENA as u64 || self.taken.len() >= MOST {
            return Err(Full);
        }
        let room = len.max(SMALLEST).next_power_of_two();
        let given_back = self.free.get_mut(&room).and_then(Vec::pop);
        let at = if let Some(at) = given_back { at } else { self.grow(room)? };
        self.taken.insert(at, len);
        Ok(at)
    }

    /// Where a block of so much room begins that nobody had yet.
    fn grow(&mut self, room: u64) -> Result<u64, Full> {
        let at = (self.bytes.len() as u64).max(FIRST);
        let end = at + room;
        if end > MAX_PLUGIN_ARENA as u64 {
            return Err(Full);
        }
        self.bytes.resize(usize::try_from(end).map_err(|_| Full)?, 0);
        Ok(at)
    }

    /// Takes a block that holds this.
    pub(super) fn put(&mut self, bytes: &[u8]) -> Result<u64, Full> {
        let at = self.take(bytes.len() as u64)?;
        if let Some(there) = self.range_mut(at, bytes.len() as u64) {
            there.copy_from_slice(bytes);
        }
        Ok(at)
    }

    /// Gives a block back. Nothing happens where none begins.
    pub(super) fn give_back(&mut self, at: u64) {
        if let Some(len) = self.taken.remove(&at) {
            let room = len.max(SMALLEST).next_power_of_two();
            self.free.entry(room).or_default().push(at);
        }
    }

    /// How long the block is that begins there; 0 where none does.
    pub(super) fn len(&self, at: u64) -> u64 {
        self.taken.get(&at).copied().unwrap_or(0)
    }

    /// What the block holds that begins there.
    pub(super) fn block(&self, at: u64) -> Option<&[u8]> {
        self.range(at, *self.taken.get(&at)?)
    }

    /// Some bytes, if they are within.
    pub(super) fn range(&self, at: u64, len: u64) -> Option<&[u8]> {
        let (start, end) = (usize::try_from(at).ok()?, usize::try_from(at.checked_add(len)?).ok()?);
        self.bytes.get(start..end)
    }

    pub(super) fn range_mut(&mut self, at: u64, len: u64) -> Option<&mut [u8]> {
        let (start, end) = (usize::try_from(at).ok()?, usize::try_from(at.checked_add(len)?).ok()?);
        self.bytes.get_mut(start..end)
    }

    /// How many bytes it has.
    pub(super) fn size(&self) -> u64 {
        self.bytes.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_that_are_given_back_are_taken_again() {
        let mut arena = Arena::default();
        let first = arena.put(b"hello").unwrap();
        let second = arena.put(b"there").unwrap();
        assert!(first >= FIRST && second > first);
        assert_eq!((arena.block(first), arena.len(second)), (Some(&b"hello"[..]), 5));
        arena.give_back(first);
        arena.give_back(first);
        assert_eq!((arena.block(first), arena.len(first)), (None, 0));
        assert_eq!(arena.take(16), Ok(first));
        assert_ne!(arena.take(16), Ok(first));
        assert_eq!(arena.take(0), Ok(0));
    }

    #[test]
    fn it_is_full_at_its_bound_and_nothing_is_outside() {
        let mut arena = Arena::default();
        assert_eq!(arena.take(u64::MAX), Err(Full));
        let mut taken = 0;
        while arena.take(1 << 20).is_ok() {
            taken += 1;
        }
        assert!((2..=MAX_PLUGIN_ARENA >> 20).contains(&taken), "{taken}");
        for (at, len) in [(u64::MAX, 8), (arena.size(), 1), (arena.size() - 7, 8), (1, u64::MAX)] {
            assert!(arena.range(at, len).is_none() && arena.range_mut(at, len).is_none());
        }
        let mut many = Arena::default();
        assert_eq!((0..=MOST).filter_map(|_| many.take(1).ok()).count(), MOST);
    }
}
