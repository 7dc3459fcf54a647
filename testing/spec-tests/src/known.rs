//! Cases that are known to expect something else than the deployed rules, by name.

/// A case that must fail, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deviation {
    /// The name of the case.
    pub case: &'static str,
    /// What its failure says.
    pub failure: &'static str,
    /// Why it expects something else.
    pub reason: &'static str,
}

/// All known deviations.
pub const KNOWN: &[Deviation] = &[];

/// The deviation that explains a failure.
pub(crate) fn explains(case: &str, failure: &str) -> Option<&'static Deviation> {
    KNOWN.iter().find(|known| known.case == case && failure.contains(known.failure))
}
