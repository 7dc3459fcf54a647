//! How the validators of a slot vote, and which votes a proposer finds.

use std::collections::VecDeque;

use consensus::Root;
use consensus::containers::{Attestation, AttestationData, Checkpoint};
use consensus::spec::{DOMAIN_BEACON_ATTESTER, Fork};
use consensus::ssz::{Bits, Ssz};
use consensus::state::{State, compute_signing_root};
use consensus::transition::{StateRoots, TransitionError, latest_header};
use rand::Rng;

use super::ChainPlan;
use super::keys::sign;

/// Of a thousand validators, how many do not vote.
const ABSENT: u16 = 10;
/// How many vote for the block before the head.
const WRONG_HEAD: u16 = 5;
/// How many vote on time but miss the aggregate and come with a second one.
const SECOND_AGGREGATE: u16 = 15;
/// How many come too late by one slot, by two, and so on.
const LATE: [u16; 4] = [8, 4, 2, 1];
/// Of a thousand votes in the first aggregate, how many the second one repeats.
const REPEATED: u16 = 600;

/// Votes with one content that reach proposers at one time.
#[derive(Clone, Debug)]
struct Aggregate {
    /// The first slot whose proposer has it.
    due: u64,
    attestation: Attestation,
    members: usize,
}

/// Votes that no block has included.
#[derive(Debug, Default)]
pub(super) struct Pool {
    waiting: VecDeque<Aggregate>,
    /// The head of the slot before, and of the one before that.
    heads: [Root; 2],
}

/// Which aggregate of its slot a validator's vote is in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Group {
    First,
    Second,
    WrongHead,
    Late(usize),
}

impl Pool {
    /// The votes that a proposer at the state's slot includes: the newest and largest first, up to the limit.
    pub(super) fn choose(&mut self, state: &State) -> Vec<Attestation> {
        let slot = state.slot;
        let spec = state.spec();
        let oldest = if state.fork_name() >= Fork::Deneb {
            spec.start_slot(state.previous_epoch())
        } else {
            slot.saturating_sub(spec.preset.slots_per_epoch)
        };
        self.waiting.retain(|aggregate| aggregate.attestation.data.slot >= oldest);
        let limit = if state.fork_name() >= Fork::Electra {
            spec.preset.max_attestations_electra
        } else {
            spec.preset.max_attestations
        };
        let (mut due, later): (Vec<_>, Vec<_>) =
            self.waiting.drain(..).partition(|aggregate| aggregate.due <= slot);
        due.sort_by_key(|aggregate| std::cmp::Reverse((aggregate.attestation.data.slot, aggregate.members)));
        let rest = due.split_off(due.len().min(limit as usize));
        self.waiting.extend(rest.into_iter().chain(later));
        due.into_iter().map(|aggregate| aggregate.attestation).collect()
    }

    /// Lets the validators of the state's slot vote on the chain as the state knows it.
    pub(super) fn vote(
        &mut self,
        plan: &ChainPlan,
        state: &mut State,
        roots: &mut dyn StateRoots,
    ) -> Result<(), TransitionError> {
        let slot = state.slot;
        let shape = plan.spec.shape(plan.fork);
        let head = Root(latest_header(state, roots)?.hash_tree_root(&shape));
        if self.heads[0] != head {
            self.heads = [head, self.heads[0]];
        }
        let epoch = state.current_epoch();
        let start = plan.spec.start_slot(epoch);
        let target =
            Checkpoint { epoch, root: if start == slot { head } else { state.block_root_at_slot(start)? } };
        let source = state.current_justified_checkpoint.clone();
        let data = |root, index| AttestationData {
            slot,
            index,
            beacon_block_root: root,
            source: source.clone(),
            target: target.clone(),
        };
        let shuffling = state.shuffling(epoch)?;
        let committees: Vec<&[u32]> = (0..shuffling.committees_per_slot())
            .filter_map(|committee| shuffling.committee(slot, committee))
            .collect();
        let groups = self.draw(plan, slot, &committees);
        let mut kinds = vec![Group::First, Group::Second, Group::WrongHead];
        kinds.extend((0..LATE.len()).map(Group::Late));
        let domain = state.domain(DOMAIN_BEACON_ATTESTER, epoch);
        let mut repeat = plan.random(slot, 3);
        for kind in kinds {
            let root = if kind == Group::WrongHead { self.heads[1] } else { head };
            let due = slot + 1 + if let Group::Late(by) = kind { by as u64 + 1 } else { 0 };
            let takes = |group: &Option<Group>, repeat: &mut rand_chacha::ChaCha8Rng| match group {
                Some(group) if *group == kind => true,
                Some(Group::First) if kind == Group::Second => repeat.random_range(0..1_000) < REPEATED,
                _ => false,
            };
            let chosen: Vec<Vec<bool>> = groups
                .iter()
                .map(|committee| committee.iter().map(|group| takes(group, &mut repeat)).collect())
                .collect();
            // Before Electra each committee has an aggregate of its own.
            let runs: Vec<std::ops::Range<usize>> = if plan.fork >= Fork::Electra {
                std::iter::once(0..committees.len()).collect()
            } else {
                (0..committees.len()).map(|committee| committee..committee + 1).collect()
            };
            for run in runs {
                let mut bits = Vec::new();
                let mut committee_bits = Bits::empty_vector(&shape);
                let mut members = Vec::new();
                for committee in run.clone() {
                    let (Some(list), Some(flags)) = (committees.get(committee), chosen.get(committee)) else {
                        continue;
                    };
                    if !flags.contains(&true) {
                        continue;
                    }
                    committee_bits.set(committee, true);
                    bits.extend_from_slice(flags);
                    members
                        .extend(list.iter().zip(flags).filter(|(_, flag)| **flag).map(|(member, _)| *member));
                }
                if members.is_empty() {
                    continue;
                }
                let index = if plan.fork >= Fork::Electra { 0 } else { run.start as u64 };
                let data = data(root, index);
                let message = || compute_signing_root(&data, domain, &shape);
                let signature = sign(plan.signing, members.iter().copied(), message);
                self.waiting.push_back(Aggregate {
                    due,
                    members: members.len(),
                    attestation: Attestation {
                        aggregation_bits: bits.into_iter().collect(),
                        data,
                        signature,
                        committee_bits: if plan.fork >= Fork::Electra {
                            committee_bits
                        } else {
                            Bits::default()
                        },
                    },
                });
            }
        }
        Ok(())
    }

    /// Draws for every member of every committee which aggregate its vote is in; `None` where it does not vote.
    fn draw(&self, plan: &ChainPlan, slot: u64, committees: &[&[u32]]) -> Vec<Vec<Option<Group>>> {
        let mut random = plan.random(slot, 2);
        let wrong_head = self.heads[1] != Root::default();
        let mut one = |_: &u32| {
            let mut ticket = random.random_range(0..1_000_u16);
            let mut wins = |share: u16| {
                let wins = ticket < share;
                ticket = ticket.wrapping_sub(share);
                wins
            };
            if wins(ABSENT) {
                return None;
            }
            if wins(WRONG_HEAD) {
                return Some(if wrong_head { Group::WrongHead } else { Group::First });
            }
            if wins(SECOND_AGGREGATE) {
                return Some(Group::Second);
            }
            for (by, share) in LATE.into_iter().enumerate() {
                if wins(share) {
                    return Some(Group::Late(by));
                }
            }
            Some(Group::First)
        };
        committees.iter().map(|committee| committee.iter().map(&mut one).collect()).collect()
    }
}
