//! Lists and vectors of elements, as messages carry them.

use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

use super::proof::{self, Step};
use super::{Json, JsonError, Size, Ssz, SszError, items};
use crate::spec::Shape;

/// A list or, where the size is exact, a vector.
#[derive(Clone, PartialEq, Eq)]
pub struct List<T, S: Size> {
    items: Vec<T>,
    size: PhantomData<S>,
}

impl<T, S: Size> List<T, S> {
    /// The elements as a list. The size is checked when the list is read, not here.
    pub fn new(items: Vec<T>) -> Self {
        Self { items, size: PhantomData }
    }

    /// The elements.
    pub fn into_inner(self) -> Vec<T> {
        self.items
    }
}

impl<T, S: Size> Default for List<T, S> {
    fn default() -> Self {
        Self::new(Vec::new())
    }
}

impl<T, S: Size> From<Vec<T>> for List<T, S> {
    fn from(items: Vec<T>) -> Self {
        Self::new(items)
    }
}

impl<T: fmt::Debug, S: Size> fmt::Debug for List<T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.items.fmt(f)
    }
}

impl<T, S: Size> Deref for List<T, S> {
    type Target = Vec<T>;

    fn deref(&self) -> &Vec<T> {
        &self.items
    }
}

impl<T, S: Size> DerefMut for List<T, S> {
    fn deref_mut(&mut self) -> &mut Vec<T> {
        &mut self.items
    }
}

impl<'a, T, S: Size> IntoIterator for &'a List<T, S> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.items.iter()
    }
}

impl<T: Ssz, S: Size> Ssz for List<T, S> {
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

impl<T: Json, S: Size> Json for List<T, S> {
    fn to_json(&self, shape: &Shape<'_>) -> serde_json::Value {
        items::to_json(&self.items, shape)
    }

    fn from_json(value: &serde_json::Value, shape: &Shape<'_>) -> Result<Self, JsonError> {
        items::from_json(value, shape, |count| items::check_count::<S>(count, shape)).map(Self::new)
    }
}
