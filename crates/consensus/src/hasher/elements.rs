//! Columns of containers: the root of each element is kept.

use rayon::prelude::*;

use super::forest::{Forest, Form};
use super::mirror::Mirror;
use super::tree::read_nodes;
use crate::spec::{Fork, Shape};
use crate::ssz::merkle::{depth_of, mix_in_length};
use crate::ssz::{Column, Size, Ssz};

/// A column as it was when last hashed, the root of each element, and the tree above them.
pub(super) struct ElementsMemory<T> {
    mirror: Mirror<T>,
    roots: Vec<[u8; 32]>,
    forest: Forest,
    /// The fork that the roots hold for.
    fork: Option<Fork>,
}

impl<T> Default for ElementsMemory<T> {
    fn default() -> Self {
        Self { mirror: Mirror::default(), roots: Vec::new(), forest: Forest::default(), fork: None }
    }
}

impl<T: Ssz + Clone + PartialEq + Send + Sync> ElementsMemory<T> {
    /// The root of a column.
    pub(super) fn root<S: Size>(&mut self, column: &Column<T, S>, shape: &Shape<'_>) -> [u8; 32] {
        let form = match S::is_progressive(shape) {
            true => Form::Growing,
            false => Form::Limited(depth_of(S::of(shape))),
        };
        if form == Form::Limited(0) {
            return column.hash_tree_root(shape);
        }
        if self.fork != Some(shape.fork) {
            *self = Self { fork: Some(shape.fork), ..Self::default() };
        }
        if !self.mirror.is_of(column.shared()) {
            self.update(column, form, shape);
            self.mirror.set_memory(column.shared());
        }
        let root = self.forest.root(form);
        if S::EXACT { root } else { mix_in_length(&root, column.len() as u64) }
    }

    /// Whether a column begins as the other memory does rather than as this one does.
    pub(super) fn is_rather(&self, other: &Self, column: &[T]) -> bool {
        let first = column.first();
        first.is_some() && self.mirror.items.first() != first && other.mirror.items.first() == first
    }

    fn update(&mut self, new: &[T], form: Form, shape: &Shape<'_>) {
        let old_len = self.mirror.items.len();
        let moved = self.drop_served(new);
        let kept = &mut self.mirror.items;
        kept.truncate(new.len());
        let known = kept.len();
        let mut changed: Vec<u32> = (0..known as u32)
            .zip(kept.iter().zip(new))
            .filter(|(_, (a, b))| a != b)
            .map(|(i, _)| i)
            .collect();
        changed.extend(known as u32..new.len() as u32);
        let fresh: Vec<[u8; 32]> = changed
            .par_iter()
            .with_min_len(64)
            .map(|place| new.get(*place as usize).map_or([0; 32], |item| item.hash_tree_root(shape)))
            .collect();
        self.roots.resize(new.len(), [0; 32]);
        for (place, root) in changed.iter().zip(fresh) {
            let place = *place as usize;
            if let Some(known) = self.roots.get_mut(place) {
                *known = root;
            }
            match (kept.get_mut(place), new.get(place)) {
                (Some(kept), Some(new)) => *kept = new.clone(),
                (None, Some(new)) => kept.push(new.clone()),
                _ => {}
            }
        }
        let pairs = new.len().div_ceil(2) as u32;
        if moved {
            changed = (0..pairs).collect();
        } else {
            changed.iter_mut().for_each(|place| *place /= 2);
            changed.dedup();
            let last = pairs.checked_sub(1);
            if old_len != new.len() && changed.last().copied() != last {
                changed.extend(last);
            }
        }
        let roots = &self.roots;
        self.forest
            .update(form, new.len(), &mut changed, |place, pair| read_nodes(roots, &[0; 64], place, pair));
    }

    /// Queues are served at the front. Drops what was served, so that what waited keeps its root. Whether anything
    /// was dropped.
    fn drop_served(&mut self, new: &[T]) -> bool {
        let kept = &mut self.mirror.items;
        let Some(first) = new.first() else { return false };
        let Some(served) = kept.iter().position(|item| item == first).filter(|served| *served > 0) else {
            return false;
        };
        kept.drain(..served);
        self.roots.drain(..served);
        true
    }

    /// Bytes of memory, without what the elements point to.
    pub(super) fn bytes(&self) -> usize {
        self.mirror.bytes() + self.roots.capacity() * 32 + self.forest.bytes()
    }
}
