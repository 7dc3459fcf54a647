//! Whole simulated chains: a genesis state of any size and fork, and valid blocks on top of it.
//!
//! Validators vote honestly but for a few that are late, absent or on the wrong head; votes are aggregated as the
//! protocol has it since Electra, all committees of a slot together. Blocks are valid by every rule of the beacon
//! chain; with [`Signing::Signed`] their signatures are too. Payloads chain to each other and carry random bytes as
//! transactions: no execution client would take them. Keys are consecutive numbers and protect nothing.
//!
//! A chain may begin with any fork and go on to later ones. Where a payload comes apart from its block, from Gloas on,
//! there is only the proposer's bid for it: the next bid says whether it came.

mod block;
mod genesis;
mod keys;
mod packers;
mod payload;
mod schedule;
mod votes;

use std::sync::Arc;

use consensus::Root;
use consensus::containers::SignedBeaconBlock;
use consensus::spec::{Fork, Spec};
use consensus::state::State;
use consensus::transition::{StateRoots, TransitionError};
use fingerprint::Client;

pub use keys::{Keys, Signing};

pub use packers::Packers;

pub use schedule::{ParseUpgradeError, Upgrade};

use votes::{Choices, Pool};

/// What a chain is made of. The same plan makes the same chain.
#[derive(Clone, Debug)]
pub struct ChainPlan {
    /// The network's values; its fork schedule is replaced by that of `fork` and `upgrades`.
    pub spec: Spec,
    /// The fork that the chain begins with.
    pub fork: Fork,
    /// The forks that begin later, in order. One that is between two and not named begins with the later of them.
    pub upgrades: Vec<Upgrade>,
    /// Active validators.
    pub validators: u32,
    /// Seed of everything random.
    pub seed: u64,
    /// Whether signatures are made.
    pub signing: Signing,
    /// Slots without a block, in thousandths; from Gloas on as many blocks are without payload.
    pub missed_permille: u16,
    /// Random bytes of transactions in each payload.
    pub payload_bytes: usize,
    /// Unix time of genesis.
    pub genesis_time: u64,
}

/// A plan that can't be carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// A fork can't begin when it is to.
    #[error("{} can't begin with epoch {}: {reason}", upgrade.fork, upgrade.epoch)]
    Upgrade {
        /// The fork and its first epoch.
        upgrade: Upgrade,
        /// Why not.
        reason: &'static str,
    },
    /// Too few validators for committees in every slot.
    #[error("{found} validators are too few: each of the {slots} slots of an epoch needs at least one")]
    Validators {
        /// Validators asked for.
        found: u32,
        /// Slots of an epoch.
        slots: u64,
    },
    /// A block was refused by the rules: a fault of the simulation.
    #[error(transparent)]
    Transition(#[from] TransitionError),
}

/// A chain that grows slot by slot. A copy goes on as the chain itself does.
#[derive(Clone, Debug)]
pub struct Chain {
    plan: ChainPlan,
    state: State,
    pool: Pool,
    packers: Option<Packers>,
}

impl Chain {
    /// Makes the genesis state. For a million validators this takes seconds, for their keys. An error where the plan
    /// can't be carried out.
    pub fn new(mut plan: ChainPlan) -> Result<Self, ChainError> {
        let slots = plan.spec.preset.slots_per_epoch;
        if u64::from(plan.validators) < slots {
            return Err(ChainError::Validators { found: plan.validators, slots });
        }
        plan.schedule_forks()?;
        let keys = Keys::new(plan.validators);
        let state = genesis::genesis_state(&plan, &keys)?;
        Ok(Self { plan, state, pool: Pool::default(), packers: None })
    }

    /// Gives each validator a client, which decides how it packs its blocks and what it writes into their graffiti.
    /// Votes come late and apart more often than in other chains, so that there is something to choose from.
    pub fn packed_by(mut self, packers: Packers) -> Self {
        self.packers = Some(packers);
        self
    }

    /// The client whose packer makes the blocks of a proposer; `None` where proposers have no clients.
    pub fn packer(&self, proposer: u64) -> Option<Client> {
        self.packers.as_ref().map(|packers| packers.client(proposer, self.plan.seed))
    }

    /// The state after the latest slot.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The plan, with the fork schedule that the chain follows.
    pub fn plan(&self) -> &ChainPlan {
        &self.plan
    }

    /// A copy that goes on otherwise: chance has another seed from here on.
    pub fn branch(&self, seed: u64) -> Self {
        let mut branch = self.clone();
        branch.plan.seed = seed;
        branch
    }

    /// Goes on by one slot: its block, or `None` where the proposer missed it. `roots` computes state roots; use
    /// one that is incremental for chains of any size.
    pub fn advance(
        &mut self,
        roots: &mut dyn StateRoots,
    ) -> Result<Option<Arc<SignedBeaconBlock>>, ChainError> {
        let slot = self.state.slot.saturating_add(1);
        consensus::transition::process_slots(&mut self.state, slot, roots)?;
        let missed = slot > 1 && self.plan.chance(slot, 0) < u64::from(self.plan.missed_permille);
        let block = if missed {
            None
        } else {
            let proposer = self.state.proposer_index()?;
            let packer = self.packer(proposer);
            let graffiti = self.graffiti(packer);
            let votes = self.pool.choose(&self.plan, &self.state, packer);
            Some(block::propose(&self.plan, &mut self.state, graffiti, votes, roots)?)
        };
        let choices = if self.packers.is_some() { Choices::Many } else { Choices::Few };
        self.pool.vote(&self.plan, &mut self.state, roots, choices)?;
        Ok(block)
    }

    /// What the block of the state's slot says of itself.
    fn graffiti(&self, packer: Option<Client>) -> Root {
        let text = match (&self.packers, packer) {
            (Some(packers), Some(client)) => {
                let slot = self.state.slot;
                let number = usize::try_from(slot).unwrap_or(usize::MAX);
                let mut random = self.plan.random(slot, 8);
                crate::rewards::write_graffiti(packers.graffiti, client, number, &mut random)
            }
            _ => "simulated".to_owned(),
        };
        let mut graffiti = [0; 32];
        for (to, from) in graffiti.iter_mut().zip(text.as_bytes()) {
            *to = *from;
        }
        Root(graffiti)
    }
}

impl ChainPlan {
    /// A number below 1,000 that depends on seed, slot and purpose only.
    fn chance(&self, slot: u64, purpose: u64) -> u64 {
        use rand::Rng;
        self.random(slot, purpose).random_range(0..1_000)
    }

    /// Random numbers for a slot and a purpose.
    fn random(&self, slot: u64, purpose: u64) -> rand_chacha::ChaCha8Rng {
        use rand::SeedableRng;
        let mut seed = [0; 32];
        let words =
            self.seed.to_le_bytes().into_iter().chain(slot.to_le_bytes()).chain(purpose.to_le_bytes());
        for (to, from) in seed.iter_mut().zip(words) {
            *to = from;
        }
        rand_chacha::ChaCha8Rng::from_seed(seed)
    }
}
