//! Any bytes as blocks and states of every fork, and as their JSON. What is read must be written the same.
#![no_main]

use blockmark_fuzz::chain::spec;
use consensus::containers::{BeaconState, SignedBeaconBlock};
use consensus::spec::{Fork, Shape};
use consensus::ssz::{Json, Ssz};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    // The first byte chooses, the rest is read.
    let Some((choice, bytes)) = data.split_first() else { return };
    let fork = Fork::ALL[usize::from(choice >> 2) % Fork::ALL.len()];
    let spec = spec(fork);
    let shape = spec.shape(fork);
    match choice % 4 {
        0 => ssz::<SignedBeaconBlock>(bytes, &shape),
        1 => ssz::<BeaconState>(bytes, &shape),
        2 => json::<SignedBeaconBlock>(bytes, &shape),
        _ => json::<BeaconState>(bytes, &shape),
    }
});

fn ssz<T: Ssz + Json + PartialEq + std::fmt::Debug>(bytes: &[u8], shape: &Shape<'_>) {
    let Ok(value) = T::decode(bytes, shape) else { return };
    assert_eq!(value.to_ssz(shape), bytes);
    assert_eq!(T::from_json(&value.to_json(shape), shape).as_ref(), Ok(&value));
    let _ = value.hash_tree_root(shape);
}

fn json<T: Ssz + Json + PartialEq + std::fmt::Debug>(bytes: &[u8], shape: &Shape<'_>) {
    let Ok(json) = serde_json::from_slice(bytes) else { return };
    let Ok(value) = T::from_json(&json, shape) else { return };
    assert_eq!(T::decode(&value.to_ssz(shape), shape).as_ref(), Ok(&value));
}
