//! Changes inside files whose frame states lengths and checksums, and the frame put right again.
//!
//! A fuzzer that changes any byte of such a file only ever sees the frame refused.

use fingerprint::classifier::FORMAT_VERSION;
use libfuzzer_sys::fuzzer_mutate;

use crate::json;

/// A file in two parts with a frame around them.
pub trait Frame {
    /// The two parts, if the frame can be found.
    fn split(file: &[u8]) -> Option<[&[u8]; 2]>;

    /// The file of two parts.
    fn join(parts: [&[u8]; 2]) -> Vec<u8>;

    /// A change of one part that knows what is in it; false leaves it to the fuzzer.
    fn change(_part: usize, _bytes: &mut Vec<u8>, _seed: u32) -> bool {
        false
    }
}

/// Changes one part of the file in `data[..size]` and puts the frame right. One time in 16, and where there is
/// no frame, any byte is changed. Returns the new size.
pub fn mutate<F: Frame>(data: &mut [u8], size: usize, max_size: usize, seed: u32) -> usize {
    let split = if seed.is_multiple_of(16) { None } else { data.get(..size).and_then(F::split) };
    let Some(parts) = split else { return fuzzer_mutate(data, size, max_size) };
    let chosen = (seed >> 4) as usize % 2;
    let mut part = parts[chosen].to_vec();
    let length = part.len();
    if !F::change(chosen, &mut part, seed >> 5) {
        let room = max_size.saturating_sub(size - length).max(length);
        part.resize(room, 0);
        let length = fuzzer_mutate(&mut part, length, room);
        part.truncate(length);
    }
    let mut changed = parts;
    changed[chosen] = &part;
    let file = F::join(changed);
    match data.get_mut(..file.len()).filter(|_| file.len() <= max_size) {
        Some(place) => {
            place.copy_from_slice(&file);
            file.len()
        }
        None => fuzzer_mutate(data, size, max_size),
    }
}

/// A model file: header and body.
pub struct ModelFrame;

const MODEL_PREFIX: usize = 24;

impl Frame for ModelFrame {
    fn split(file: &[u8]) -> Option<[&[u8]; 2]> {
        let rest = file.get(MODEL_PREFIX..file.len().checked_sub(32)?)?;
        let header = u32::from_le_bytes(file.get(12..16)?.try_into().ok()?) as usize;
        rest.split_at_checked(header).map(|(header, body)| [header, body])
    }

    fn join([header, body]: [&[u8]; 2]) -> Vec<u8> {
        let mut file = b"BLOCKMRK".to_vec();
        file.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
        file.extend_from_slice(&(header.len() as u32).to_le_bytes());
        file.extend_from_slice(&(body.len() as u64).to_le_bytes());
        file.extend_from_slice(header);
        file.extend_from_slice(body);
        let checksum = blake3::hash(&file);
        file.extend_from_slice(checksum.as_bytes());
        file
    }

    /// Half of the changes put another value somewhere: in the header's JSON, or among the numbers of the body.
    fn change(part: usize, bytes: &mut Vec<u8>, seed: u32) -> bool {
        match part {
            _ if !seed.is_multiple_of(2) => false,
            0 => json::change(bytes, seed >> 1),
            _ => change_number(bytes, seed >> 1),
        }
    }
}

fn change_number(bytes: &mut [u8], seed: u32) -> bool {
    const EXTREMES: [f64; 9] =
        [0.0, -0.0, 1.0, f64::MAX, f64::MIN, f64::MIN_POSITIVE, 5e-324, 1e154, f64::NAN];
    let (choice, place) = (seed as usize, (seed >> 5) as usize);
    let number = EXTREMES[choice % EXTREMES.len()];
    // Sections of small numbers may shift the large ones by 4 bytes.
    let offset = if choice & 16 == 0 { 0 } else { 4 };
    let slots = bytes.len().saturating_sub(offset) / 8;
    let slot = bytes.get_mut(offset..).and_then(|bytes| bytes.chunks_exact_mut(8).nth(place % slots.max(1)));
    slot.map(|slot| slot.copy_from_slice(&number.to_le_bytes())).is_some()
}

/// A Parquet file: pages and footer.
pub struct ParquetFrame;

impl Frame for ParquetFrame {
    fn split(file: &[u8]) -> Option<[&[u8]; 2]> {
        let (rest, tail) = file.split_last_chunk::<8>()?;
        let footer = u32::from_le_bytes(tail.get(..4)?.try_into().ok()?) as usize;
        rest.split_at_checked(rest.len().checked_sub(footer)?).map(|(pages, footer)| [pages, footer])
    }

    fn join([pages, footer]: [&[u8]; 2]) -> Vec<u8> {
        [pages, footer, &(footer.len() as u32).to_le_bytes(), b"PAR1"].concat()
    }
}
