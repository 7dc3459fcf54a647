//! Roots that a replay on trust does not compute until somebody asks for them.

use std::borrow::Cow;
use std::sync::Arc;

use super::State;
use crate::containers::{BeaconState, SignedBeaconBlock};
use crate::primitives::Root;
use crate::ssz::Ssz;
use crate::transition::{TransitionError, Violation};

/// What the fields of a state leave out while roots are taken on trust.
#[derive(Clone, Debug, Default)]
pub(crate) struct Deferred {
    /// The latest block, where its body's root, or the roots in its payload's header, were not computed.
    pub(crate) block: Option<Arc<SignedBeaconBlock>>,
    /// Whether the body's root is missing in the latest block header.
    pub(crate) body_root: bool,
    /// Whether roots are missing in the latest payload header.
    pub(crate) payload_roots: bool,
    /// Whether something is missing for good: the root of an empty slot's state, or proposers.
    pub(crate) lost: bool,
}

impl State {
    /// The fields with what was deferred filled in. An error where something is missing for good.
    pub(crate) fn complete(&self) -> Result<Cow<'_, BeaconState>, TransitionError> {
        if self.deferred.lost {
            return Err(Violation::State(
                "it was advanced with roots taken on trust, and some of its own were not computed",
            )
            .into());
        }
        if !self.deferred.body_root && !self.deferred.payload_roots {
            return Ok(Cow::Borrowed(&self.data));
        }
        let block = self.deferred.block.as_ref().ok_or(Violation::State("the latest block is missing"))?;
        let mut data = self.data.clone();
        let shape = self.shape();
        if self.deferred.body_root {
            data.latest_block_header.body_root = Root(block.message.body.hash_tree_root(&shape));
        }
        if self.deferred.payload_roots {
            data.latest_execution_payload_header = block.message.body.execution_payload.to_header(&shape);
        }
        Ok(Cow::Owned(data))
    }

    /// Computes what was deferred and can be.
    pub(crate) fn settle(&mut self) {
        let shape_fork = self.fork;
        let Some(block) = self.deferred.block.take() else { return };
        let spec = Arc::clone(&self.spec);
        let shape = spec.shape(shape_fork);
        if self.deferred.body_root {
            self.data.latest_block_header.body_root = Root(block.message.body.hash_tree_root(&shape));
            self.deferred.body_root = false;
        }
        if self.deferred.payload_roots {
            self.data.latest_execution_payload_header =
                block.message.body.execution_payload.to_header(&shape);
            self.deferred.payload_roots = false;
        }
    }
}
