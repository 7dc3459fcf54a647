//! What lists and columns of elements have in common.

use super::error::SszErrorKind;
use super::{Json, JsonError, Size, Ssz, SszError, merkle};
use crate::spec::Shape;

/// Bytes of an offset.
pub(super) const OFFSET: usize = 4;

/// An error unless the number of elements is allowed.
pub(super) fn check_count<S: Size>(found: usize, shape: &Shape<'_>) -> Result<(), SszError> {
    let (found, size) = (found as u64, S::of(shape));
    match S::EXACT {
        // A vector without elements is no type.
        true if found != size || size == 0 => Err(SszErrorKind::Count { expected: size, found }.into()),
        false if S::is_progressive(shape) => Ok(()),
        false if found > size => Err(SszErrorKind::TooMany { limit: size, found }.into()),
        _ => Ok(()),
    }
}

/// The encoded length of a vector of elements of fixed size.
pub(super) fn fixed_len<T: Ssz, S: Size>(shape: &Shape<'_>) -> Option<usize> {
    if !S::EXACT {
        return None;
    }
    T::fixed_len(shape)?.checked_mul(usize::try_from(S::of(shape)).ok()?)
}

/// Appends the encoding of the elements.
pub(super) fn encode<T: Ssz>(items: &[T], shape: &Shape<'_>, out: &mut Vec<u8>) {
    if let Some(length) = T::fixed_len(shape) {
        out.reserve(length.saturating_mul(items.len()));
        items.iter().for_each(|item| item.encode(shape, out));
        return;
    }
    let start = out.len();
    out.resize(start + items.len() * OFFSET, 0);
    for (index, item) in items.iter().enumerate() {
        let offset = ((out.len() - start) as u32).to_le_bytes();
        let place = start + index * OFFSET;
        if let Some(slot) = out.get_mut(place..place + OFFSET) {
            slot.copy_from_slice(&offset);
        }
        item.encode(shape, out);
    }
}

fn offset_at(bytes: &[u8], place: usize) -> Option<usize> {
    let raw = bytes.get(place..place.checked_add(OFFSET)?)?;
    Some(u32::from_le_bytes(raw.try_into().ok()?) as usize)
}

/// Reads all elements, bounded by `allowed`.
pub(super) fn decode<T: Ssz>(
    bytes: &[u8],
    shape: &Shape<'_>,
    allowed: impl FnOnce(usize) -> Result<(), SszError>,
) -> Result<Vec<T>, SszError> {
    if let Some(length) = T::fixed_len(shape) {
        if length == 0 || !bytes.len().is_multiple_of(length) {
            return Err(SszErrorKind::Ragged { bytes: bytes.len(), element: length }.into());
        }
        allowed(bytes.len() / length)?;
        return bytes
            .chunks_exact(length)
            .enumerate()
            .map(|(index, part)| T::decode(part, shape).map_err(|error| error.in_item(index)))
            .collect();
    }
    if bytes.is_empty() {
        allowed(0)?;
        return Ok(Vec::new());
    }
    let first = offset_at(bytes, 0).ok_or(SszErrorKind::Short { expected: OFFSET, found: bytes.len() })?;
    if first == 0 || !first.is_multiple_of(OFFSET) || first > bytes.len() {
        return Err(SszError::from(SszErrorKind::FirstOffset { expected: OFFSET, found: first }).in_item(0));
    }
    let count = first / OFFSET;
    allowed(count)?;
    // Offsets are short and elements may be large: not more room than the bytes can fill at once.
    let mut items = Vec::with_capacity(count.min(bytes.len() / size_of::<T>().max(1)));
    let mut start = first;
    for index in 0..count {
        let end = if index + 1 == count {
            bytes.len()
        } else {
            offset_at(bytes, (index + 1) * OFFSET).unwrap_or(usize::MAX)
        };
        // The end of an element is the offset of the next one.
        let part = bytes.get(start..end).ok_or_else(|| {
            let kind = SszErrorKind::Offset { offset: end, low: start, high: bytes.len() };
            SszError::from(kind).in_item(index + 1)
        })?;
        items.push(T::decode(part, shape).map_err(|error| error.in_item(index))?);
        start = end;
    }
    Ok(items)
}

/// The chunks below the root: packed basic values, or the root of each element.
pub(super) fn leaves<T: Ssz>(items: &[T], shape: &Shape<'_>) -> Vec<[u8; 32]> {
    if T::BASIC {
        let mut packed = Vec::new();
        encode(items, shape, &mut packed);
        return merkle::chunks(&packed);
    }
    items.iter().map(|item| item.hash_tree_root(shape)).collect()
}

/// Chunks that the size has room for.
pub(super) fn chunk_limit<T: Ssz, S: Size>(shape: &Shape<'_>) -> u64 {
    let size = S::of(shape);
    match T::fixed_len(shape) {
        Some(length) if T::BASIC => size.saturating_mul(length as u64).div_ceil(32),
        _ => size,
    }
}

/// The root of the elements.
pub(super) fn hash_tree_root<T: Ssz, S: Size>(items: &[T], shape: &Shape<'_>) -> [u8; 32] {
    let leaves = leaves(items, shape);
    if S::is_progressive(shape) {
        return merkle::mix_in_length(&merkle::merkleize_progressive(&leaves), items.len() as u64);
    }
    let root = merkle::merkleize(leaves, chunk_limit::<T, S>(shape));
    if S::EXACT { root } else { merkle::mix_in_length(&root, items.len() as u64) }
}

/// The elements as a JSON array.
pub(super) fn to_json<T: Json>(items: &[T], shape: &Shape<'_>) -> serde_json::Value {
    items.iter().map(|item| item.to_json(shape)).collect()
}

/// The elements of a JSON array, bounded by the size.
pub(super) fn from_json<T: Json>(
    value: &serde_json::Value,
    shape: &Shape<'_>,
    allowed: impl FnOnce(usize) -> Result<(), SszError>,
) -> Result<Vec<T>, JsonError> {
    let array = value.as_array().ok_or_else(|| JsonError::expected("an array", value))?;
    allowed(array.len()).map_err(JsonError::from)?;
    array
        .iter()
        .enumerate()
        .map(|(index, item)| T::from_json(item, shape).map_err(|error| error.in_item(index)))
        .collect()
}
