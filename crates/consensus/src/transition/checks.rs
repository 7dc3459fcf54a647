//! What a transition checks, and what it takes on trust.

/// Whether BLS signatures are verified. A deposit's proof of possession always is: it decides what the state becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signatures {
    /// Verify all of them.
    Verify,
    /// Take them as valid.
    Skip,
}

/// Whether roots of states and blocks are computed and compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StateRoot {
    /// Compute the root of every state and block, and compare.
    Verify,
    /// Take the roots that blocks name. Nothing is hashed that rewards do not need; proposers are those that the
    /// blocks name. A state that was advanced so can't be hashed or written any more.
    Trust,
}

/// What the execution client says of a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PayloadStatus {
    /// It is valid, or taken as valid.
    Valid,
    /// It is invalid.
    Invalid,
}

/// What a transition checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checks {
    /// Signatures.
    pub signatures: Signatures,
    /// Roots.
    pub state_root: StateRoot,
    /// The execution client's verdict.
    pub payload: PayloadStatus,
}

impl Checks {
    /// Everything is checked; the payload is taken as valid.
    pub const ALL: Self =
        Self { signatures: Signatures::Verify, state_root: StateRoot::Verify, payload: PayloadStatus::Valid };

    /// Roots are checked, signatures are not.
    pub const ROOTS: Self = Self { signatures: Signatures::Skip, ..Self::ALL };

    /// Nothing is checked that a replay of finalized blocks does not need.
    pub const TRUST: Self = Self { state_root: StateRoot::Trust, ..Self::ROOTS };
}
