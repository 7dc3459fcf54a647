//! The attestations of a block as bytes.
//!
//! Version, whether the rows have shapes, their number; then of each row the slots between its vote and the block, its
//! new votes, and of its shape committees of the slot, committees, repeated votes and pay. Numbers are LEB128.

use consensus::{Gwei, Slot};

use super::{AttestationRow, MAX_COMMITTEES, MAX_LISTED, RowShape};
use crate::error::StoreError;

/// The first byte.
const VERSION: u8 = 1;

/// Which committees: all of the slot; one of them, the number after this; or a set of bits.
const ALL: u64 = 0;
const SET: u64 = MAX_COMMITTEES + 1;

/// Packs rows of a block. Where one of them has no shape, none has.
pub(crate) fn pack(block: Slot, rows: &[AttestationRow]) -> Vec<u8> {
    let has_shapes = rows.iter().all(|row| row.shape.is_some());
    let mut bytes = Vec::with_capacity(4 + rows.len() * 16);
    bytes.extend([VERSION, u8::from(has_shapes)]);
    put(rows.len() as u64, &mut bytes);
    for row in rows {
        // Zigzag: a hostile source may name a slot after the block.
        let delay = block.0.wrapping_sub(row.slot.0).cast_signed();
        put(((delay << 1) ^ (delay >> 63)).cast_unsigned(), &mut bytes);
        put(u64::from(row.new), &mut bytes);
        if let Some(shape) = row.shape.filter(|_| has_shapes) {
            put(u64::from(shape.committees_of_slot), &mut bytes);
            match shape.committees {
                set if set == all(shape.committees_of_slot) => put(ALL, &mut bytes),
                set if set.is_power_of_two() => put(u64::from(set.trailing_zeros()) + 1, &mut bytes),
                set => {
                    put(SET, &mut bytes);
                    put(set, &mut bytes);
                }
            }
            put(u64::from(shape.repeated), &mut bytes);
            put(shape.paid.0, &mut bytes);
        }
    }
    bytes
}

/// Reads what [`pack`] wrote for a block of that slot. Any bytes are rows or an error.
pub(crate) fn unpack(block: Slot, bytes: &[u8]) -> Result<Vec<AttestationRow>, StoreError> {
    let damaged =
        |what: &str| StoreError::damaged(format!("the attestations of a block at slot {block}: {what}"));
    let (&version, rest) = bytes.split_first().ok_or_else(|| damaged("no bytes"))?;
    if version != VERSION {
        return Err(damaged("an unknown version"));
    }
    let (&has_shapes, mut rest) = rest.split_first().ok_or_else(|| damaged("cut short"))?;
    if has_shapes > 1 {
        return Err(damaged("neither with shapes nor without"));
    }
    let mut number = || take(&mut rest).ok_or_else(|| damaged("cut short, or a number too large"));
    let small = |number: u64| u32::try_from(number).map_err(|_| damaged("a count too large"));
    let count = usize::try_from(number()?).ok().filter(|count| *count <= MAX_LISTED);
    let count = count.ok_or_else(|| damaged("more rows than a block has attestations"))?;
    let mut rows = Vec::with_capacity(count);
    for _ in 0..count {
        let delay = number()?;
        let delay = (delay >> 1).cast_signed() ^ -(delay & 1).cast_signed();
        let slot = Slot(block.0.wrapping_sub(delay.cast_unsigned()));
        let new = small(number()?)?;
        let shape = if has_shapes == 1 {
            let committees_of_slot =
                u8::try_from(number()?).ok().filter(|of_slot| u64::from(*of_slot) <= MAX_COMMITTEES);
            let committees_of_slot = committees_of_slot.ok_or_else(|| damaged("too many committees"))?;
            let committees = match number()? {
                ALL => all(committees_of_slot),
                SET => number()?,
                one => u32::try_from(one - 1)
                    .ok()
                    .and_then(|committee| 1_u64.checked_shl(committee))
                    .ok_or_else(|| damaged("no such committee"))?,
            };
            let repeated = small(number()?)?;
            Some(RowShape { committees, committees_of_slot, repeated, paid: Gwei(number()?) })
        } else {
            None
        };
        rows.push(AttestationRow { slot, new, shape });
    }
    if !rest.is_empty() {
        return Err(damaged("bytes after the last row"));
    }
    Ok(rows)
}

