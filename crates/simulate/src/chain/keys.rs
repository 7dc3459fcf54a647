//! Keys of simulated validators: consecutive secret numbers, so that millions of them cost seconds, and the
//! signature of a whole committee costs as much as one.

use blst::min_pk::{AggregatePublicKey, PublicKey, SecretKey};
use consensus::containers::{PublicKeyBytes, SignatureBytes};
use consensus::ssz::Bytes;
use rayon::prelude::*;

/// The secret number of the first validator.
const FIRST_SECRET: u128 = 1 << 64;

/// Keys that are derived from one another at a time.
const RUN: u32 = 8_192;

/// The hash-to-curve domain of the beacon chain's signatures.
const DST: &[u8] = b"BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_";

/// Whether a simulated chain is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signing {
    /// All signatures are valid.
    Signed,
    /// Every signature is the point at infinity.
    Unsigned,
}

/// The keys of all validators.
#[derive(Debug)]
pub struct Keys {
    public: Vec<PublicKeyBytes>,
}

/// The secret key of a number. Numbers here are never 0 and far below the order of the group.
fn secret(number: u128) -> SecretKey {
    let mut bytes = [0; 32];
    for (to, from) in bytes.iter_mut().skip(16).zip(number.to_be_bytes()) {
        *to = from;
    }
    SecretKey::from_bytes(&bytes).unwrap_or_default()
}

/// The secret number of a validator.
fn number(validator: u32) -> u128 {
    FIRST_SECRET + u128::from(validator)
}

impl Keys {
    /// The keys of validators `0..count`.
    pub fn new(count: u32) -> Self {
        let step: PublicKey = secret(1).sk_to_pk();
        let runs: Vec<u32> = (0..count).step_by(RUN as usize).collect();
        let public = runs
            .into_par_iter()
            .flat_map_iter(|start| {
                let mut sum = AggregatePublicKey::from_public_key(&secret(number(start)).sk_to_pk());
                (start..count.min(start.saturating_add(RUN))).map(move |_| {
                    let key = Bytes(sum.to_public_key().compress());
                    // Both are points of the group: adding without a check can't fail.
                    let _ = sum.add_public_key(&step, false);
                    key
                })
            })
            .collect();
        Self { public }
    }

    /// The public keys, by validator.
    pub fn public(&self) -> &[PublicKeyBytes] {
        &self.public
    }
}

/// The signature of a message by all given validators together, one that is named twice counting twice.
pub(super) fn sign(
    signing: Signing,
    validators: impl Iterator<Item = u32>,
    message: impl FnOnce() -> [u8; 32],
) -> SignatureBytes {
    let sum: u128 = match signing {
        Signing::Unsigned => 0,
        Signing::Signed => validators.map(number).sum(),
    };
    if sum == 0 {
        let mut infinity = [0; 96];
        infinity[0] = 0xc0;
        return Bytes(infinity);
    }
    Bytes(secret(sum).sign(&message(), DST, &[]).compress())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_derived_in_a_row_are_those_of_their_numbers() {
        let keys = Keys::new(RUN + 3);
        for validator in [0, 1, RUN - 1, RUN, RUN + 2] {
            let expected = Bytes(secret(number(validator)).sk_to_pk().compress());
            assert_eq!(keys.public()[validator as usize], expected, "{validator}");
        }
    }

    #[test]
    fn one_signature_stands_for_many() {
        let keys = Keys::new(5);
        let message = [7; 32];
        let signature = sign(Signing::Signed, [0, 2, 4].into_iter(), || message);
        let members: Vec<_> = [0, 2, 4].map(|index| keys.public()[index]).to_vec();
        assert!(consensus::bls::fast_aggregate_verify(&members, &message, &signature));
        assert!(!consensus::bls::fast_aggregate_verify(&members[..2], &message, &signature));
    }
}
