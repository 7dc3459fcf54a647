//! How the validators of a slot vote, and which votes a proposer finds.

use std::collections::{BTreeMap, HashSet, VecDeque};

use consensus::Root;
use consensus::containers::{Attestation, AttestationData, Checkpoint};
use consensus::spec::{DOMAIN_BEACON_ATTESTER, Fork};
use consensus::ssz::{Bits, Ssz};
use consensus::state::{State, compute_signing_root};
use consensus::transition::{StateRoots, TransitionError, latest_header};
use fingerprint::Client;
use rand::Rng;

use super::keys::sign;
use super::packers::View;
use super::{ChainPlan, payload};

/// How validators vote, of a thousand.
struct Habits {
    /// How many do not vote.
    absent: u16,
    /// How many vote for the block before the head.
    wrong_head: u16,
    /// How many vote on time but miss the aggregate and come with a second one.
    second_aggregate: u16,
    /// How many come too late by one slot, by two, and so on.
    late: [u16; 4],
}

/// A healthy network.
const CALM: Habits = Habits { absent: 10, wrong_head: 5, second_aggregate: 15, late: [8, 4, 2, 1] };
/// A network whose proposers have something to choose from, so that their choices differ.
const LIVELY: Habits = Habits { absent: 10, wrong_head: 40, second_aggregate: 80, late: [60, 30, 20, 10] };
/// Of a thousand votes in the first aggregate, how many the second one repeats, and a third one of both.
const REPEATED: u16 = 600;

/// Votes with one content that reach proposers at one time.
#[derive(Clone, Debug)]
pub(super) struct Aggregate {
    /// The first slot whose proposer has it.
    due: u64,
    pub(super) attestation: Attestation,
    pub(super) members: Vec<u32>,
    /// Whether it votes for the head of its slot.
    pub(super) right_head: bool,
    /// The fork that held when it was made.
    fork: Fork,
    /// The domain that it is signed in.
    domain: Root,
}

impl Aggregate {
    /// Whether a block on the state may have it: not too old, in the form of the state's fork, and with a signature
    /// that the state takes as one. Two forks that begin with one epoch make all earlier signatures worthless.
    fn fits(&self, state: &State, oldest: u64) -> bool {
        let data = &self.attestation.data;
        data.slot >= oldest
            && (self.fork >= Fork::Electra) == (state.fork_name() >= Fork::Electra)
            && self.domain == state.domain(DOMAIN_BEACON_ATTESTER, data.target.epoch)
    }
}

/// A block that was the head.
#[derive(Clone, Copy, Debug, Default)]
struct Head {
    root: Root,
    /// Whether its payload came, from Gloas on.
    payload_came: bool,
}

/// Votes that no block has included.
#[derive(Clone, Debug, Default)]
pub(super) struct Pool {
    waiting: VecDeque<Aggregate>,
    /// The head of the slot before, and of the one before that.
    heads: [Head; 2],
    /// By slot of the vote, validators whose vote is in a block. Kept for chains with packers only.
    included: Included,
}

/// By slot of the vote, validators whose vote is in a block.
pub(super) type Included = BTreeMap<u64, HashSet<u32>>;

/// How much proposers have to choose from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Choices {
    /// Nearly all votes of a slot are in one aggregate.
    Few,
    /// Many votes are late, apart, or for another head.
    Many,
}

/// Which aggregate of its slot a validator's vote is in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Group {
    First,
    Second,
    WrongHead,
    Late(usize),
    /// A third aggregate: nobody's vote is in it alone.
    Repeat,
}

