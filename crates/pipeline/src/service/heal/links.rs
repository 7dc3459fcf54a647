//! Whether blocks that came for missing slots belong between those that are there.

use store::{BlockPlace, BlockRow, Gap, GapCause};

use super::read::ChunkError;

/// Checks that blocks are one chain, within the chunk, which ends where the block above says and does not contradict
/// the blocks below.
pub fn check_links(
    rows: &[BlockRow],
    chunk: Gap,
    above: Option<&BlockRow>,
    below: &[BlockPlace],
) -> Result<(), ChunkError> {
    let wrong = |detail: String| Err(ChunkError { cause: GapCause::Contradicted, detail });
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
    if let Some(above) = above {
        match before {
            Some(last) if !follows(above, last) => {
                return wrong(format!(
                    "the block of slot {} that is stored does not follow that of slot {} that came",
                    above.slot, last.slot
                ));
            }
            None if above.parent_slot >= chunk.start => {
                return wrong(format!(
                    "no block came for slot {}, where the parent of the block of slot {} is",
                    above.parent_slot, above.slot
                ));
            }
            _ => {}
        }
    }
    let Some(first) = rows.first() else { return Ok(()) };
    if first.parent_slot >= chunk.start {
        return wrong(format!(
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
        };
        BlockRow { parent_root: Some(root(parent)), ..uncertain(&observation) }
    }

    #[test]
    fn only_a_chain_that_fits_is_taken() {
        let chunk = Gap { start: Slot(10), end: Slot(20) };
        let below = [BlockPlace { root: block(9, 8).block_root, slot: Slot(9) }];
        let check = |rows: &[BlockRow], above: Option<&BlockRow>| check_links(rows, chunk, above, &below);
        let whole = [block(10, 9), block(12, 10), block(19, 12)];
        assert_eq!(check(&whole, Some(&block(21, 19))), Ok(()));
        assert_eq!(check(&whole, None), Ok(()));
        assert_eq!(check(&[], Some(&block(21, 8))), Ok(()), "an empty stretch that the block above confirms");
        assert!(check(&[], Some(&block(21, 12))).is_err(), "the parent is missing");
        assert!(check(&whole, Some(&block(21, 18))).is_err(), "another parent");
        assert!(check(&whole[1..], Some(&block(21, 19))).is_err(), "the first is missing");
        assert!(check(&[block(10, 9), block(19, 12)], None).is_err(), "one in the middle is missing");
        assert!(check(&[block(10, 9), block(21, 10)], None).is_err(), "outside");
        let other = BlockRow { parent_root: Some(Root([77; 32])), ..block(10, 9) };
        assert!(check(&[other], None).is_err(), "another block is stored below");
        let unsaid = BlockRow { parent_root: None, ..block(10, 9) };
        assert_eq!(check(&[unsaid], None), Ok(()));
    }
}
