//! What the transition paid for a block, noted as it happened, and the block reward that follows in each scale.

use std::fmt;
use std::str::FromStr;

use super::alone::Before;
use super::{AttestationRewards, BlockReward, BlockRewardMeta, Checkpoint, RewardMap, graffiti_text};
use crate::containers;
use crate::transition::{AttesterReward, Chance, Recorder, SlashingKind, Worth};
use crate::{Epoch, Gwei, Root, Slot, ValidatorIndex};

/// Divisor of the specification: the proposer's share of an attestation.
pub(super) const SPEC_DIVISOR: u64 = 448;

/// Divisor of Lighthouse until mid-2025, 12.5 % too low; all that blockprint was trained on.
const LEGACY_DIVISOR: u64 = 512;

/// How the value of an attester is rounded and scaled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scale {
    /// Lighthouse's until mid-2025: 1/512, rounded for each validator.
    #[default]
    Legacy,
    /// Lighthouse's since: 1/448; validators are rounded singly, the totals for each attestation.
    Corrected,
    /// What the chain pays: 1/448 for each attestation, better flags for a known validator included.
    Spec,
}

/// A name that is no scale.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no scale; the scales are legacy, corrected and spec")]
pub struct ParseScaleError(String);

impl Scale {
    /// All scales.
    pub const ALL: [Self; 3] = [Self::Legacy, Self::Corrected, Self::Spec];

    /// The name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Legacy => "legacy",
            Self::Corrected => "corrected",
            Self::Spec => "spec",
        }
    }
}

impl fmt::Display for Scale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Scale {
    type Err = ParseScaleError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|scale| scale.name() == name);
        found.ok_or_else(|| ParseScaleError(name.chars().take(40).collect()))
    }
}

/// What one attestation brought.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AttestationLog {
    /// What it votes for.
    pub data: containers::AttestationData,
    /// The committees of its slot.
    pub committees_of_slot: u64,
    /// The flags that its votes earn; none in phase 0.
    pub flags: u8,
    /// Attesters that gained a flag, in committee order.
    pub attesters: Vec<AttesterReward>,
    /// Attesters that had no flag and gained none: the vote is too late to earn anything.
    pub unseen_without_flag: u32,
    /// What they are worth.
    pub worth: Worth,
    /// What it paid the proposer, gwei.
    pub paid: u64,
    /// What it would have paid the proposer as the only one of the block, gwei: what it paid, and what its votes would
    /// have earned that an earlier attestation of the block has, too. 0 in phase 0.
    pub alone: u64,
}

/// What the transition paid for a block.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RewardLog {
    /// Attestations in block order.
    pub attestations: Vec<AttestationLog>,
    /// Members of the sync committee that took part.
    pub sync_participants: u64,
    /// What each of them paid the proposer, gwei.
    pub sync_gwei_per_participant: u64,
    /// What proposer slashings paid the proposer, gwei.
    pub proposer_slashings: u64,
    /// What attester slashings paid the proposer, gwei.
    pub attester_slashings: u64,
    before: Before,
    spare: Vec<Vec<AttesterReward>>,
}

impl Recorder for RewardLog {
    fn attestation(&mut self, _: usize, data: &containers::AttestationData) {
        let attesters = self.spare.pop().unwrap_or_default();
        self.before.begin(self.attestations.iter().any(|earlier| earlier.data.slot == data.slot));
        self.attestations.push(AttestationLog {
            data: data.clone(),
            committees_of_slot: 0,
            flags: 0,
            attesters,
            unseen_without_flag: 0,
            worth: Worth::Nothing,
            paid: 0,
            alone: 0,
        });
    }

    fn committees_of_slot(&mut self, committees: u64) {
        if let Some(attestation) = self.attestations.last_mut() {
            attestation.committees_of_slot = committees;
        }
    }

    fn flags_of_vote(&mut self, flags: u8, chance: Chance) {
        self.before.vote(flags, chance);
        if let Some(attestation) = self.attestations.last_mut() {
            attestation.flags = flags;
        }
    }

    fn attesters_worth(&mut self, worth: Worth) {
        if let Some(attestation) = self.attestations.last_mut() {
            attestation.worth = worth;
        }
    }

    #[inline]
    fn attester(&mut self, reward: AttesterReward) {
        if reward.flags_added != 0
            && let Some(attestation) = self.attestations.last_mut()
        {
            attestation.attesters.push(reward);
        } else if reward.flags_before == 0 {
            self.unseen_without_flag();
        }
        if reward.flags_before != 0 {
            self.before.attester(reward);
        }
    }

    fn attestation_paid(&mut self, gwei: u64, cut_off: u64) {
        let Some((latest, earlier)) = self.attestations.split_last_mut() else { return };
        latest.paid = gwei;
        latest.alone = self.before.paid_alone(latest, cut_off, earlier);
    }

    fn sync_aggregate(&mut self, participants: u64, gwei_per_participant: u64) {
        self.sync_participants = participants;
        self.sync_gwei_per_participant = gwei_per_participant;
    }

    fn slashing(&mut self, kind: SlashingKind, gwei: u64) {
        match kind {
            SlashingKind::Proposer => self.proposer_slashings = self.proposer_slashings.saturating_add(gwei),
            SlashingKind::Attester => self.attester_slashings = self.attester_slashings.saturating_add(gwei),
        }
    }
}

/// Where a block stands, for the reward's `meta`.
#[derive(Clone, Copy, Debug)]
pub struct BlockContext<'a> {
    /// The root of the block.
    pub block_root: Root,
    /// Its slot.
    pub slot: u64,
    /// The slot of its parent.
    pub parent_slot: u64,
    /// Who proposed it.
    pub proposer_index: u64,
    /// Its graffiti.
    pub graffiti: &'a [u8; 32],
    /// Slots of an epoch.
    pub slots_per_epoch: u64,
    /// Whether rewards are paid at inclusion (Altair and later) or, in phase 0, at the end of the epoch.
    pub phase0: bool,
}

