//! Progressive containers (EIP-7495) and compatible unions (EIP-8016) of the generic cases.

use std::marker::PhantomData;

use consensus::container;
use consensus::spec::Shape;
use consensus::ssz::{
    Json, JsonError, List, ProgressiveBits, ProgressiveList, Ssz, SszError, SszErrorKind, merkle,
};
use serde_json::Value;

use super::containers::{SmallTestStruct, VarTestStruct};
use super::sizes;
use crate::types::Type;

sizes! {
    list List10 = 10;
    list List123 = 123;
}

container! {
    #[allow(missing_docs, non_snake_case)]
    pub struct SingleField {
        pub A: u8,
    }
}

container! {
    #[allow(missing_docs, non_snake_case)]
    pub struct SingleList {
        pub C: ProgressiveBits,
    }
}

container! {
    #[allow(missing_docs, non_snake_case)]
    pub struct Var {
        pub A: u8,
        pub B: List<u16, List123>,
        pub C: ProgressiveBits,
    }
}

container! {
    #[allow(missing_docs, non_snake_case)]
    pub struct Complex {
        pub A: u8,
        pub B: List<u16, List123>,
        pub C: ProgressiveBits,
        pub D: ProgressiveList<u64>,
        pub E: ProgressiveList<SmallTestStruct>,
        pub F: ProgressiveList<ProgressiveList<VarTestStruct>>,
        pub G: List<Progressive<SingleField>, List10>,
        pub H: ProgressiveList<Progressive<Var>>,
    }
}

/// A container whose fields have places in a progressive tree.
pub(super) trait Placed: Ssz + Json {
    /// Whether there is a field at each place.
    const PLACES: &'static [u8];

    /// The roots of the fields, in order.
    fn roots(&self, shape: &Shape<'_>) -> Vec<[u8; 32]>;
}

macro_rules! placed {
    ($( $name:ident $places:expr; )*) => {$(
        impl Placed for $name {
            const PLACES: &'static [u8] = &$places;

            fn roots(&self, shape: &Shape<'_>) -> Vec<[u8; 32]> {
                self.field_roots(shape)
            }
        }
    )*};
}

placed! {
    SingleField [1];
    SingleList [0, 0, 0, 0, 1];
    Var [1, 0, 1, 0, 1];
    Complex [1, 0, 1, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 1, 1];
}

/// A container that is hashed as a progressive one. Its encoding and its JSON are those of the container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Progressive<T>(T);

impl<T: Placed> Ssz for Progressive<T> {
    fn fixed_len(shape: &Shape<'_>) -> Option<usize> {
        T::fixed_len(shape)
    }

    fn encode(&self, shape: &Shape<'_>, out: &mut Vec<u8>) {
        self.0.encode(shape, out);
    }

    fn decode(bytes: &[u8], shape: &Shape<'_>) -> Result<Self, SszError> {
        T::decode(bytes, shape).map(Self)
    }

    fn hash_tree_root(&self, shape: &Shape<'_>) -> [u8; 32] {
        let mut roots = self.0.roots(shape).into_iter();
        let place = |place: &u8| if *place == 1 { roots.next().unwrap_or_default() } else { [0; 32] };
        let chunks: Vec<[u8; 32]> = T::PLACES.iter().map(place).collect();
        let mut active = [0; 32];
        for (index, _) in T::PLACES.iter().enumerate().filter(|(_, place)| **place == 1) {
            if let Some(byte) = active.get_mut(index / 8) {
                *byte |= 1 << (index % 8);
            }
        }
        merkle::hash_pair(&merkle::merkleize_progressive(&chunks), &active)
    }
}

impl<T: Placed> Json for Progressive<T> {
    fn to_json(&self, shape: &Shape<'_>) -> Value {
        self.0.to_json(shape)
    }

    fn from_json(value: &Value, shape: &Shape<'_>) -> Result<Self, JsonError> {
        T::from_json(value, shape).map(Self)
    }
}

/// One of several types, told by a selector.
#[derive(Clone, Debug)]
pub(super) struct Union<O> {
    selector: u8,
    option: Choice,
    options: PhantomData<O>,
}

/// What a union holds.
#[derive(Clone, Debug)]
enum Choice {
    SingleField(Progressive<SingleField>),
    SingleList(Progressive<SingleList>),
    Var(Progressive<Var>),
}

/// Which type of a union.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// One byte.
    SingleField,
    /// One bit list.
    SingleList,
    /// Three fields.
    Var,
}

