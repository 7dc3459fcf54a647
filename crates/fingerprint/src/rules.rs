//! What a block shows that some client never does: "this block cannot be of client X".
//!
//! A sign is a hard consequence of how a client packs attestations since Electra, seen in one block without any model.
//! It holds for all generations of that client that build blocks of Electra on mainnet, as far as their sources and
//! their maintainers tell. What a client merely prefers is no sign; the classifier weighs that.
//!
//! | sign | never of | because |
//! | --- | --- | --- |
//! | [`Sign::PaysNothing`] | Lighthouse | its greedy search stops where nothing more is gained |
//! | [`Sign::PayRises`] | Lighthouse | the greedy search takes the most valuable first, and the two epochs are merged by value |
//! | [`Sign::Older32`] | Lighthouse, Grandine | both still look back 32 slots, as before Deneb |
//! | [`Sign::Older33`] | Nimbus | its pool is a ring of 25, later 33 slots |
//! | [`Sign::RepeatedData`] | Nimbus | all that it picks with the same data becomes one attestation |
//! | [`Sign::PreviousEpochFirst`] | Grandine | the groups of the current epoch come first |
//! | [`Sign::NothingNew`] | Lodestar, Nimbus | both count new voters, and drop what has none |
//! | [`Sign::ManyRuns`] | Teku | two passes from the newest slot back, sorted only where more than 8 are found |
//! | [`Sign::NeitherOrder`] | Prysm | v6 and v7 sort by what each would pay alone, later versions pick what pays most |
//!
//! What is left out and why, and how often real and simulated blocks show each sign, is told in `docs/rules.md`.

use consensus::spec::Fork;

use crate::client::Client;
use crate::observation::{AttestationShape, BlockObservation};

/// Most attestations of a block since Electra, `MAX_ATTESTATIONS_ELECTRA`.
const MOST_ATTESTATIONS: usize = 8;

/// What a block shows that some client never does. A bit each in the database: never renumber.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Sign {
    /// An attestation pays the proposer nothing.
    PaysNothing = 0,
    /// An attestation pays more than the one before it, by more than rounding explains.
    PayRises = 1,
    /// An attestation votes for a slot more than 32 slots before the block's.
    Older32 = 2,
    /// An attestation votes for a slot more than 33 slots before the block's.
    Older33 = 3,
    /// Two attestations have the same data.
    RepeatedData = 4,
    /// An attestation of the previous epoch stands before one of the current epoch.
    PreviousEpochFirst = 5,
    /// An attestation has no vote that is new.
    NothingNew = 6,
    /// Fewer attestations than fit, and more than two runs of them from newer to older slots.
    ManyRuns = 7,
    /// Ordered neither by what each attestation pays nor by what each would pay alone. Those with a wrong target at the
    /// end are left out of it: Prysm puts there what its node has to verify again.
    NeitherOrder = 8,
}

impl Sign {
    /// All signs, in order.
    pub const ALL: [Self; 9] = [
        Self::PaysNothing,
        Self::PayRises,
        Self::Older32,
        Self::Older33,
        Self::RepeatedData,
        Self::PreviousEpochFirst,
        Self::NothingNew,
        Self::ManyRuns,
        Self::NeitherOrder,
    ];

    /// The name in answers for programs.
    pub const fn code(self) -> &'static str {
        match self {
            Self::PaysNothing => "pays_nothing",
            Self::PayRises => "pay_rises",
            Self::Older32 => "older_than_32_slots",
            Self::Older33 => "older_than_33_slots",
            Self::RepeatedData => "repeated_data",
            Self::PreviousEpochFirst => "previous_epoch_first",
            Self::NothingNew => "nothing_new",
            Self::ManyRuns => "many_runs",
            Self::NeitherOrder => "neither_order",
        }
    }

    /// What the block shows, to follow "Not Grandine: ".
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::PaysNothing => "an attestation pays nothing",
            Self::PayRises => "an attestation pays more than the one before it",
            Self::Older32 => "an attestation is for a slot more than 32 slots back",
            Self::Older33 => "an attestation is for a slot more than 33 slots back",
            Self::RepeatedData => "two attestations have the same data",
            Self::PreviousEpochFirst => "a previous-epoch attestation stands before a current-epoch one",
            Self::NothingNew => "an attestation has no new vote",
            Self::ManyRuns => "fewer than 8 attestations, in more than two runs from newer to older slots",
            Self::NeitherOrder => {
                "ordered neither by what each attestation pays nor by what each would pay alone"
            }
        }
    }

    /// Whether a client never builds blocks that show it.
    pub const fn rules_out(self, client: Client) -> bool {
        match self {
            Self::PaysNothing | Self::PayRises => matches!(client, Client::Lighthouse),
            Self::Older32 => matches!(client, Client::Lighthouse | Client::Grandine),
            Self::Older33 | Self::RepeatedData => matches!(client, Client::Nimbus),
            Self::PreviousEpochFirst => matches!(client, Client::Grandine),
            Self::NothingNew => matches!(client, Client::Lodestar | Client::Nimbus),
            Self::ManyRuns => matches!(client, Client::Teku),
            Self::NeitherOrder => matches!(client, Client::Prysm),
        }
    }

    const fn bit(self) -> u32 {
        1 << self as u32
    }
}

