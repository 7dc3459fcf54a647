//! The tree of recent blocks: what each paid, which is the head, and the few states from which all others follow.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use consensus::spec::Spec;
use consensus::ssz::Ssz;
use consensus::state::State;
use consensus::transition::{FromScratch, TransitionError, latest_header};
use consensus::{Root, Slot};

use super::error::Refusal;
use super::event::{FollowEvent, HeadChange};
use super::keep;
use super::limits::ViewLimits;
use super::work::{BlockWork, StatePlan, WorkedBlock};
use crate::chain::ChainBlock;
use crate::replay::ReplayedBlock;

/// Roots that were refused and are remembered, so that they are not asked for again and again.
const REFUSED: usize = 64;

/// The recent part of a chain with all its branches, from a block that is final (the anchor) on.
///
/// Everything is keyed by block root. Blocks may come in any order and more than once; a block whose parent is
/// unknown waits for it. The same blocks, head and finality make the same view, whatever the order.
#[derive(Debug)]
pub struct ChainView {
    spec: Arc<Spec>,
    limits: ViewLimits,
    genesis_time: u64,
    anchor: Place,
    head: Root,
    /// After the anchor, on all branches. Each one's ancestors up to the anchor are there too.
    blocks: HashMap<Root, Arc<ReplayedBlock>>,
    /// Final, ascending; the last is the anchor, once that was seen as a block.
    history: VecDeque<Arc<ReplayedBlock>>,
    /// The slot after which every block of the head's chain is known.
    known_after: Slot,
    waiting: VecDeque<(Root, ChainBlock)>,
    refused: VecDeque<Root>,
    states: HashMap<Root, State>,
    /// The blocks that came last.
    newest: VecDeque<Root>,
    /// A head that was named before its block came.
    wanted_head: Option<Root>,
    /// A final block that was named before it came.
    wanted_final: Option<Root>,
}

/// A block and its slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The root.
    pub root: Root,
    /// The slot.
    pub slot: Slot,
}

/// What becomes of a block that comes.
#[derive(Debug)]
pub enum Admission {
    /// It is known.
    Known,
    /// It is not after the anchor, so nothing can follow from it.
    Old,
    /// It waits, because this block, its nearest unknown ancestor, has to come first.
    Waits {
        /// The root to ask for.
        ancestor: Root,
    },
    /// It was refused before, or its slot is nonsense.
    Refused,
    /// There is no room for it.
    Full,
    /// It can be applied; what comes out belongs into [`ChainView::insert`].
    Ready(Box<BlockWork>),
}

impl ChainView {
    /// A view that begins behind the latest block of a state, which is taken as final. Hashes the state where its
    /// latest block does not say its root.
    pub fn new(state: State, limits: ViewLimits) -> Result<Self, TransitionError> {
        let header = latest_header(&state, &mut FromScratch)?;
        let anchor = Place { root: Root(header.hash_tree_root(&state.shape())), slot: Slot(header.slot) };
        Ok(Self {
            spec: Arc::clone(state.spec()),
            limits,
            genesis_time: state.genesis_time,
            anchor,
            head: anchor.root,
            blocks: HashMap::new(),
            history: VecDeque::new(),
            known_after: anchor.slot,
            waiting: VecDeque::new(),
            refused: VecDeque::new(),
            states: HashMap::from([(anchor.root, state)]),
            newest: VecDeque::new(),
            wanted_head: None,
            wanted_final: None,
        })
    }

    /// The network.
    pub fn spec(&self) -> &Arc<Spec> {
        &self.spec
    }

    /// Unix time of slot 0, in seconds.
    pub fn genesis_time(&self) -> u64 {
        self.genesis_time
    }

    /// The newest final block: all that is kept of states follows from its state.
    pub fn anchor(&self) -> Place {
        self.anchor
    }

    /// The head.
    pub fn head(&self) -> Place {
        let slot = self.blocks.get(&self.head).map_or(self.anchor.slot, |block| block.slot());
        Place { root: self.head, slot }
    }

    /// The head's block; nothing where the view has only the anchor's state.
    pub fn head_block(&self) -> Option<&Arc<ReplayedBlock>> {
        self.block(&self.head)
    }

    /// The first slot from which on all blocks of the head's chain are known.
    pub fn oldest_slot(&self) -> Slot {
        Slot(self.known_after.0.saturating_add(1))
    }

