//! Integers, booleans and roots.

use super::error::SszErrorKind;
use super::{Ssz, SszError};
use crate::primitives::Root;
use crate::spec::Shape;

/// Exactly `N` bytes.
pub(super) fn exactly<const N: usize>(bytes: &[u8]) -> Result<[u8; N], SszError> {
    bytes.try_into().map_err(|_| SszErrorKind::Length { expected: N, found: bytes.len() }.into())
}

macro_rules! unsigned {
    ($($name:ty)*) => {$(
        impl Ssz for $name {
            const BASIC: bool = true;

            fn fixed_len(_: &Shape<'_>) -> Option<usize> {
                Some(size_of::<$name>())
            }

            fn encode(&self, _: &Shape<'_>, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }

            fn decode(bytes: &[u8], _: &Shape<'_>) -> Result<Self, SszError> {
                exactly(bytes).map(<$name>::from_le_bytes)
            }

            fn hash_tree_root(&self, _: &Shape<'_>) -> [u8; 32] {
                let mut chunk = [0; 32];
                for (to, from) in chunk.iter_mut().zip(self.to_le_bytes()) {
                    *to = from;
                }
                chunk
            }
        }
    )*};
}

unsigned!(u8 u16 u32 u64 u128);

impl Ssz for bool {
    const BASIC: bool = true;

    fn fixed_len(_: &Shape<'_>) -> Option<usize> {
        Some(1)
    }

    fn encode(&self, _: &Shape<'_>, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }

    fn decode(bytes: &[u8], _: &Shape<'_>) -> Result<Self, SszError> {
        match exactly::<1>(bytes)? {
            [0] => Ok(false),
            [1] => Ok(true),
            [byte] => Err(SszErrorKind::Boolean(byte).into()),
        }
    }

    fn hash_tree_root(&self, shape: &Shape<'_>) -> [u8; 32] {
        u8::from(*self).hash_tree_root(shape)
    }
}

impl Ssz for Root {
    fn fixed_len(_: &Shape<'_>) -> Option<usize> {
        Some(32)
    }

    fn encode(&self, _: &Shape<'_>, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0);
    }

    fn decode(bytes: &[u8], _: &Shape<'_>) -> Result<Self, SszError> {
        exactly(bytes).map(Root)
    }

    fn hash_tree_root(&self, _: &Shape<'_>) -> [u8; 32] {
        self.0
    }
}
