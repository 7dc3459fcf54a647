use proptest::prelude::*;

use super::*;
use crate::containers::*;
use crate::spec::Fork;
use crate::ssz::proof::Step;
use crate::ssz::{Bits, Bytes, Column, Ssz};

/// A generator of numbers that are the same on every run.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let mixed = (self.0 ^ (self.0 >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed ^ (mixed >> 32)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    fn root(&mut self) -> Root {
        Root(std::array::from_fn(|_| self.next() as u8))
    }

    fn validator(&mut self) -> Validator {
        Validator {
            pubkey: Bytes(std::array::from_fn(|_| self.next() as u8)),
            withdrawal_credentials: self.root(),
            effective_balance: self.next(),
            slashed: self.next().is_multiple_of(2),
            activation_epoch: self.next(),
            exit_epoch: u64::MAX,
            ..Validator::default()
        }
    }

    fn deposit(&mut self) -> PendingDeposit {
        PendingDeposit { amount: self.next(), slot: self.next(), ..PendingDeposit::default() }
    }

    fn attestation(&mut self) -> PendingAttestation {
        let length = self.below(70);
        PendingAttestation {
            aggregation_bits: (0..length).map(|_| self.next().is_multiple_of(2)).collect(),
            inclusion_delay: self.next(),
            ..PendingAttestation::default()
        }
    }

    /// A state whose vectors have their lengths.
    fn state(&mut self, preset: &Preset, validators: usize) -> BeaconState {
        let mut state = BeaconState { slot: self.next(), ..BeaconState::default() };
        let roots = |count: u64| vec![Root::default(); count as usize];
        state.block_roots = roots(preset.slots_per_historical_root).into();
        state.state_roots = roots(preset.slots_per_historical_root).into();
        state.randao_mixes = roots(preset.epochs_per_historical_vector).into();
        state.slashings = Column::new(vec![0; preset.epochs_per_slashings_vector as usize]);
        state.justification_bits = Bits::zeros(4);
        let keys = vec![Bytes([1; 48]); preset.sync_committee_size as usize];
        state.current_sync_committee.pubkeys = keys.clone().into();
        state.next_sync_committee.pubkeys = keys.into();
        state.proposer_lookahead = vec![3; 2 * preset.slots_per_epoch as usize].into();
        (0..validators).for_each(|_| self.add_validator(&mut state));
        state
    }

    fn add_validator(&mut self, state: &mut BeaconState) {
        state.validators.push(&self.validator());
        state.balances.push(self.next());
        state.previous_epoch_participation.push(0);
        state.current_epoch_participation.push(self.next() as u8);
        state.inactivity_scores.push(0);
    }

    /// Changes a state in one of the ways that blocks, epochs and forks do.
    fn change(&mut self, state: &mut BeaconState, kind: u8) {
        let count = state.balances.len();
        let at = self.below(count);
        match kind % 25 {
            0 => state.slot += 1,
            1 => state.balances.get_mut(at).into_iter().for_each(|balance| *balance = self.next()),
            2 => {
                for _ in 0..count {
                    let at = self.below(count);
                    let flags = state.current_epoch_participation.make_mut();
                    flags.get_mut(at).into_iter().for_each(|flags| *flags = self.next() as u8);
                }
            }
            3 => {
                let state = &mut *state;
                std::mem::swap(
                    &mut state.previous_epoch_participation,
                    &mut state.current_epoch_participation,
                );
                state.current_epoch_participation.make_mut().fill(0);
                state.previous_epoch_participation.get_mut(at).into_iter().for_each(|flags| *flags ^= 4);
            }
            4 => (0..self.below(5) + 1).for_each(|_| self.add_validator(state)),
            5 => {
                let place = self.below(state.block_roots.len());
                state.block_roots.get_mut(place).into_iter().for_each(|root| *root = self.root());
            }
            6 => {
                let place = self.below(state.randao_mixes.len());
                state.randao_mixes.get_mut(place).into_iter().for_each(|mix| *mix = self.root());
            }
            7 => {
                let column = std::sync::Arc::make_mut(&mut state.validators.effective_balances);
                column.get_mut(at).into_iter().for_each(|balance| *balance = self.next());
            }
            8 => {
                let column = std::sync::Arc::make_mut(&mut state.validators.withdrawal_credentials);
                column.get_mut(at).into_iter().for_each(|credentials| *credentials = self.root());
            }
            9 => {
                let slashed = std::sync::Arc::make_mut(&mut state.validators.slashed);
                slashed.get_mut(at).into_iter().for_each(|slashed| *slashed = !*slashed);
                let epochs = std::sync::Arc::make_mut(&mut state.validators.exit_epochs);
                epochs.get_mut(at).into_iter().for_each(|epoch| *epoch = self.next());
                state.slashings.get_mut(at).into_iter().for_each(|gwei| *gwei = self.next());
            }
            10 => state.balances.make_mut().fill(32),
            11 => (0..self.below(6)).for_each(|_| state.pending_deposits.push(self.deposit())),
            12 => {
                let served = self.below(state.pending_deposits.len() + 1);
                state.pending_deposits.make_mut().drain(..served);
            }
            13 => state.eth1_data_votes.push(Eth1Data { deposit_count: self.next(), ..Eth1Data::default() }),
            14 => state.eth1_data_votes = Column::default(),
            15 => state.historical_summaries.push(HistoricalSummary::default()),
            16 => state.historical_roots.push(self.root()),
            17 => state.current_sync_committee = state.next_sync_committee.clone(),
            18 => state.next_sync_committee.aggregate_pubkey.0[at % 48] ^= 1,
            19 => state.current_epoch_attestations.push(self.attestation()),
            20 => {
                state.previous_epoch_attestations = std::mem::take(&mut state.current_epoch_attestations);
            }
            21 => {
                let at = self.below(state.pending_deposits.len());
                let deposits = state.pending_deposits.make_mut();
                deposits.get_mut(at).into_iter().for_each(|deposit| deposit.amount = self.next());
            }
            22 => {
                let kept = self.below(count + 1);
                self.cut(state, kept);
            }
            23 => {
                state.builders.push(Builder { balance: self.next(), ..Builder::default() });
                state.builder_pending_withdrawals.push(BuilderPendingWithdrawal::default());
                state.builder_pending_payments.push(BuilderPendingPayment::default());
                state
                    .payload_expected_withdrawals
                    .push(Withdrawal { amount: self.next(), ..Withdrawal::default() });
                state.ptc_window.push(vec![self.next(); 5].into());
                state.latest_execution_payload_bid.block_hash = self.root();
            }
            _ => {
                let place = self.below(state.proposer_lookahead.len());
                state.proposer_lookahead.get_mut(place).into_iter().for_each(|index| *index = self.next());
                state.pending_partial_withdrawals.push(PendingPartialWithdrawal::default());
                state.pending_consolidations.push(PendingConsolidation::default());
            }
        }
    }

    /// Leaves only the first validators: what a hasher sees that goes from one branch to another.
    fn cut(&mut self, state: &mut BeaconState, count: usize) {
        state.validators = state.validators.iter().take(count).collect();
        state.balances.make_mut().truncate(count);
        state.previous_epoch_participation.make_mut().truncate(count);
        state.current_epoch_participation.make_mut().truncate(count);
        state.inactivity_scores.make_mut().truncate(count);
    }
}

