//! Which states are kept. All others follow from these by replaying a few blocks.
//!
//! In order of importance, until there are as many as may be:
//!
//! 1. the head's, on which most blocks build;
//! 2. those of the blocks that came last, whose children come next;
//! 3. those of the head's parent and grandparent, on which late blocks build;
//! 4. those of the epochs' first blocks (a checkpoint is one of them, so that finality finds its state): of the newest
//!    four epochs all, further back two for each doubling of the distance.

use consensus::{Root, Slot};

use super::view::ChainView;

/// Blocks that came last whose states are kept.
pub(super) const NEWEST: usize = 2;
/// Ancestors of the head whose states are kept.
pub(super) const ANCESTORS: usize = 2;
/// Epochs all of whose first states are kept.
const EVERY_EPOCH: u64 = 4;

/// The blocks whose states are kept beside the anchor's, `most` at most.
pub(super) fn wanted(view: &ChainView, newest: impl Iterator<Item = Root>, most: usize) -> Vec<Root> {
    let per_epoch = view.spec().preset.slots_per_epoch.max(1);
    // The epoch whose checkpoint a block is, if its child comes later.
    let checkpoint = |slot: Slot| slot.0.div_ceil(per_epoch);
    let head = view.head();
    let mut wanted = vec![head.root];
    wanted.extend(newest);
    wanted.extend(view.chain_of(head.root).skip(1).take(ANCESTORS).map(|block| block.root));
    let mut child = None;
    let now = checkpoint(head.slot);
    for block in view.chain_of(head.root) {
        let epoch = checkpoint(block.slot());
        if child.is_some_and(|child| epoch < child) && is_kept(epoch, now) {
            wanted.push(block.root);
        }
        child = Some(epoch);
    }
    let mut kept = Vec::new();
    for root in wanted {
        if kept.len() >= most.max(1) {
            break;
        }
        if !kept.contains(&root) {
            kept.push(root);
        }
    }
    kept
}

/// Whether the checkpoint of an epoch is kept. What is kept now was kept before, too.
fn is_kept(epoch: u64, now: u64) -> bool {
    let distance = now.saturating_sub(epoch);
    if distance < EVERY_EPOCH {
        return true;
    }
    let doubling = distance.ilog2();
    epoch.is_multiple_of(1 << (doubling - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_was_kept_and_grows_with_the_logarithm() {
        for epoch in 0..200 {
            let kept: Vec<bool> = (epoch..epoch + 500).map(|now| is_kept(epoch, now)).collect();
            assert!(kept.is_sorted_by(|before, after| before >= after), "epoch {epoch}");
        }
        let count = |now: u64| (0..=now).filter(|epoch| is_kept(*epoch, now)).count();
        assert!((4..=6).contains(&count(6)), "{}", count(6));
        assert!(count(64) <= 14, "{}", count(64));
        assert!(count(1024) <= 22, "{}", count(1024));
    }
}
