//! Bit lists and bit vectors.

use std::fmt;
use std::marker::PhantomData;

use super::bytes::write_hex;
use super::error::SszErrorKind;
use super::{Json, JsonError, Size, Ssz, SszError, json, merkle};
use crate::spec::Shape;

/// A bit list or, where the size is exact, a bit vector. Bits behind the length are zero.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Bits<S: Size> {
    bytes: Vec<u8>,
    length: usize,
    size: PhantomData<S>,
}

impl<S: Size> Bits<S> {
    /// `length` bits, none set.
    pub fn zeros(length: usize) -> Self {
        Self { bytes: vec![0; length.div_ceil(8)], length, size: PhantomData }
    }

    /// A bit vector of the size that the shape gives it, no bit set.
    pub fn empty_vector(shape: &Shape<'_>) -> Self {
        Self::zeros(usize::try_from(S::of(shape)).unwrap_or_default())
    }

    /// How many bits there are, set or not.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether there is no bit at all.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The bit at `index`; `None` behind the end.
    pub fn get(&self, index: usize) -> Option<bool> {
        if index >= self.length {
            return None;
        }
        self.bytes.get(index / 8).map(|byte| byte >> (index % 8) & 1 == 1)
    }

    /// Sets or clears the bit at `index`. Whether there is such a bit.
    pub fn set(&mut self, index: usize, value: bool) -> bool {
        if index >= self.length {
            return false;
        }
        let Some(byte) = self.bytes.get_mut(index / 8) else { return false };
        let mask = 1_u8 << (index % 8);
        if value {
            *byte |= mask;
        } else {
            *byte &= !mask;
        }
        true
    }

    /// How many bits are set.
    pub fn count(&self) -> usize {
        self.bytes.iter().map(|byte| byte.count_ones() as usize).sum()
    }

    /// Positions of the set bits, ascending.
    pub fn ones(&self) -> impl Iterator<Item = usize> + '_ {
        self.bytes.iter().enumerate().flat_map(|(place, byte)| {
            let mut rest = *byte;
            std::iter::from_fn(move || {
                if rest == 0 {
                    return None;
                }
                let bit = rest.trailing_zeros() as usize;
                rest &= rest - 1;
                Some(place * 8 + bit)
            })
        })
    }

    /// All bits, in order.
    pub fn iter(&self) -> impl Iterator<Item = bool> + '_ {
        (0..self.length).filter_map(|index| self.get(index))
    }

    /// The bits, eight to a byte, lowest first, without a closing bit.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Reads a bit list with its closing bit, of any length.
    pub(super) fn decode_list(bytes: &[u8]) -> Result<Self, SszError> {
        let Some(last) = bytes.last().copied().filter(|last| *last != 0) else {
            return Err(SszErrorKind::Bits("a bit list without its closing bit".into()).into());
        };
        let top = 7 - last.leading_zeros() as usize;
        let length = (bytes.len() - 1) * 8 + top;
        let mut bytes = bytes.to_vec();
        if let Some(last) = bytes.last_mut() {
            *last &= !(1 << top);
        }
        bytes.truncate(length.div_ceil(8));
        Ok(Self { bytes, length, size: PhantomData })
    }

    /// Appends the bits and a closing bit.
    pub(super) fn encode_list(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&self.bytes);
        if self.length.is_multiple_of(8) {
            out.push(1);
        } else if let Some(last) = out.get_mut(start..).and_then(|bytes| bytes.last_mut()) {
            *last |= 1 << (self.length % 8);
        }
    }
}

impl<S: Size> fmt::Debug for Bits<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(&self.bytes, f)?;
        write!(f, "/{}", self.length)
    }
}

impl<S: Size> FromIterator<bool> for Bits<S> {
    fn from_iter<I: IntoIterator<Item = bool>>(bits: I) -> Self {
        let mut out = Self { bytes: Vec::new(), length: 0, size: PhantomData };
        for bit in bits {
            if out.length.is_multiple_of(8) {
                out.bytes.push(0);
            }
            out.length += 1;
            out.set(out.length - 1, bit);
        }
        out
    }
}

impl<S: Size> Ssz for Bits<S> {
    fn fixed_len(shape: &Shape<'_>) -> Option<usize> {
        if S::EXACT { usize::try_from(S::of(shape).div_ceil(8)).ok() } else { None }
    }

    fn encode(&self, _: &Shape<'_>, out: &mut Vec<u8>) {
        if S::EXACT {
            out.extend_from_slice(&self.bytes);
        } else {
            self.encode_list(out);
        }
    }

    fn decode(bytes: &[u8], shape: &Shape<'_>) -> Result<Self, SszError> {
        let size = S::of(shape);
        if !S::EXACT {
            if !S::is_progressive(shape) && bytes.len() as u64 > size / 8 + 1 {
                return Err(SszErrorKind::TooMany {
                    limit: size,
                    found: (bytes.len() as u64).saturating_sub(1).saturating_mul(8),
                }
                .into());
            }
            let bits = Self::decode_list(bytes)?;
            super::items::check_count::<S>(bits.length, shape)?;
            return Ok(bits);
        }
        let expected = usize::try_from(size.div_ceil(8)).unwrap_or(usize::MAX);
        if size == 0 || bytes.len() != expected {
            return Err(SszErrorKind::Length { expected, found: bytes.len() }.into());
        }
        let tail = size % 8;
        if tail != 0 && bytes.last().is_some_and(|last| last >> tail != 0) {
            return Err(SszErrorKind::Bits("bits behind the end of a bit vector".into()).into());
        }
        Ok(Self { bytes: bytes.to_vec(), length: size as usize, size: PhantomData })
    }

    fn hash_tree_root(&self, shape: &Shape<'_>) -> [u8; 32] {
        let chunks = merkle::chunks(&self.bytes);
        if S::is_progressive(shape) {
            return merkle::mix_in_length(&merkle::merkleize_progressive(&chunks), self.length as u64);
        }
        let root = merkle::merkleize(chunks, S::of(shape).div_ceil(256));
        if S::EXACT { root } else { merkle::mix_in_length(&root, self.length as u64) }
    }
}

impl<S: Size> Json for Bits<S> {
    fn to_json(&self, shape: &Shape<'_>) -> serde_json::Value {
        json::hex(&self.to_ssz(shape)).into()
    }

    fn from_json(value: &serde_json::Value, shape: &Shape<'_>) -> Result<Self, JsonError> {
        Self::decode(&json::hex_bytes(value)?, shape).map_err(JsonError::from)
    }
}
