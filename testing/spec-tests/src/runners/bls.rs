//! Signatures, and sums of keys.

use consensus::bls;
use consensus::containers::{PublicKeyBytes, SignatureBytes};
use consensus::spec::Shape;
use consensus::ssz::{Bytes, Json};
use serde_json::Value;

use super::{Check, Context};
use crate::failure::{Failure, Within, expect_equal};

pub(super) fn handler(name: &str) -> Option<Check> {
    match name {
        "aggregate" => Some(aggregate_signatures),
        "aggregate_verify" => Some(aggregate_verify),
        "sign" => Some(sign),
        "verify" => Some(verify),
        "fast_aggregate_verify" => Some(fast_aggregate_verify),
        "eth_fast_aggregate_verify" => Some(eth_fast_aggregate_verify),
        "eth_aggregate_pubkeys" => Some(aggregate_public_keys),
        _ => None,
    }
}

/// What a case gives and what it expects.
struct Data {
    input: Value,
    output: Value,
}

impl Data {
    fn read(context: &Context<'_>) -> Result<Self, Failure> {
        let mut data = context.case.need_yaml("data")?;
        let mut take = |name: &str| data.get_mut(name).map(Value::take).unwrap_or_default();
        Ok(Self { input: take("input"), output: take("output") })
    }

    fn field(&self, name: &str) -> &Value {
        self.input.get(name).unwrap_or_default()
    }

    /// A key or signature of the wrong length is one that is not valid.
    fn bytes<const N: usize>(value: &Value, shape: &Shape<'_>) -> Option<Bytes<N>> {
        Bytes::from_json(value, shape).ok()
    }

    fn keys(list: &Value, shape: &Shape<'_>) -> Option<Vec<PublicKeyBytes>> {
        list.as_array()?.iter().map(|key| Self::bytes(key, shape)).collect()
    }

    fn message(&self, shape: &Shape<'_>) -> Result<[u8; 32], Failure> {
        Ok(Bytes::<32>::from_json(self.field("message"), shape).within("message")?.0)
    }

    fn signature(&self, shape: &Shape<'_>) -> Option<SignatureBytes> {
        Self::bytes(self.field("signature"), shape)
    }

    fn expect(&self, found: bool) -> Result<(), Failure> {
        expect_equal("validity", &Value::Bool(found), &self.output)
    }
}

fn verify(context: &Context<'_>) -> Result<(), Failure> {
    let shape = context.shape();
    let data = Data::read(context)?;
    let message = data.message(&shape)?;
    let key: Option<PublicKeyBytes> = Data::bytes(data.field("pubkey"), &shape);
    let parts = key.zip(data.signature(&shape));
    data.expect(parts.is_some_and(|(key, signature)| bls::verify(&key, &message, &signature)))
}

fn fast_aggregate_verify(context: &Context<'_>) -> Result<(), Failure> {
    aggregate(context, bls::fast_aggregate_verify)
}

fn eth_fast_aggregate_verify(context: &Context<'_>) -> Result<(), Failure> {
    aggregate(context, bls::eth_fast_aggregate_verify)
}

fn aggregate(
    context: &Context<'_>,
    verify: fn(&[PublicKeyBytes], &[u8; 32], &SignatureBytes) -> bool,
) -> Result<(), Failure> {
    let shape = context.shape();
    let data = Data::read(context)?;
    let message = data.message(&shape)?;
    let parts = Data::keys(data.field("pubkeys"), &shape).zip(data.signature(&shape));
    data.expect(parts.is_some_and(|(keys, signature)| verify(&keys, &message, &signature)))
}

fn aggregate_verify(context: &Context<'_>) -> Result<(), Failure> {
    let shape = context.shape();
    let data = Data::read(context)?;
    let messages = data.field("messages").as_array().map(Vec::as_slice).unwrap_or_default();
    let messages = messages
        .iter()
        .map(|message| Ok(Bytes::<32>::from_json(message, &shape).within("messages")?.0))
        .collect::<Result<Vec<[u8; 32]>, Failure>>()?;
    let parts = Data::keys(data.field("pubkeys"), &shape).zip(data.signature(&shape));
    data.expect(parts.is_some_and(|(keys, signature)| bls::aggregate_verify(&keys, &messages, &signature)))
}

/// Null is expected where there is no sum.
fn aggregate_signatures(context: &Context<'_>) -> Result<(), Failure> {
    let shape = context.shape();
    let data = Data::read(context)?;
    let signatures = data.input.as_array().map(Vec::as_slice).unwrap_or_default();
    let signatures: Option<Vec<SignatureBytes>> =
        signatures.iter().map(|signature| Data::bytes(signature, &shape)).collect();
    let sum = signatures.and_then(|signatures| bls::aggregate_signatures(&signatures));
    expect_equal("sum", &sum.map_or(Value::Null, |sum| sum.to_json(&shape)), &data.output)
}

/// Null is expected where the number is no key.
fn sign(context: &Context<'_>) -> Result<(), Failure> {
    let shape = context.shape();
    let data = Data::read(context)?;
    let key: Option<Bytes<32>> = Data::bytes(data.field("privkey"), &shape);
    let signature = key.and_then(|key| data.message(&shape).ok().zip(Some(key)));
    let signature = signature.and_then(|(message, key)| bls::sign(&key.0, &message));
    expect_equal("signature", &signature.map_or(Value::Null, |found| found.to_json(&shape)), &data.output)
}

/// Null is expected where there is no sum.
fn aggregate_public_keys(context: &Context<'_>) -> Result<(), Failure> {
    let shape = context.shape();
    let data = Data::read(context)?;
    let sum = Data::keys(&data.input, &shape).and_then(|keys| bls::aggregate_public_keys(&keys));
    let sum = sum.map_or(Value::Null, |sum| sum.to_json(&shape));
    expect_equal("sum", &sum, &data.output)
}
