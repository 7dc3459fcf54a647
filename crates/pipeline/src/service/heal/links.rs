//! Whether blocks that came for missing slots belong between those that are there.

use consensus::Root;
use store::{BlockPlace, BlockRow, Gap, GapCause};

use super::read::ChunkError;

/// What says how a chunk must end.
#[derive(Clone, Copy, Debug)]
pub enum Above<'a> {
    /// The block above it, which names its parent.
    Block(&'a BlockRow),
    /// Its last block has this root.
    Root(Root),
}

/// Checks that blocks are one chain, within the chunk, which ends as is said and does not contradict the blocks below.
pub fn check_links(
    rows: &[BlockRow],
    chunk: Gap,
    above: Above<'_>,
    below: &[BlockPlace],
) -> Result<(), ChunkError> {
    let wrong = |detail: String| Err(ChunkError { cause: GapCause::Contradicted, detail });
    // Who has no block where there is one has lost it; that is no other chain.
    let lost = |detail: String| Err(ChunkError { cause: GapCause::Pruned, detail });
    let mut before: Option<&BlockRow> = None;
    for row in rows {
        if !(chunk.start..=chunk.end).contains(&row.slot) {
            return wrong(format!(
                "a block of slot {} came for slots {} to {}",
                row.slot, chunk.start, chunk.end
            ));
        }
        if let Some(before) = before
            && !follows(row, before)
        {
            return wrong(format!(
                "the block of slot {} does not follow that of slot {}",
                row.slot, before.slot
            ));
        }
        before = Some(row);
    }
    match (above, before) {
        (Above::Block(above), Some(last)) if !follows(above, last) => {
            return wrong(format!(
                "the block of slot {} that is stored does not follow that of slot {} that came",
                above.slot, last.slot
            ));
        }
        (Above::Block(above), None) if above.parent_slot >= chunk.start => {
            return lost(format!(
                "no block came for slot {}, where the parent of the block of slot {} is",
                above.parent_slot, above.slot
            ));
        }
        (Above::Root(root), None) => {
            return lost(format!("no block came, and {root} is final for slot {}", chunk.end));
        }
        (Above::Root(root), Some(last)) if last.block_root != root => {
            return wrong(format!(
                "the last block that came is not {root}, which is final for slot {}",
                chunk.end
            ));
        }
        _ => {}
    }
    let Some(first) = rows.first() else { return Ok(()) };
    if first.parent_slot >= chunk.start {
        return lost(format!(
            "no block came for slot {}, on which slot {} builds",
            first.parent_slot, first.slot
        ));
    }
    let mut at_parent = below.iter().filter(|place| place.slot == first.parent_slot).peekable();
    if let (Some(known), Some(parent)) = (at_parent.peek(), first.parent_root) {
        let known = known.root;
        if !at_parent.any(|place| place.root == parent) {
            return wrong(format!(
                "the block of slot {} builds on {parent}, and {known} is stored for slot {}",
                first.slot, first.parent_slot
            ));
        }
    }
    Ok(())
}

/// Whether a block builds on another one. Where roots are not told, slots must do.
fn follows(row: &BlockRow, before: &BlockRow) -> bool {
    let by_root = row.parent_root.is_none_or(|parent| parent == before.block_root);
    by_root && row.parent_slot == before.slot && row.slot > before.slot
}

#[cfg(test)]
mod tests {
    use consensus::{Root, Slot, ValidatorIndex};
    use fingerprint::BlockObservation;
    use store::Attestations;

    use super::*;
    use crate::service::judge::uncertain;

    fn block(slot: u64, parent: u64) -> BlockRow {
        let root = |slot: u64| Root([u8::try_from(slot).unwrap(); 32]);
        let observation = BlockObservation {
            block_root: root(slot),
            slot: Slot(slot),
            parent_slot: Slot(parent),
            proposer_index: ValidatorIndex(1),
            rewards: Vec::new(),
            attestation_total: consensus::Gwei(0),
            graffiti: String::new(),
            votes: Vec::new(),
            shapes: Vec::new(),
            fork: None,
        };
        BlockRow { parent_root: Some(root(parent)), ..uncertain(&observation, Attestations::NotRecorded) }
    }

    #[test]
    fn only_a_chain_that_fits_is_taken() {
        let chunk = Gap { start: Slot(10), end: Slot(20) };
        let below = [BlockPlace { root: block(9, 8).block_root, slot: Slot(9) }];
        let check =
            |rows: &[BlockRow], above: &BlockRow| check_links(rows, chunk, Above::Block(above), &below);
        let whole = [block(10, 9), block(12, 10), block(19, 12)];
        let above = block(21, 19);
        assert_eq!(check(&whole, &above), Ok(()));
        assert_eq!(check(&[], &block(21, 8)), Ok(()), "an empty stretch that the block above confirms");
        let cause = |rows: &[BlockRow], above: &BlockRow| check(rows, above).map_err(|error| error.cause);
        assert_eq!(cause(&[], &block(21, 12)), Err(GapCause::Pruned), "the parent is missing");
        assert_eq!(cause(&whole, &block(21, 18)), Err(GapCause::Contradicted), "another parent");
        assert_eq!(cause(&whole[1..], &above), Err(GapCause::Pruned), "the first is missing");
        let holed = [block(10, 9), block(19, 12)];
        assert_eq!(cause(&holed, &above), Err(GapCause::Contradicted), "one in the middle is missing");
        assert!(check(&[block(10, 9), block(21, 10)], &block(22, 21)).is_err(), "outside");
        let first = |parent_root| [BlockRow { parent_root, ..block(10, 9) }, block(19, 10)];
        assert!(check(&first(Some(Root([77; 32]))), &above).is_err(), "another block is stored below");
        assert_eq!(check(&first(None), &above), Ok(()), "no word on the parent");
        let ends = |rows: &[BlockRow], root| check_links(rows, chunk, Above::Root(root), &below);
        assert_eq!(ends(&whole, whole[2].block_root), Ok(()));
        let cause = |rows: &[BlockRow], root| ends(rows, root).map_err(|error| error.cause);
        assert_eq!(cause(&whole, whole[1].block_root), Err(GapCause::Contradicted));
        assert_eq!(cause(&[], whole[2].block_root), Err(GapCause::Pruned));
    }
}
