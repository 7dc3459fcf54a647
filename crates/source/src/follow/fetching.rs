//! What the driver asks the nodes for, and how it goes into the view.

use consensus::{Root, Slot};
use futures::StreamExt;

use super::driver::Driver;
use super::error::FollowError;
use super::event::FollowEvent;
use super::follower::Phase;
use super::start::blocking;
use super::view::{Admission, ChainView, Place};
use super::work::{BlockWork, StatePlan};
use crate::beacon_api::{BlockId, Checkpoint, StateId};
use crate::chain::ChainBlock;

/// Slots behind the head from which on blocks are fetched by slot, several at a time.
const FAR_BEHIND: u64 = 16;

/// What became of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// It is in the view, unless its ancestors lead past the anchor.
    Connected,
    /// It is of a slot before the anchor.
    Old(Slot),
}

impl Driver {
    /// Asks the node for its head and finality, and goes there.
    pub(super) async fn look_up(&self) -> Result<(), FollowError> {
        let header = self.api.header(BlockId::Head).await?;
        let head = header.ok_or(FollowError::NoHead)?;
        self.follower.note(|status| status.node_head = Some(head.slot));
        let finalized = self.api.finality_checkpoints(StateId::Head).await?.finalized;
        self.view(|view| view.note_final(finalized.root))?;
        let ours = self.view(|view| view.head())?;
        if !self.knows(&head.root)? && head.slot.0.saturating_sub(ours.slot.0) > FAR_BEHIND {
            self.follower.note(|status| status.phase = Phase::CatchingUp);
            let final_epoch = self.final_by_slot(ours, head.slot, finalized).await?;
            self.catch_up(ours, head.slot, final_epoch).await?;
            // Steps on the way have taken its place.
            self.view(|view| view.note_final(finalized.root))?;
        }
        self.head(head.root).await?;
        self.settle_finality().await?;
        self.follower.note(|status| status.phase = Phase::Following);
        Ok(())
    }

    /// The epoch before which blocks are final that are fetched by slot. Nothing is where few are to come: they have
    /// room until the final block is among them. Where many are, the nodes must give the final block for its slot: one
    /// that follows another branch gives other blocks.
    async fn final_by_slot(&self, from: Place, to: Slot, finalized: Checkpoint) -> Result<u64, FollowError> {
        let few = (self.options.limits.blocks / 8) as u64;
        if to.0.saturating_sub(from.slot.0) <= few {
            return Ok(0);
        }
        let Some(known) = self.api.header(BlockId::Root(finalized.root)).await? else { return Ok(0) };
        let given = self.api.header(BlockId::Slot(known.slot)).await?;
        Ok(if given.is_some_and(|given| given.root == finalized.root) { finalized.epoch.0 } else { 0 })
    }

    /// Fetches the node's chain by slot. What lies before `final_epoch` is final when it comes, as long as it is one
    /// chain: another node may answer from some slot on.
    async fn catch_up(&self, from: Place, to: Slot, final_epoch: u64) -> Result<(), FollowError> {
        let spec = self.view(|view| view.spec().clone())?;
        let slots = from.slot.0.saturating_add(1)..=to.0;
        let mut blocks = futures::stream::iter(slots)
            .map(|slot| self.api.block(BlockId::Slot(Slot(slot)), &spec))
            .buffered(self.options.parallel.max(1));
        let mut last = from;
        let mut is_one_chain = true;
        while let Some(block) = blocks.next().await {
            let Some(block) = block? else { continue };
            let (root, slot) = (block.root, block.block.slot());
            let parent = block.block.block.message.parent_root;
            self.take_block(block.block, root).await?;
            self.head(root).await?;
            let (before, epoch) = (spec.epoch_at(last.slot.0), spec.epoch_at(slot.0));
            // The head from which this began may be of a branch that was given up meanwhile.
            is_one_chain &= parent == last.root || last.root == from.root;
            if is_one_chain && parent == last.root && before < epoch && epoch < final_epoch {
                self.finalize(last.root).await?;
            }
            last = Place { root, slot };
        }
        Ok(())
    }

    /// Takes a block by its root, with all of its ancestors that are unknown.
    pub(super) async fn take(&self, root: Root) -> Result<Taken, FollowError> {
        if self.knows(&root)? {
            return Ok(Taken::Connected);
        }
        let block = self.fetch(root).await?;
        self.take_block(block, root).await
    }

