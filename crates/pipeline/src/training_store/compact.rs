//! Thrift's compact protocol, as far as Parquet's footer and page headers use it.
//!
//! A count is believed only if there are as many bytes left, nesting is bounded, and a field of another kind than
//! its number says is refused. `None` is a text that breaks these rules.

/// How deep the values that nobody looks at may be nested; Parquet's own have five levels.
const MAX_DEPTH: usize = 16;

/// What a value is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Bool,
    Byte,
    Integer,
    Double,
    Binary,
    List,
    Struct,
}

impl Kind {
    /// Sets, maps and UUIDs do not occur in Parquet.
    fn of(code: u8) -> Option<Self> {
        Some(match code {
            1 | 2 => Self::Bool,
            3 => Self::Byte,
            4..=6 => Self::Integer,
            7 => Self::Double,
            8 => Self::Binary,
            9 => Self::List,
            12 => Self::Struct,
            _ => return None,
        })
    }
}

/// Takes values off the front of some bytes.
pub(super) struct Compact<'a> {
    rest: &'a [u8],
}

impl<'a> Compact<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// What has not been taken.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..u64::BITS).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    fn zigzag(&mut self) -> Option<i64> {
        let value = self.varint()?;
        Some((value >> 1).cast_signed() ^ -((value & 1).cast_signed()))
    }

    /// An integer, if the field is one.
    pub(super) fn integer(&mut self, kind: Kind) -> Option<i64> {
        if kind == Kind::Integer { self.zigzag() } else { None }
    }

    /// A length or position: an integer that is not negative.
    pub(super) fn size(&mut self, kind: Kind) -> Option<u64> {
        self.integer(kind).and_then(|value| value.try_into().ok())
    }

    /// Text, if the field is one.
    pub(super) fn text(&mut self, kind: Kind) -> Option<String> {
        if kind != Kind::Binary {
            return None;
        }
        let length = self.varint()?.try_into().ok()?;
        String::from_utf8(self.take(length)?.to_vec()).ok()
    }

    /// The fields of a structure. `visit` gets the number and kind of each and must take its value.
    pub(super) fn structure(
        &mut self,
        kind: Kind,
        mut visit: impl FnMut(&mut Self, i16, Kind) -> Option<()>,
    ) -> Option<()> {
        if kind != Kind::Struct {
            return None;
        }
        let mut last = 0i16;
        loop {
            let head = self.byte()?;
            if head & 0x0f == 0 {
                return Some(());
            }
            last = match head >> 4 {
                0 => self.zigzag()?.try_into().ok()?,
                step => last.checked_add(step.into())?,
            };
            visit(self, last, Kind::of(head & 0x0f)?)?;
        }
    }

    /// The elements of a list of structures.
    pub(super) fn structures<T>(
        &mut self,
        kind: Kind,
        mut element: impl FnMut(&mut Self) -> Option<T>,
    ) -> Option<Vec<T>> {
        let (count, inner) = self.list_head(kind)?;
        if count > 0 && inner != Some(Kind::Struct) {
            return None;
        }
        (0..count).map(|_| element(self)).collect()
    }

    fn list_head(&mut self, kind: Kind) -> Option<(usize, Option<Kind>)> {
        if kind != Kind::List {
            return None;
        }
        let head = self.byte()?;
        let count = match head >> 4 {
            15 => self.varint()?.try_into().ok()?,
            count => count.into(),
        };
        // Every element takes a byte at least.
        (count <= self.rest.len()).then_some((count, Kind::of(head & 0x0f)))
    }

    /// Takes a value that nobody looks at.
    pub(super) fn skip(&mut self, kind: Kind) -> Option<()> {
        self.skip_nested(kind, 0)
    }

    fn skip_nested(&mut self, kind: Kind, depth: usize) -> Option<()> {
        if depth > MAX_DEPTH {
            return None;
        }
        match kind {
            Kind::Bool => Some(()),
            Kind::Byte => self.byte().map(drop),
            Kind::Integer => self.varint().map(drop),
            Kind::Double => self.take(8).map(drop),
            Kind::Binary => {
                let length = self.varint()?.try_into().ok()?;
                self.take(length).map(drop)
            }
            Kind::List => {
                let (count, inner) = self.list_head(kind)?;
                (0..count).try_for_each(|_| match inner? {
                    // The truth values of a list have a byte each, those of a structure none.
                    Kind::Bool => self.byte().map(drop),
                    inner => self.skip_nested(inner, depth + 1),
                })
            }
            Kind::Struct => self.structure(kind, |reader, _, kind| reader.skip_nested(kind, depth + 1)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A list of structures of a million, in a structure.
    const MILLION: [u8; 5] = [0x19, 0xfc, 0xc0, 0x84, 0x3d];

    #[test]
    fn a_count_is_believed_only_with_as_many_bytes() {
        let read = |bytes: &[u8]| {
            Compact::new(bytes).structure(Kind::Struct, |reader, _, kind| {
                reader.structures(kind, |reader| reader.skip(Kind::Struct)).map(drop)
            })
        };
        assert_eq!(read(&MILLION), None);
        assert_eq!(read(&[MILLION.as_slice(), &[0; 1000]].concat()), None);
        assert_eq!(read(&[MILLION.as_slice(), &[0; 1_000_001]].concat()), Some(()));
        let truths = [0x19, 0xf1, 0xff, 0xff, 0xff, 0xff, 0x07, 0];
        assert_eq!(Compact::new(&truths).skip(Kind::Struct), None);
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |depth: usize| [vec![0x1c; depth], vec![0; depth + 1]].concat();
        assert_eq!(Compact::new(&nested(MAX_DEPTH)).skip(Kind::Struct), Some(()));
        assert_eq!(Compact::new(&nested(MAX_DEPTH + 1)).skip(Kind::Struct), None);
        assert_eq!(Compact::new(&nested(1_000_000)).skip(Kind::Struct), None);
    }

    #[test]
    fn numbers_have_at_most_64_bits_and_their_own_kind() {
        assert_eq!(Compact::new(&[0x03]).integer(Kind::Integer), Some(-2));
        assert_eq!(Compact::new(&[0x03]).size(Kind::Integer), None);
        assert_eq!(Compact::new(&[0x03]).integer(Kind::Binary), None);
        assert_eq!(Compact::new(&[0xff; 20]).integer(Kind::Integer), None);
    }
}
