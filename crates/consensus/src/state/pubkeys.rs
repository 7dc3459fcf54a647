//! Validators by public key.

use std::sync::Arc;

use hashbrown::HashTable;

use super::State;
use crate::containers::PublicKeyBytes;

/// New validators that are looked for one by one before the table is made anew.
const LOOSE_LIMIT: usize = 1_024;

/// A table from public keys to validator indices. It holds indices only: the keys are in the registry.
#[derive(Clone, Debug, Default)]
pub(crate) struct PubkeyIndex {
    table: Arc<HashTable<u32>>,
    /// How many validators, from the first, the table knows.
    known: usize,
}

/// Keys are points of a curve and as good as random; one made to collide costs its maker one lookup in a bucket.
fn hash_of(key: &PublicKeyBytes) -> u64 {
    let mut hash = 0_u64;
    for part in key.0.chunks_exact(8) {
        let word = part.try_into().map_or(0, u64::from_le_bytes);
        hash = (hash.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95);
    }
    hash
}

impl PubkeyIndex {
    fn find(&self, keys: &[PublicKeyBytes], key: &PublicKeyBytes) -> Option<u32> {
        let same = |index: &u32| keys.get(*index as usize) == Some(key);
        if let Some(index) = self.table.find(hash_of(key), same) {
            return Some(*index);
        }
        let loose = keys.get(self.known..)?;
        let place = loose.iter().position(|other| other == key)?;
        u32::try_from(self.known.checked_add(place)?).ok()
    }

    fn refresh(&mut self, keys: &[PublicKeyBytes]) {
        if self.known > keys.len() {
            *self = Self::default();
        }
        if keys.len() - self.known <= LOOSE_LIMIT && self.known > 0 {
            return;
        }
        let table = Arc::make_mut(&mut self.table);
        let hasher = |index: &u32| keys.get(*index as usize).map_or(0, hash_of);
        table.reserve(keys.len() - self.known, hasher);
        for (index, key) in keys.iter().enumerate().skip(self.known) {
            let Ok(index) = u32::try_from(index) else { break };
            // The first validator with a key is the one that the key stands for.
            let taken = table.find(hash_of(key), |other| keys.get(*other as usize) == Some(key)).is_some();
            if !taken {
                table.insert_unique(hash_of(key), index, hasher);
            }
        }
        self.known = keys.len();
    }
}

impl State {
    /// The validator with a public key.
    pub(crate) fn validator_of(&mut self, key: &PublicKeyBytes) -> Option<u32> {
        let keys = Arc::clone(&self.data.validators.pubkeys);
        self.caches.pubkeys.refresh(&keys);
        self.caches.pubkeys.find(&keys, key)
    }
}
