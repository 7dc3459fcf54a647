//! Shuffling: where each index goes under a seed.

use consensus::Root;
use consensus::ssz::Json;
use consensus::state::{compute_shuffled_index, shuffle_list};

use super::{Check, Context};
use crate::failure::{Failure, Within, expect_equal};

pub(super) fn handler(name: &str) -> Option<Check> {
    (name == "core").then_some(check)
}

fn check(context: &Context<'_>) -> Result<(), Failure> {
    let shape = context.shape();
    let mapping = context.case.need_yaml("mapping")?;
    let field = |name: &str| mapping.get(name).ok_or_else(|| Failure::new(format!("{name} is missing")));
    let seed = Root::from_json(field("seed")?, &shape).within("seed")?;
    let count = u64::from_json(field("count")?, &shape).within("count")?;
    let expected = field("mapping")?.as_array().ok_or_else(|| Failure::new("mapping is no list"))?;
    let expected: Vec<u64> = expected
        .iter()
        .map(|item| u64::from_json(item, &shape))
        .collect::<Result<_, _>>()
        .within("mapping")?;
    expect_equal("length of the mapping", &(expected.len() as u64), &count)?;

    let rounds = u8::try_from(context.spec.preset.shuffle_round_count)?;
    let one_by_one: Vec<u64> =
        (0..count).map(|index| compute_shuffled_index(index, count, &seed.0, rounds)).collect();
    expect_equal("indices one by one", &one_by_one, &expected)?;

    let mut list: Vec<u32> = (0..u32::try_from(count)?).collect();
    shuffle_list(&mut list, &seed.0, rounds);
    let list: Vec<u64> = list.into_iter().map(u64::from).collect();
    expect_equal("the list at once", &list, &expected)
}
