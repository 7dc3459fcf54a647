//! How alike two orders are: the matching-block ratio and the rank correlation.
//!
//! [`ratio`] and [`matching_blocks`] give what Python's `difflib.SequenceMatcher` gives, including the rule
//! that leaves out popular elements of long sequences.
//!
//! Cost: one search for the longest block takes a step per pair of equal elements, and there can be as many
//! searches as elements. With n elements of which each occurs at most c times that is n²·c steps at worst;
//! for n ≥ 200 the popular-element rule keeps c at n/100 + 1. Nothing recurses.

use std::collections::HashMap;
use std::hash::Hash;

/// From this length of the second sequence on, popular elements do not begin a match.
const POPULAR_FROM: usize = 200;

/// A run of equal elements: `a[a_start..][..len]` is `b[b_start..][..len]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MatchingBlock {
    /// Where it begins in the first sequence.
    pub a_start: usize,
    /// Where it begins in the second sequence.
    pub b_start: usize,
    /// How many elements it has.
    pub len: usize,
}

/// The similarity of two sequences: twice the elements in matching blocks over the elements of both;
/// 1 if both are empty.
pub fn ratio<T: Eq + Hash>(a: &[T], b: &[T]) -> f64 {
    let (a, b) = intern(a, b);
    Matcher::default().ratio(&a, &b)
}

/// The matching blocks in ascending order, neighbouring ones joined, with an empty block at the end.
pub fn matching_blocks<T: Eq + Hash>(a: &[T], b: &[T]) -> Vec<MatchingBlock> {
    let (a, b) = intern(a, b);
    let mut blocks = Vec::new();
    Matcher::default().blocks(&a, &b, |block| blocks.push(block));
    blocks.sort_unstable();
    let mut joined: Vec<MatchingBlock> = Vec::with_capacity(blocks.len() + 1);
    for block in blocks {
        match joined.last_mut() {
            Some(last)
                if last.a_start + last.len == block.a_start && last.b_start + last.len == block.b_start =>
            {
                last.len += block.len;
            }
            _ => joined.push(block),
        }
    }
    joined.push(MatchingBlock { a_start: a.len(), b_start: b.len(), len: 0 });
    joined
}

fn intern<'a, T: Eq + Hash>(a: &'a [T], b: &'a [T]) -> (Vec<u32>, Vec<u32>) {
    let mut ids: HashMap<&'a T, u32> = HashMap::new();
    let mut id = |element: &'a T| {
        let next = ids.len() as u32;
        *ids.entry(element).or_insert(next)
    };
    (a.iter().map(&mut id).collect(), b.iter().map(&mut id).collect())
}

/// Finds matching blocks of sequences of small integers; keeps its buffers from call to call.
#[derive(Clone, Debug, Default)]
pub(crate) struct Matcher {
    /// For each id, where its positions begin in `positions`.
    starts: Vec<u32>,
    /// Positions in the second sequence, grouped by id, ascending.
    positions: Vec<u32>,
    /// For each position of the second sequence: the row it was last matched in, and the length of the
    /// match that ends there. One for even and one for odd rows.
    ends: [Vec<(u32, u32)>; 2],
    /// Ranges still to be searched: a from, a to, b from, b to.
    open: Vec<[usize; 4]>,
}

impl Matcher {
    /// The similarity. Ids should be small: the index takes space for the largest.
    pub(crate) fn ratio(&mut self, a: &[u32], b: &[u32]) -> f64 {
        if a == b {
            // The longest block of a sequence and itself is always on the diagonal.
            return 1.0;
        }
        let mut matched = 0;
        self.blocks(a, b, |block| matched += block.len);
        2.0 * matched as f64 / (a.len() + b.len()) as f64
    }

    fn blocks(&mut self, a: &[u32], b: &[u32], mut found: impl FnMut(MatchingBlock)) {
        self.index(a, b);
        let mut row = 0;
        self.open.clear();
        self.open.push([0, a.len(), 0, b.len()]);
        while let Some(range) = self.open.pop() {
            let [a_from, a_to, b_from, b_to] = range;
            let block = self.longest(a, b, range, &mut row);
            if block.len == 0 {
                continue;
            }
            let (a_end, b_end) = (block.a_start + block.len, block.b_start + block.len);
            if a_from < block.a_start && b_from < block.b_start {
                self.open.push([a_from, block.a_start, b_from, block.b_start]);
            }
            if a_end < a_to && b_end < b_to {
                self.open.push([a_end, a_to, b_end, b_to]);
            }
            found(block);
        }
    }

