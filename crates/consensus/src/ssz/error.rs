//! Why bytes are not the value they should be, and where.

use std::borrow::Cow;
use std::fmt;

/// Bytes that are not an encoding of the type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SszError {
    path: Vec<Step>,
    kind: SszErrorKind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Field(&'static str),
    Item(usize),
}

/// What is wrong with the bytes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SszErrorKind {
    /// A type of fixed size has another number of bytes.
    #[error("{found} bytes where {expected} were expected")]
    Length {
        /// Bytes the type has.
        expected: usize,
        /// Bytes that are there.
        found: usize,
    },
    /// The bytes end inside the fixed part.
    #[error("the bytes end after {found}, inside the {expected} bytes of the fixed part")]
    Short {
        /// Bytes of the fixed part.
        expected: usize,
        /// Bytes that are there.
        found: usize,
    },
    /// The first offset does not point behind the fixed part.
    #[error("the first offset is {found} where {expected} was expected")]
    FirstOffset {
        /// Where the variable part begins.
        expected: usize,
        /// What the offset says.
        found: usize,
    },
    /// An offset lies before the one before it or behind the end.
    #[error("the offset {offset} lies outside {low}..={high}")]
    Offset {
        /// What the offset says.
        offset: usize,
        /// The offset before it.
        low: usize,
        /// The end of the bytes.
        high: usize,
    },
    /// The bytes do not divide into elements.
    #[error("{bytes} bytes do not divide into elements of {element}")]
    Ragged {
        /// Bytes of the list.
        bytes: usize,
        /// Bytes of an element.
        element: usize,
    },
    /// A list has more elements than its limit.
    #[error("{found} elements where the limit is {limit}")]
    TooMany {
        /// The limit.
        limit: u64,
        /// Elements that are there.
        found: u64,
    },
    /// A vector has another number of elements.
    #[error("{found} elements where exactly {expected} belong")]
    Count {
        /// Elements of the vector.
        expected: u64,
        /// Elements that are there.
        found: u64,
    },
    /// A byte that is neither 0 nor 1 stands for a boolean.
    #[error("the byte {0} is not a boolean")]
    Boolean(u8),
    /// A bit list without its closing bit, or a bit vector with bits behind its end.
    #[error("{0}")]
    Bits(Cow<'static, str>),
}

impl SszError {
    /// The error inside a named field.
    #[must_use]
    pub fn in_field(mut self, field: &'static str) -> Self {
        self.path.push(Step::Field(field));
        self
    }

    /// The error inside an element of a list.
    #[must_use]
    pub fn in_item(mut self, index: usize) -> Self {
        self.path.push(Step::Item(index));
        self
    }

    /// What is wrong.
    pub fn kind(&self) -> &SszErrorKind {
        &self.kind
    }
}

impl From<SszErrorKind> for SszError {
    fn from(kind: SszErrorKind) -> Self {
        Self { path: Vec::new(), kind }
    }
}

impl fmt::Display for SszError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, step) in self.path.iter().rev().enumerate() {
            match step {
                Step::Field(name) if position == 0 => f.write_str(name)?,
                Step::Field(name) => write!(f, ".{name}")?,
                Step::Item(index) => write!(f, "[{index}]")?,
            }
        }
        if !self.path.is_empty() {
            f.write_str(": ")?;
        }
        fmt::Display::fmt(&self.kind, f)
    }
}

impl std::error::Error for SszError {}
