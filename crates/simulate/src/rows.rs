//! Feature rows at the price of a few random numbers each, for measuring search among millions.
//!
//! The values are shares with small denominators, as real features are: many rows are equal, and
//! distances tie.

use fingerprint::Client;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The number of values in a row: the 24 original features, in the order of [`fingerprint::features::ALL`].
pub const ROW_WIDTH: usize = fingerprint::features::ORIGINAL;

/// What a client's rows look like: the range of each kind of share.
struct Habit {
    client: Client,
    weight: f64,
    redundant: (f64, f64),
    ordered: (f64, f64),
    sorted: (f64, f64),
    by_slot: (f64, f64),
    by_slot_reversed: (f64, f64),
}

const HABITS: [Habit; 6] = [
    habit(Client::Grandine, 0.06, (0.0, 0.02), (0.45, 0.7), (0.3, 0.6), (0.9, 1.0), (0.1, 0.4)),
    habit(Client::Lighthouse, 0.34, (0.0, 0.0), (0.98, 1.0), (0.97, 1.0), (0.1, 0.4), (0.6, 0.9)),
    habit(Client::Lodestar, 0.07, (0.0, 0.2), (0.7, 0.95), (0.5, 0.9), (0.1, 0.3), (0.7, 1.0)),
    habit(Client::Nimbus, 0.12, (0.0, 0.05), (0.4, 0.6), (0.1, 0.3), (0.1, 0.4), (0.1, 0.4)),
    habit(Client::Prysm, 0.24, (0.1, 0.5), (0.6, 0.85), (0.3, 0.7), (0.1, 0.3), (0.95, 1.0)),
    habit(Client::Teku, 0.17, (0.0, 0.1), (0.5, 0.75), (0.2, 0.5), (0.1, 0.3), (0.9, 1.0)),
];

const fn habit(
    client: Client,
    weight: f64,
    redundant: (f64, f64),
    ordered: (f64, f64),
    sorted: (f64, f64),
    by_slot: (f64, f64),
    by_slot_reversed: (f64, f64),
) -> Habit {
    Habit { client, weight, redundant, ordered, sorted, by_slot, by_slot_reversed }
}

/// Generated feature rows with their clients. Same seed, same rows.
pub fn rows(count: usize, seed: u64) -> impl Iterator<Item = (Client, [f64; ROW_WIDTH])> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..count).map(move |_| {
        let habit = choose(rng.random());
        (habit.client, row(habit, &mut rng))
    })
}

fn choose(mut point: f64) -> &'static Habit {
    let mut chosen = &HABITS[0];
    for habit in &HABITS {
        chosen = habit;
        point -= habit.weight;
        if point < 0.0 {
            break;
        }
    }
    chosen
}

fn row(habit: &Habit, rng: &mut ChaCha8Rng) -> [f64; ROW_WIDTH] {
    let attestations = rng.random_range(24..=128u32);
    let n = f64::from(attestations);
    // A share of n within a range, rounded to a whole number of attestations.
    let mut part = |(low, high): (f64, f64)| ((low + (high - low) * rng.random::<f64>()) * n).round();
    let redundant = part(habit.redundant);
    let ordered = part(habit.ordered).max(1.0);
    let by_reward = part(habit.sorted) / n;
    let by_slot = part(habit.by_slot) / n;
    let by_slot_reversed = part(habit.by_slot_reversed) / n;
    let by_slot_index = (by_slot * part((0.3, 1.0))).round() / n;
    let by_slot_index_reversed = (by_slot_reversed * part((0.3, 1.0))).round() / n;
    let by_index_slot = part((0.05, 0.3)) / n;
    let by_index_slot_reversed = part((0.05, 0.3)) / n;
    let by_slot_reward = (by_slot * part((0.2, 1.0))).round() / n;
    let by_slot_reward_reversed = (by_slot_reversed * part((0.2, 1.0))).round() / n;
    let single = part((0.0, 0.4));
    let spearman = (1_000.0 * by_reward.sqrt()).round() / 1_000.0;
    let reward = f64::from(rng.random_range(20_000..42_000u32)) * 1_029.0;
    let slots = if rng.random_bool(0.02) { 2.0 } else { 1.0 };
    let share_redundant = redundant / n;
    let boosted = if redundant == 0.0 { 0.0 } else { (share_redundant + 0.2).min(1.0) };
    [
        n,
        redundant,
        share_redundant,
        boosted,
        ordered,
        ordered / n,
        by_reward,
        by_slot_index,
        by_index_slot,
        by_slot_index_reversed,
        by_index_slot_reversed,
        by_slot,
        by_slot_reversed,
        by_slot_reward,
        by_slot_reward_reversed,
        spearman,
        reward,
        reward / 30_000_000.0,
        reward / 30_000_000.0 / slots,
        reward / n,
        f64::from(rng.random_range(0..3u32)),
        f64::from(rng.random_range(0..2u32)),
        single,
        single / n,
    ]
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn rows_are_repeatable_finite_and_often_equal_in_four_features() {
        let first: Vec<_> = rows(20_000, 7).collect();
        assert!(first == rows(20_000, 7).collect::<Vec<_>>());
        assert!(first != rows(20_000, 8).collect::<Vec<_>>());
        assert!(first.iter().all(|(_, row)| row.iter().all(|value| value.is_finite())));
        let four: HashSet<_> =
            first.iter().map(|(_, row)| [3, 6, 11, 12].map(|column| row[column].to_bits())).collect();
        assert!(four.len() < first.len(), "no two rows agree");
        let names = [3, 6, 11, 12].map(|column: usize| fingerprint::features::ALL[column].name);
        assert_eq!(names, ["percent_redundant_boost", "difflib_rewards", "difflib_slot", "difflib_slot_rev"]);
        let lighthouse = first.iter().filter(|(client, _)| *client == Client::Lighthouse).count();
        assert!((6_000..7_600).contains(&lighthouse), "{lighthouse}");
    }
}
