//! Any bytes as a model file, and what such a model makes of a block.
#![no_main]

use fingerprint::BlockObservation;
use fingerprint::classifier::Model;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(model) = Model::from_bytes(data) {
        let _ = model.classify(&BlockObservation::default());
        let _ = model.explain(&BlockObservation::default());
    }
});
