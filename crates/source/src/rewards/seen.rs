//! Finds validators that stand twice in one reward map, at the cost of one probe per entry.
//!
//! An open-addressing table whose entries carry the number of the map they were written for, so that
//! starting the next map is one increment. The multiplier is random: nobody can write a file that
//! makes the probes long.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};

/// `VALIDATOR_REGISTRY_LIMIT` is 2^40, which leaves 24 bits of an entry for the number of the map.
pub(super) const INDEX_BITS: u32 = 40;
const LAST_GENERATION: u64 = (1 << (64 - INDEX_BITS)) - 1;
const FIRST_CAPACITY: usize = 1024;

#[derive(Debug)]
pub(super) struct Seen {
    slots: Vec<u64>,
    generation: u64,
    count: usize,
    multiplier: u64,
}

impl Default for Seen {
    fn default() -> Self {
        Self {
            slots: vec![0; FIRST_CAPACITY],
            generation: 0,
            count: 0,
            multiplier: RandomState::new().build_hasher().finish() | 1,
        }
    }
}

impl Seen {
    /// Begins a new map: nothing is seen.
    pub(super) fn clear(&mut self) {
        if self.generation == LAST_GENERATION {
            self.slots.fill(0);
            self.generation = 0;
        }
        self.generation += 1;
        self.count = 0;
    }

    /// Notes a validator index below 2^40. False if it was there already.
    #[inline(always)]
    pub(super) fn insert(&mut self, index: u64) -> bool {
        if self.count * 2 >= self.slots.len() {
            self.grow();
        }
        self.count += 1;
        self.place((self.generation << INDEX_BITS) | index)
    }

    #[inline(always)]
    fn place(&mut self, entry: u64) -> bool {
        let mask = self.slots.len() - 1;
        let index = entry & ((1 << INDEX_BITS) - 1);
        let mut position = (index.wrapping_mul(self.multiplier) >> 32) as usize;
        while let Some(slot) = self.slots.get_mut(position & mask) {
            if *slot >> INDEX_BITS != self.generation {
                *slot = entry;
                return true;
            }
            if *slot == entry {
                return false;
            }
            position += 1;
        }
        false
    }

    #[cold]
    #[inline(never)]
    fn grow(&mut self) {
        let doubled = vec![0; self.slots.len() * 2];
        let old = std::mem::replace(&mut self.slots, doubled);
        for entry in old {
            if entry >> INDEX_BITS == self.generation {
                self.place(entry);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeats_are_found_and_maps_do_not_see_each_other() {
        let mut seen = Seen::default();
        for round in 0..3u64 {
            seen.clear();
            for index in 0..5_000 {
                assert!(seen.insert(index * 977 + round), "{index}");
            }
            for index in 0..5_000 {
                assert!(!seen.insert(index * 977 + round), "{index}");
            }
        }
    }

    #[test]
    fn the_number_of_maps_may_wrap() {
        let mut seen = Seen::default();
        seen.clear();
        assert!(seen.insert(7));
        seen.generation = LAST_GENERATION;
        seen.clear();
        assert_eq!(seen.generation, 1);
        assert!(seen.insert(7));
        assert!(!seen.insert(7));
    }
}
