//! Changed states and changed blocks through the transition of every fork: an error or a state, never a panic.
//!
//! Where more than one way leads to a state, all of them must lead to the same: roots verified or taken on trust, an
//! epoch as a whole or part by part, roots from nothing or from the one before, a state or its encoding read again.
#![no_main]

use std::cell::RefCell;
use std::sync::{Arc, LazyLock};

use blockmark_fuzz::chain::{Step, fit, grow};
use blockmark_fuzz::change::{BlockChange, StateChange};
use consensus::Root;
use consensus::block::{
    Inclusion, apply_deposit, process_attestation, process_attester_slashing, process_block,
    process_bls_to_execution_change, process_proposer_slashing, process_voluntary_exit,
};
use consensus::containers::{BeaconState, DepositData, SignedBeaconBlock};
use consensus::epoch::{SubTransition, process_epoch, process_sub_transition};
use consensus::hasher::StateHasher;
use consensus::rewards::{Attestations, BlockContext, RewardLog, Scale};
use consensus::spec::Fork;
use consensus::state::State;
use consensus::transition::{
    Checks, FromScratch, StateRoot, StateRoots, process_slots, process_slots_trusting, state_transition,
};
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;

static STEPS: LazyLock<Vec<Step>> = LazyLock::new(|| grow().expect("a valid chain"));

thread_local! {
    /// Kept from input to input: it must not matter what was hashed before.
    static HASHER: RefCell<StateHasher> = RefCell::new(StateHasher::new());
}

#[derive(Arbitrary, Debug)]
struct Input {
    step: u8,
    /// Whether the block is put right where it repeats the state.
    fits: bool,
    /// Slots that the state goes on by itself.
    slots: u8,
    state: Vec<StateChange>,
    block: Vec<BlockChange>,
}

fuzz_target!(|input: Input| {
    let place = usize::from(input.step) % STEPS.len();
    if input.state.is_empty() && input.block.is_empty() {
        replay(&STEPS[place..]);
        return;
    }
    let step = &STEPS[place];
    let mut state = step.before.clone();
    input.state.iter().take(12).for_each(|change| change.apply(&mut state));
    let mut block = (*step.block).clone();
    let fork = state.spec().fork_at_slot(block.message.slot);
    let shape = state.spec().shape(fork);
    input.block.iter().take(12).for_each(|change| change.apply(&mut block, &shape));
    HASHER.with_borrow_mut(|hasher| {
        check_epoch(&state);
        go_on(&state, input.slots % 20, hasher);
        check_block(&state, block, input.fits, hasher);
    });
});

/// Valid blocks are valid on trust too, however many of them.
fn replay(steps: &[Step]) {
    let mut state = steps[0].before.clone();
    for step in steps.iter().take(40) {
        if state.fork_name() == Fork::Gloas && state.builders.is_empty() {
            return;
        }
        let applied = state_transition(&mut state, &step.block, Checks::TRUST, &mut FromScratch, &mut ());
        applied.expect("a valid block is valid on trust");
    }
}

/// The end of an epoch as a whole and part by part.
fn check_epoch(state: &State) {
    if (state.slot + 1) % state.spec().preset.slots_per_epoch != 0 {
        return;
    }
    let (mut whole, mut parts) = (state.clone(), state.clone());
    let by_parts =
        SubTransition::of(state.fork_name()).try_for_each(|part| process_sub_transition(&mut parts, part));
    if process_epoch(&mut whole, StateRoot::Verify).is_ok() && by_parts.is_ok() {
        assert_same(&whole, &parts);
    }
}

/// Empty slots, with roots computed and on trust.
fn go_on(state: &State, slots: u8, hasher: &mut StateHasher) {
    let Some(slot) = state.slot.checked_add(slots.into()).filter(|slot| *slot > state.slot) else { return };
    let mut on = state.clone();
    if process_slots(&mut on, slot, hasher).is_ok() {
        check_state(&on, hasher);
    }
    let _ = process_slots_trusting(&mut state.clone(), slot, Root([1; 32]));
}

