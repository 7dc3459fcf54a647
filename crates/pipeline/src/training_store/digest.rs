//! Digests of columns: what tells a damaged file from data.

use consensus::Root;
use fingerprint::Client;

/// The digest of a column, in hexadecimal.
pub(super) fn digest_numbers(values: &[f64]) -> String {
    // What is not a number stands for a missing value, whatever its bits.
    digest(values.iter().map(|value| if value.is_nan() { f64::NAN } else { *value }.to_le_bytes()))
}

/// The digest of a column, in hexadecimal.
pub(super) fn digest_slots(values: &[u64]) -> String {
    digest(values.iter().map(|value| value.to_le_bytes()))
}

/// The digest of a column, in hexadecimal.
pub(super) fn digest_roots(values: &[Root]) -> String {
    digest(values.iter().map(|root| root.0))
}

/// The digest of a column, in hexadecimal.
pub(super) fn digest_labels(values: &[Client]) -> String {
    digest(values.iter().map(|label| [u8::try_from(label.index()).unwrap_or(u8::MAX)]))
}

/// Hashes fixed-size items through a buffer large enough for the hash to use its wide instructions.
fn digest<const N: usize>(items: impl Iterator<Item = [u8; N]>) -> String {
    const BUFFER: usize = 64 << 10;
    let mut hasher = blake3::Hasher::new();
    let mut buffer = Vec::with_capacity(BUFFER + N);
    for item in items {
        buffer.extend_from_slice(&item);
        if buffer.len() >= BUFFER {
            hasher.update(&buffer);
            buffer.clear();
        }
    }
    hasher.update(&buffer);
    hasher.finalize().to_hex().to_string()
}