/// A set of signs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Signs(u32);

impl Signs {
    /// No sign: any client may have built the block.
    pub const NONE: Self = Self(0);

    const KNOWN: u32 = (1 << Sign::ALL.len()) - 1;

    /// What a block shows. `None` where that can't be told: the block itself was not at hand, or it follows a fork
    /// before Electra.
    pub fn of(block: &BlockObservation) -> Option<Self> {
        let count = block.shapes.len();
        if block.fork? < Fork::Electra || block.votes.len() != count || block.rewards.len() != count {
            return None;
        }
        let attestations = Attestations(block);
        Some(Sign::ALL.into_iter().filter(|sign| attestations.show(*sign)).collect())
    }

    /// The signs as bits: those of [`Sign::ALL`] from the lowest on.
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// The set with these bits; `None` where a bit is of no known sign.
    pub const fn from_bits(bits: u32) -> Option<Self> {
        if bits & !Self::KNOWN == 0 { Some(Self(bits)) } else { None }
    }

    /// Whether the sign is in the set.
    pub const fn contains(self, sign: Sign) -> bool {
        self.0 & sign.bit() != 0
    }

    /// The set with the sign in it.
    #[must_use]
    pub const fn with(self, sign: Sign) -> Self {
        Self(self.0 | sign.bit())
    }

    /// The signs, in order.
    pub fn iter(self) -> impl Iterator<Item = Sign> {
        Sign::ALL.into_iter().filter(move |sign| self.contains(*sign))
    }

    /// The first sign that rules a client out.
    pub fn against(self, client: Client) -> Option<Sign> {
        self.iter().find(|sign| sign.rules_out(client))
    }

    /// Whether a client can't have built the block.
    pub fn rules_out(self, client: Client) -> bool {
        self.against(client).is_some()
    }

    /// Whether none of the named clients can have built the block: a client that is not known, or a new version.
    pub fn rules_out_all(self) -> bool {
        Client::NAMED.into_iter().all(|client| self.rules_out(client))
    }
}

impl FromIterator<Sign> for Signs {
    fn from_iter<I: IntoIterator<Item = Sign>>(signs: I) -> Self {
        signs.into_iter().fold(Self::NONE, Self::with)
    }
}

/// The attestations of a block, of which as many votes and shapes are known.
struct Attestations<'a>(&'a BlockObservation);

impl Attestations<'_> {
    fn show(&self, sign: Sign) -> bool {
        let shapes = &self.0.shapes;
        match sign {
            Sign::PaysNothing => shapes.iter().any(|shape| shape.paid.0 == 0),
            Sign::PayRises => rises(shapes, |shape| shape.paid.0),
            Sign::Older32 => self.slots_back().any(|slots| slots > 32),
            Sign::Older33 => self.slots_back().any(|slots| slots > 33),
            Sign::RepeatedData => {
                shapes.iter().enumerate().any(|(place, shape)| (shape.same_data_as as usize) < place)
            }
            Sign::PreviousEpochFirst => !shapes.is_sorted_by(|a, b| a.epoch >= b.epoch),
            Sign::NothingNew => shapes.iter().any(|shape| shape.new == 0),
            Sign::ManyRuns => shapes.len() < MOST_ATTESTATIONS && self.runs() > 2,
            Sign::NeitherOrder => {
                let kept = shapes.iter().rposition(|shape| shape.right_target);
                let in_view = kept.and_then(|last| shapes.get(..=last)).unwrap_or_default();
                let by_pay = !rises(in_view, |shape| shape.paid.0) && !self.show(Sign::PaysNothing);
                !by_pay && rises(in_view, |shape| shape.alone.0)
            }
        }
    }

    /// How many slots before the block's each attestation votes for.
    fn slots_back(&self) -> impl Iterator<Item = u64> {
        self.0.votes.iter().map(|vote| self.0.slot.0.saturating_sub(vote.slot.0))
    }

    /// Runs of attestations that go from newer to older slots.
    fn runs(&self) -> usize {
        let votes = &self.0.votes;
        let starts =
            votes.windows(2).filter(|pair| matches!(pair, [one, next] if next.slot > one.slot)).count();
        starts + usize::from(!votes.is_empty())
    }
}

/// Whether a value of an attestation is above that of the one before it. Clients compare sums whose parts they round,
/// one for each vote: less than a gwei for each vote of both is no difference.
fn rises(shapes: &[AttestationShape], value: impl Fn(&AttestationShape) -> u64) -> bool {
    let votes = |shape: &AttestationShape| u64::from(shape.new) + u64::from(shape.repeated);
    shapes.windows(2).any(|pair| match pair {
        [one, next] => {
            let rounding = votes(one).saturating_add(votes(next));
            value(next) > value(one).saturating_add(rounding)
        }
        _ => false,
    })
}
