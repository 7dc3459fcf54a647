//! Columns of numbers and roots, whose bytes are the leaves.

use std::sync::Arc;

use super::forest::{Forest, Form};
use super::mirror::Mirror;
use crate::primitives::Root;
use crate::spec::Shape;
use crate::ssz::merkle::{depth_of, mix_in_length};
use crate::ssz::{Column, Size, Ssz};

/// Bytes of a column from which on it is compared by more than one thread.
const DIVIDE: usize = if cfg!(test) { 256 } else { 1 << 20 };

/// An element whose bytes, one after another, are the leaves.
pub(super) trait Packed: Ssz + Copy + PartialEq + Send + Sync + 'static {
    /// Elements of two leaves.
    const PER_PAIR: usize;

    /// Copies changed pairs from `new` to `kept` and appends their numbers, counted from `first`. A part at the end
    /// that is no whole pair is left alone.
    fn copy_changed(kept: &mut [Self], new: &[Self], first: u32, changed: &mut Vec<u32>);

    /// How many pairs differ.
    fn count_changed(kept: &[Self], new: &[Self]) -> usize;

    /// The bytes of at most a pair.
    fn write(items: &[Self], pair: &mut [u8; 64]);
}

/// Whether two pairs differ. Comparing arrays as such calls a function for each, which costs more than the comparison.
#[inline(always)]
fn differ<T: Copy, const N: usize>(kept: &[T; N], new: &[T; N], difference: impl Fn(T, T) -> u64) -> bool {
    kept.iter().zip(new).fold(0, |all, (kept, new)| all | difference(*kept, *new)) != 0
}

/// Two roots as words.
#[inline(always)]
fn difference_of_roots(a: Root, b: Root) -> u64 {
    let (a, b) = (a.0.as_chunks().0.iter(), b.0.as_chunks().0.iter());
    a.zip(b).fold(0, |all, (a, b)| all | (u64::from_ne_bytes(*a) ^ u64::from_ne_bytes(*b)))
}

macro_rules! packed {
    ($($type:ty, $per_pair:literal, |$a:ident, $b:ident| $difference:expr, |$item:ident| $bytes:expr;)*) => {$(
        impl Packed for $type {
            const PER_PAIR: usize = $per_pair;

            fn copy_changed(kept: &mut [Self], new: &[Self], first: u32, changed: &mut Vec<u32>) {
                let pairs = kept.as_chunks_mut::<$per_pair>().0.iter_mut().zip(new.as_chunks().0);
                for (place, (kept, new)) in (first..).zip(pairs) {
                    if differ(kept, new, |$a, $b| $difference) {
                        *kept = *new;
                        changed.push(place);
                    }
                }
            }

            fn count_changed(kept: &[Self], new: &[Self]) -> usize {
                let pairs = kept.as_chunks::<$per_pair>().0.iter().zip(new.as_chunks::<$per_pair>().0);
                pairs.filter(|(kept, new)| differ(kept, new, |$a, $b| $difference)).count()
            }

            #[inline(always)]
            fn write(items: &[Self], pair: &mut [u8; 64]) {
                let mut all = [<$type>::default(); $per_pair];
                match items.first_chunk() {
                    Some(items) => all = *items,
                    None => all.iter_mut().zip(items).for_each(|(to, from)| *to = *from),
                }
                for (bytes, $item) in pair.as_chunks_mut().0.iter_mut().zip(&all) {
                    *bytes = $bytes;
                }
            }
        }
    )*};
}

packed! {
    u8, 64, |a, b| u64::from(a ^ b), |item| [*item];
    u64, 8, |a, b| a ^ b, |item| item.to_le_bytes();
    Root, 2, |a, b| difference_of_roots(a, b), |item| item.0;
}

/// A column as it was when last hashed, and its tree.
pub(super) struct PackedMemory<T> {
    mirror: Mirror<T>,
    forest: Forest,
    /// Room for the numbers of changed pairs.
    changed: Vec<u32>,
}

impl<T> Default for PackedMemory<T> {
    fn default() -> Self {
        Self { mirror: Mirror::default(), forest: Forest::default(), changed: Vec::new() }
    }
}

impl<T: Packed> PackedMemory<T> {
    /// The root of a column.
    pub(super) fn root<S: Size>(&mut self, column: &Column<T, S>, shape: &Shape<'_>) -> [u8; 32] {
        let form = match S::is_progressive(shape) {
            true => Form::Growing,
            false => Form::Limited(depth_of(S::of(shape).div_ceil(T::PER_PAIR as u64 / 2))),
        };
        if form == Form::Limited(0) {
            return column.hash_tree_root(shape);
        }
        if !self.mirror.is_of(column.shared()) || !self.forest.is_like(form) {
            self.update(column, form);
            self.mirror.set_memory(column.shared());
        }
        let root = self.forest.root(form);
        if S::EXACT { root } else { mix_in_length(&root, column.len() as u64) }
    }

    /// Whether a column is like the other memory rather than like this one.
    pub(super) fn is_rather(&self, other: &Self, column: &Arc<Vec<T>>) -> bool {
        if self.mirror.is_of(column) {
            return false;
        }
        let here = T::count_changed(&self.mirror.items, column);
        let few = column.len() / T::PER_PAIR / 4;
        here > few && T::count_changed(&other.mirror.items, column) < here
    }

    fn update(&mut self, new: &[T], form: Form) {
        let kept = &mut self.mirror.items;
        let (old_len, len) = (kept.len(), new.len());
        let whole = old_len.min(len) / T::PER_PAIR;
        let (head, tail) = new.split_at(whole * T::PER_PAIR);
        let changed = &mut self.changed;
        changed.clear();
        copy_changed(kept.get_mut(..head.len()).unwrap_or_default(), head, 0, changed);
        if kept.get(head.len()..) != Some(tail) {
            kept.truncate(head.len());
            kept.extend_from_slice(tail);
            // Where elements went away and whole pairs are left, the last one counts as changed.
            let from = if tail.is_empty() { whole.saturating_sub(1) } else { whole };
            let places = from as u32..len.div_ceil(T::PER_PAIR) as u32;
            changed.extend(places);
            changed.dedup();
        }
        let leaves = len.div_ceil(T::PER_PAIR / 2);
        let kept = &self.mirror.items;
        self.forest.update(form, leaves, changed, |place, pair| {
            let start = place * T::PER_PAIR;
            let end = kept.len().min(start + T::PER_PAIR);
            T::write(kept.get(start..end).unwrap_or_default(), pair);
        });
    }

    /// Bytes of memory.
    pub(super) fn bytes(&self) -> usize {
        self.mirror.bytes() + self.forest.bytes() + self.changed.capacity() * 4
    }
}

/// [`Packed::copy_changed`] on as many threads as a long column is worth.
fn copy_changed<T: Packed>(kept: &mut [T], new: &[T], first: u32, changed: &mut Vec<u32>) {
    if size_of_val(new) <= DIVIDE {
        return T::copy_changed(kept, new, first, changed);
    }
    let pairs = new.len() / T::PER_PAIR / 2;
    let (kept_low, kept_high) = kept.split_at_mut(pairs * T::PER_PAIR);
    let (new_low, new_high) = new.split_at(pairs * T::PER_PAIR);
    let mut high = Vec::new();
    rayon::join(
        || copy_changed(kept_low, new_low, first, changed),
        || copy_changed(kept_high, new_high, first + pairs as u32, &mut high),
    );
    changed.append(&mut high);
}
