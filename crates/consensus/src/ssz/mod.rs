//! Simple serialize: encoding, decoding and hash tree roots of every container, for every preset and fork.
//!
//! Sizes of lists and the fields of a container depend on the preset and the fork. Both are values here, not
//! types: every operation takes a [`Shape`], so that one set of types and one set of rules serves all of them.
//! Reading bounds everything by the size of the input; an error names the field.
//!
//! Source: consensus-specs `ssz/simple-serialize.md`, `ssz/merkle-proofs.md`.

mod basic;
mod bits;
mod bytes;
mod column;
mod container;
mod error;
mod items;
mod json;
mod list;
pub mod merkle;
mod pairs;
mod progressive;
pub mod proof;
#[cfg(test)]
mod proof_tests;

pub use bits::Bits;
pub use bytes::{ByteList, Bytes, Uint256};
pub use column::Column;
pub(crate) use container::container;
pub use container::{BadLayout, FieldReader, FieldWriter, fixed_part};
pub use error::{SszError, SszErrorKind};
pub use json::{Json, JsonError};
pub use list::List;
pub use progressive::{ProgressiveBits, ProgressiveByteList, ProgressiveList, Unbounded};

use proof::Step;

use crate::spec::Shape;

/// A value with a simple-serialize type.
pub trait Ssz: Sized {
    /// Whether values of this type are packed into 32-byte chunks when hashed in a list (basic types).
    const BASIC: bool = false;

    /// The encoded length in bytes, where it is the same for every value; `None` for a type of variable size.
    fn fixed_len(shape: &Shape<'_>) -> Option<usize>;

    /// Appends the encoding.
    fn encode(&self, shape: &Shape<'_>, out: &mut Vec<u8>);

    /// Reads the value that fills all of `bytes`.
    fn decode(bytes: &[u8], shape: &Shape<'_>) -> Result<Self, SszError>;

    /// The hash tree root.
    fn hash_tree_root(&self, shape: &Shape<'_>) -> [u8; 32];

    /// The generalized index of a part. `None` where values of this type have no such part.
    ///
    /// Source: `ssz/merkle-proofs.md` `get_generalized_index`.
    fn generalized_index(path: &[Step<'_>], _: &Shape<'_>) -> Option<u64> {
        path.is_empty().then_some(1)
    }

    /// The node of a part, by its generalized index, with its siblings appended to `branch`, lowest first. `None` where
    /// there is no such part; see [`Proof`](proof::Proof).
    fn prove(&self, index: u64, shape: &Shape<'_>, branch: &mut Vec<[u8; 32]>) -> Option<[u8; 32]> {
        let _ = branch;
        (index == 1).then(|| self.hash_tree_root(shape))
    }

    /// The encoding, by itself.
    fn to_ssz(&self, shape: &Shape<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        self.encode(shape, &mut out);
        out
    }
}

/// How many elements a list may have or a vector has, under a shape.
pub trait Size: Clone + Copy + Default + std::fmt::Debug + PartialEq + Eq + Send + Sync + 'static {
    /// Whether the length is exact (a vector) or a limit (a list).
    const EXACT: bool;

    /// The length or limit.
    fn of(shape: &Shape<'_>) -> u64;

    /// Whether a list of this size has no limit under a shape, and its tree grows with it (EIP-7916).
    fn is_progressive(_: &Shape<'_>) -> bool {
        false
    }
}
