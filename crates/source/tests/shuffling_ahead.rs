//! Shufflings that are prepared ahead are the ones that a state uses.

use std::sync::Arc;

use consensus::spec::{Fork, Network};
use consensus::transition::{Checks, FromScratch, apply_signed_block, process_slots_trusting};
use simulate::chain::{Chain, ChainPlan, Signing};

#[test]
fn prepared_shufflings_are_used() {
    let mut spec = Network::Minimal.spec();
    for fork in Fork::ALL.into_iter().filter(|fork| *fork <= Fork::Electra) {
        spec.config.set_fork_epoch(fork, 0);
    }
    let plan = ChainPlan {
        spec,
        fork: Fork::Electra,
        upgrades: Vec::new(),
        validators: 64,
        seed: 5,
        signing: Signing::Unsigned,
        missed_permille: 150,
        payload_bytes: 16,
        genesis_time: 1_700_000_000,
    };
    let mut chain = Chain::new(plan).expect("a chain");
    let mut state = chain.state().clone();
    let blocks: Vec<_> = (0..60).filter_map(|_| chain.advance(&mut FromScratch).expect("a block")).collect();
    let per_epoch = state.spec().preset.slots_per_epoch;
    let mut prepared = Vec::new();
    let mut used = 0;
    for (number, block) in blocks.iter().enumerate() {
        let epoch = state.slot / per_epoch;
        process_slots_trusting(&mut state, block.message.slot, block.message.parent_root).expect("slots");
        let now = state.slot / per_epoch;
        if now != epoch || number == 0 {
            let next = state.prepare_next_shuffling().expect("a task");
            prepared.push((now + 1, next.run()));
            let rest = blocks[number..].iter().take_while(|block| block.message.slot / per_epoch == now);
            let reveals = rest.map(|block| &block.message.body.randao_reveal);
            let later = state.prepare_shuffling_after_next(reveals).expect("a task");
            prepared.push((now + 2, later.run()));
            for (epoch, shuffling) in &prepared {
                if *epoch == now {
                    assert!(
                        Arc::ptr_eq(shuffling, &state.shuffling(now).expect("a shuffling")),
                        "epoch {now}"
                    );
                    used += 1;
                }
            }
        }
        apply_signed_block(&mut state, block, Checks::TRUST, &mut FromScratch, &mut ()).expect("a block");
    }
    assert!(used >= 10, "{used}");
}