    /// Groups the positions of `b` by id, without popular ids.
    fn index(&mut self, a: &[u32], b: &[u32]) {
        let ids = a.iter().chain(b).max().map_or(0, |id| *id as usize + 1);
        self.starts.clear();
        self.starts.resize(ids + 1, 0);
        for &id in b {
            self.starts[id as usize + 1] += 1;
        }
        if b.len() >= POPULAR_FROM {
            let most = (b.len() / 100 + 1) as u32;
            for count in self.starts.iter_mut().filter(|count| **count > most) {
                *count = 0;
            }
        }
        for id in 0..ids {
            self.starts[id + 1] += self.starts[id];
        }
        self.positions.clear();
        self.positions.resize(b.len(), 0);
        // Until the first row is written, one of the row buffers counts how many positions each id has.
        self.ends[0].clear();
        self.ends[0].resize(ids.max(b.len()), (0, 0));
        let filled = &mut self.ends[0];
        for (position, &id) in b.iter().enumerate() {
            let (start, end) = (self.starts[id as usize], self.starts[id as usize + 1]);
            let next = start + filled[id as usize].0;
            if next < end {
                self.positions[next as usize] = position as u32;
                filled[id as usize].0 += 1;
            }
        }
        for ends in &mut self.ends {
            ends.clear();
            ends.resize(b.len(), (0, 0));
        }
    }

    /// The longest block in a range: the first in `a`, then the first in `b`, among equals.
    fn longest(
        &mut self,
        a: &[u32],
        b: &[u32],
        [a_from, a_to, b_from, b_to]: [usize; 4],
        row: &mut u32,
    ) -> MatchingBlock {
        let mut best = MatchingBlock { a_start: a_from, b_start: b_from, len: 0 };
        // A fresh row number, so that nothing seems to continue a match of an earlier range.
        *row += 1;
        for (i, &id) in a.iter().enumerate().take(a_to).skip(a_from) {
            *row += 1;
            let [even, odd] = &mut self.ends;
            let (previous, current) = if row.is_multiple_of(2) { (odd, even) } else { (even, odd) };
            let (start, end) = (self.starts[id as usize] as usize, self.starts[id as usize + 1] as usize);
            for &position in &self.positions[start..end] {
                let j = position as usize;
                if j < b_from {
                    continue;
                }
                if j >= b_to {
                    break;
                }
                let mut len = 1;
                if j > b_from {
                    let (in_row, length) = previous[j - 1];
                    if in_row + 1 == *row {
                        len += length;
                    }
                }
                current[j] = (*row, len);
                let length = len as usize;
                if length > best.len {
                    best = MatchingBlock { a_start: i + 1 - length, b_start: j + 1 - length, len: length };
                }
            }
        }
        while best.a_start > a_from && best.b_start > b_from && a[best.a_start - 1] == b[best.b_start - 1] {
            best.a_start -= 1;
            best.b_start -= 1;
            best.len += 1;
        }
        while best.a_start + best.len < a_to
            && best.b_start + best.len < b_to
            && a[best.a_start + best.len] == b[best.b_start + best.len]
        {
            best.len += 1;
        }
        best
    }
}

/// Spearman's rank correlation, equal values sharing their average rank.
///
/// `None` where it has no value: sequences of different length, fewer than two elements, or all elements
/// of one sequence equal.
pub fn spearman<T: Ord>(a: &[T], b: &[T]) -> Option<f64> {
    if a.len() != b.len() {
        return None;
    }
    let (mut order, mut a_ranks, mut b_ranks) = (Vec::new(), Vec::new(), Vec::new());
    double_ranks(a, &mut order, &mut a_ranks);
    double_ranks(b, &mut order, &mut b_ranks);
    rank_correlation(&a_ranks, &b_ranks)
}

/// Twice the rank of each value: whole numbers even where ranks are shared.
pub(crate) fn double_ranks<T: Ord>(values: &[T], order: &mut Vec<u32>, ranks: &mut Vec<u32>) {
    order.clear();
    order.extend(0..values.len() as u32);
    order.sort_unstable_by(|&x, &y| values[x as usize].cmp(&values[y as usize]));
    ranks.clear();
    ranks.resize(values.len(), 0);
    let mut below = 0;
    for group in order.chunk_by(|&x, &y| values[x as usize] == values[y as usize]) {
        let rank = double_rank(below, group.len());
        for &position in group {
            ranks[position as usize] = rank;
        }
        below += group.len();
    }
}

/// Twice the rank that `size` equal values share that have `below` smaller ones.
pub(crate) fn double_rank(below: usize, size: usize) -> u32 {
    (2 * below + size + 1) as u32
}

/// The correlation of ranks, from doubled ranks in exact whole numbers.
pub(crate) fn rank_correlation(a: &[u32], b: &[u32]) -> Option<f64> {
    let n = a.len() as i128;
    let sum = |ranks: &[u32]| ranks.iter().map(|rank| i128::from(*rank)).sum::<i128>();
    let product = |x: &[u32], y: &[u32]| {
        x.iter().zip(y).map(|(x, y)| i128::from(u64::from(*x) * u64::from(*y))).sum::<i128>()
    };
    let (a_sum, b_sum) = (sum(a), sum(b));
    let a_spread = n * product(a, a) - a_sum * a_sum;
    let b_spread = n * product(b, b) - b_sum * b_sum;
    if a_spread == 0 || b_spread == 0 {
        return None;
    }
    let together = (n * product(a, b) - a_sum * b_sum) as f64;
    Some(if a_spread == b_spread {
        together / a_spread as f64
    } else {
        together / ((a_spread as f64).sqrt() * (b_spread as f64).sqrt())
    })
}
