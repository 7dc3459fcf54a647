//! Containers whose fields depend on the fork, declared once for all forks.

use super::error::SszErrorKind;
use super::items::OFFSET;
use super::{Ssz, SszError};
use crate::spec::Shape;

/// Most fields of any container.
const MAX_FIELDS: usize = 64;

/// Finds the bytes of each field of a container: first every field is declared in order, then each is taken.
pub struct FieldReader<'a> {
    bytes: &'a [u8],
    place: usize,
    fields: [(usize, usize); MAX_FIELDS],
    variable: [bool; MAX_FIELDS],
    count: usize,
    taken: usize,
}

impl<'a> FieldReader<'a> {
    /// Over the bytes of a container.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            place: 0,
            fields: [(0, 0); MAX_FIELDS],
            variable: [false; MAX_FIELDS],
            count: 0,
            taken: 0,
        }
    }

    /// Says that the next field is of type `T`.
    pub fn declare<T: Ssz>(&mut self, name: &'static str, shape: &Shape<'_>) -> Result<(), SszError> {
        let (length, variable) = T::fixed_len(shape).map_or((OFFSET, true), |length| (length, false));
        let end = self.place.saturating_add(length);
        let part = self.bytes.get(self.place..end).ok_or_else(|| {
            SszError::from(SszErrorKind::Short { expected: end, found: self.bytes.len() }).in_field(name)
        })?;
        let range = match part.try_into() {
            Ok(offset) if variable => (u32::from_le_bytes(offset) as usize, 0),
            _ => (self.place, end),
        };
        if let (Some(field), Some(flag)) =
            (self.fields.get_mut(self.count), self.variable.get_mut(self.count))
        {
            *field = range;
            *flag = variable;
        }
        self.count += 1;
        self.place = end;
        Ok(())
    }

    /// Checks that the offsets divide what follows the fixed part.
    pub fn finish(&mut self) -> Result<(), BadLayout> {
        let mut end = self.bytes.len();
        let mut first = None;
        for ((number, field), _) in self
            .fields
            .iter_mut()
            .enumerate()
            .zip(&self.variable)
            .take(self.count)
            .filter(|(_, variable)| **variable)
            .rev()
        {
            if field.0 > end || field.0 < self.place {
                let kind = SszErrorKind::Offset { offset: field.0, low: self.place, high: end };
                return Err(BadLayout { field: Some(number), kind });
            }
            field.1 = end;
            end = field.0;
            first = Some((number, field.0));
        }
        match first {
            Some((number, first)) if first != self.place => {
                let kind = SszErrorKind::FirstOffset { expected: self.place, found: first };
                Err(BadLayout { field: Some(number), kind })
            }
            None if self.place != self.bytes.len() => {
                let kind = SszErrorKind::Length { expected: self.place, found: self.bytes.len() };
                Err(BadLayout { field: None, kind })
            }
            _ => Ok(()),
        }
    }

    /// Reads the next field.
    pub fn take<T: Ssz>(&mut self, name: &'static str, shape: &Shape<'_>) -> Result<T, SszError> {
        let (start, end) = self.fields.get(self.taken).copied().unwrap_or_default();
        self.taken += 1;
        T::decode(self.bytes.get(start..end).unwrap_or_default(), shape).map_err(|error| error.in_field(name))
    }
}

/// Offsets that do not divide a container, or bytes behind its end. Names of fields are not looked up before one is
/// wrong.
#[derive(Debug)]
pub struct BadLayout {
    field: Option<usize>,
    kind: SszErrorKind,
}

impl BadLayout {
    /// The error in the field, by the names of all fields.
    #[cold]
    pub fn named(self, names: &[&'static str]) -> SszError {
        let error = SszError::from(self.kind);
        match self.field.and_then(|field| names.get(field)) {
            Some(name) => error.in_field(name),
            None => error,
        }
    }
}

/// Writes the fields of a container: the fixed part with offsets first, the variable parts behind it.
pub struct FieldWriter {
    start: usize,
    place: usize,
}

impl FieldWriter {
    /// Makes room for a fixed part of `fixed` bytes at the end of `out`.
    pub fn new(fixed: usize, out: &mut Vec<u8>) -> Self {
        let start = out.len();
        out.resize(start + fixed, 0);
        Self { start, place: start }
    }

