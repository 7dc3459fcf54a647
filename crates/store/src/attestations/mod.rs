//! What is kept of the attestations of a block: how many they are, and where it is known what each is made of.

mod packed;
mod table;

use consensus::{Gwei, Slot};
use fingerprint::BlockObservation;

pub(crate) use packed::{pack, unpack};
pub(crate) use table::{between, check, read, write};

/// Most attestations that are listed: as many as a block of any fork can have.
pub const MAX_LISTED: usize = 128;

/// Most committees of a slot, `MAX_COMMITTEES_PER_SLOT`.
const MAX_COMMITTEES: u64 = 64;

/// What is known of the attestations of a block.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Attestations {
    /// Nothing. Storing it over a known block keeps what is there.
    #[default]
    NotRecorded,
    /// How many they are. Lists of blocks tell no more; storing it over a known block keeps the list that is there.
    Counted(u32),
    /// Each of them, in block order. [`crate::Store::block_by_root`] reads them.
    Listed(Vec<AttestationRow>),
}

/// One attestation of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttestationRow {
    /// The slot voted for.
    pub slot: Slot,
    /// Votes of validators that no attestation before had.
    pub new: u32,
    /// The rest, where the block itself was at hand.
    pub shape: Option<RowShape>,
}

/// What an attestation is made of, beside its new votes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowShape {
    /// Its committees, a bit each: the lowest is committee 0. One until Electra.
    pub committees: u64,
    /// The committees of the slot voted for: 1 to 64.
    pub committees_of_slot: u8,
    /// Votes of validators that an attestation before had.
    pub repeated: u32,
    /// What it paid the proposer; nothing in phase 0.
    pub paid: Gwei,
}

impl AttestationRow {
    /// All votes, where they were counted.
    pub fn votes(&self) -> Option<u64> {
        Some(u64::from(self.new) + u64::from(self.shape?.repeated))
    }
}

impl RowShape {
    /// How many committees it covers.
    pub fn covered(&self) -> u32 {
        self.committees.count_ones()
    }
}

impl Attestations {
    /// How many they are, where that is known.
    pub fn count(&self) -> Option<u32> {
        match self {
            Self::NotRecorded => None,
            Self::Counted(count) => Some(*count),
            Self::Listed(rows) => Some(u32::try_from(rows.len()).unwrap_or(u32::MAX)),
        }
    }

    /// Each of them, where they were kept.
    pub fn rows(&self) -> Option<&[AttestationRow]> {
        match self {
            Self::Listed(rows) => Some(rows),
            Self::NotRecorded | Self::Counted(_) => None,
        }
    }

    /// What they paid the proposer together, where that was kept of each.
    pub fn paid(&self) -> Option<Gwei> {
        let paid = |sum: u64, row: &AttestationRow| Some(sum.saturating_add(row.shape?.paid.0));
        self.rows()?.iter().try_fold(0, paid).map(Gwei)
    }

    /// The same without the list.
    pub fn counted(&self) -> Self {
        self.count().map_or(Self::NotRecorded, Self::Counted)
    }

    /// What was seen of a block. A source that does not say what attestations vote for gives their number only.
    pub fn of(block: &BlockObservation) -> Self {
        let count = block.rewards.len();
        let counted = Self::Counted(u32::try_from(count).unwrap_or(u32::MAX));
        if block.votes.len() != count || count > MAX_LISTED {
            return counted;
        }
        if block.shapes.len() == count {
            let rows = block.votes.iter().zip(&block.shapes).map(|(vote, shape)| {
                let committees_of_slot = Some(shape.committees_of_slot)
                    .filter(|committees| (1..=MAX_COMMITTEES).contains(committees))
                    .and_then(|committees| u8::try_from(committees).ok())?;
                let (committees, repeated, paid) = (shape.committees, shape.repeated, shape.paid);
                let shape = RowShape { committees, committees_of_slot, repeated, paid };
                Some((vote.slot, shape))
            });
            let new = block.shapes.iter().map(|shape| shape.new);
            let rows: Option<Vec<_>> = rows
                .zip(new)
                .map(|(row, new)| row.map(|(slot, shape)| AttestationRow { slot, new, shape: Some(shape) }))
                .collect();
            return rows.map_or(counted, Self::Listed);
        }
        let row = |(vote, reward): (&fingerprint::AttestationVote, &fingerprint::AttestationSummary)| {
            AttestationRow { slot: vote.slot, new: reward.fresh_validators, shape: None }
        };
        Self::Listed(block.votes.iter().zip(&block.rewards).map(row).collect())
    }
}

#[cfg(test)]
mod tests {
    use fingerprint::{AttestationShape, AttestationSummary, AttestationVote};

    use super::*;

    fn observation(count: usize) -> BlockObservation {
        let reward = AttestationSummary { fresh_validators: 7, total: Gwei(70) };
        let vote = AttestationVote { slot: Slot(9), ..AttestationVote::default() };
        let shape = AttestationShape {
            committees: 0b101,
            committees_of_slot: 4,
            new: 8,
            repeated: 2,
            paid: Gwei(80),
            ..AttestationShape::default()
        };
        BlockObservation {
            slot: Slot(10),
            rewards: vec![reward; count],
            votes: vec![vote; count],
            shapes: vec![shape; count],
            ..BlockObservation::default()
        }
    }

    #[test]
    fn what_a_source_does_not_tell_is_not_made_up() {
        let whole = observation(2);
        let shape = RowShape { committees: 0b101, committees_of_slot: 4, repeated: 2, paid: Gwei(80) };
        let row = AttestationRow { slot: Slot(9), new: 8, shape: Some(shape) };
        assert_eq!(Attestations::of(&whole), Attestations::Listed(vec![row; 2]));
        assert_eq!((row.votes(), shape.covered()), (Some(10), 2));
        assert_eq!(Attestations::of(&whole).paid(), Some(Gwei(160)));
        // From block rewards: no bits, and what counts as new is who earned something.
        let rewards = BlockObservation { shapes: Vec::new(), ..whole.clone() };
        let row = AttestationRow { slot: Slot(9), new: 7, shape: None };
        assert_eq!(Attestations::of(&rewards), Attestations::Listed(vec![row; 2]));
        assert_eq!((row.votes(), Attestations::of(&rewards).paid()), (None, None));
        let bare = BlockObservation { votes: Vec::new(), ..rewards };
        assert_eq!(Attestations::of(&bare), Attestations::Counted(2));
    }

    #[test]
    fn what_no_block_can_have_is_only_counted() {
        assert_eq!(Attestations::of(&observation(129)), Attestations::Counted(129));
        assert_eq!(Attestations::of(&observation(128)).rows().map(<[_]>::len), Some(128));
        for committees_of_slot in [0, 65, u64::MAX] {
            let mut block = observation(3);
            block.shapes[1].committees_of_slot = committees_of_slot;
            assert_eq!(Attestations::of(&block), Attestations::Counted(3));
        }
    }
}
