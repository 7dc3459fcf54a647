//! A simulated chain with side branches, and what a node that follows it tells slot by slot.

use std::collections::HashMap;
use std::sync::Arc;

use consensus::spec::{Config, Fork, Preset, Spec};
use consensus::ssz::Ssz;
use consensus::state::State;
use consensus::transition::FromScratch;
use consensus::{Root, Slot};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use simulate::chain::{Chain, ChainPlan, Signing, Upgrade};
use source::chain::{ChainBlock, Genesis};

use crate::schedule::Step;

/// What a tree is made of. The same plan makes the same tree.
#[derive(Clone, Copy, Debug)]
pub struct TreePlan {
    /// The fork that the chain begins with.
    pub fork: Fork,
    /// A fork that begins in the middle.
    pub upgrade: Option<Upgrade>,
    /// Active validators.
    pub validators: u32,
    /// Slots of the main chain.
    pub slots: u64,
    /// The longest side branch, in slots.
    pub longest_branch: u64,
    /// Of a hundred slots, after how many a branch begins.
    pub branch_percent: u32,
    /// Slots without a block, in thousandths.
    pub missed_permille: u16,
    /// Seed of everything random.
    pub seed: u64,
}

impl Default for TreePlan {
    fn default() -> Self {
        Self {
            fork: Fork::Electra,
            upgrade: None,
            validators: 64,
            slots: 72,
            longest_branch: 6,
            branch_percent: 25,
            missed_permille: 120,
            seed: 1,
        }
    }
}

/// A simulated chain of the minimal preset with side branches.
#[derive(Debug)]
pub struct Tree {
    /// The network.
    pub spec: Arc<Spec>,
    /// The state at slot 0.
    pub genesis: State,
    /// Every block of every branch.
    pub blocks: HashMap<Root, ChainBlock>,
    /// The blocks of the main chain, ascending.
    pub main: Vec<Root>,
    /// What a node that saw all of it tells, in order: each block before it is head, reorganisations to side branches
    /// and back, and finality.
    pub steps: Vec<Step>,
    /// The deepest reorganisation, in slots.
    pub deepest: u64,
    /// States after blocks of the main chain that are first of an epoch, and after the last one.
    pub states: HashMap<Root, State>,
    growth: Growth,
}

/// Where a tree grows on.
#[derive(Debug)]
struct Growth {
    plan: TreePlan,
    random: ChaCha8Rng,
    chain: Chain,
    branch: Option<Branch>,
    /// The newest block of the main chain.
    last: Option<Root>,
    finalized: u64,
    forked_at: u64,
}

/// A side branch that grows beside the main chain.
#[derive(Debug)]
struct Branch {
    chain: Chain,
    end: u64,
    /// Whether the node follows it while it grows.
    followed: bool,
    tip: Option<Root>,
}

impl Tree {
    /// Grows a tree.
    pub fn grow(plan: TreePlan) -> Self {
        let mut tree = Self::seedling(plan);
        for _ in 0..plan.slots {
            tree.grow_slot();
        }
        tree.steps.extend(tree.growth.last.map(Step::Head));
        tree
    }

    /// A tree that has nothing but its genesis yet, to be grown slot by slot.
    pub fn seedling(plan: TreePlan) -> Self {
        let spec = Spec {
            preset: Preset::MINIMAL,
            config: Config { config_name: "simulated".to_owned(), ..Config::default() },
        };
        let chain_plan = ChainPlan {
            spec,
            fork: plan.fork,
            upgrades: plan.upgrade.into_iter().collect(),
            validators: plan.validators,
            seed: plan.seed,
            signing: Signing::Unsigned,
            missed_permille: plan.missed_permille,
            payload_bytes: 200,
            genesis_time: 1_700_000_000,
        };
        let chain = Chain::new(chain_plan).expect("a chain");
        let genesis = chain.state().clone();
        Self {
            spec: Arc::clone(genesis.spec()),
            genesis,
            blocks: HashMap::new(),
            main: Vec::new(),
            steps: Vec::new(),
            deepest: 0,
            states: HashMap::new(),
            growth: Growth {
                plan,
                random: ChaCha8Rng::seed_from_u64(plan.seed),
                chain,
                branch: None,
                last: None,
                finalized: 0,
                forked_at: 0,
            },
        }
    }