fn root(hasher: &mut StateHasher, state: &BeaconState, shape: &Shape<'_>) -> Option<[u8; 32]> {
    hasher.root_of_fields(state, shape).ok().map(|root| root.0)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn roots_are_those_computed_from_nothing(
        seed: u64,
        fork in 0..Fork::ALL.len(),
        validators in 0_usize..700,
        steps in proptest::collection::vec((any::<u8>(), 0_usize..4, 0_u8..4), 1..24),
    ) {
        let preset = Preset::MINIMAL;
        let mut numbers = Numbers(seed);
        let mut hasher = StateHasher::new();
        let mut branches = vec![(numbers.state(&preset, validators), fork)];
        for (kind, branch, what) in steps {
            let branch = branch % branches.len();
            match what {
                0 if branches.len() < 4 => branches.push(branches[branch].clone()),
                1 => branches[branch].1 = (branches[branch].1 + 1).min(Fork::ALL.len() - 1),
                _ => {}
            }
            let (state, fork) = &mut branches[branch];
            numbers.change(state, kind);
            if what != 2 {
                let shape = Shape::new(&preset, Fork::ALL[*fork]);
                prop_assert_eq!(root(&mut hasher, state, &shape), Some(state.hash_tree_root(&shape)));
            }
        }
    }
}

#[test]
fn a_hasher_that_changes_between_presets_is_right() {
    let mut hasher = StateHasher::new();
    let mut numbers = Numbers(1);
    for preset in [Preset::MINIMAL, Preset::GNOSIS, Preset::MINIMAL] {
        let state = numbers.state(&preset, 9);
        let shape = Shape::new(&preset, Fork::Deneb);
        assert_eq!(root(&mut hasher, &state, &shape), Some(state.hash_tree_root(&shape)));
    }
}

#[test]
fn columns_of_different_lengths_are_refused() {
    let preset = Preset::MINIMAL;
    let mut state = Numbers(1).state(&preset, 9);
    std::sync::Arc::make_mut(&mut state.validators.slashed).pop();
    assert_eq!(root(&mut StateHasher::new(), &state, &Shape::new(&preset, Fork::Fulu)), None);
}

#[test]
fn a_hasher_does_not_make_writers_copy() {
    let preset = Preset::MINIMAL;
    let mut state = Numbers(1).state(&preset, 100);
    assert!(root(&mut StateHasher::new(), &state, &Shape::new(&preset, Fork::Electra)).is_some());
    let mut hasher = StateHasher::new();
    assert!(root(&mut hasher, &state, &Shape::new(&preset, Fork::Electra)).is_some());
    let before = state.balances.as_ptr();
    state.balances.get_mut(3).into_iter().for_each(|balance| *balance += 1);
    assert_eq!(before, state.balances.as_ptr());
}

#[test]
fn proofs_from_kept_roots_are_those_from_nothing() {
    let spec = crate::spec::Network::Mainnet.spec();
    let data = Numbers(1).state(&spec.preset, 50);
    let state = State::new(spec.into(), Fork::Electra, data).expect("columns that fit");
    let mut hasher = StateHasher::new();
    let index = |path: &[Step<'_>]| BeaconState::generalized_index(path, &state.shape()).expect("a part");
    for index in [1, index(&[Step::Field("next_sync_committee")]), {
        index(&[Step::Field("finalized_checkpoint"), Step::Field("root")])
    }] {
        let proof = hasher.prove(&state, index).expect("a complete state");
        assert_eq!(proof, Proof::at(&state.data, index, &state.shape()));
        assert!(
            proof.is_some_and(|proof| Ok(true) == state.hash_tree_root().map(|root| proof.is_valid(&root)))
        );
    }
}