    /// A block that is known, on any branch.
    pub fn block(&self, root: &Root) -> Option<&Arc<ReplayedBlock>> {
        let final_block = || self.history.iter().rev().find(|block| block.root == *root);
        self.blocks.get(root).or_else(final_block)
    }

    /// Blocks that are known: those after the anchor, and final ones.
    pub fn count(&self) -> (usize, usize) {
        (self.blocks.len(), self.history.len())
    }

    /// Blocks that wait for their parent.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// States that are kept, that of the anchor included.
    pub fn states(&self) -> usize {
        self.states.len()
    }

    /// The blocks of the head's chain in a range of slots, both ends included, ascending.
    pub fn canonical(&self, first: Slot, last: Slot) -> Vec<Arc<ReplayedBlock>> {
        let within = |block: &&Arc<ReplayedBlock>| (first..=last).contains(&block.slot());
        let mut blocks: Vec<_> = self.chain_of(self.head).filter(within).map(Arc::clone).collect();
        blocks.reverse();
        let mut all: Vec<_> = self.history.iter().filter(within).map(Arc::clone).collect();
        all.append(&mut blocks);
        all
    }

    /// The blocks that are known and not final, on all branches, parents before children.
    pub fn open_blocks(&self) -> Vec<Arc<ReplayedBlock>> {
        let mut blocks: Vec<_> = self.blocks.values().map(Arc::clone).collect();
        blocks.sort_unstable_by_key(|block| (block.slot(), block.root));
        blocks
    }

    /// Whether a block is in the head's chain.
    pub fn is_canonical(&self, root: &Root) -> bool {
        match self.blocks.get(root) {
            Some(block) => self
                .chain_of(self.head)
                .take_while(|other| other.slot() >= block.slot())
                .any(|other| other.root == *root),
            None => *root == self.anchor.root || self.block(root).is_some(),
        }
    }

    /// How to get the state after a block: from the nearest state that is kept. Nothing for a block before the
    /// anchor, and for an unknown one.
    pub fn plan(&self, root: &Root) -> Option<StatePlan> {
        let mut blocks = Vec::new();
        let mut at = *root;
        let state = loop {
            if let Some(state) = self.states.get(&at) {
                break state.clone();
            }
            let block = self.blocks.get(&at)?;
            blocks.push(Arc::clone(block));
            at = block.parent_root();
        };
        blocks.reverse();
        Some(StatePlan { state, blocks })
    }

    /// Takes a block as far as can be done at once. `root` is the root of the block: whoever calls has checked it.
    pub fn admit(&mut self, block: ChainBlock, root: Root) -> Admission {
        let slot = block.slot();
        if self.blocks.contains_key(&root) || root == self.anchor.root {
            return Admission::Known;
        }
        if self.refused.contains(&root) {
            return Admission::Refused;
        }
        if slot <= self.anchor.slot {
            // Nothing that builds on it, and not on the anchor, can ever connect.
            if self.waiting.iter().any(|(_, waiting)| waiting.block.message.parent_root == root) {
                self.refuse(root);
            }
            return Admission::Old;
        }
        let parent = block.block.message.parent_root;
        if self.refused.contains(&parent) {
            self.refuse(root);
            return Admission::Refused;
        }
        let parent_slot = match self.blocks.get(&parent) {
            Some(block) => block.slot(),
            None if parent == self.anchor.root => self.anchor.slot,
            None => {
                if !self.waiting.iter().any(|(known, _)| *known == root) {
                    while self.waiting.len() >= self.limits.waiting.max(1) {
                        self.waiting.pop_front();
                    }
                    self.waiting.push_back((root, block));
                }
                return Admission::Waits { ancestor: self.unknown_ancestor(parent) };
            }
        };
        if slot <= parent_slot || slot.0 - parent_slot.0 > self.limits.empty_slots {
            self.refuse(root);
            return Admission::Refused;
        }
        if self.blocks.len() >= self.limits.blocks.max(1) {
            return Admission::Full;
        }
        match self.plan(&parent) {
            Some(parent) => Admission::Ready(Box::new(BlockWork { parent, block, root })),
            None => Admission::Old,
        }
    }