    /// Grows by a slot: its blocks and what a node tells of it are put to those that are there.
    pub fn grow_slot(&mut self) {
        let plan = self.growth.plan;
        let slot = self.growth.chain.state().slot + 1;
        let random = &mut self.growth.random;
        if self.growth.branch.is_none() && slot > 1 && random.random_range(0..100) < plan.branch_percent {
            let chain = self.growth.chain.branch(random.random());
            let end = slot + random.random_range(0..plan.longest_branch.max(1));
            let followed = random.random_range(0..3) > 0;
            self.growth.branch = Some(Branch { chain, end, followed, tip: None });
            self.growth.forked_at = self.growth.last.map_or(0, |root| self.slot(&root).0);
        }
        let block = self.growth.chain.advance(&mut FromScratch).expect("a slot");
        let ours = block.map(|block| self.add(block));
        if let Some(root) = ours {
            self.growth.last = Some(root);
            self.main.push(root);
            self.steps.push(Step::Block(root));
            let boundary = slot.is_multiple_of(self.spec.preset.slots_per_epoch);
            if boundary || slot == plan.slots {
                self.states.insert(root, self.growth.chain.state().clone());
            }
        }
        let mut head = ours;
        if let Some(mut side) = self.growth.branch.take() {
            if let Some(block) = side.chain.advance(&mut FromScratch).expect("a slot") {
                let root = self.add(block);
                side.tip = Some(root);
                self.steps.push(Step::Block(root));
            }
            if slot < side.end {
                if side.followed {
                    head = side.tip;
                }
                self.growth.branch = Some(side);
            } else {
                if let (true, Some(tip)) = (side.followed, side.tip) {
                    self.deepest = self.deepest.max(self.slot(&tip).0 - self.growth.forked_at);
                    self.steps.push(Step::Head(tip));
                }
                head = self.growth.last;
            }
        }
        self.steps.extend(head.map(Step::Head));
        let checkpoint = &self.growth.chain.state().finalized_checkpoint;
        if self.growth.branch.is_none() && checkpoint.epoch > self.growth.finalized {
            self.growth.finalized = checkpoint.epoch;
            self.steps.push(Step::Final(checkpoint.root, checkpoint.epoch));
        }
    }

    /// The state of the main chain after the slot that was grown last.
    pub fn state(&self) -> &State {
        self.growth.chain.state()
    }

    /// Forgets blocks and states before a slot.
    pub fn forget_before(&mut self, slot: Slot) {
        let blocks = &mut self.blocks;
        blocks.retain(|_, block| block.slot() >= slot);
        self.main.retain(|root| blocks.contains_key(root));
        self.states.retain(|root, _| blocks.contains_key(root));
    }

    /// The root of the block of genesis.
    pub fn genesis_root(&self) -> Root {
        self.parent(self.main.first().expect("a block"))
    }

    /// The parent of a block.
    pub fn parent(&self, root: &Root) -> Root {
        self.blocks[root].block.message.parent_root
    }

    /// The head at the end.
    pub fn head(&self) -> Root {
        *self.main.last().expect("a block")
    }

    /// The last block that became final, with the epoch of its checkpoint.
    pub fn last_final(&self) -> Option<(Root, u64)> {
        self.steps.iter().rev().find_map(|step| match step {
            Step::Final(root, epoch) => Some((*root, *epoch)),
            _ => None,
        })
    }

    /// What names the network.
    pub fn identity(&self) -> Genesis {
        Genesis {
            time: self.genesis.genesis_time,
            validators_root: self.genesis.genesis_validators_root,
            fork_version: self.spec.config.fork_version(Fork::Phase0).0,
        }
    }

    /// The slot of a block; 0 for that of genesis.
    pub fn slot(&self, root: &Root) -> Slot {
        self.blocks.get(root).map_or(Slot(0), ChainBlock::slot)
    }

    fn add(&mut self, block: Arc<consensus::containers::SignedBeaconBlock>) -> Root {
        let fork = self.spec.fork_at_slot(block.message.slot);
        let root = Root(block.message.hash_tree_root(&self.spec.shape(fork)));
        self.blocks.insert(root, ChainBlock { fork, block });
        root
    }
}
