use super::proof::{Proof, Step};
use super::{Bytes, Ssz};
use crate::containers::{BeaconBlockBody, BeaconState, PendingDeposit, Validator};
use crate::primitives::Root;
use crate::spec::{Fork, Preset, Shape};
use Step::{Field, Item, Length};

fn body() -> BeaconBlockBody {
    let mut body = BeaconBlockBody { graffiti: Root([7; 32]), ..BeaconBlockBody::default() };
    body.execution_payload.block_number = 9;
    body.blob_kzg_commitments = (0..5).map(|number| Bytes([number; 48])).collect::<Vec<_>>().into();
    body
}

fn state() -> BeaconState {
    let mut state = BeaconState { slot: 3, ..BeaconState::default() };
    for number in 0..40_u8 {
        state.validators.push(&Validator { pubkey: Bytes([number; 48]), ..Validator::default() });
        state.balances.push(u64::from(number) << 30);
        let deposit = PendingDeposit { amount: u64::from(number), ..PendingDeposit::default() };
        state.pending_deposits.push(deposit);
    }
    state.finalized_checkpoint.root = Root([5; 32]);
    state
}

#[test]
fn every_field_of_every_fork_is_proved() {
    let preset = Preset::MINIMAL;
    for fork in Fork::ALL {
        let shape = Shape::new(&preset, fork);
        let (body, state) = (body(), state());
        for (name, root) in BeaconBlockBody::field_names(&shape).iter().zip(body.field_roots(&shape)) {
            let proof = Proof::of(&body, &[Field(name)], &shape).expect("a proof");
            assert!(proof.leaf == root && proof.is_valid(&body.hash_tree_root(&shape)), "{fork} {name}");
        }
        for (name, root) in BeaconState::field_names(&shape).iter().zip(state.field_roots(&shape)) {
            let proof = Proof::of(&state, &[Field(name)], &shape).expect("a proof");
            assert!(proof.leaf == root && proof.is_valid(&state.hash_tree_root(&shape)), "{fork} {name}");
        }
    }
}

#[test]
fn parts_of_parts_are_proved() {
    let preset = Preset::MAINNET;
    for fork in [Fork::Electra, Fork::Gloas] {
        let shape = Shape::new(&preset, fork);
        let state = state();
        for number in [0, 1, 4, 5, 20, 21, 39] {
            let key = [Field("validators"), Item(number), Field("pubkey")];
            let amount = [Field("pending_deposits"), Item(number), Field("amount")];
            let expected = [Bytes([number as u8; 48]).hash_tree_root(&shape), number.hash_tree_root(&shape)];
            for (path, leaf) in [key, amount].iter().zip(expected) {
                let proof = Proof::of(&state, path, &shape).expect("a proof");
                assert!(proof.leaf == leaf && proof.is_valid(&state.hash_tree_root(&shape)), "{path:?}");
            }
            let chunk = Proof::of(&state, &[Field("balances"), Item(number)], &shape).expect("a proof");
            let place = number as usize % 4 * 8;
            assert_eq!(chunk.leaf[place..place + 8], state.balances[number as usize].to_le_bytes());
            assert!(chunk.is_valid(&state.hash_tree_root(&shape)));
        }
        let length = Proof::of(&state, &[Field("balances"), Length], &shape).expect("a proof");
        assert!(
            length.leaf == 40_u64.hash_tree_root(&shape) && length.is_valid(&state.hash_tree_root(&shape))
        );
        let root =
            Proof::of(&state, &[Field("finalized_checkpoint"), Field("root")], &shape).expect("a proof");
        assert!(root.leaf == [5; 32] && root.is_valid(&state.hash_tree_root(&shape)));
        let mut wrong = root.clone();
        wrong.branch.swap(0, 1);
        assert!(!wrong.is_valid(&state.hash_tree_root(&shape)));
    }
}

#[test]
fn generalized_indices_are_those_of_the_specification() {
    let preset = Preset::MAINNET;
    let of = |path: &[Step<'_>], fork| BeaconState::generalized_index(path, &Shape::new(&preset, fork));
    for (fork, finalized, current, next) in
        [(Fork::Altair, 105, 54, 55), (Fork::Deneb, 105, 54, 55), (Fork::Electra, 169, 86, 87)]
    {
        assert_eq!(of(&[Field("finalized_checkpoint"), Field("root")], fork), Some(finalized));
        assert_eq!(of(&[Field("current_sync_committee")], fork), Some(current));
        assert_eq!(of(&[Field("next_sync_committee")], fork), Some(next));
    }
    let shape = Shape::new(&preset, Fork::Deneb);
    assert_eq!(BeaconBlockBody::generalized_index(&[Field("execution_payload")], &shape), Some(25));
    let commitment = Proof::of(&body(), &[Field("blob_kzg_commitments"), Item(3)], &shape).expect("a proof");
    assert_eq!(commitment.branch.len() as u64, preset.kzg_commitment_inclusion_proof_depth);
    assert!(commitment.is_valid(&body().hash_tree_root(&shape)));
}

#[test]
fn what_is_not_there_is_not_proved() {
    let preset = Preset::MAINNET;
    let shape = Shape::new(&preset, Fork::Electra);
    for path in [
        &[Field("nothing")] as &[Step<'_>],
        &[Field("slot"), Field("root")],
        &[Field("proposer_lookahead")],
        &[Item(0)],
        &[Length],
        &[Field("block_roots"), Length],
        &[Field("block_roots"), Item(8192)],
        &[Field("balances"), Item(u64::MAX)],
    ] {
        assert_eq!(Proof::of(&state(), path, &shape), None, "{path:?}");
    }
    for index in [0, 2, 3, 5, 127, u64::MAX] {
        let proof = Proof::at(&state(), index, &shape);
        assert!(proof.is_none_or(|proof| proof.is_valid(&state().hash_tree_root(&shape))), "{index}");
    }
    assert_eq!(Proof::at(&state(), 2, &shape), None);
}
