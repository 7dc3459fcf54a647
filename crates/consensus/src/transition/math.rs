//! Checked arithmetic on the numbers of the specification.

use super::{TransitionError, Violation};

/// The sum.
pub(crate) fn add(a: u64, b: u64, what: &'static str) -> Result<u64, TransitionError> {
    a.checked_add(b).ok_or(Violation::Range(what).into())
}

/// The difference.
pub(crate) fn sub(a: u64, b: u64, what: &'static str) -> Result<u64, TransitionError> {
    a.checked_sub(b).ok_or(Violation::Range(what).into())
}

/// The product.
pub(crate) fn mul(a: u64, b: u64, what: &'static str) -> Result<u64, TransitionError> {
    a.checked_mul(b).ok_or(Violation::Range(what).into())
}

/// The quotient, rounded down.
pub(crate) fn div(a: u64, b: u64, what: &'static str) -> Result<u64, TransitionError> {
    a.checked_div(b).ok_or(Violation::Range(what).into())
}

/// The remainder.
pub(crate) fn rem(a: u64, b: u64, what: &'static str) -> Result<u64, TransitionError> {
    a.checked_rem(b).ok_or(Violation::Range(what).into())
}

/// The number as an index of memory.
pub(crate) fn index(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