    /// Writes the next field.
    pub fn put<T: Ssz>(&mut self, value: &T, shape: &Shape<'_>, out: &mut Vec<u8>) {
        if let Some(length) = T::fixed_len(shape) {
            // Fields of fixed size are written at the end, and moved to their place.
            let end = out.len();
            value.encode(shape, out);
            let (head, tail) = out.split_at_mut(end);
            if let Some(field) = head.get_mut(self.place..self.place + length) {
                for (to, from) in field.iter_mut().zip(tail.iter()) {
                    *to = *from;
                }
            }
            out.truncate(end);
            self.place += length;
        } else {
            let offset = ((out.len() - self.start) as u32).to_le_bytes();
            if let Some(field) = out.get_mut(self.place..self.place + OFFSET) {
                field.copy_from_slice(&offset);
            }
            self.place += OFFSET;
            value.encode(shape, out);
        }
    }
}

/// Bytes of a field in the fixed part.
pub fn fixed_part<T: Ssz>(shape: &Shape<'_>) -> usize {
    T::fixed_len(shape).unwrap_or(OFFSET)
}

/// Declares a container. A field is followed by `=> Since..` or `=> Since..Until` where not every fork has it;
/// a fork that does not have it leaves it at its default. The name is followed by `: progressive since Fork` where the
/// container is a progressive one (EIP-7495) from a fork on.
#[macro_export]
macro_rules! container {
    (
        $(#[$meta:meta])*
        pub struct $name:ident $(: progressive since $progressive:ident)? {
            $( $(#[$field_meta:meta])* pub $field:ident : $type:ty $(=> $since:ident .. $($until:ident)?)? ),* $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct $name {
            $( $(#[$field_meta])* pub $field: $type, )*
        }

        impl $crate::ssz::Ssz for $name {
            fn fixed_len(shape: &$crate::spec::Shape<'_>) -> Option<usize> {
                let mut length = 0_usize;
                $( if $crate::container!(@present shape $(, $since $(, $until)?)?) {
                    length = length.checked_add(<$type as $crate::ssz::Ssz>::fixed_len(shape)?)?;
                } )*
                Some(length)
            }

            fn encode(&self, shape: &$crate::spec::Shape<'_>, out: &mut Vec<u8>) {
                let mut fixed = 0_usize;
                $( if $crate::container!(@present shape $(, $since $(, $until)?)?) {
                    fixed = fixed.saturating_add($crate::ssz::fixed_part::<$type>(shape));
                } )*
                let mut writer = $crate::ssz::FieldWriter::new(fixed, out);
                $( if $crate::container!(@present shape $(, $since $(, $until)?)?) {
                    writer.put(&self.$field, shape, out);
                } )*
            }

            fn decode(bytes: &[u8], shape: &$crate::spec::Shape<'_>) -> Result<Self, $crate::ssz::SszError> {
                let mut reader = $crate::ssz::FieldReader::new(bytes);
                $( if $crate::container!(@present shape $(, $since $(, $until)?)?) {
                    reader.declare::<$type>(stringify!($field), shape)?;
                } )*
                reader.finish().map_err(|bad| bad.named(&Self::field_names(shape)))?;
                Ok(Self {
                    $( $field: if $crate::container!(@present shape $(, $since $(, $until)?)?) {
                        reader.take(stringify!($field), shape)?
                    } else {
                        Default::default()
                    }, )*
                })
            }

            fn hash_tree_root(&self, shape: &$crate::spec::Shape<'_>) -> [u8; 32] {
                Self::root_of_fields(self.field_roots(shape), shape)
            }

            fn generalized_index(
                path: &[$crate::ssz::proof::Step<'_>],
                shape: &$crate::spec::Shape<'_>,
            ) -> Option<u64> {
                let [step, rest @ ..] = path else { return Some(1) };
                let mut place = 0_u64;
                $( if $crate::container!(@present shape $(, $since $(, $until)?)?) {
                    if *step == $crate::ssz::proof::Step::Field(stringify!($field)) {
                        let inner = <$type as $crate::ssz::Ssz>::generalized_index(rest, shape)?;
                        return $crate::ssz::proof::join(Self::layout(shape).index_of(place)?, inner);
                    }
                    place += 1;
                } )*
                let _ = (place, rest);
                None
            }

            fn prove(
                &self,
                index: u64,
                shape: &$crate::spec::Shape<'_>,
                branch: &mut Vec<[u8; 32]>,
            ) -> Option<[u8; 32]> {
                self.prove_with(&self.field_roots(shape), index, shape, branch)
            }
        }

        impl $name {
            /// How the fields lie in the tree.
            fn layout(shape: &$crate::spec::Shape<'_>) -> $crate::ssz::proof::Layout {
                $( if $crate::container!(@present shape, $progressive) {
                    return $crate::ssz::proof::Layout::of_progressive_fields();
                } )?
                $crate::ssz::proof::Layout::of_fields(Self::field_names(shape).len())
            }

            /// Proves a part by its generalized index, from the roots of the fields.
            pub fn prove_with(
                &self,
                roots: &[[u8; 32]],
                index: u64,
                shape: &$crate::spec::Shape<'_>,
                branch: &mut Vec<[u8; 32]>,
            ) -> Option<[u8; 32]> {
                if index == 1 {
                    return Some(Self::root_of_fields(roots.to_vec(), shape));
                }
                let label = Some($crate::ssz::merkle::active_fields(roots.len()));
                let layout = Self::layout(shape);
                let label = label.filter(|_| layout.index_of_label().is_some());
                $crate::ssz::proof::prove_leaf(layout, roots, label, index, branch, |place, rest, branch| {
                    let mut number = 0_usize;
                    $( if $crate::container!(@present shape $(, $since $(, $until)?)?) {
                        if number == place {
                            return $crate::ssz::Ssz::prove(&self.$field, rest, shape, branch);
                        }
                        number += 1;
                    } )*
                    let _ = (number, rest, branch);
                    None
                })
            }

            /// The hash tree root, from the roots of the fields.
            pub fn root_of_fields(roots: Vec<[u8; 32]>, shape: &$crate::spec::Shape<'_>) -> [u8; 32] {
                let _ = shape;
                $( if $crate::container!(@present shape, $progressive) {
                    return $crate::ssz::merkle::progressive_container(&roots);
                } )?
                let count = roots.len() as u64;
                $crate::ssz::merkle::merkleize(roots, count)
            }

            /// The hash tree root of each field that the fork has, in order.
            pub fn field_roots(&self, shape: &$crate::spec::Shape<'_>) -> Vec<[u8; 32]> {
                let mut roots = Vec::new();
                $( if $crate::container!(@present shape $(, $since $(, $until)?)?) {
                    roots.push($crate::ssz::Ssz::hash_tree_root(&self.$field, shape));
                } )*
                roots
            }

            /// The names of the fields that the fork has, in order.
            pub fn field_names(shape: &$crate::spec::Shape<'_>) -> Vec<&'static str> {
                let mut names = Vec::new();
                let _ = shape;
                $( if $crate::container!(@present shape $(, $since $(, $until)?)?) {
                    names.push(stringify!($field));
                } )*
                names
            }
        }

        impl $crate::ssz::Json for $name {
            fn to_json(&self, shape: &$crate::spec::Shape<'_>) -> serde_json::Value {
                let mut fields = serde_json::Map::new();
                $( if $crate::container!(@present shape $(, $since $(, $until)?)?) {
                    fields.insert(stringify!($field).to_owned(), $crate::ssz::Json::to_json(&self.$field, shape));
                } )*
                fields.into()
            }

            fn from_json(
                value: &serde_json::Value,
                shape: &$crate::spec::Shape<'_>,
            ) -> Result<Self, $crate::ssz::JsonError> {
                let fields =
                    value.as_object().ok_or_else(|| $crate::ssz::JsonError::expected("an object", value))?;
                Ok(Self {
                    $( $field: if $crate::container!(@present shape $(, $since $(, $until)?)?) {
                        let value = fields
                            .get(stringify!($field))
                            .ok_or_else(|| $crate::ssz::JsonError::missing(stringify!($field)))?;
                        $crate::ssz::Json::from_json(value, shape)
                            .map_err(|error| error.in_field(stringify!($field)))?
                    } else {
                        Default::default()
                    }, )*
                })
            }
        }
    };
    (@present $shape:ident) => { true };
    (@present $shape:ident, $since:ident) => { $shape.fork >= $crate::spec::Fork::$since };
    (@present $shape:ident, $since:ident, $until:ident) => {
        $shape.fork >= $crate::spec::Fork::$since && $shape.fork < $crate::spec::Fork::$until
    };
}
pub(crate) use container;