/// All committees of a slot that has so many.
fn all(committees_of_slot: u8) -> u64 {
    u64::MAX.checked_shr(64_u32.saturating_sub(u32::from(committees_of_slot))).unwrap_or(0)
}

/// Seven bits a byte, the lowest first; the highest bit says that more follow.
fn put(mut number: u64, bytes: &mut Vec<u8>) {
    while number > 0x7f {
        bytes.push(u8::try_from(number & 0x7f).unwrap_or(0) | 0x80);
        number >>= 7;
    }
    bytes.push(u8::try_from(number).unwrap_or(0));
}

/// Takes what [`put`] wrote. `None` where the bytes end, or say more than 64 bits.
fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        let bits = u64::from(byte & 0x7f);
        if bits << shift >> shift != bits {
            return None;
        }
        number |= bits << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn shape() -> impl Strategy<Value = RowShape> {
        let committees = |of_slot: u8| {
            prop_oneof![
                Just(all(of_slot)),
                (0..64_u32).prop_map(|committee| 1_u64 << committee),
                any::<u64>(),
            ]
        };
        (0..=64_u8).prop_flat_map(move |of_slot| {
            (committees(of_slot), any::<u32>(), any::<u64>()).prop_map(move |(committees, repeated, paid)| {
                RowShape { committees, committees_of_slot: of_slot, repeated, paid: Gwei(paid) }
            })
        })
    }

    fn rows() -> impl Strategy<Value = Vec<AttestationRow>> {
        let row = |has_shape: bool| {
            let shape = if has_shape { shape().prop_map(Some).boxed() } else { Just(None).boxed() };
            (any::<u64>(), any::<u32>(), shape).prop_map(|(slot, new, shape)| AttestationRow {
                slot: Slot(slot),
                new,
                shape,
            })
        };
        any::<bool>().prop_flat_map(move |has_shape| vec(row(has_shape), 0..=MAX_LISTED))
    }

    proptest! {
        #[test]
        fn rows_come_back(block: u64, rows in rows()) {
            let bytes = pack(Slot(block), &rows);
            prop_assert_eq!(unpack(Slot(block), &bytes).unwrap(), rows);
        }

        #[test]
        fn any_bytes_are_rows_or_an_error(block: u64, mut bytes in vec(any::<u8>(), 0..400), version in 0..3_u8) {
            if let Some(first) = bytes.first_mut() {
                *first = version;
            }
            if let Ok(rows) = unpack(Slot(block), &bytes) {
                prop_assert!(rows.len() <= MAX_LISTED);
                prop_assert_eq!(unpack(Slot(block), &pack(Slot(block), &rows)).unwrap(), rows);
            }
        }

        #[test]
        fn a_part_is_never_taken_for_the_whole(block: u64, rows in rows(), cut: prop::sample::Index) {
            let bytes = pack(Slot(block), &rows);
            let part = bytes.get(..cut.index(bytes.len())).unwrap();
            prop_assert!(unpack(Slot(block), part).is_err());
            prop_assert!(unpack(Slot(block), &[&bytes[..], &[0]].concat()).is_err());
        }
    }

    /// Stored bytes are read for years: these must stay what they are.
    #[test]
    fn the_form_stays() {
        let row = |committees, paid| AttestationRow {
            slot: Slot(99),
            new: 300,
            shape: Some(RowShape { committees, committees_of_slot: 64, repeated: 5, paid: Gwei(paid) }),
        };
        let rows = [row(u64::MAX, 31_000_000), row(1 << 63, 0), row(0b1011, 1)];
        let bytes = pack(Slot(100), &rows);
        let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(text, "01010302ac02400005c08be40e02ac024040050002ac0240410b0501");
        assert_eq!(unpack(Slot(100), &bytes).unwrap(), rows);
        assert!(unpack(Slot(100), &[2, 1, 0]).unwrap_err().to_string().contains("an unknown version"));
    }
}
