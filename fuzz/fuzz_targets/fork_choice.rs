//! Blocks, votes, slashings and time in any order into a store of fork choice: there is always a head, and it is a
//! known block.
#![no_main]

use std::sync::{Arc, LazyLock};

use blockmark_fuzz::chain::{Step, grow};
use blockmark_fuzz::change::{BlockChange, Number};
use consensus::Root;
use consensus::containers::SignedBeaconBlock;
use consensus::fork_choice::{OnTrust, Origin, Store};
use consensus::hasher::StateHasher;
use consensus::spec::Fork;
use consensus::transition::{Checks, Signatures};
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;

static STEPS: LazyLock<Vec<Step>> = LazyLock::new(|| grow().expect("a valid chain"));

#[derive(Arbitrary, Debug)]
enum Event {
    /// So many quarters of a slot pass.
    Wait(u8),
    /// Any time that is at most a few epochs ahead.
    Time(Number),
    /// The blocks that come next, as they are.
    Blocks(u8),
    /// A block some places ahead, changed, its roots computed or taken on trust.
    Block(u8, BlockChange, bool),
    /// The votes and slashings of a block some places ahead, changed.
    Votes(u8, BlockChange, bool),
    /// Whether a proposer displaces the head.
    Reorg(u8),
}

#[derive(Arbitrary, Debug)]
struct Input {
    step: u8,
    events: Vec<Event>,
}

fuzz_target!(|input: Input| {
    let place = usize::from(input.step) % STEPS.len();
    let Some(anchor) = place.checked_sub(1).and_then(|before| STEPS.get(before)) else { return };
    let steps = &STEPS[place..];
    let state = steps[0].before.clone();
    if state.fork_name() >= Fork::Gloas {
        return;
    }
    let roots = Box::new(StateHasher::new());
    let mut store = Store::new(state, &anchor.block.message, roots).expect("a block and its state");
    let mut next = 0;
    for event in input.events.iter().take(24) {
        take(&mut store, steps, &mut next, event);
        let head = store.head().expect("there is always a head");
        assert!(store.contains(&head));
        let heads = store.viable_heads().expect("balances do not overflow");
        assert!(heads.iter().all(|(root, _)| store.contains(root)));
    }
});

fn take(store: &mut Store, steps: &[Step], next: &mut usize, event: &Event) {
    let spec = steps[0].before.spec();
    let slot_ms = spec.config.slot_duration_ms;
    match event {
        Event::Wait(quarters) => {
            let time = store.unix_ms() + slot_ms / 4 * u64::from(*quarters % 40);
            store.on_tick(time).expect("time goes on");
        }
        Event::Time(time) => {
            let time = time.get();
            if time < store.unix_ms() + slot_ms * 40 {
                let _ = store.on_tick(time);
            }
        }
        Event::Blocks(count) => {
            for step in steps.iter().skip(*next).take(usize::from(*count % 16)) {
                let _ = store.on_block(&step.block, Checks::ROOTS, &mut OnTrust);
                *next += 1;
            }
        }
        Event::Block(ahead, change, trusted) => {
            let Some(block) = changed(steps, *next, *ahead, *change) else { return };
            let (before, known) = (store.head(), store.len());
            let checks = if *trusted { Checks::TRUST } else { Checks::ROOTS };
            if store.on_block(&Arc::new(block), checks, &mut OnTrust).is_err() {
                assert_eq!((store.head(), store.len()), (before, known), "what is refused changes nothing");
            }
        }
        Event::Votes(ahead, change, network) => {
            let Some(block) = changed(steps, *next, *ahead, *change) else { return };
            let body = &block.message.body;
            for vote in body.attestations.iter().take(4) {
                let (origin, signatures) = if *network {
                    (Origin::Network, Signatures::Verify)
                } else {
                    (Origin::Block, Signatures::Skip)
                };
                let _ = store.on_attestation(vote, origin, signatures);
            }
            for slashing in body.attester_slashings.iter().take(2) {
                let _ = store.on_attester_slashing(slashing, Checks::ROOTS);
            }
        }
        Event::Reorg(own) => {
            let head = store.head().unwrap_or_default();
            let slot = store.current_slot() + u64::from(own % 2);
            let _ = store.proposer_head(head, slot);
            let _ =
                store.should_override_forkchoice_update(head, |proposer| proposer % 2 == u64::from(own % 2));
            let _ = store.proposer_head(Root([*own; 32]), slot);
        }
    }
}

fn changed(steps: &[Step], next: usize, ahead: u8, change: BlockChange) -> Option<SignedBeaconBlock> {
    let step = steps.get(next.saturating_sub(2) + usize::from(ahead % 8))?;
    let mut block = (*step.block).clone();
    let spec = step.before.spec();
    change.apply(&mut block, &spec.shape(spec.fork_at_slot(step.block.message.slot)));
    Some(block)
}
