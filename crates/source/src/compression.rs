//! The compressions that stored blocks and states may have, unpacked within a limit.

use std::fmt;
use std::io::{self, Read, Write};

use flate2::read::MultiGzDecoder;

/// What a framed snappy stream begins with; anything else is one raw snappy block.
const SNAPPY_STREAM: [u8; 10] = *b"\xff\x06\x00\x00sNaPpY";
/// No raw snappy block grows by more: its densest element makes 64 bytes of three.
const SNAPPY_GROWTH: usize = 22;
/// How hard zstd tries: the level that its authors set as the default.
const ZSTD_LEVEL: i32 = 3;

/// How a stored file is compressed; its name tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Compression {
    /// Not at all.
    None,
    /// gzip, `.gz`.
    Gzip,
    /// Zstandard, `.zst`.
    #[default]
    Zstd,
    /// Snappy, `.snappy`: written framed, read framed or raw.
    Snappy,
}

/// Why a stored file could not be unpacked.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// It is larger than anything of its kind.
    #[error("it holds more than {limit} bytes, which nothing of its kind has")]
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// It can't be read, or is not compressed as it should be.
    #[error("{0}")]
    Io(#[from] io::Error),
}

impl Compression {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::None, Self::Gzip, Self::Zstd, Self::Snappy];

    /// The end of the file name, with its dot.
    pub fn extension(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Gzip => ".gz",
            Self::Zstd => ".zst",
            Self::Snappy => ".snappy",
        }
    }

    /// Takes the compression off the end of a file name.
    pub fn split_name(name: &str) -> (&str, Self) {
        [Self::Gzip, Self::Zstd, Self::Snappy]
            .into_iter()
            .find_map(|compression| Some((name.strip_suffix(compression.extension())?, compression)))
            .unwrap_or((name, Self::None))
    }

    /// Reads all of `file` and unpacks it, as long as it stays within `limit` bytes.
    pub fn unpack(self, file: impl Read, limit: u64) -> Result<Vec<u8>, UnpackError> {
        match self {
            Self::None => read_bounded(file, limit),
            Self::Gzip => read_bounded(MultiGzDecoder::new(file), limit),
            Self::Zstd => read_bounded(zstd::stream::read::Decoder::new(file)?, limit),
            Self::Snappy => unpack_snappy(file, limit),
        }
    }

    /// Packs bytes.
    pub fn pack(self, bytes: &[u8]) -> io::Result<Vec<u8>> {
        match self {
            Self::None => Ok(bytes.to_vec()),
            Self::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
                encoder.write_all(bytes)?;
                encoder.finish()
            }
            Self::Zstd => zstd::stream::encode_all(bytes, ZSTD_LEVEL),
            Self::Snappy => pack_framed(bytes),
        }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Snappy => "snappy",
        })
    }
}

/// The framed snappy form of bytes.
pub(crate) fn pack_framed(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = snap::write::FrameEncoder::new(Vec::new());
    encoder.write_all(bytes)?;
    encoder.into_inner().map_err(|error| io::Error::other(error.to_string()))
}

/// Unpacks framed snappy, as long as it stays within `limit` bytes.
pub(crate) fn unpack_framed(file: impl Read, limit: u64) -> Result<Vec<u8>, UnpackError> {
    read_bounded(snap::read::FrameDecoder::new(file), limit)
}

fn unpack_snappy(mut file: impl Read, limit: u64) -> Result<Vec<u8>, UnpackError> {
    let mut head = Vec::with_capacity(SNAPPY_STREAM.len());
    file.by_ref().take(SNAPPY_STREAM.len() as u64).read_to_end(&mut head)?;
    // Nothing, framed, is nothing.
    let framed = head.is_empty() || head == SNAPPY_STREAM;
    let whole = head.as_slice().chain(file);
    if framed {
        return unpack_framed(whole, limit);
    }
    // Raw snappy never grows by more than a sixth.
    let packed = read_bounded(whole, limit.saturating_add(limit / 6).saturating_add(32))?;
    let length = snap::raw::decompress_len(&packed).map_err(io::Error::from)?;
    if length as u64 > limit {
        return Err(UnpackError::TooLarge { limit });
    }
    if length / SNAPPY_GROWTH > packed.len() {
        return Err(io::Error::other("it says that it is larger than its bytes can make").into());
    }
    Ok(snap::raw::Decoder::new().decompress_vec(&packed).map_err(io::Error::from)?)
}

pub(crate) fn read_bounded(reader: impl Read, limit: u64) -> Result<Vec<u8>, UnpackError> {
    let mut bytes = Vec::new();
    reader.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(UnpackError::TooLarge { limit });
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_tell_the_compression() {
        for compression in Compression::ALL {
            let name = format!("12.ssz{}", compression.extension());
            assert_eq!(Compression::split_name(&name), ("12.ssz", compression));
        }
        assert_eq!(Compression::split_name(".gz"), ("", Compression::Gzip));
    }

    #[test]
    fn a_small_file_that_unpacks_to_much_is_refused() {
        let zeros = vec![0; 1 << 22];
        for compression in Compression::ALL {
            let packed = compression.pack(&zeros).expect("packed");
            assert!(compression == Compression::None || packed.len() < zeros.len() / 10, "{compression}");
            let error = compression.unpack(packed.as_slice(), 1 << 20).expect_err("too large");
            assert!(matches!(error, UnpackError::TooLarge { limit } if limit == 1 << 20), "{compression}");
        }
        let raw = snap::raw::Encoder::new().compress_vec(&zeros).expect("packed");
        assert!(matches!(
            Compression::Snappy.unpack(raw.as_slice(), 1 << 20),
            Err(UnpackError::TooLarge { .. })
        ));
        // A raw block of six bytes that says it is four gigabytes.
        let liar: &[u8] = &[0xff, 0xff, 0xff, 0xff, 0x0f, 0];
        assert!(matches!(Compression::Snappy.unpack(liar, 1 << 20), Err(UnpackError::TooLarge { .. })));
        let error = Compression::Snappy.unpack(liar, 1 << 40).expect_err("it can't be");
        assert!(error.to_string().contains("larger than its bytes"), "{error}");
    }

    #[test]
    fn nothing_is_packed_and_unpacked() {
        for compression in Compression::ALL {
            let packed = compression.pack(b"").expect("packed");
            assert_eq!(compression.unpack(packed.as_slice(), 0).expect("unpacked"), b"", "{compression}");
        }
    }

    #[test]
    fn raw_snappy_is_read_too() {
        let raw = snap::raw::Encoder::new().compress_vec(b"a block").expect("packed");
        assert_eq!(Compression::Snappy.unpack(raw.as_slice(), 7).expect("unpacked"), b"a block");
    }

    proptest! {
        #[test]
        fn what_is_packed_is_unpacked(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
            for compression in Compression::ALL {
                let packed = compression.pack(&bytes).expect("packed");
                prop_assert_eq!(&compression.unpack(packed.as_slice(), 2000).expect("unpacked"), &bytes);
            }
        }

        #[test]
        fn any_bytes_are_unpacked_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            for compression in Compression::ALL {
                if let Ok(unpacked) = compression.unpack(bytes.as_slice(), 1000) {
                    prop_assert!(unpacked.len() <= 1000);
                }
            }
        }
    }
}
