//! Lists and vectors of elements, as a state holds them: dense, shared until written.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;

use super::proof::{self, Step};
use super::{Json, JsonError, Size, Ssz, SszError, items};
use crate::spec::Shape;

/// A list or vector whose copies share memory until one of them is written.
pub struct Column<T, S: Size> {
    items: Arc<Vec<T>>,
    size: PhantomData<S>,
}

impl<T, S: Size> Column<T, S> {
    /// The elements as a column. The size is checked when a column is read, not here.
    pub fn new(items: Vec<T>) -> Self {
        Self { items: Arc::new(items), size: PhantomData }
    }

    /// The memory itself, to be shared.
    pub fn shared(&self) -> &Arc<Vec<T>> {
        &self.items
    }

    /// Whether both are one piece of memory, and so equal.
    pub fn same_memory(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.items, &other.items)
    }
}

impl<T: Clone, S: Size> Column<T, S> {
    /// The elements, to be written. Copies them first where they are shared.
    pub fn make_mut(&mut self) -> &mut Vec<T> {
        Arc::make_mut(&mut self.items)
    }

    /// The element at `index`, to be written.
    pub fn get_mut(&mut self, index: usize) -> Option<&mut T> {
        if index >= self.items.len() {
            return None;
        }
        self.make_mut().get_mut(index)
    }

    /// Adds an element at the end.
    pub fn push(&mut self, item: T) {
        self.make_mut().push(item);
    }
}

impl<T, S: Size> Clone for Column<T, S> {
    fn clone(&self) -> Self {
        Self { items: Arc::clone(&self.items), size: PhantomData }
    }
}

impl<T, S: Size> Default for Column<T, S> {
    fn default() -> Self {
        Self::new(Vec::new())
    }
}

impl<T: PartialEq, S: Size> PartialEq for Column<T, S> {
    fn eq(&self, other: &Self) -> bool {
        self.same_memory(other) || self.items == other.items
    }
}

impl<T: Eq, S: Size> Eq for Column<T, S> {}

impl<T, S: Size> From<Vec<T>> for Column<T, S> {
    fn from(items: Vec<T>) -> Self {
        Self::new(items)
    }
}

impl<T: fmt::Debug, S: Size> fmt::Debug for Column<T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.items.fmt(f)
    }
}

impl<T, S: Size> Deref for Column<T, S> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.items
    }
}

impl<'a, T, S: Size> IntoIterator for &'a Column<T, S> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.items.iter()
    }
}

impl<T: Ssz, S: Size> Ssz for Column<T, S> {
    fn fixed_len(shape: &Shape<'_>) -> Option<usize> {
        items::fixed_len::<T, S>(shape)
    }

    fn encode(&self, shape: &Shape<'_>, out: &mut Vec<u8>) {
        items::encode(&self.items, shape, out);
    }

    fn decode(bytes: &[u8], shape: &Shape<'_>) -> Result<Self, SszError> {
        items::decode(bytes, shape, |count| items::check_count::<S>(count, shape)).map(Self::new)
    }

    fn hash_tree_root(&self, shape: &Shape<'_>) -> [u8; 32] {
        items::hash_tree_root::<T, S>(&self.items, shape)
    }

    fn generalized_index(path: &[Step<'_>], shape: &Shape<'_>) -> Option<u64> {
        proof::index_of_item::<T, S>(path, shape)
    }

    fn prove(&self, index: u64, shape: &Shape<'_>, branch: &mut Vec<[u8; 32]>) -> Option<[u8; 32]> {
        proof::prove_item::<T, S>(&self.items, index, shape, branch)
    }
}

impl<T: Json, S: Size> Json for Column<T, S> {
    fn to_json(&self, shape: &Shape<'_>) -> serde_json::Value {
        items::to_json(&self.items, shape)
    }

    fn from_json(value: &serde_json::Value, shape: &Shape<'_>) -> Result<Self, JsonError> {
        items::from_json(value, shape, |count| items::check_count::<S>(count, shape)).map(Self::new)
    }
}