impl Pool {
    /// The votes that a proposer at the state's slot includes, up to the limit: as its client packs them; where
    /// proposers have no clients, the newest and largest first.
    pub(super) fn choose(
        &mut self,
        plan: &ChainPlan,
        state: &State,
        packer: Option<Client>,
    ) -> Vec<Attestation> {
        let slot = state.slot;
        let spec = state.spec();
        let oldest = if state.fork_name() >= Fork::Deneb {
            spec.start_slot(state.previous_epoch())
        } else {
            slot.saturating_sub(spec.preset.slots_per_epoch)
        };
        self.waiting.retain(|aggregate| aggregate.fits(state, oldest));
        let limit = if state.fork_name() >= Fork::Electra {
            spec.preset.max_attestations_electra
        } else {
            spec.preset.max_attestations
        };
        let (mut due, later): (Vec<_>, Vec<_>) =
            self.waiting.drain(..).partition(|aggregate| aggregate.due <= slot);
        if let Some(client) = packer {
            self.included = self.included.split_off(&oldest);
            let mut random = plan.random(slot, 7);
            let view = View::new(state, &due, &self.included);
            let order = view.pack(client, limit as usize, &mut random);
            for aggregate in order.iter().filter_map(|place| due.get(*place)) {
                let included = self.included.entry(aggregate.attestation.data.slot).or_default();
                included.extend(aggregate.members.iter().copied());
            }
            let chosen = order.iter().filter_map(|place| due.get(*place)).map(|one| one.attestation.clone());
            let chosen = chosen.collect();
            // What adds nothing any more is thrown away.
            let included = &self.included;
            due.retain(|aggregate| {
                let seen = included.get(&aggregate.attestation.data.slot);
                aggregate.members.iter().any(|member| seen.is_none_or(|seen| !seen.contains(member)))
            });
            self.waiting.extend(due.into_iter().chain(later));
            return chosen;
        }
        due.sort_by_key(|aggregate| {
            std::cmp::Reverse((aggregate.attestation.data.slot, aggregate.members.len()))
        });
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
        choices: Choices,
    ) -> Result<(), TransitionError> {
        let slot = state.slot;
        let fork = state.fork_name();
        let shape = plan.spec.shape(fork);
        let root = Root(latest_header(state, roots)?.hash_tree_root(&shape));
        if self.heads[0].root != root {
            self.heads = [Head { root, payload_came: payload::came(plan, state) }, self.heads[0]];
        }
        let [head, before] = self.heads;
        // A vote for a block of its own slot can't know of the payload.
        let fresh = state.latest_block_header.slot == slot;
        let epoch = state.current_epoch();
        let start = plan.spec.start_slot(epoch);
        let target =
            Checkpoint { epoch, root: if start == slot { root } else { state.block_root_at_slot(start)? } };
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
        let groups = self.draw(plan, slot, &committees, choices);
        let mut kinds = vec![Group::First, Group::Second, Group::WrongHead];
        kinds.extend((0..CALM.late.len()).map(Group::Late));
        if choices == Choices::Many {
            kinds.push(Group::Repeat);
        }
        let domain = state.domain(DOMAIN_BEACON_ATTESTER, epoch);
        let mut repeat = plan.random(slot, 3);
        for kind in kinds {
            let right_head = kind != Group::WrongHead;
            let voted = if right_head { head } else { before };
            let payload = fork >= Fork::Gloas && voted.payload_came && !(right_head && fresh);
            let due = slot + 1 + if let Group::Late(by) = kind { by as u64 + 1 } else { 0 };
            let takes = |group: &Option<Group>, repeat: &mut rand_chacha::ChaCha8Rng| match group {
                Some(group) if *group == kind => true,
                Some(Group::First) if kind == Group::Second => repeat.random_range(0..1_000) < REPEATED,
                Some(Group::First | Group::Second) if kind == Group::Repeat => {
                    repeat.random_range(0..1_000) < REPEATED
                }
                _ => false,
            };
            let chosen: Vec<Vec<bool>> = groups
                .iter()
                .map(|committee| committee.iter().map(|group| takes(group, &mut repeat)).collect())
                .collect();
            // Before Electra each committee has an aggregate of its own.
            let runs: Vec<std::ops::Range<usize>> = if fork >= Fork::Electra {
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
                let index = if fork >= Fork::Electra { u64::from(payload) } else { run.start as u64 };
                let data = data(voted.root, index);
                let message = || compute_signing_root(&data, domain, &shape);
                let signature = sign(plan.signing, members.iter().copied(), message);
                self.waiting.push_back(Aggregate {
                    due,
                    members,
                    right_head,
                    fork,
                    domain,
                    attestation: Attestation {
                        aggregation_bits: bits.into_iter().collect(),
                        data,
                        signature,
                        committee_bits: if fork >= Fork::Electra { committee_bits } else { Bits::default() },
                    },
                });
            }
        }
        Ok(())
    }

    /// Draws for every member of every committee which aggregate its vote is in; `None` where it does not vote.
    fn draw(
        &self,
        plan: &ChainPlan,
        slot: u64,
        committees: &[&[u32]],
        choices: Choices,
    ) -> Vec<Vec<Option<Group>>> {
        let habits = match choices {
            Choices::Few => CALM,
            Choices::Many => LIVELY,
        };
        let mut random = plan.random(slot, 2);
        let wrong_head = self.heads[1].root != Root::default();
        let mut one = |_: &u32| {
            let mut ticket = random.random_range(0..1_000_u16);
            let mut wins = |share: u16| {
                let wins = ticket < share;
                ticket = ticket.wrapping_sub(share);
                wins
            };
            if wins(habits.absent) {
                return None;
            }
            if wins(habits.wrong_head) {
                return Some(if wrong_head { Group::WrongHead } else { Group::First });
            }
            if wins(habits.second_aggregate) {
                return Some(Group::Second);
            }
            for (by, share) in habits.late.into_iter().enumerate() {
                if wins(share) {
                    return Some(Group::Late(by));
                }
            }
            Some(Group::First)
        };
        committees.iter().map(|committee| committee.iter().map(&mut one).collect()).collect()
    }
}