    /// Puts a block in that was applied, and makes it the head if it was named as that before.
    pub fn insert(&mut self, worked: WorkedBlock) -> Vec<FollowEvent> {
        let WorkedBlock { block, state } = worked;
        let (root, parent) = (block.root, block.parent_root());
        let connects = self.blocks.contains_key(&parent) || parent == self.anchor.root;
        if self.blocks.contains_key(&root) || !connects || block.slot() <= self.anchor.slot {
            return Vec::new();
        }
        self.waiting.retain(|(waiting, _)| *waiting != root);
        self.blocks.insert(root, Arc::clone(&block));
        self.states.insert(root, state);
        self.newest.push_front(root);
        self.newest.truncate(keep::NEWEST);
        let mut events = vec![FollowEvent::BlockSeen(block)];
        if self.wanted_head == Some(root) {
            events.extend(self.set_head(root));
        }
        self.tidy_states();
        events
    }

    /// Takes out a waiting block that can be applied now.
    pub fn next_ready(&mut self) -> Option<Admission> {
        let ready = |parent: &Root| {
            self.blocks.contains_key(parent) || *parent == self.anchor.root || self.refused.contains(parent)
        };
        let place = self.waiting.iter().position(|(_, block)| ready(&block.block.message.parent_root))?;
        let (root, block) = self.waiting.remove(place)?;
        Some(self.admit(block, root))
    }

    /// Notes that a block was refused: it and what builds on it are not taken again.
    pub fn refuse(&mut self, root: Root) {
        if self.refused.contains(&root) {
            return;
        }
        if self.refused.len() >= REFUSED {
            self.refused.pop_front();
        }
        self.refused.push_back(root);
    }

    /// Takes a block and all that waited for it. What can't be applied is refused, and the last such refusal given.
    pub fn on_block(&mut self, block: ChainBlock, root: Root) -> (Vec<FollowEvent>, Option<Refusal>) {
        let mut events = Vec::new();
        let mut refusal = None;
        let mut next = Some(self.admit(block, root));
        while let Some(admission) = next {
            if let Admission::Ready(work) = admission {
                match work.run() {
                    Ok(worked) => events.extend(self.insert(worked)),
                    Err(refused) => {
                        self.refuse(refused.root);
                        refusal = Some(refused);
                    }
                }
            }
            next = self.next_ready();
        }
        if let Some(root) = self.due_finality()
            && let Ok(more) = self.on_finalized(root)
        {
            events.extend(more);
        }
        (events, refusal)
    }

    /// Makes a block the head. Where it is not known yet, it becomes the head as soon as it comes, unless another one
    /// is named before. One before the anchor changes nothing. Gives whether it is known.
    pub fn on_head(&mut self, root: Root) -> (bool, Vec<FollowEvent>) {
        if root != self.anchor.root && self.history.iter().any(|block| block.root == root) {
            return (true, Vec::new());
        }
        if !self.blocks.contains_key(&root) && root != self.anchor.root {
            self.wanted_head = Some(root);
            return (false, Vec::new());
        }
        let events = self.set_head(root);
        self.tidy_states();
        (true, events.into_iter().collect())
    }

    /// The head that was named and has not come.
    pub fn wanted_head(&self) -> Option<Root> {
        self.wanted_head
    }

    /// Notes that a block is final, to be used once it is known. Gives whether it is after the anchor and known.
    pub fn note_final(&mut self, root: Root) -> bool {
        let known = self.blocks.contains_key(&root);
        if known || self.block(&root).is_none() && root != self.anchor.root {
            self.wanted_final = Some(root);
        }
        known
    }

    /// A block that was named final, is known now, and is not the anchor yet.
    pub fn due_finality(&self) -> Option<Root> {
        self.wanted_final.filter(|root| self.blocks.contains_key(root))
    }

    /// How to get the state that [`Self::finalize`] wants. Nothing where the block is not after the anchor, or not
    /// known.
    pub fn plan_finality(&self, root: &Root) -> Option<StatePlan> {
        self.blocks.get(root)?;
        self.plan(root)
    }

    /// Takes all up to a block as final: branches that do not contain it are forgotten, and it becomes the anchor
    /// with the given state. A head on such a branch gives way to it.
    pub fn finalize(&mut self, root: Root, state: State) -> Vec<FollowEvent> {
        let Some(block) = self.blocks.get(&root).cloned() else { return Vec::new() };
        if self.wanted_final == Some(root) {
            self.wanted_final = None;
        }
        let mut events = Vec::new();
        if !self.chain_of(self.head).any(|block| block.root == root) {
            events.extend(self.set_head(root));
        }
        let mut chain: Vec<_> = self.chain_of(root).map(Arc::clone).collect();
        chain.reverse();
        for block in &chain {
            self.blocks.remove(&block.root);
        }
        self.history.extend(chain);
        while self.history.len() > self.limits.history.max(1) {
            if let Some(oldest) = self.history.pop_front() {
                self.known_after = oldest.slot();
            }
        }
        self.anchor = Place { root, slot: block.slot() };
        self.states.insert(root, state);
        self.forget_unconnected();
        self.waiting.retain(|(_, waiting)| waiting.slot() > block.slot());
        self.tidy_states();
        events.push(FollowEvent::Finalized { root, slot: block.slot() });
        events
    }

