//! Types that the names of the cases spell out.

use consensus::spec::{Preset, Shape};
use consensus::ssz::{Bits, List, ProgressiveBits, ProgressiveList, Size, Uint256};

use super::{Check, Context};
use crate::failure::Failure;
use crate::types::{Type, check_value};

mod containers;
mod progressive;

pub(super) fn handler(name: &str) -> Option<Check> {
    const HANDLERS: [&str; 10] = [
        "basic_progressive_list",
        "basic_vector",
        "bitlist",
        "bitvector",
        "boolean",
        "compatible_unions",
        "containers",
        "progressive_bitlist",
        "progressive_containers",
        "uints",
    ];
    HANDLERS.contains(&name).then_some(check)
}

fn check(context: &Context<'_>) -> Result<(), Failure> {
    let case = context.case;
    let name = &case.name;
    let (of, length) = named(&name.handler, &name.case)
        .ok_or_else(|| Failure::new(format!("{}: no type has this name", name.case)))?;
    // The length that the name gives stands where the sizes below look for it.
    let preset = Preset { validator_registry_limit: length, ..Preset::MAINNET };
    let shape = Shape::new(&preset, context.fork);
    match name.suite.as_str() {
        "valid" => {
            let meta = case.need_yaml("meta")?;
            check_value(case, &of, &shape, meta.get("root").unwrap_or_default())
        }
        "invalid" => {
            let bytes = case.need_ssz_bytes("serialized")?;
            match of.decode(&bytes, &shape) {
                Ok(_) => Err(Failure::new("it decodes, and must not")),
                Err(_) => Ok(()),
            }
        }
        suite => Err(Failure::new(format!("the suite {suite:?} is neither valid nor invalid"))),
    }
}

/// Exactly as many as the name of the case says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Exactly;

/// At most as many as the name of the case says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct UpTo;

impl Size for Exactly {
    const EXACT: bool = true;

    fn of(shape: &Shape<'_>) -> u64 {
        shape.preset.validator_registry_limit
    }
}

impl Size for UpTo {
    const EXACT: bool = false;

    fn of(shape: &Shape<'_>) -> u64 {
        shape.preset.validator_registry_limit
    }
}

/// The type that handler and case name, and the length in the name.
fn named(handler: &str, case: &str) -> Option<(Type, u64)> {
    let mut words = case.split('_');
    let mut word = || words.next().unwrap_or_default();
    let first = word();
    match (handler, first) {
        ("basic_vector", "vec") => {
            let of = match word() {
                "bool" => Type::of::<List<bool, Exactly>>(),
                "uint8" => Type::of::<List<u8, Exactly>>(),
                "uint16" => Type::of::<List<u16, Exactly>>(),
                "uint32" => Type::of::<List<u32, Exactly>>(),
                "uint64" => Type::of::<List<u64, Exactly>>(),
                "uint128" => Type::of::<List<u128, Exactly>>(),
                "uint256" => Type::of::<List<Uint256, Exactly>>(),
                _ => return None,
            };
            Some((of, word().parse().ok()?))
        }
        ("basic_progressive_list", "proglist") => {
            let of = match word() {
                "bool" => Type::of::<ProgressiveList<bool>>(),
                "uint8" => Type::of::<ProgressiveList<u8>>(),
                "uint16" => Type::of::<ProgressiveList<u16>>(),
                "uint32" => Type::of::<ProgressiveList<u32>>(),
                "uint64" => Type::of::<ProgressiveList<u64>>(),
                "uint128" => Type::of::<ProgressiveList<u128>>(),
                "uint256" => Type::of::<ProgressiveList<Uint256>>(),
                _ => return None,
            };
            Some((of, 0))
        }
        // Cases without the closing bit name no limit: any will do.
        ("bitlist", "bitlist") => Some((Type::of::<Bits<UpTo>>(), word().parse().unwrap_or(256))),
        ("bitvector", "bitvec") => Some((Type::of::<Bits<Exactly>>(), word().parse().ok()?)),
        ("progressive_bitlist", _) => Some((Type::of::<ProgressiveBits>(), 0)),
        ("boolean", _) => Some((Type::of::<bool>(), 0)),
        ("uints", "uint") => {
            let of = match word() {
                "8" => Type::of::<u8>(),
                "16" => Type::of::<u16>(),
                "32" => Type::of::<u32>(),
                "64" => Type::of::<u64>(),
                "128" => Type::of::<u128>(),
                "256" => Type::of::<Uint256>(),
                _ => return None,
            };
            Some((of, 0))
        }
        ("containers", name) => containers::named(name).map(|of| (of, 0)),
        ("progressive_containers" | "compatible_unions", name) => progressive::named(name).map(|of| (of, 0)),
        _ => None,
    }
}

/// Declares numbers of elements that the types of the cases have.
macro_rules! sizes {
    ($( $kind:ident $name:ident = $value:literal; )*) => {$(
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub(super) struct $name;

        impl consensus::ssz::Size for $name {
            const EXACT: bool = crate::runners::ssz_generic::sizes!(@exact $kind);

            fn of(_: &consensus::spec::Shape<'_>) -> u64 {
                $value
            }
        }
    )*};
    (@exact vector) => { true };
    (@exact list) => { false };
}
use sizes;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_cases_give_types() {
        for (handler, case, length) in [
            ("basic_vector", "vec_uint8_5_random", 5),
            ("bitlist", "bitlist_17_max_3", 17),
            ("bitvector", "bitvec_513_zero", 513),
            ("boolean", "byte_rev_nibble", 0),
            ("uints", "uint_256_last_byte_empty", 0),
            ("progressive_bitlist", "progbitlist_nil_3", 0),
            ("containers", "ComplexTestStruct_lengthy_chaos", 0),
            ("progressive_containers", "ProgressiveVarTestStruct_zero", 0),
            ("compatible_unions", "CompatibleUnionBC_2_max", 0),
        ] {
            assert_eq!(named(handler, case).map(|(_, length)| length), Some(length), "{case}");
        }
        assert!(named("basic_vector", "vec_float_5").is_none());
        assert!(named("containers", "Unheard_zero").is_none());
    }
}
