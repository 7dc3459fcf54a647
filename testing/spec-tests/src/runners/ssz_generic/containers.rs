//! The containers of the generic cases.

use consensus::container;
use consensus::ssz::{Bits, ByteList, List, ProgressiveBits, ProgressiveByteList, ProgressiveList};

use super::sizes;
use crate::types::Type;

sizes! {
    vector Vector1 = 1;
    vector Vector2 = 2;
    vector Vector4 = 4;
    vector Vector8 = 8;
    vector Vector256 = 256;
    vector Vector257 = 257;
    vector Vector1280 = 1_280;
    vector Vector1281 = 1_281;
    list List5 = 5;
    list List6 = 6;
    list List128 = 128;
    list List256 = 256;
    list List257 = 257;
    list List1024 = 1_024;
    list List1280 = 1_280;
    list List1281 = 1_281;
}

container! {
    #[allow(missing_docs, non_snake_case)]
    pub struct SingleFieldTestStruct {
        pub A: u8,
    }
}

container! {
    #[allow(missing_docs, non_snake_case)]
    pub struct SmallTestStruct {
        pub A: u16,
        pub B: u16,
    }
}

container! {
    #[allow(missing_docs, non_snake_case)]
    pub struct FixedTestStruct {
        pub A: u8,
        pub B: u64,
        pub C: u32,
    }
}

container! {
    #[allow(missing_docs, non_snake_case)]
    pub struct VarTestStruct {
        pub A: u16,
        pub B: List<u16, List1024>,
        pub C: u8,
    }
}

container! {
    #[allow(missing_docs, non_snake_case)]
    pub struct ComplexTestStruct {
        pub A: u16,
        pub B: List<u16, List128>,
        pub C: u8,
        pub D: ByteList<List256>,
        pub E: VarTestStruct,
        pub F: List<FixedTestStruct, Vector4>,
        pub G: List<VarTestStruct, Vector2>,
    }
}

container! {
    #[allow(missing_docs, non_snake_case)]
    pub struct ProgressiveTestStruct {
        pub A: ProgressiveByteList,
        pub B: ProgressiveList<u64>,
        pub C: ProgressiveList<SmallTestStruct>,
        pub D: ProgressiveList<ProgressiveList<VarTestStruct>>,
    }
}

container! {
    #[allow(missing_docs, non_snake_case)]
    pub struct BitsStruct {
        pub A: Bits<List5>,
        pub B: Bits<Vector2>,
        pub C: Bits<Vector1>,
        pub D: Bits<List6>,
        pub E: Bits<Vector8>,
    }
}

container! {
    #[allow(missing_docs, non_snake_case)]
    pub struct ProgressiveBitsStruct {
        pub A: Bits<Vector256>,
        pub B: Bits<List256>,
        pub C: ProgressiveBits,
        pub D: Bits<Vector257>,
        pub E: Bits<List257>,
        pub F: ProgressiveBits,
        pub G: Bits<Vector1280>,
        pub H: Bits<List1280>,
        pub I: ProgressiveBits,
        pub J: Bits<Vector1281>,
        pub K: Bits<List1281>,
        pub L: ProgressiveBits,
    }
}

/// The container that the name of a case begins with.
pub(super) fn named(name: &str) -> Option<Type> {
    Some(match name {
        "SingleFieldTestStruct" => Type::of::<SingleFieldTestStruct>(),
        "SmallTestStruct" => Type::of::<SmallTestStruct>(),
        "FixedTestStruct" => Type::of::<FixedTestStruct>(),
        "VarTestStruct" => Type::of::<VarTestStruct>(),
        "ComplexTestStruct" => Type::of::<ComplexTestStruct>(),
        "ProgressiveTestStruct" => Type::of::<ProgressiveTestStruct>(),
        "BitsStruct" => Type::of::<BitsStruct>(),
        "ProgressiveBitsStruct" => Type::of::<ProgressiveBitsStruct>(),
        _ => return None,
    })
}
