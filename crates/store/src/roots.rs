//! Which roots may be stored already, whatever their slot: asked before a large batch looks into every bucket.

use consensus::Root;

/// Roots that the first layer has room for; every further layer has room for twice as many.
const FIRST_CAPACITY: usize = 1 << 18;

/// Bits per root. With [`PROBES`] of them set, one root in 2,000 that is not in the set looks as if it were.
const BITS_PER_ROOT: usize = 16;

/// Bits set for a root.
const PROBES: u64 = 8;

/// A set of roots that may answer "perhaps" to a root that is not in it, never "no" to one that is.
///
/// Only 16 bytes of a root are looked at: roots are hashes. Who makes up roots that look like stored ones makes his
/// own batch slower, and nothing else: what "perhaps" names is looked up.
#[derive(Debug, Default)]
pub(crate) struct RootFilter {
    layers: Vec<Layer>,
}

#[derive(Debug)]
struct Layer {
    words: Vec<u64>,
    free: usize,
}

impl Layer {
    fn new(capacity: usize) -> Self {
        Self { words: vec![0; capacity * BITS_PER_ROOT / 64], free: capacity }
    }

    /// The word and the bit of each probe.
    fn places(&self, [first, step]: [u64; 2]) -> impl Iterator<Item = (usize, u64)> + use<> {
        // The number of words is a power of two.
        let bits = (self.words.len() as u64) * 64;
        (0..PROBES).map(move |probe| {
            let bit = first.wrapping_add(probe.wrapping_mul(step | 1)) & (bits - 1);
            ((bit / 64) as usize, 1 << (bit % 64))
        })
    }

    fn may_hold(&self, key: [u64; 2]) -> bool {
        self.places(key).all(|(word, bit)| self.words.get(word).is_some_and(|word| word & bit != 0))
    }
}

/// The bytes of a root that count.
fn key(bytes: [u8; 16]) -> [u64; 2] {
    let [a, b, c, d, e, f, g, h, rest @ ..] = bytes;
    [u64::from_le_bytes([a, b, c, d, e, f, g, h]), u64::from_le_bytes(rest)]
}

/// The bytes of a root that [`RootFilter::insert`] wants.
pub(crate) fn part(root: &Root) -> [u8; 16] {
    let mut part = [0; 16];
    part.iter_mut().zip(root.0).for_each(|(to, from)| *to = from);
    part
}

impl RootFilter {
    /// Takes the first half of a root.
    pub(crate) fn insert(&mut self, root: [u8; 16]) {
        if self.layers.last().is_none_or(|layer| layer.free == 0) {
            self.layers.push(Layer::new(FIRST_CAPACITY << self.layers.len().min(20)));
        }
        let Some(layer) = self.layers.last_mut() else { return };
        layer.free -= 1;
        for (word, bit) in layer.places(key(root)) {
            if let Some(word) = layer.words.get_mut(word) {
                *word |= bit;
            }
        }
    }

    /// Whether the root may have been inserted; `false` is certain.
    pub(crate) fn may_hold(&self, root: &Root) -> bool {
        let key = key(part(root));
        self.layers.iter().any(|layer| layer.may_hold(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(number: u64) -> Root {
        Root(*blake3::hash(&number.to_le_bytes()).as_bytes())
    }

    #[test]
    fn what_is_in_is_found_and_little_else() {
        let mut filter = RootFilter::default();
        assert!(!filter.may_hold(&root(0)));
        let stored = FIRST_CAPACITY as u64 * 2;
        (0..stored).for_each(|number| filter.insert(part(&root(number))));
        assert_eq!(filter.layers.len(), 2);
        assert!((0..stored).all(|number| filter.may_hold(&root(number))));
        let wrong = (stored..stored + 100_000).filter(|number| filter.may_hold(&root(*number))).count();
        assert!(wrong < 500, "{wrong} of 100,000");
    }
}
