//! The blocks of a range as one chain, several asked for at a time.
//!
//! Each block must name the one before it as its parent. Where it does not, the blocks in between are asked for by
//! their roots: the node that was asked may have missed them, or another node took over. Where the last slots of a
//! range have no block, the next block behind the range must agree.

use std::sync::Arc;

use consensus::{Root, Slot};
use futures::StreamExt;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::{Background, NodeChain, NodeChainError};
use crate::beacon_api::{ApiBlock, BlockId};
use crate::chain::{ChainBlock, DEFAULT_READ_AHEAD};

/// How many missing blocks are asked for by root, before the nodes are taken to contradict each other.
const LONGEST_GAP: usize = 64;

/// A block with its root.
pub(super) type Rooted = (ChainBlock, Root);

/// The blocks of a range in order, asked for ahead. Dropping it ends that.
#[derive(Debug)]
pub struct NodeChainBlocks {
    items: Receiver<Option<Result<Rooted, NodeChainError>>>,
    done: bool,
    _runtime: Arc<Background>,
}

impl NodeChain {
    /// The blocks from `first` to `last`, both included. The first of them must follow `parent`, where it is known.
    pub fn blocks(&self, first: Slot, last: Slot, parent: Option<(Slot, Root)>) -> NodeChainBlocks {
        let (sender, items) = channel(DEFAULT_READ_AHEAD);
        let chain = Reader { chain: self.clone(), before: parent };
        if let Some(runtime) = &self.runtime.0 {
            let stop = self.stop.clone();
            runtime.spawn(async move {
                let end = tokio::select! {
                    biased;
                    () = stop.stopped() => Err(NodeChainError::Stopped),
                    end = chain.read(first, last, &sender) => end,
                };
                // Where nobody listens any more, there is nobody to tell.
                let _ = sender.send(end.err().map(Err)).await;
            });
        }
        NodeChainBlocks { items, done: false, _runtime: Arc::clone(&self.runtime) }
    }
}

struct Reader {
    chain: NodeChain,
    before: Option<(Slot, Root)>,
}

impl Reader {
    async fn read(
        mut self,
        first: Slot,
        last: Slot,
        sender: &Sender<Option<Result<Rooted, NodeChainError>>>,
    ) -> Result<(), NodeChainError> {
        let chain = self.chain.clone();
        let mut slots = futures::stream::iter(first.0..=last.0)
            .map(|slot| {
                let chain = chain.clone();
                // On its own, so that it goes on while the queue is full.
                tokio::spawn(async move { chain.api.block(BlockId::Slot(Slot(slot)), &chain.spec).await })
            })
            .buffered(chain.parallel);
        while let Some(asked) = slots.next().await {
            let had = asked.map_err(|error| NodeChainError::Network(error.to_string()))?;
            let Some(block) = had? else { continue };
            for block in self.linked(block).await? {
                self.before = Some((block.block.slot(), block.root));
                if sender.send(Some(Ok((block.block, block.root)))).await.is_err() {
                    return Ok(());
                }
            }
        }
        if self.before.is_some_and(|(slot, _)| slot < last) {
            for block in self.behind(last).await? {
                if sender.send(Some(Ok((block.block, block.root)))).await.is_err() {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Blocks up to `last` that were missed at the end, where only a block behind them can tell. A node that is not
    /// there yet has no block for these slots either: that is an error.
    async fn behind(&self, last: Slot) -> Result<Vec<ApiBlock>, NodeChainError> {
        let heads: Vec<Slot> = self
            .chain
            .api
            .survey()
            .await
            .into_iter()
            .filter_map(|node| Some(node.syncing.ok()?.head_slot))
            .collect();
        let farthest = heads.iter().max().copied().unwrap_or(last);
        for slot in (last.0.saturating_add(1)..=farthest.0).take(LONGEST_GAP) {
            if let Some(block) = self.chain.api.block(BlockId::Slot(Slot(slot)), &self.chain.spec).await? {
                let mut blocks = self.linked(block).await?;
                blocks.retain(|block| block.block.slot() <= last);
                return Ok(blocks);
            }
        }
        match heads.into_iter().min() {
            Some(head) if head < last => Err(NodeChainError::NotYet { end: last, head }),
            _ => Ok(Vec::new()),
        }
    }

    /// A block, behind those that are missing before it.
    async fn linked(&self, block: ApiBlock) -> Result<Vec<ApiBlock>, NodeChainError> {
        let Some((slot, root)) = self.before else { return Ok(vec![block]) };
        let mut blocks = vec![block];
        while let Some(earliest) = blocks.last() {
            let message = &earliest.block.block.message;
            if message.parent_root == root {
                break;
            }
            let broken = || NodeChainError::Broken {
                node: earliest.node.to_string(),
                slot: Slot(message.slot),
                before: format!("the block of slot {slot}"),
                expected: root,
                found: message.parent_root,
            };
            if message.slot <= slot.0.saturating_add(1) || blocks.len() > LONGEST_GAP {
                return Err(broken());
            }
            let parent = self.chain.api.block(BlockId::Root(message.parent_root), &self.chain.spec).await?;
            let parent = parent
                .filter(|parent| parent.block.slot().0 > slot.0 && parent.block.slot().0 < message.slot);
            blocks.push(parent.ok_or_else(broken)?);
        }
        blocks.reverse();
        Ok(blocks)
    }
}

impl NodeChainBlocks {
    pub(super) fn next_rooted(&mut self) -> Option<Result<Rooted, NodeChainError>> {
        if self.done {
            return None;
        }
        let item = match self.items.blocking_recv() {
            Some(item) => item,
            // The task ended without a word.
            None => Some(Err(NodeChainError::Network("reading ended in the middle".to_owned()))),
        };
        self.done = !matches!(item, Some(Ok(_)));
        item
    }
}

impl Iterator for NodeChainBlocks {
    type Item = Result<ChainBlock, NodeChainError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_rooted().map(|item| item.map(|(block, _)| block))
    }
}
