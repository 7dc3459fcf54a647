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
use crate::beacon_api::{BeaconApi, BlockId, Checkpoint, StateId};
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

/// A node that gives a long stretch of its chain.
struct Steady {
    api: BeaconApi,
    /// The epoch before which its blocks are final.
    final_epoch: u64,
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
        let is_known = self.knows(&head.root)?;
        if !is_known && self.follower.status().phase == Phase::Following {
            // What was the head when this began, or came while it caught up, may have been there for long.
            self.follower.note_arrival(head.root);
        }
        if !is_known && head.slot.0.saturating_sub(ours.slot.0) > FAR_BEHIND {
            self.follower.note(|status| status.phase = Phase::CatchingUp);
            let steady = self.steady(ours, head.slot, finalized).await?;
            self.catch_up(ours, head.slot, steady).await?;
            // Steps on the way have taken its place.
            self.view(|view| view.note_final(finalized.root))?;
        }
        self.head(head.root).await?;
        self.settle_finality().await?;
        self.follower.note(|status| status.phase = Phase::Following);
        Ok(())
    }

    /// Who gives a long stretch of the chain by slot. Nobody where few blocks are to come: they have room until the final
    /// block is among them. Else one node alone, that gives the final block for its slot: what it gives for the slots
    /// before are its ancestors. Another node may follow another branch.
    async fn steady(
        &self,
        from: Place,
        to: Slot,
        finalized: Checkpoint,
    ) -> Result<Option<Steady>, FollowError> {
        let few = (self.options.limits.blocks / 8) as u64;
        if to.0.saturating_sub(from.slot.0) <= few {
            return Ok(None);
        }
        let Some(known) = self.api.header(BlockId::Root(finalized.root)).await? else { return Ok(None) };
        let spec = self.view(|view| view.spec().clone())?;
        let given = self.api.block(BlockId::Slot(known.slot), &spec).await?;
        let one =
            given.filter(|given| given.root == finalized.root).and_then(|given| self.api.only(&given.node));
        Ok(one.map(|api| Steady { api, final_epoch: finalized.epoch.0 }))
    }

    /// Fetches the node's chain by slot. What one node alone gives is final when it comes, as far as its final epoch.
    async fn catch_up(&self, from: Place, to: Slot, steady: Option<Steady>) -> Result<(), FollowError> {
        let spec = self.view(|view| view.spec().clone())?;
        let api = steady.as_ref().map_or(&self.api, |steady| &steady.api);
        let final_epoch = steady.as_ref().map_or(0, |steady| steady.final_epoch);
        let slots = from.slot.0.saturating_add(1)..=to.0;
        let mut blocks = futures::stream::iter(slots)
            .map(|slot| api.block(BlockId::Slot(Slot(slot)), &spec))
            .buffered(self.options.parallel.max(1));
        let mut last = from;
        while let Some(block) = blocks.next().await {
            let Some(block) = block? else { continue };
            let (root, slot) = (block.root, block.block.slot());
            let follows = block.block.block.message.parent_root == last.root;
            // The head from which this began may be of a branch that was given up meanwhile.
            if steady.is_some() && !follows && last.root != from.root {
                // The node has changed its mind; who looks up next sees where the chain is now.
                break;
            }
            self.take_block(block.block, root).await?;
            self.head(root).await?;
            let (before, epoch) = (spec.epoch_at(last.slot.0), spec.epoch_at(slot.0));
            if follows && before < epoch && epoch < final_epoch {
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