    /// Takes all up to a block as final, now or as soon as the block comes. An older one changes nothing.
    pub fn on_finalized(&mut self, root: Root) -> Result<Vec<FollowEvent>, TransitionError> {
        self.note_final(root);
        match self.plan_finality(&root) {
            Some(plan) => Ok(self.finalize(root, plan.run()?)),
            None => Ok(Vec::new()),
        }
    }

    /// The block to take as final because there are too many that are not; where a state is kept, one of those. Where
    /// the head's chain is short, the side branches are forgotten instead.
    pub fn make_room(&mut self) -> Option<Root> {
        let most = self.limits.blocks.max(1);
        if self.blocks.len() < most {
            return None;
        }
        let chain: Vec<Root> = self.chain_of(self.head).map(|block| block.root).collect();
        let cheap = chain.iter().skip(most.div_ceil(4)).find(|root| self.states.contains_key(root));
        if let Some(root) = cheap.or_else(|| chain.get(most / 2)) {
            return Some(*root);
        }
        let newest = self.newest.front().copied();
        let spared: Vec<Root> =
            newest.into_iter().flat_map(|root| self.chain_of(root).map(|block| block.root)).collect();
        self.blocks.retain(|root, _| chain.contains(root) || spared.contains(root));
        self.tidy_states();
        None
    }

    /// The blocks from one back to the anchor, which is not given.
    pub(super) fn chain_of(&self, root: Root) -> impl Iterator<Item = &Arc<ReplayedBlock>> {
        std::iter::successors(self.blocks.get(&root), |block| self.blocks.get(&block.parent_root()))
    }

    fn unknown_ancestor(&self, mut root: Root) -> Root {
        // Each step goes to an earlier slot, so that there is an end even where roots are wrong.
        let mut slot = Slot(u64::MAX);
        while let Some((_, block)) = self.waiting.iter().find(|(waiting, _)| *waiting == root) {
            if block.slot() >= slot {
                break;
            }
            slot = block.slot();
            root = block.block.message.parent_root;
        }
        root
    }

    fn set_head(&mut self, new: Root) -> Option<FollowEvent> {
        self.wanted_head = None;
        let old = std::mem::replace(&mut self.head, new);
        if old == new {
            return None;
        }
        let mut joined: Vec<Root> = self.chain_of(new).map(|block| block.root).collect();
        let mut undone: Vec<Root> = self.chain_of(old).map(|block| block.root).collect();
        while joined.last().is_some_and(|root| undone.last() == Some(root)) {
            joined.pop();
            undone.pop();
        }
        joined.reverse();
        let slot_of = |root: &Root| self.blocks.get(root).map_or(self.anchor.slot, |block| block.slot());
        let depth = undone.last().map_or(0, |first| {
            let common = self.blocks.get(first).map_or(self.anchor.slot, |block| block.parent_slot);
            slot_of(&old).0.saturating_sub(common.0)
        });
        let change = HeadChange { old, new, slot: slot_of(&new), depth, undone, joined };
        Some(FollowEvent::HeadChanged(Arc::new(change)))
    }

    /// Drops the blocks that do not descend from the anchor.
    fn forget_unconnected(&mut self) {
        let mut order: Vec<(Slot, Root, Root)> =
            self.blocks.values().map(|block| (block.slot(), block.root, block.parent_root())).collect();
        order.sort_unstable_by_key(|(slot, ..)| *slot);
        let mut connected = std::collections::HashSet::from([self.anchor.root]);
        for (_, root, parent) in order {
            if connected.contains(&parent) {
                connected.insert(root);
            }
        }
        self.blocks.retain(|root, _| connected.contains(root));
    }

    fn tidy_states(&mut self) {
        let wanted = keep::wanted(self, self.newest.iter().copied(), self.limits.states);
        let anchor = self.anchor.root;
        self.states.retain(|root, _| *root == anchor || wanted.contains(root));
    }
}