impl RewardLog {
    /// Notes an attester of a worthless vote. Rare, and kept out of the loop over attesters.
    #[cold]
    fn unseen_without_flag(&mut self) {
        if let Some(attestation) = self.attestations.last_mut() {
            attestation.unseen_without_flag = attestation.unseen_without_flag.saturating_add(1);
        }
    }

    /// Forgets everything and keeps the memory.
    pub fn clear(&mut self) {
        self.spare.extend(self.attestations.drain(..).map(|mut attestation| {
            attestation.attesters.clear();
            attestation.attesters
        }));
        self.before.clear();
        self.sync_participants = 0;
        self.sync_gwei_per_participant = 0;
        self.proposer_slashings = 0;
        self.attester_slashings = 0;
    }

    /// The same without memory that only serves to note more: for logs that are kept.
    pub fn settled(mut self) -> Self {
        self.before = Before::default();
        self.spare = Vec::new();
        self
    }

    /// What the sync aggregate paid the proposer, gwei.
    pub fn sync_paid(&self) -> u64 {
        self.sync_participants.saturating_mul(self.sync_gwei_per_participant)
    }

    /// The reward of the block in a scale. Attestation data is left out unless asked for.
    pub fn block_reward(
        &self,
        block: &BlockContext<'_>,
        scale: Scale,
        attestations: Attestations,
    ) -> BlockReward {
        let epoch = |slot: u64| slot.checked_div(block.slots_per_epoch).unwrap_or_default();
        let (mut previous, mut current) = (0_u64, 0_u64);
        let mut maps = Vec::with_capacity(self.attestations.len());
        for attestation in &self.attestations {
            let (map, total) = attestation.in_scale(scale, block.phase0);
            maps.push(map);
            let sum =
                if epoch(attestation.data.slot) == epoch(block.slot) { &mut current } else { &mut previous };
            *sum = sum.saturating_add(total);
        }
        let data = match attestations {
            Attestations::Include => self.attestations.iter().map(|log| shown(&log.data)).collect(),
            Attestations::Omit => Vec::new(),
        };
        let paid = previous.saturating_add(current);
        BlockReward {
            total: Gwei(paid.saturating_add(self.sync_paid())),
            block_root: block.block_root,
            meta: BlockRewardMeta {
                slot: block.slot,
                parent_slot: block.parent_slot,
                proposer_index: ValidatorIndex(block.proposer_index),
                graffiti: graffiti_text(block.graffiti),
            },
            attestation_rewards: AttestationRewards {
                total: Gwei(paid),
                prev_epoch_total: Gwei(previous),
                curr_epoch_total: Gwei(current),
                per_attestation_rewards: maps,
                attestations: data,
            },
            sync_committee_rewards: Gwei(self.sync_paid()),
        }
    }
}

/// Whether a block reward names what each attestation voted for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Attestations {
    /// It does.
    Include,
    /// It does not.
    #[default]
    Omit,
}

impl AttestationLog {
    /// Attesters that had no flag for the epoch before.
    pub fn unseen(&self) -> usize {
        let gained = self.attesters.iter().filter(|attester| attester.flags_before == 0).count();
        gained.saturating_add(usize::try_from(self.unseen_without_flag).unwrap_or(usize::MAX))
    }

    /// The attesters with their value, and the value of the attestation.
    fn in_scale(&self, scale: Scale, phase0: bool) -> (RewardMap, u64) {
        let fresh = || self.attesters.iter().filter(|attester| attester.flags_before == 0);
        let entry = |attester: &AttesterReward, gwei| {
            (ValidatorIndex(u64::from(attester.validator_index)), Gwei(gwei))
        };
        let numerator = |attester: &AttesterReward| self.worth.numerator(attester);
        if phase0 {
            let map: Vec<_> = fresh().map(|attester| entry(attester, numerator(attester))).collect();
            let total = map.iter().map(|(_, Gwei(gwei))| *gwei).fold(0, u64::saturating_add);
            return (RewardMap(map), total);
        }
        match scale {
            Scale::Legacy => {
                let map: Vec<_> = fresh()
                    .map(|attester| entry(attester, numerator(attester) / LEGACY_DIVISOR))
                    .filter(|(_, Gwei(gwei))| *gwei > 0)
                    .collect();
                let total = map.iter().map(|(_, Gwei(gwei))| *gwei).fold(0, u64::saturating_add);
                (RewardMap(map), total)
            }
            Scale::Corrected => {
                let worth = || fresh().filter(|attester| numerator(attester) > 0);
                let sum = worth().map(numerator).fold(0, u64::saturating_add);
                let map =
                    worth().map(|attester| entry(attester, numerator(attester) / SPEC_DIVISOR)).collect();
                (RewardMap(map), sum / SPEC_DIVISOR)
            }
            Scale::Spec => {
                let map = self.attesters.iter().map(|a| entry(a, numerator(a) / SPEC_DIVISOR)).collect();
                (RewardMap(map), self.paid)
            }
        }
    }
}

fn shown(data: &containers::AttestationData) -> super::AttestationData {
    let checkpoint = |checkpoint: &containers::Checkpoint| Checkpoint {
        epoch: Epoch(checkpoint.epoch),
        root: checkpoint.root,
    };
    super::AttestationData {
        slot: Slot(data.slot),
        index: data.index,
        beacon_block_root: data.beacon_block_root,
        source: checkpoint(&data.source),
        target: checkpoint(&data.target),
    }
}