fn check_block(state: &State, mut block: SignedBeaconBlock, fits: bool, hasher: &mut StateHasher) {
    let slot = block.message.slot;
    // Slots ahead take their time, and are looked at with fewer of them.
    if slot > state.slot.saturating_add(40) {
        return;
    }
    let mut verified = state.clone();
    if process_slots(&mut verified, slot, hasher).is_err() {
        let _ = state_transition(
            &mut state.clone(),
            &Arc::new(block),
            Checks::TRUST,
            &mut FromScratch,
            &mut RewardLog::default(),
        );
        return;
    }
    if fits {
        let _ = fit(&mut block.message, &mut verified, hasher);
    }
    let mut block = Arc::new(block);
    alone(&verified, &block);
    let mut seen = RewardLog::default();
    let applied = process_block(&mut verified, &block, Checks::ROOTS, &mut seen);
    if applied.is_ok() {
        check_state(&verified, hasher);
        let root = hasher.state_root(&verified).expect("it was hashed just now");
        Arc::make_mut(&mut block).message.state_root = root;
        let again = state_transition(&mut state.clone(), &block, Checks::ROOTS, hasher, &mut ());
        again.expect("what is valid step by step is valid as a whole");
    }
    let mut trusting = state.clone();
    let mut log = RewardLog::default();
    let trusted = state_transition(&mut trusting, &block, Checks::TRUST, &mut FromScratch, &mut log);
    rewards(&log, &block, state);
    if applied.is_ok() {
        trusted.expect("what is valid is valid on trust");
        assert_agree(&verified, &trusting);
        assert_eq!(rewards(&seen, &block, state), rewards(&log, &block, state));
    }
    let _ = state_transition(&mut state.clone(), &block, Checks::ALL, hasher, &mut ());
}

/// Each operation by itself, with its signatures.
fn alone(state: &State, block: &SignedBeaconBlock) {
    let body = &block.message.body;
    let parent_slot = state.latest_block_header.slot;
    let at = || state.clone();
    for (position, attestation) in body.attestations.iter().enumerate().take(4) {
        let inclusion = Inclusion { position, parent_slot };
        let _ = process_attestation(&mut at(), attestation, inclusion, Checks::ALL, &mut ());
    }
    for slashing in body.proposer_slashings.iter().take(2) {
        let _ = process_proposer_slashing(&mut at(), slashing, Checks::ALL, &mut ());
    }
    for slashing in body.attester_slashings.iter().take(2) {
        let _ = process_attester_slashing(&mut at(), slashing, Checks::ALL, &mut ());
    }
    for exit in body.voluntary_exits.iter().take(2) {
        let _ = process_voluntary_exit(&mut at(), exit, Checks::ALL);
    }
    for change in body.bls_to_execution_changes.iter().take(2) {
        let _ = process_bls_to_execution_change(&mut at(), change, Checks::ALL);
    }
    for request in body.execution_requests.deposits.iter().take(2) {
        let data = DepositData {
            pubkey: request.pubkey,
            withdrawal_credentials: request.withdrawal_credentials,
            amount: request.amount,
            signature: request.signature,
        };
        let _ = apply_deposit(&mut at(), &data);
    }
}

/// A state that came of rules has one root and one encoding.
fn check_state(state: &State, hasher: &mut StateHasher) {
    let root = state.hash_tree_root().expect("nothing was taken on trust");
    assert_eq!(hasher.state_root(state), Ok(Root(root)));
    let bytes = state.encode().expect("nothing was taken on trust");
    let again = State::decode(Arc::clone(state.spec()), state.fork_name(), &bytes);
    // A list may have grown above its limit, which shows when it is read.
    if let Ok(again) = again {
        assert_eq!(again.encode(), Ok(bytes), "what is read is written the same");
    }
}

fn assert_same(one: &BeaconState, other: &BeaconState) {
    assert!(one == other, "two ways lead to different states: {}", difference(one, other));
}

fn difference(one: &BeaconState, other: &BeaconState) -> String {
    let (one, other) = (format!("{one:#?}"), format!("{other:#?}"));
    let mut lines = one.lines().zip(other.lines()).enumerate().filter(|(_, (one, other))| one != other);
    lines
        .next()
        .map_or_else(|| "in length".to_owned(), |(line, (one, other))| format!("{line}: {one} {other}"))
}

/// What does not depend on roots is the same with roots on trust.
fn assert_agree(verified: &State, trusting: &State) {
    let without_roots = |state: &State| {
        let mut data = (**state).clone();
        data.state_roots = Default::default();
        data.historical_roots = Default::default();
        data.historical_summaries = Default::default();
        data.proposer_lookahead = Default::default();
        data.ptc_window = Default::default();
        data.latest_block_header.state_root = Root::default();
        data.latest_block_header.body_root = Root::default();
        data.latest_execution_payload_header.transactions_root = Root::default();
        data.latest_execution_payload_header.withdrawals_root = Root::default();
        data
    };
    assert_same(&without_roots(verified), &without_roots(trusting));
}

fn rewards(log: &RewardLog, block: &SignedBeaconBlock, state: &State) -> Vec<String> {
    let message = &block.message;
    let context = BlockContext {
        block_root: Root::default(),
        slot: message.slot,
        parent_slot: state.slot,
        proposer_index: message.proposer_index,
        graffiti: &message.body.graffiti.0,
        slots_per_epoch: state.spec().preset.slots_per_epoch,
        phase0: state.spec().fork_at_slot(message.slot) == Fork::Phase0,
    };
    let reward = |scale| format!("{:?}", log.block_reward(&context, scale, Attestations::Include));
    Scale::ALL.map(reward).to_vec()
}
