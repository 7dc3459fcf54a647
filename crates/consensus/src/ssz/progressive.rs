//! Lists without a limit (EIP-7916), whose tree grows with them.

use std::fmt;
use std::ops::{Deref, DerefMut};

use super::bits::Bits;
use super::{Json, JsonError, Size, Ssz, SszError, items, json, merkle};
use crate::spec::Shape;

/// A list whose only bound is the size of the input.
#[derive(Clone, PartialEq, Eq)]
pub struct ProgressiveList<T>(pub Vec<T>);

/// A bit list whose only bound is the size of the input.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct ProgressiveBits(pub Bits<Unbounded>);

/// A byte list whose only bound is the size of the input.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct ProgressiveByteList(pub Vec<u8>);

/// No limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unbounded;

impl Size for Unbounded {
    const EXACT: bool = false;

    fn of(_: &Shape<'_>) -> u64 {
        u64::MAX
    }

    fn is_progressive(_: &Shape<'_>) -> bool {
        true
    }
}

impl<T> Default for ProgressiveList<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: fmt::Debug> fmt::Debug for ProgressiveList<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<T> Deref for ProgressiveList<T> {
    type Target = Vec<T>;

    fn deref(&self) -> &Vec<T> {
        &self.0
    }
}

impl<T> DerefMut for ProgressiveList<T> {
    fn deref_mut(&mut self) -> &mut Vec<T> {
        &mut self.0
    }
}

impl<T: Ssz> Ssz for ProgressiveList<T> {
    fn fixed_len(_: &Shape<'_>) -> Option<usize> {
        None
    }

    fn encode(&self, shape: &Shape<'_>, out: &mut Vec<u8>) {
        items::encode(&self.0, shape, out);
    }

    fn decode(bytes: &[u8], shape: &Shape<'_>) -> Result<Self, SszError> {
        items::decode(bytes, shape, |_| Ok(())).map(Self)
    }

    fn hash_tree_root(&self, shape: &Shape<'_>) -> [u8; 32] {
        let root = merkle::merkleize_progressive(&items::leaves(&self.0, shape));
        merkle::mix_in_length(&root, self.0.len() as u64)
    }
}

impl<T: Json> Json for ProgressiveList<T> {
    fn to_json(&self, shape: &Shape<'_>) -> serde_json::Value {
        items::to_json(&self.0, shape)
    }

    fn from_json(value: &serde_json::Value, shape: &Shape<'_>) -> Result<Self, JsonError> {
        items::from_json(value, shape, |_| Ok(())).map(Self)
    }
}

impl Ssz for ProgressiveBits {
    fn fixed_len(_: &Shape<'_>) -> Option<usize> {
        None
    }

    fn encode(&self, _: &Shape<'_>, out: &mut Vec<u8>) {
        self.0.encode_list(out);
    }

    fn decode(bytes: &[u8], _: &Shape<'_>) -> Result<Self, SszError> {
        Bits::decode_list(bytes).map(Self)
    }

    fn hash_tree_root(&self, _: &Shape<'_>) -> [u8; 32] {
        let root = merkle::merkleize_progressive(&merkle::chunks(self.0.as_bytes()));
        merkle::mix_in_length(&root, self.0.len() as u64)
    }
}

impl Json for ProgressiveBits {
    fn to_json(&self, shape: &Shape<'_>) -> serde_json::Value {
        json::hex(&self.to_ssz(shape)).into()
    }

    fn from_json(value: &serde_json::Value, shape: &Shape<'_>) -> Result<Self, JsonError> {
        Self::decode(&json::hex_bytes(value)?, shape).map_err(JsonError::from)
    }
}

impl Ssz for ProgressiveByteList {
    fn fixed_len(_: &Shape<'_>) -> Option<usize> {
        None
    }

    fn encode(&self, _: &Shape<'_>, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0);
    }

    fn decode(bytes: &[u8], _: &Shape<'_>) -> Result<Self, SszError> {
        Ok(Self(bytes.to_vec()))
    }

    fn hash_tree_root(&self, _: &Shape<'_>) -> [u8; 32] {
        let root = merkle::merkleize_progressive(&merkle::chunks(&self.0));
        merkle::mix_in_length(&root, self.0.len() as u64)
    }
}

impl Json for ProgressiveByteList {
    fn to_json(&self, _: &Shape<'_>) -> serde_json::Value {
        json::hex(&self.0).into()
    }

    fn from_json(value: &serde_json::Value, _: &Shape<'_>) -> Result<Self, JsonError> {
        json::hex_bytes(value).map(Self)
    }
}
