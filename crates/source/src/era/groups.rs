//! Finds the groups of an era file: by its indices from the end, or record by record from the start.

use std::io::{BufReader, Read, Seek, SeekFrom};

use consensus::Slot;

use super::error::EraProblem;
use super::index::SlotIndex;
use super::record::{HEADER, RecordHeader, RecordType};
use crate::chain::{BLOCK_SLOT_END, STATE_SLOT_END, block_slot, state_slot};

/// More eras than their five digits count.
const MAX_GROUPS: usize = 100_000;
/// Blocks of all groups of a file whose index is rebuilt: six years of mainnet.
const MAX_BLOCKS: usize = 1 << 24;

/// One era in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EraGroup {
    /// Its number.
    pub era: u64,
    /// Where its version record begins.
    pub start: u64,
    /// Where its last record ends.
    pub end: u64,
    /// The slots with blocks, ascending, and where each record begins.
    pub blocks: Vec<(Slot, u64)>,
    /// The slot of the state and where its record begins; nothing where a file without index was cut off before it.
    pub state: Option<(Slot, u64)>,
}

impl EraGroup {
    /// Where the record of a block begins.
    pub(super) fn block(&self, slot: Slot) -> Option<u64> {
        let at = self.blocks.binary_search_by_key(&slot, |(slot, _)| *slot).ok()?;
        self.blocks.get(at).map(|(_, offset)| *offset)
    }
}

/// Finds the groups by the indices. Every place that an index names is checked to have a record of its kind.
pub(super) fn by_index<R: Read + Seek>(
    source: &mut R,
    length: u64,
    slots_per_era: u64,
) -> Result<Vec<EraGroup>, EraProblem> {
    begins_as_era(source, length)?;
    let mut groups: Vec<EraGroup> = Vec::new();
    let mut end = length;
    while end > 0 {
        if groups.len() == MAX_GROUPS {
            return Err(EraProblem::TooMany { what: "eras", limit: MAX_GROUPS as u64 });
        }
        let group = ending_at(source, end, slots_per_era)?;
        if groups.last().is_some_and(|later| later.era <= group.era) {
            return Err(EraProblem::index(end, format!("era {} comes before a later one", group.era)));
        }
        end = group.start;
        groups.push(group);
    }
    groups.reverse();
    Ok(groups)
}

fn ending_at<R: Read + Seek>(source: &mut R, end: u64, slots_per_era: u64) -> Result<EraGroup, EraProblem> {
    let broken = |reason: String| EraProblem::index(end, reason);
    // What an index points to must be right; if it is not, the index is.
    let pointed = |source: &mut R, place: u64, until: u64, kind: RecordType| {
        RecordHeader::read(source, place, until)
            .and_then(|header| header.expect(kind))
            .map_err(|error| broken(error.to_string()))
    };
    let state_index = SlotIndex::ending_at(source, end, 1)?;
    let state_slot = state_index.first_slot;
    let era = state_slot.checked_div(slots_per_era).unwrap_or_default();
    if era.checked_mul(slots_per_era) != Some(state_slot) {
        return Err(broken(format!(
            "its state is of slot {state_slot}, which does not begin an era of {slots_per_era} slots"
        )));
    }
    let state_place = state_index.places.first().copied().flatten();
    let state_place = state_place.ok_or_else(|| broken("it has no state".to_owned()))?;
    let mut records_end = state_index.start;
    let mut blocks = Vec::new();
    if era > 0 {
        let index = SlotIndex::ending_at(source, state_index.start, slots_per_era)?;
        records_end = index.start;
        let first_slot = state_slot - slots_per_era;
        if index.first_slot != first_slot {
            return Err(broken(format!(
                "its blocks begin at slot {}, where slot {first_slot} belongs",
                index.first_slot
            )));
        }
        let mut free = HEADER;
        for (slot, place) in (first_slot..).zip(&index.places) {
            let Some(place) = *place else { continue };
            let header = pointed(source, place, state_place, RecordType::BLOCK)?;
            if place < free {
                return Err(broken(format!(
                    "the block of slot {slot}, at byte {place}, overlaps another record"
                )));
            }
            free = header.end();
            blocks.push((Slot(slot), place));
        }
    }
    let state = pointed(source, state_place, records_end, RecordType::STATE)?;
    let first = blocks.first().map_or(state.offset, |(_, place)| *place);
    let start =
        first.checked_sub(HEADER).ok_or_else(|| broken("its first record begins the file".to_owned()))?;
    let version = pointed(source, start, first, RecordType::VERSION)?;
    Ok(EraGroup { era, start: version.offset, end, blocks, state: Some((Slot(state_slot), state_place)) })
}

