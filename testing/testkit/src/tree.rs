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
use simulate::chain::{Chain, ChainPlan, Signing};
use source::chain::{ChainBlock, Genesis};

use crate::schedule::Step;

/// What a tree is made of. The same plan makes the same tree.
#[derive(Clone, Copy, Debug)]
pub struct TreePlan {
    /// The fork of the whole chain.
    pub fork: Fork,
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
}

/// A side branch that grows beside the main chain.
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
        let mut random = ChaCha8Rng::seed_from_u64(plan.seed);
        let spec = Spec {
            preset: Preset::MINIMAL,
            config: Config { config_name: "simulated".to_owned(), ..Config::default() },
        };
        let chain_plan = ChainPlan {
            spec,
            fork: plan.fork,
            upgrades: Vec::new(),
            validators: plan.validators,
            seed: plan.seed,
            signing: Signing::Unsigned,
            missed_permille: plan.missed_permille,
            payload_bytes: 200,
            genesis_time: 1_700_000_000,
        };
        let mut chain = Chain::new(chain_plan).expect("a chain");
        let genesis = chain.state().clone();
        let mut tree = Self {
            spec: Arc::clone(genesis.spec()),
            genesis,
            blocks: HashMap::new(),
            main: Vec::new(),
            steps: Vec::new(),
            deepest: 0,
            states: HashMap::new(),
        };
        let mut branch: Option<Branch> = None;
        let mut finalized = 0;
        let mut forked_at = 0;
        for slot in 1..=plan.slots {
            let begins = branch.is_none() && slot > 1 && random.random_range(0..100) < plan.branch_percent;
            if begins {
                branch = Some(Branch {
                    chain: chain.branch(random.random()),
                    end: slot + random.random_range(0..plan.longest_branch.max(1)),
                    followed: random.random_range(0..3) > 0,
                    tip: None,
                });
                forked_at = tree.main.last().map_or(0, |root| tree.blocks[root].slot().0);
            }
            let block = chain.advance(&mut FromScratch).expect("a slot");
            let ours = block.map(|block| tree.add(plan.fork, block));
            if let Some(root) = ours {
                tree.main.push(root);
                tree.steps.push(Step::Block(root));
                let boundary = slot.is_multiple_of(tree.spec.preset.slots_per_epoch);
                if boundary || slot == plan.slots {
                    tree.states.insert(root, chain.state().clone());
                }
            }
            let mut head = ours;
            if let Some(side) = &mut branch {
                if let Some(block) = side.chain.advance(&mut FromScratch).expect("a slot") {
                    let root = tree.add(plan.fork, block);
                    side.tip = Some(root);
                    tree.steps.push(Step::Block(root));
                }
                if side.followed && slot < side.end {
                    head = side.tip;
                }
                if slot >= side.end {
                    if let (true, Some(tip)) = (side.followed, side.tip) {
                        let tip = tree.blocks[&tip].slot().0;
                        tree.deepest = tree.deepest.max(tip - forked_at);
                        tree.steps.push(Step::Head(side.tip.expect("a tip")));
                    }
                    branch = None;
                    head = tree.main.last().copied();
                }
            }
            tree.steps.extend(head.map(Step::Head));
            let checkpoint = &chain.state().finalized_checkpoint;
            if branch.is_none() && checkpoint.epoch > finalized {
                finalized = checkpoint.epoch;
                tree.steps.push(Step::Final(checkpoint.root, finalized));
            }
        }
        tree.steps.extend(tree.main.last().copied().map(Step::Head));
        tree
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

    fn add(&mut self, fork: Fork, block: Arc<consensus::containers::SignedBeaconBlock>) -> Root {
        let root = Root(block.message.hash_tree_root(&self.spec.shape(fork)));
        self.blocks.insert(root, ChainBlock { fork, block });
        root
    }
}