/// The options of a union.
pub(super) trait Options {
    /// The type that a selector stands for.
    fn of(selector: u8) -> Option<Kind>;
}

/// `CompatibleUnionA`.
#[derive(Clone, Debug)]
pub(super) struct A;
/// `CompatibleUnionBC`.
#[derive(Clone, Debug)]
pub(super) struct Bc;
/// `CompatibleUnionABCA`.
#[derive(Clone, Debug)]
pub(super) struct Abca;

impl Options for A {
    fn of(selector: u8) -> Option<Kind> {
        (selector == 1).then_some(Kind::SingleField)
    }
}

impl Options for Bc {
    fn of(selector: u8) -> Option<Kind> {
        match selector {
            2 => Some(Kind::SingleList),
            3 => Some(Kind::Var),
            _ => None,
        }
    }
}

impl Options for Abca {
    fn of(selector: u8) -> Option<Kind> {
        match selector {
            1 | 4 => Some(Kind::SingleField),
            other => Bc::of(other),
        }
    }
}

impl<O: Options> Ssz for Union<O> {
    fn fixed_len(_: &Shape<'_>) -> Option<usize> {
        None
    }

    fn encode(&self, shape: &Shape<'_>, out: &mut Vec<u8>) {
        out.push(self.selector);
        match &self.option {
            Choice::SingleField(value) => value.encode(shape, out),
            Choice::SingleList(value) => value.encode(shape, out),
            Choice::Var(value) => value.encode(shape, out),
        }
    }

    fn decode(bytes: &[u8], shape: &Shape<'_>) -> Result<Self, SszError> {
        let Some((selector, rest)) = bytes.split_first() else {
            return Err(SszErrorKind::Short { expected: 1, found: 0 }.into());
        };
        let option = match O::of(*selector) {
            Some(Kind::SingleField) => Choice::SingleField(Ssz::decode(rest, shape)?),
            Some(Kind::SingleList) => Choice::SingleList(Ssz::decode(rest, shape)?),
            Some(Kind::Var) => Choice::Var(Ssz::decode(rest, shape)?),
            None => {
                return Err(
                    SszErrorKind::Bits(format!("no option has the selector {selector}").into()).into()
                );
            }
        };
        Ok(Self { selector: *selector, option, options: PhantomData })
    }

    fn hash_tree_root(&self, shape: &Shape<'_>) -> [u8; 32] {
        let root = match &self.option {
            Choice::SingleField(value) => value.hash_tree_root(shape),
            Choice::SingleList(value) => value.hash_tree_root(shape),
            Choice::Var(value) => value.hash_tree_root(shape),
        };
        merkle::mix_in_length(&root, u64::from(self.selector))
    }
}

impl<O: Options> Json for Union<O> {
    fn to_json(&self, shape: &Shape<'_>) -> Value {
        let data = match &self.option {
            Choice::SingleField(value) => value.to_json(shape),
            Choice::SingleList(value) => value.to_json(shape),
            Choice::Var(value) => value.to_json(shape),
        };
        serde_json::json!({ "selector": self.selector.to_string(), "data": data })
    }

    fn from_json(value: &Value, shape: &Shape<'_>) -> Result<Self, JsonError> {
        let field = |name| value.get(name).ok_or_else(|| JsonError::missing(name));
        let selector = u8::from_json(field("selector")?, shape)?;
        let data = field("data")?;
        let option = match O::of(selector) {
            Some(Kind::SingleField) => Choice::SingleField(Json::from_json(data, shape)?),
            Some(Kind::SingleList) => Choice::SingleList(Json::from_json(data, shape)?),
            Some(Kind::Var) => Choice::Var(Json::from_json(data, shape)?),
            None => return Err(JsonError::expected("the selector of an option", field("selector")?)),
        };
        Ok(Self { selector, option, options: PhantomData })
    }
}

/// The type that the name of a case begins with.
pub(super) fn named(name: &str) -> Option<Type> {
    Some(match name {
        "ProgressiveSingleFieldContainerTestStruct" => Type::of::<Progressive<SingleField>>(),
        "ProgressiveSingleListContainerTestStruct" => Type::of::<Progressive<SingleList>>(),
        "ProgressiveVarTestStruct" => Type::of::<Progressive<Var>>(),
        "ProgressiveComplexTestStruct" => Type::of::<Progressive<Complex>>(),
        "CompatibleUnionA" => Type::of::<Union<A>>(),
        "CompatibleUnionBC" => Type::of::<Union<Bc>>(),
        "CompatibleUnionABCA" => Type::of::<Union<Abca>>(),
        _ => return None,
    })
}
