//! Slot indices: where the record of each slot begins, counted from where the index begins.

use std::io::{Read, Seek, SeekFrom};

use super::error::EraProblem;
use super::record::{HEADER, RecordHeader, RecordType};

/// Bytes of an index besides its offsets: header, starting slot, count.
const FIXED: u64 = HEADER + 16;

/// A slot index, with places in the file instead of offsets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SlotIndex {
    /// Where its record begins.
    pub(super) start: u64,
    /// The slot of the first entry.
    pub(super) first_slot: u64,
    /// Where the record of each slot begins; nothing for a slot without.
    pub(super) places: Vec<Option<u64>>,
}

impl SlotIndex {
    /// Reads the index that ends at `end` and has `count` entries.
    pub(super) fn ending_at<R: Read + Seek>(
        source: &mut R,
        end: u64,
        count: u64,
    ) -> Result<Self, EraProblem> {
        let broken = |reason: String| EraProblem::index(end, reason);
        let tail = end.checked_sub(8).ok_or_else(|| broken("there is no room for one".to_owned()))?;
        let found = read_u64(source, tail)?;
        if found != count {
            return Err(broken(format!("it says that it has {found} entries, where {count} belong")));
        }
        let size = count.saturating_mul(8).saturating_add(FIXED);
        let start = end
            .checked_sub(size)
            .ok_or_else(|| broken(format!("its {count} entries would begin before the file")))?;
        let header = RecordHeader::read(source, start, end)
            .and_then(|header| header.expect(RecordType::SLOT_INDEX))
            .map_err(|error| broken(error.to_string()))?;
        if header.end() != end {
            return Err(broken(format!(
                "its record is {} bytes long, where {} belong",
                header.length,
                size - HEADER
            )));
        }
        let mut data = vec![0; (size - HEADER) as usize];
        source.seek(SeekFrom::Start(header.data()))?;
        source.read_exact(&mut data)?;
        let mut words = data.chunks_exact(8).filter_map(|word| word.try_into().ok()).map(i64::from_le_bytes);
        let first_slot = words.next().unwrap_or_default() as u64;
        let places = words
            .take(count as usize)
            .enumerate()
            .map(|(entry, offset)| {
                let place = start.checked_add_signed(offset).filter(|place| *place < start);
                // No record but the version lies at the start of the file. Files written by Nimbus point there for
                // a slot without a block.
                if offset == 0 || place == Some(0) {
                    return Ok(None);
                }
                place.map(Some).ok_or_else(|| {
                    broken(format!(
                        "entry {entry} points {offset} bytes from byte {start}, not to a record before it"
                    ))
                })
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { start, first_slot, places })
    }

    /// The data of an index whose record will begin at `self.start`.
    pub(super) fn data(&self) -> Vec<u8> {
        let offsets = self.places.iter().map(|place| place.map_or(0, |place| place.wrapping_sub(self.start)));
        std::iter::once(self.first_slot)
            .chain(offsets)
            .chain(std::iter::once(self.places.len() as u64))
            .flat_map(u64::to_le_bytes)
            .collect()
    }
}

fn read_u64<R: Read + Seek>(source: &mut R, place: u64) -> Result<u64, EraProblem> {
    let mut bytes = [0; 8];
    source.seek(SeekFrom::Start(place))?;
    source.read_exact(&mut bytes)?;
    Ok(u64::from_le_bytes(bytes))
}
