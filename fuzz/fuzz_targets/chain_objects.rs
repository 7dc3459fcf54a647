//! Any bytes as every container of every fork, and as their JSON. What is read must be written the same.
#![no_main]

use blockmark_fuzz::chain::spec;
use blockmark_fuzz::containers::CONTAINERS;
use consensus::spec::Fork;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    // The first two bytes choose, the rest is read.
    let [choice, number, bytes @ ..] = data else { return };
    let fork = Fork::ALL[usize::from(choice >> 1) % Fork::ALL.len()];
    let spec = spec(fork);
    let shape = spec.shape(fork);
    let container = &CONTAINERS[usize::from(*number) % CONTAINERS.len()];
    let check = if choice & 1 == 0 { container.check_ssz } else { container.check_json };
    check(bytes, &shape);
});
