//! Newtypes for the numbers of the consensus specification that must not be confused.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

macro_rules! number {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl From<u64> for $name {
            fn from(value: u64) -> Self {
                Self(value)
            }
        }

        impl FromStr for $name {
            type Err = std::num::ParseIntError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    };
}

number!(
    /// A slot: 12 seconds on mainnet, in which one block may be proposed.
    Slot
);
number!(
    /// An epoch: `SLOTS_PER_EPOCH` slots.
    Epoch
);
number!(
    /// An amount in gwei (10⁻⁹ ETH).
    Gwei
);
number!(
    /// The position of a validator in the registry.
    ValidatorIndex
);

/// `SLOTS_PER_EPOCH` of the mainnet preset; the old public interfaces count epochs with it.
pub const SLOTS_PER_EPOCH: u64 = 32;

impl Slot {
    /// The epoch this slot belongs to (mainnet preset).
    pub fn epoch(self) -> Epoch {
        Epoch(self.0 / SLOTS_PER_EPOCH)
    }
}

impl Epoch {
    /// The first slot of the epoch (mainnet preset), saturating at the end of the number range.
    pub fn start_slot(self) -> Slot {
        Slot(self.0.saturating_mul(SLOTS_PER_EPOCH))
    }
}

/// A 32 byte hash tree root, written as `0x` and 64 hexadecimal digits.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Root(pub [u8; 32]);

/// Why a text is not a root.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("expected 0x and 64 hexadecimal digits")]
pub struct ParseRootError;

impl fmt::Display for Root {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("0x")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Root {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Root {
    type Err = ParseRootError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.strip_prefix("0x").ok_or(ParseRootError)?.as_bytes();
        if digits.len() != 64 {
            return Err(ParseRootError);
        }
        let mut root = [0u8; 32];
        for (byte, pair) in root.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = match pair {
                [high, low] => (hex_digit(*high)? << 4) | hex_digit(*low)?,
                _ => return Err(ParseRootError),
            };
        }
        Ok(Self(root))
    }
}

fn hex_digit(byte: u8) -> Result<u8, ParseRootError> {
    match byte {
        b'0'..=b'9' => Ok(byte - b'0'),
        b'a'..=b'f' => Ok(byte - b'a' + 10),
        b'A'..=b'F' => Ok(byte - b'A' + 10),
        _ => Err(ParseRootError),
    }
}

impl Serialize for Root {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Root {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Root;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a root: 0x and 64 hexadecimal digits")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Root, E> {
                text.parse().map_err(|_| E::invalid_value(de::Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_round_trips_and_refuses_what_is_not_a_root() {
        let text = "0x5316104db4a56be70b9ec5042b92caa38188747f40fd2a52a13d93c656fcaa4d";
        assert_eq!(text.parse::<Root>().map(|root| root.to_string()), Ok(text.to_owned()));
        for bad in [
            "",
            "0x",
            "5316",
            &text[2..],
            &format!("{text}0"),
            "0xé316104db4a56be70b9ec5042b92caa38188747f40fd2a52a13d93c656fcaa",
        ] {
            assert!(bad.parse::<Root>().is_err(), "{bad} was taken for a root");
        }
    }

    #[test]
    fn epochs_begin_where_their_first_slot_is() {
        assert_eq!(Slot(63).epoch(), Epoch(1));
        assert_eq!(Epoch(2).start_slot(), Slot(64));
        assert_eq!(Epoch(u64::MAX).start_slot(), Slot(u64::MAX));
    }
}