/// Finds the groups record by record. What is cut off at the end is left out; the place is returned with the groups.
pub(super) fn by_records<R: Read + Seek>(
    source: &mut R,
    length: u64,
    slots_per_era: u64,
) -> Result<(Vec<EraGroup>, Option<EraProblem>), EraProblem> {
    begins_as_era(source, length)?;
    let mut groups: Vec<EraGroup> = Vec::new();
    let mut blocks = 0_usize;
    let mut place = 0;
    while place < length {
        let header = match RecordHeader::read(source, place, length) {
            Ok(header) => header,
            Err(error @ (EraProblem::CutShort { .. } | EraProblem::Reserved { .. })) => {
                return Ok((consistent(groups, slots_per_era)?, Some(error)));
            }
            Err(error) => return Err(error),
        };
        place = header.end();
        match header.kind {
            RecordType::VERSION => {
                if groups.len() == MAX_GROUPS {
                    return Err(EraProblem::TooMany { what: "eras", limit: MAX_GROUPS as u64 });
                }
                groups.push(EraGroup {
                    era: 0,
                    start: header.offset,
                    end: place,
                    blocks: Vec::new(),
                    state: None,
                });
            }
            RecordType::BLOCK => {
                let slot = peek(source, header, BLOCK_SLOT_END, block_slot)?;
                blocks += 1;
                if blocks > MAX_BLOCKS {
                    return Err(EraProblem::TooMany { what: "blocks", limit: MAX_BLOCKS as u64 });
                }
                let Some(group) = groups.last_mut() else { continue };
                let before = group.blocks.last().map(|(slot, _)| *slot);
                if let Some(before) = before.filter(|before| *before >= slot) {
                    let expected = Slot(before.0.saturating_add(1));
                    return Err(EraProblem::WrongSlot { offset: header.offset, expected, found: slot });
                }
                group.blocks.push((slot, header.offset));
                group.era = slot.0.checked_div(slots_per_era).unwrap_or_default().saturating_add(1);
            }
            RecordType::STATE => {
                let slot = peek(source, header, STATE_SLOT_END, state_slot)?;
                let Some(group) = groups.last_mut() else { continue };
                group.state = Some((slot, header.offset));
                group.era = slot.0.checked_div(slots_per_era).unwrap_or_default();
            }
            _ => {}
        }
        if let Some(group) = groups.last_mut() {
            group.end = place;
        }
    }
    Ok((consistent(groups, slots_per_era)?, None))
}

/// Checks that the groups follow one another and that each holds one era. Leaves out those without content.
fn consistent(mut groups: Vec<EraGroup>, slots_per_era: u64) -> Result<Vec<EraGroup>, EraProblem> {
    groups.retain(|group| group.state.is_some() || !group.blocks.is_empty());
    let mut before = None;
    for group in &groups {
        if before.is_some_and(|before| before >= group.era) {
            let reason = format!("era {} comes after a later one", group.era);
            return Err(EraProblem::index(group.end, reason));
        }
        before = Some(group.era);
        let after = group.era.saturating_mul(slots_per_era);
        let first = after.saturating_sub(slots_per_era);
        let strange = group.blocks.iter().find(|(slot, _)| slot.0 < first || slot.0 >= after);
        let state = group.state.as_ref().filter(|(slot, _)| slot.0 != after);
        if let Some((found, offset)) = strange.or(state) {
            let expected = Slot(if strange.is_some() { first } else { after });
            return Err(EraProblem::WrongSlot { offset: *offset, expected, found: *found });
        }
    }
    Ok(groups)
}

fn begins_as_era<R: Read + Seek>(source: &mut R, length: u64) -> Result<(), EraProblem> {
    match RecordHeader::read(source, 0, length) {
        Ok(RecordHeader { kind: RecordType::VERSION, length: 0, .. }) => Ok(()),
        Err(EraProblem::Io(error)) => Err(error.into()),
        _ => Err(EraProblem::NotEra),
    }
}

/// The slot of a block or state, from its first bytes.
fn peek<R: Read + Seek>(
    source: &mut R,
    header: RecordHeader,
    bytes: usize,
    slot: fn(&[u8]) -> Option<u64>,
) -> Result<Slot, EraProblem> {
    source.seek(SeekFrom::Start(header.data()))?;
    let packed = BufReader::new(source.take(u64::from(header.length)));
    let mut head = Vec::with_capacity(bytes);
    let unpacked = snap::read::FrameDecoder::new(packed).take(bytes as u64).read_to_end(&mut head);
    unpacked.map_err(|error| EraProblem::Unpack { offset: header.offset, error: error.into() })?;
    slot(&head).map(Slot).ok_or(EraProblem::CutShort {
        offset: header.offset,
        needed: bytes as u64,
        left: head.len() as u64,
    })
}
