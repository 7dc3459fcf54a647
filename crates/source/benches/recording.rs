//! How fast blocks come out of recordings and era files, and states out of recordings.
//!
//! Reads real blocks of the conformance data (`BLOCKMARK_DATA`, or `../shared/data` beside the workspace). The files
//! are in the page cache: what is measured is unpacking and decoding, not the disk.

use std::time::Instant;

use consensus::Slot;
use source::compression::Compression;

const ROUNDS: u32 = 20;

fn main() {
    let captures = ["lighthouse-devnet/deneb-mainnet-129-288", "grandine-devnet/electra-8192"];
    for name in captures {
        let Some(capture) = captures::named(name) else { return };
        let bytes: usize = capture.blocks().iter().map(|block| block.ssz.len()).sum();
        let (slot, state) = capture.states().remove(0);
        for compression in Compression::ALL {
            let directory = tempfile::tempdir().expect("a directory");
            let recording = capture.record(directory.path(), compression);
            let blocks = recording.block_slots().count();
            measure(&format!("{name}, {compression}, ahead"), blocks, bytes, || {
                assert_eq!(recording.all_blocks().filter(Result::is_ok).count(), blocks);
            });
            let here = || recording.blocks_here(Slot(0), Slot(u64::MAX));
            measure(&format!("{name}, {compression}, one thread"), blocks, bytes, || {
                assert_eq!(here().filter(Result::is_ok).count(), blocks);
            });
            measure(&format!("{name}, {compression}, state"), 1, state.len(), || {
                assert_eq!(recording.state(slot).expect("a state").slot, slot.0);
            });
        }
    }
}

fn measure(name: &str, items: usize, bytes: usize, mut work: impl FnMut()) {
    work();
    let start = Instant::now();
    (0..ROUNDS).for_each(|_| work());
    let seconds = start.elapsed().as_secs_f64() / f64::from(ROUNDS);
    let (each, rate) = (seconds * 1e6 / items as f64, bytes as f64 / seconds / 1e6);
    println!("{name}: {each:.1} µs each, {rate:.0} MB/s decoded");
}