    /// Makes a block the head. It is fetched where it is unknown.
    pub(super) async fn head(&self, root: Root) -> Result<(), FollowError> {
        let taken = self.take(root).await?;
        let (known, events) = self.view(|view| view.on_head(root))?;
        self.tell(events);
        match taken {
            _ if known => Ok(()),
            Taken::Old(slot) => Err(FollowError::Behind { root, slot }),
            Taken::Connected => Err(FollowError::Lost { root, depth: 0 }),
        }
    }

    /// Takes all up to a block as final.
    pub(super) async fn finalize(&self, root: Root) -> Result<(), FollowError> {
        self.view(|view| view.note_final(root))?;
        self.settle_finality().await
    }

    async fn settle_finality(&self) -> Result<(), FollowError> {
        let due = |view: &mut ChainView| {
            let root = view.due_finality()?;
            Some((root, view.plan_finality(&root)?))
        };
        match self.view(due)? {
            Some((root, plan)) => self.make_anchor(root, plan).await,
            None => Ok(()),
        }
    }

    async fn make_anchor(&self, root: Root, plan: StatePlan) -> Result<(), FollowError> {
        let state = blocking(move || plan.run()).await?.map_err(FollowError::State)?;
        let events = self.view(|view| view.finalize(root, state))?;
        self.tell(events);
        Ok(())
    }

    async fn fetch(&self, root: Root) -> Result<ChainBlock, FollowError> {
        let spec = self.view(|view| view.spec().clone())?;
        let block = self.api.block(BlockId::Root(root), &spec).await?;
        Ok(block.ok_or(FollowError::Absent { root })?.block)
    }

    async fn take_block(&self, block: ChainBlock, root: Root) -> Result<Taken, FollowError> {
        let slot = block.slot();
        let mut admission = self.admit(block, root).await?;
        if let Admission::Old = admission {
            return Ok(Taken::Old(slot));
        }
        let mut fetched = 0;
        while let Admission::Waits { ancestor } = admission {
            if fetched >= self.options.ancestors {
                return Err(FollowError::Lost { root, depth: fetched });
            }
            fetched += 1;
            let block = match self.fetch(ancestor).await {
                // A node that began at a checkpoint has nothing before it.
                Err(FollowError::Absent { .. }) => return Err(FollowError::Lost { root, depth: fetched }),
                block => block?,
            };
            admission = self.admit(block, ancestor).await?;
        }
        let mut result = match admission {
            Admission::Ready(work) => self.apply(work).await,
            Admission::Refused => Err(FollowError::RefusedBefore { root }),
            _ => Ok(()),
        };
        while let Some(next) = self.view(ChainView::next_ready)? {
            if let Admission::Ready(work) = next
                && let Err(error) = self.apply(work).await
            {
                result = Err(error);
            }
        }
        self.settle_finality().await?;
        result.map(|()| Taken::Connected)
    }

    /// Admits a block, and makes room for it where there is none.
    async fn admit(&self, block: ChainBlock, root: Root) -> Result<Admission, FollowError> {
        let admission = self.view(|view| view.admit(block.clone(), root))?;
        if !matches!(admission, Admission::Full) {
            return Ok(admission);
        }
        let room = |view: &mut ChainView| {
            let root = view.make_room()?;
            Some((root, view.plan_finality(&root)?))
        };
        if let Some((anchor, plan)) = self.view(room)? {
            self.make_anchor(anchor, plan).await?;
        }
        match self.view(|view| view.admit(block, root))? {
            Admission::Full => Err(FollowError::Full { root }),
            admission => Ok(admission),
        }
    }

    async fn apply(&self, work: Box<BlockWork>) -> Result<(), FollowError> {
        let done = blocking(move || work.run()).await?;
        let events: Vec<FollowEvent> = match done {
            Ok(worked) => self.view(|view| view.insert(worked))?,
            Err(refusal) => {
                self.view(|view| view.refuse(refusal.root))?;
                return Err(refusal.into());
            }
        };
        self.tell(events);
        Ok(())
    }

    fn knows(&self, root: &Root) -> Result<bool, FollowError> {
        self.view(|view| view.block(root).is_some() || view.anchor().root == *root)
    }

    fn view<T>(&self, change: impl FnOnce(&mut ChainView) -> T) -> Result<T, FollowError> {
        self.follower.change(change).ok_or_else(|| FollowError::Work("there is no view".to_owned()))
    }
}
