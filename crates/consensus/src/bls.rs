//! BLS signatures over BLS12-381, public keys in G1, as the beacon chain uses them.
//!
//! Source: phase0 "BLS signatures"; IETF draft `draft-irtf-cfrg-bls-signature`, proof-of-possession scheme.

use blst::BLST_ERROR;
use blst::min_pk::{AggregatePublicKey, AggregateSignature, PublicKey, SecretKey, Signature};

use crate::containers::{PublicKeyBytes, SignatureBytes};

/// The hash-to-curve domain of the scheme.
const DST: &[u8] = b"BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_";

/// The signature of nobody: the point at infinity.
pub(crate) const INFINITY: SignatureBytes = {
    let mut bytes = [0; 96];
    bytes[0] = 0xc0;
    crate::ssz::Bytes(bytes)
};

fn public_key(bytes: &PublicKeyBytes) -> Option<PublicKey> {
    PublicKey::key_validate(&bytes.0).ok()
}

fn signature(bytes: &SignatureBytes) -> Option<Signature> {
    Signature::from_bytes(&bytes.0).ok()
}

/// Whether a signature of one key is valid.
pub fn verify(key: &PublicKeyBytes, message: &[u8; 32], bytes: &SignatureBytes) -> bool {
    let (Some(key), Some(signature)) = (public_key(key), signature(bytes)) else { return false };
    signature.verify(true, message, DST, &[], &key, false) == BLST_ERROR::BLST_SUCCESS
}

/// Whether a signature of several keys over one message is valid. Not for no keys.
pub fn fast_aggregate_verify(keys: &[PublicKeyBytes], message: &[u8; 32], bytes: &SignatureBytes) -> bool {
    let Some(keys) = keys.iter().map(public_key).collect::<Option<Vec<_>>>() else { return false };
    let (false, Some(signature)) = (keys.is_empty(), signature(bytes)) else { return false };
    let keys: Vec<&PublicKey> = keys.iter().collect();
    signature.fast_aggregate_verify(true, message, DST, &keys) == BLST_ERROR::BLST_SUCCESS
}

/// As [`fast_aggregate_verify`]; the point at infinity is the valid signature of no keys.
///
/// Source: altair `eth_fast_aggregate_verify`.
pub fn eth_fast_aggregate_verify(
    keys: &[PublicKeyBytes],
    message: &[u8; 32],
    bytes: &SignatureBytes,
) -> bool {
    (keys.is_empty() && *bytes == INFINITY) || fast_aggregate_verify(keys, message, bytes)
}

/// Whether a signature of several keys, each over its own message, is valid. Not for no keys.
pub fn aggregate_verify(keys: &[PublicKeyBytes], messages: &[[u8; 32]], bytes: &SignatureBytes) -> bool {
    let Some(keys) = keys.iter().map(public_key).collect::<Option<Vec<_>>>() else { return false };
    let (false, true, Some(signature)) = (keys.is_empty(), keys.len() == messages.len(), signature(bytes))
    else {
        return false;
    };
    let keys: Vec<&PublicKey> = keys.iter().collect();
    let messages: Vec<&[u8]> = messages.iter().map(<[u8; 32]>::as_slice).collect();
    signature.aggregate_verify(true, &messages, DST, &keys, false) == BLST_ERROR::BLST_SUCCESS
}

/// The sum of signatures; `None` for no signatures or one that is no point of the group.
pub fn aggregate_signatures(signatures: &[SignatureBytes]) -> Option<SignatureBytes> {
    let signatures = signatures.iter().map(signature).collect::<Option<Vec<_>>>()?;
    let signatures: Vec<&Signature> = signatures.iter().collect();
    let sum = AggregateSignature::aggregate(&signatures, true).ok()?;
    Some(crate::ssz::Bytes(sum.to_signature().compress()))
}

/// The signature of a secret key over a message; `None` for a number that is no key: 0, or not below the order of the
/// group.
pub fn sign(secret: &[u8; 32], message: &[u8; 32]) -> Option<SignatureBytes> {
    let key = SecretKey::from_bytes(secret).ok()?;
    Some(crate::ssz::Bytes(key.sign(message, DST, &[]).compress()))
}

/// The sum of public keys; `None` for no keys or one that is no point.
///
/// Source: altair `eth_aggregate_pubkeys`.
pub fn aggregate_public_keys(keys: &[PublicKeyBytes]) -> Option<PublicKeyBytes> {
    let keys = keys.iter().map(public_key).collect::<Option<Vec<_>>>()?;
    let keys: Vec<&PublicKey> = keys.iter().collect();
    let sum = AggregatePublicKey::aggregate(&keys, false).ok()?;
    Some(crate::ssz::Bytes(sum.to_public_key().compress()))
}
