//! Block rewards straight from a node, batch by batch, without files in between.

use std::io::Read;

use bytes::{Buf, Bytes};
use consensus::Slot;

use crate::beacon_node::BeaconNode;
use crate::fetch::{BatchError, FetchPlan};
use crate::rewards::{KeepText, Limits, Reason, RewardReader, RewardRecord};

/// Slots asked for at once: a batch is held in memory, so fewer than a file has.
pub const STREAM_BATCH_SLOTS: u64 = 256;

/// The blocks of a range of slots, in order, as a node has them.
#[derive(Debug)]
pub struct NodeBlocks {
    node: BeaconNode,
    plan: FetchPlan,
    next: Option<Slot>,
    keep: KeepText,
}

impl NodeBlocks {
    /// The blocks from `start` to `end`, both included. Slot 0 has no rewards and is left out.
    pub fn new(node: BeaconNode, start: Slot, end: Slot, keep: KeepText) -> Self {
        let plan = FetchPlan { batch_slots: STREAM_BATCH_SLOTS, ..FetchPlan::new(start, end, "") };
        Self { node, next: Some(plan.first_slot()), plan, keep }
    }

    /// How many slots are asked for in all.
    pub fn slots(&self) -> u64 {
        match self.plan.end.0.checked_sub(self.plan.first_slot().0) {
            Some(after_first) => after_first.saturating_add(1),
            None => 0,
        }
    }

    /// The node, as it may be printed.
    pub fn node(&self) -> &str {
        self.node.name()
    }

    /// Goes on behind the batch that would come next, such as one whose answer can't be used.
    /// Returns its slots, both included.
    pub fn skip_batch(&mut self) -> Option<(Slot, Slot)> {
        let (first, last) = self.upcoming()?;
        self.next = last.0.checked_add(1).map(Slot);
        Some((first, last))
    }

    fn upcoming(&self) -> Option<(Slot, Slot)> {
        FetchPlan { start: self.next?, ..self.plan.clone() }.batches().next()
    }

    /// The next batch: the slots it covers and its blocks. After an error the same batch comes again.
    pub async fn next_batch(&mut self) -> Option<Result<NodeBatch, BatchError>> {
        let (first, last) = self.upcoming()?;
        let batch = self.batch(first, last).await;
        if batch.is_ok() {
            self.next = last.0.checked_add(1).map(Slot);
        }
        Some(batch)
    }

    async fn batch(&self, first: Slot, last: Slot) -> Result<NodeBatch, BatchError> {
        let mut attempt = 1;
        loop {
            let body = self.node.block_rewards(first, last).await?;
            let reason = match read(body, first, last, self.keep).await {
                Ok(records) => return Ok(NodeBatch { first, last, records }),
                Err(Unusable::CutShort(reason)) if attempt < self.node.options().attempts => reason,
                Err(Unusable::CutShort(reason) | Unusable::Final(reason)) => {
                    return Err(BatchError::Answer {
                        node: self.node.name().to_owned(),
                        first,
                        last,
                        reason,
                    });
                }
            };
            tracing::debug!(%first, %last, reason, "An answer was cut short and is asked for again");
            tokio::time::sleep(self.node.pause(attempt, None)).await;
            attempt += 1;
        }
    }
}

/// One answer of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeBatch {
    /// First slot asked for.
    pub first: Slot,
    /// Last slot asked for, included.
    pub last: Slot,
    /// The blocks, in ascending order of slots.
    pub records: Vec<RewardRecord>,
}

/// Why an answer can't be used.
pub(crate) enum Unusable {
    /// It ends in the middle: asking again may help.
    CutShort(String),
    Final(String),
}

async fn read(body: Bytes, first: Slot, last: Slot, keep: KeepText) -> Result<Vec<RewardRecord>, Unusable> {
    off_the_loop(move || {
        let reader = RewardReader::new(body.reader(), Limits::default()).keep_text(keep);
        let mut records = Vec::new();
        read_range(reader, first, last, |record| records.push(record))?;
        Ok(records)
    })
    .await
}

/// Work that would hold up the other tasks.
pub(crate) async fn off_the_loop<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Unusable> + Send + 'static,
) -> Result<T, Unusable> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(Unusable::Final(format!("it could not be read through: {error}"))))
}

/// Reads an answer through: block rewards of the range, in ascending order.
pub(crate) fn read_range<R: Read>(
    reader: RewardReader<R>,
    first: Slot,
    last: Slot,
    mut take: impl FnMut(RewardRecord),
) -> Result<(), Unusable> {
    let mut previous = None;
    for (index, record) in reader.enumerate() {
        let record = record.map_err(|error| match error.reason {
            Reason::CutShort | Reason::Empty => Unusable::CutShort(error.to_string()),
            _ => Unusable::Final(error.to_string()),
        })?;
        let slot = record.observation.slot;
        if slot < first || slot > last {
            return Err(Unusable::Final(format!("block {index} has slot {slot}")));
        }
        if previous.is_some_and(|previous| previous >= slot) {
            return Err(Unusable::Final(format!("block {index} of slot {slot} is out of order")));
        }
        previous = Some(slot);
        take(record);
    }
    Ok(())
}
