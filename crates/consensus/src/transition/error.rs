//! Why a block or a state is refused.

use std::fmt;

use crate::ssz::SszError;

/// A state, slot or block that the rules refuse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransitionError {
    slot: Option<u64>,
    operation: Option<(&'static str, Option<usize>)>,
    violation: Violation,
}

/// The rule that is broken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// A rule, as a sentence.
    #[error("{0}")]
    Rule(&'static str),
    /// Two values that must be equal are not.
    #[error("{what}: expected {expected}, found {found}")]
    Mismatch {
        /// What is compared.
        what: &'static str,
        /// What it must be.
        expected: String,
        /// What it is.
        found: String,
    },
    /// A number went out of its range.
    #[error("{0} goes out of range")]
    Range(&'static str),
    /// There is no such validator.
    #[error("there is no validator {0}")]
    NoValidator(u64),
    /// There is no such builder.
    #[error("there is no builder {0}")]
    NoBuilder(u64),
    /// A signature is not valid.
    #[error("the signature of {0} is not valid")]
    Signature(&'static str),
    /// A part of the state has the wrong size or does not fit the preset.
    #[error("the state does not fit: {0}")]
    State(&'static str),
    /// Bytes could not be read.
    #[error("{0}")]
    Ssz(SszError),
}

impl TransitionError {
    /// The broken rule.
    pub fn violation(&self) -> &Violation {
        &self.violation
    }

    /// The error at a slot.
    #[must_use]
    pub fn at_slot(mut self, slot: u64) -> Self {
        self.slot.get_or_insert(slot);
        self
    }

    /// The error in a part of the block.
    #[must_use]
    pub fn in_part(mut self, part: &'static str) -> Self {
        self.operation.get_or_insert((part, None));
        self
    }

    /// The error in one operation of a list in the block.
    #[must_use]
    pub fn in_operation(mut self, list: &'static str, index: usize) -> Self {
        self.operation.get_or_insert((list, Some(index)));
        self
    }

    /// Two values that must be equal are not.
    pub fn mismatch(what: &'static str, expected: impl fmt::Display, found: impl fmt::Display) -> Self {
        Violation::Mismatch { what, expected: expected.to_string(), found: found.to_string() }.into()
    }
}

impl From<Violation> for TransitionError {
    fn from(violation: Violation) -> Self {
        Self { slot: None, operation: None, violation }
    }
}

impl From<SszError> for TransitionError {
    fn from(error: SszError) -> Self {
        Violation::Ssz(error).into()
    }
}

impl fmt::Display for TransitionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(slot) = self.slot {
            write!(f, "slot {slot}: ")?;
        }
        match self.operation {
            Some((part, Some(index))) => write!(f, "{part}[{index}]: ")?,
            Some((part, None)) => write!(f, "{part}: ")?,
            None => {}
        }
        fmt::Display::fmt(&self.violation, f)
    }
}

impl std::error::Error for TransitionError {}

/// Leaves the function with a broken rule unless the condition holds.
macro_rules! ensure {
    ($condition:expr, $sentence:literal) => {
        if !$condition {
            return Err($crate::transition::Violation::Rule($sentence).into());
        }
    };
}
pub(crate) use ensure;
