//! What a person sees: tables, shares, progress. Results go to standard output, the rest to standard error.

pub(crate) mod progress;
pub(crate) mod say;
pub(crate) mod shares;
pub(crate) mod style;
pub(crate) mod table;
