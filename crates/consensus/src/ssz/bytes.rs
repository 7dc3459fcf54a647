//! Byte vectors, byte lists and the 256-bit integer.

use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

use super::basic::exactly;
use super::{Size, Ssz, SszError, merkle};
use crate::spec::Shape;

/// A vector of `N` bytes: keys, signatures, addresses, proofs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes<const N: usize>(pub [u8; N]);

impl<const N: usize> Default for Bytes<N> {
    fn default() -> Self {
        Self([0; N])
    }
}

/// Writes `0x` and hexadecimal digits.
pub(super) fn write_hex(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str("0x")?;
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

impl<const N: usize> fmt::Display for Bytes<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(&self.0, f)
    }
}

impl<const N: usize> fmt::Debug for Bytes<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(&self.0, f)
    }
}

impl<const N: usize> Ssz for Bytes<N> {
    fn fixed_len(_: &Shape<'_>) -> Option<usize> {
        Some(N)
    }

    fn encode(&self, _: &Shape<'_>, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0);
    }

    fn decode(bytes: &[u8], _: &Shape<'_>) -> Result<Self, SszError> {
        exactly(bytes).map(Self)
    }

    fn hash_tree_root(&self, _: &Shape<'_>) -> [u8; 32] {
        merkle::merkleize(merkle::chunks(&self.0), N.div_ceil(32) as u64)
    }
}

/// An unsigned integer of 256 bits, little endian.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Uint256(pub [u8; 32]);

impl fmt::Debug for Uint256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Uint256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        let mut digits = Vec::new();
        loop {
            let mut remainder = 0_u16;
            for byte in rest.iter_mut().rev() {
                let value = remainder * 256 + u16::from(*byte);
                *byte = (value / 10) as u8;
                remainder = value % 10;
            }
            digits.push(b'0' + remainder as u8);
            if rest == [0; 32] {
                break;
            }
        }
        digits.iter().rev().try_for_each(|digit| write!(f, "{}", *digit as char))
    }
}

impl Uint256 {
    /// Reads decimal digits; `None` where there is anything else or the number is too large.
    pub fn from_decimal(text: &str) -> Option<Self> {
        if text.is_empty() || text.len() > 78 {
            return None;
        }
        let mut value = [0_u8; 32];
        for digit in text.bytes() {
            let mut carry = u16::from(digit.checked_sub(b'0').filter(|digit| *digit < 10)?);
            for byte in &mut value {
                let product = u16::from(*byte) * 10 + carry;
                *byte = product as u8;
                carry = product >> 8;
            }
            if carry > 0 {
                return None;
            }
        }
        Some(Self(value))
    }
}

impl Ssz for Uint256 {
    const BASIC: bool = true;

    fn fixed_len(_: &Shape<'_>) -> Option<usize> {
        Some(32)
    }

    fn encode(&self, _: &Shape<'_>, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0);
    }

    fn decode(bytes: &[u8], _: &Shape<'_>) -> Result<Self, SszError> {
        exactly(bytes).map(Self)
    }

    fn hash_tree_root(&self, _: &Shape<'_>) -> [u8; 32] {
        self.0
    }
}

/// A list of bytes such as a transaction or, where the size is exact, a vector such as a blob.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct ByteList<S: Size> {
    bytes: Vec<u8>,
    size: PhantomData<S>,
}

impl<S: Size> ByteList<S> {
    /// The bytes as a list. A limit is checked when the list is read, not here.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self { bytes, size: PhantomData }
    }
}

impl<S: Size> Deref for ByteList<S> {
    type Target = Vec<u8>;

    fn deref(&self) -> &Vec<u8> {
        &self.bytes
    }
}

impl<S: Size> DerefMut for ByteList<S> {
    fn deref_mut(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }
}

impl<S: Size> fmt::Debug for ByteList<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(&self.bytes, f)
    }
}

impl<S: Size> Ssz for ByteList<S> {
    fn fixed_len(shape: &Shape<'_>) -> Option<usize> {
        if S::EXACT { usize::try_from(S::of(shape)).ok() } else { None }
    }

    fn encode(&self, _: &Shape<'_>, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.bytes);
    }

    fn decode(bytes: &[u8], shape: &Shape<'_>) -> Result<Self, SszError> {
        super::items::check_count::<S>(bytes.len(), shape)?;
        Ok(Self::new(bytes.to_vec()))
    }

    fn hash_tree_root(&self, shape: &Shape<'_>) -> [u8; 32] {
        let chunks = merkle::chunks(&self.bytes);
        if S::is_progressive(shape) {
            return merkle::mix_in_length(&merkle::merkleize_progressive(&chunks), self.bytes.len() as u64);
        }
        let root = merkle::merkleize(chunks, S::of(shape).div_ceil(32));
        if S::EXACT { root } else { merkle::mix_in_length(&root, self.bytes.len() as u64) }
    }
}

impl<S: Size> super::Json for ByteList<S> {
    fn to_json(&self, _: &Shape<'_>) -> serde_json::Value {
        format!("{self:?}").into()
    }

    fn from_json(value: &serde_json::Value, shape: &Shape<'_>) -> Result<Self, super::JsonError> {
        let bytes = super::json::hex_bytes(value)?;
        Self::decode(&bytes, shape).map_err(super::JsonError::from)
    }
}
