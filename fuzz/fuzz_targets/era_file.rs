//! Any bytes as an era file: by its index and without, every block, every state.
#![no_main]

use std::io::Cursor;
use std::sync::Arc;

use blockmark_fuzz::chain::spec;
use consensus::Slot;
use consensus::spec::Fork;
use libfuzzer_sys::fuzz_target;
use source::era::{BrokenIndex, EraLimits, EraReader, IndexFate};

/// Low enough for a fuzzer to reach.
const LOW: EraLimits = EraLimits { block_bytes: 4_000, state_bytes: 2 << 20, read_ahead: 1 };

fuzz_target!(|data: &[u8]| {
    let spec = Arc::new(spec(Fork::Electra));
    for (broken, limits) in [
        (BrokenIndex::Refuse, EraLimits::default()),
        (BrokenIndex::Rebuild, EraLimits::default()),
        (BrokenIndex::Rebuild, LOW),
    ] {
        let open = || {
            EraReader::new(Cursor::new(data), data.len() as u64, "fuzz", Arc::clone(&spec), limits, broken)
        };
        let Ok(mut reader) = open() else { continue };
        if broken == BrokenIndex::Refuse {
            assert_eq!(*reader.index(), IndexFate::Sound);
        }
        let groups = reader.groups().to_vec();
        assert!(groups.windows(2).all(|pair| pair[0].era < pair[1].era));
        for group in &groups {
            let _ = reader.verify(group.era);
            for (slot, _) in &group.blocks {
                if let Ok(block) = reader.block(*slot) {
                    assert_eq!(block.slot(), *slot);
                    assert!(block.encode(&spec).len() as u64 <= limits.block_bytes);
                }
            }
        }
        let listed = groups.iter().map(|group| group.blocks.len()).sum::<usize>();
        let reader = open().expect("it was opened before");
        assert_eq!(reader.into_blocks(Slot(0), Slot(u64::MAX)).count(), listed);
    }
});
