//! The numbers that stand for clients and states in the database. They never change; a new client takes a new one.

use fingerprint::{Client, Signs};

use crate::error::StoreError;
use crate::row::{CanonicalState, RootOrigin};

/// Stands for "Uncertain".
pub(crate) const UNCERTAIN_CODE: i64 = 0;

pub(crate) const fn client_code(client: Client) -> i64 {
    match client {
        Client::Grandine => 1,
        Client::Lighthouse => 2,
        Client::Lodestar => 3,
        Client::Nimbus => 4,
        Client::Other => 5,
        Client::Prysm => 6,
        Client::Teku => 7,
    }
}

pub(crate) fn verdict_code(verdict: Option<Client>) -> i64 {
    verdict.map_or(UNCERTAIN_CODE, client_code)
}

pub(crate) fn verdict_of_code(code: i64) -> Result<Option<Client>, StoreError> {
    if code == UNCERTAIN_CODE {
        return Ok(None);
    }
    Client::ALL
        .into_iter()
        .find(|client| client_code(*client) == code)
        .map(Some)
        .ok_or_else(|| StoreError::damaged(format!("{code} stands for no client")))
}

pub(crate) const ORPHANED: i64 = 2;

pub(crate) const fn canonical_code(state: CanonicalState) -> i64 {
    match state {
        CanonicalState::Unknown => 0,
        CanonicalState::Canonical => 1,
        CanonicalState::Orphaned => ORPHANED,
        CanonicalState::Finalized => 3,
    }
}

pub(crate) fn canonical_of_code(code: i64) -> Result<CanonicalState, StoreError> {
    match code {
        0 => Ok(CanonicalState::Unknown),
        1 => Ok(CanonicalState::Canonical),
        ORPHANED => Ok(CanonicalState::Orphaned),
        3 => Ok(CanonicalState::Finalized),
        other => Err(StoreError::damaged(format!("{other} stands for no canonical state"))),
    }
}

pub(crate) fn signs_code(signs: Signs) -> i64 {
    i64::from(signs.bits())
}

pub(crate) fn signs_of_code(code: i64) -> Result<Signs, StoreError> {
    u32::try_from(code)
        .ok()
        .and_then(Signs::from_bits)
        .ok_or_else(|| StoreError::damaged(format!("{code} stands for no signs of a block")))
}

pub(crate) const fn origin_code(origin: RootOrigin) -> i64 {
    match origin {
        RootOrigin::Reported => 0,
        RootOrigin::Imported => 1,
    }
}

pub(crate) fn origin_of_code(code: i64) -> Result<RootOrigin, StoreError> {
    match code {
        0 => Ok(RootOrigin::Reported),
        1 => Ok(RootOrigin::Imported),
        other => Err(StoreError::damaged(format!("{other} stands for no origin of a root"))),
    }
}
