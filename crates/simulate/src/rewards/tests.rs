use std::collections::BTreeSet;

use super::*;

const ALL: [Client; 7] = Client::ALL;

fn plan(client: Client, shape: Shape) -> RewardPlan {
    RewardPlan { blocks: 40, mix: vec![(client, 1.0)], shape, seed: 5, ..RewardPlan::default() }
}

fn totals(reward: &BlockReward) -> Vec<u64> {
    let maps = &reward.attestation_rewards.per_attestation_rewards;
    maps.iter().map(|map| map.0.iter().map(|entry| entry.1.0).sum()).collect()
}

fn slots(reward: &BlockReward) -> Vec<u64> {
    reward.attestation_rewards.attestations.iter().map(|data| data.slot.0).collect()
}

/// The mean over blocks of the share of neighbours for which something holds.
fn share(blocks: &[LabelledReward], of: fn(&BlockReward) -> Vec<u64>, holds: fn(u64, u64) -> bool) -> f64 {
    let shares = blocks.iter().filter_map(|block| {
        let values = of(&block.reward);
        let pairs = values.windows(2).count();
        let count = values.windows(2).filter(|pair| holds(pair[0], pair[1])).count();
        (pairs > 0).then(|| count as f64 / pairs as f64)
    });
    let shares: Vec<f64> = shares.collect();
    shares.iter().sum::<f64>() / shares.len() as f64
}

fn redundant(blocks: &[LabelledReward]) -> usize {
    blocks.iter().map(|block| totals(&block.reward).iter().filter(|total| **total == 0).count()).sum()
}

#[test]
fn the_same_seed_gives_the_same_blocks() {
    let plan = RewardPlan { blocks: 30, ..RewardPlan::default() };
    assert_eq!(generate(&plan), generate(&plan));
    assert_ne!(generate(&plan), generate(&RewardPlan { seed: 1, ..plan }));
}

#[test]
fn sums_slots_and_limits_hold() {
    for shape in [Shape::Phase0Like, Shape::ElectraLike] {
        for client in ALL {
            let mut last_slot = None;
            let mut roots = BTreeSet::new();
            for block in generate(&plan(client, shape)) {
                assert_eq!(block.client, client);
                let reward = &block.reward;
                let parts = &reward.attestation_rewards;
                assert_eq!(parts.total.0, totals(reward).iter().sum::<u64>());
                assert_eq!(parts.total.0, parts.prev_epoch_total.0 + parts.curr_epoch_total.0);
                assert_eq!(reward.total.0, parts.total.0 + reward.sync_committee_rewards.0);
                assert!(reward.meta.slot > reward.meta.parent_slot);
                assert!(last_slot.is_none_or(|slot| slot == reward.meta.parent_slot));
                last_slot = Some(reward.meta.slot);
                assert!(roots.insert(reward.block_root));
                assert!(reward.meta.graffiti.len() <= 32, "{}", reward.meta.graffiti);
                assert!(reward.meta.proposer_index.0 < shape.validators());
                let count = parts.per_attestation_rewards.len();
                assert!((1..=shape.max_attestations()).contains(&count));
                assert_eq!(count, parts.attestations.len());
                assert!(parts.attestations.iter().all(|data| data.slot.0 < reward.meta.slot));
                if shape == Shape::ElectraLike {
                    assert!(parts.attestations.iter().all(|data| data.index == 0));
                }
                // A validator attests once in an epoch and is rewarded once in a block.
                let mut seen = BTreeSet::new();
                for (map, data) in parts.per_attestation_rewards.iter().zip(&parts.attestations) {
                    assert!(map.0.iter().all(|entry| seen.insert((data.slot.epoch(), entry.0))));
                }
            }
        }
    }
}

#[test]
fn lighthouse_never_increases_and_wastes_nothing() {
    for shape in [Shape::Phase0Like, Shape::ElectraLike] {
        let blocks = generate(&plan(Client::Lighthouse, shape));
        assert_eq!(redundant(&blocks), 0);
        for block in &blocks {
            assert!(totals(&block.reward).is_sorted_by(|a, b| a >= b));
        }
    }
}

#[test]
fn prysm_repeats_and_does_not_score_again() {
    let old = generate(&plan(Client::Prysm, Shape::Phase0Like));
    assert!(redundant(&old) > old.len());
    assert_eq!(share(&old, slots, |a, b| a >= b), 1.0);
    let new = generate(&plan(Client::Prysm, Shape::ElectraLike));
    assert!(share(&new, totals, |a, b| a >= b) < 0.95);
}

#[test]
fn teku_goes_back_in_time_and_nimbus_follows_its_table() {
    for shape in [Shape::Phase0Like, Shape::ElectraLike] {
        let teku = generate(&plan(Client::Teku, shape));
        assert_eq!(share(&teku, slots, |a, b| a >= b), 1.0);
        assert!(share(&teku, totals, |a, b| a >= b) < 0.95);
        let nimbus = generate(&plan(Client::Nimbus, shape));
        assert!(share(&nimbus, slots, |a, b| a >= b) < 0.9);
        assert!(share(&nimbus, slots, |a, b| a <= b) < 0.9);
        assert_eq!(redundant(&nimbus), 0);
    }
}

#[test]
fn lodestar_sorts_by_count_over_distance() {
    let blocks = generate(&plan(Client::Lodestar, Shape::Phase0Like));
    assert!(redundant(&blocks) > 0);
    // Newest slots first on the whole, since distance divides.
    assert!(share(&blocks, slots, |a, b| a >= b) > 0.8);
}

#[test]
fn grandine_puts_the_current_epoch_first_and_keeps_its_groups() {
    let epochs = |reward: &BlockReward| slots(reward).iter().map(|slot| slot / 32).collect();
    for shape in [Shape::Phase0Like, Shape::ElectraLike] {
        let blocks = generate(&plan(Client::Grandine, shape));
        assert_eq!(redundant(&blocks), 0);
        assert_eq!(share(&blocks, epochs, |a, b| a >= b), 1.0);
        assert!(share(&blocks, epochs, |a, b| a > b) > 0.0);
        // What votes for the same stands together, and nothing else has an order.
        let votes = |reward: &BlockReward| {
            let datas = reward.attestation_rewards.attestations.iter();
            datas.map(|data| (data.slot, data.index, data.beacon_block_root)).collect::<Vec<_>>()
        };
        for block in &blocks {
            let mut runs = votes(&block.reward);
            runs.dedup();
            let groups: BTreeSet<_> = runs.iter().copied().collect();
            assert_eq!(runs.len(), groups.len());
        }
        for order in [|a, b| a >= b, |a, b| a <= b] {
            assert!(share(&blocks, slots, order) < 0.9);
        }
    }
}

#[test]
fn since_electra_nimbus_repeats_no_data_and_lodestar_adds_with_each() {
    let datas = |reward: &BlockReward| {
        let all: Vec<_> = reward.attestation_rewards.attestations.iter().collect();
        let different: BTreeSet<_> = all.iter().map(|data| (data.slot, data.beacon_block_root)).collect();
        (different.len(), all.len())
    };
    for block in generate(&plan(Client::Nimbus, Shape::ElectraLike)) {
        let (different, all) = datas(&block.reward);
        assert_eq!(different, all);
    }
    let lodestar = generate(&plan(Client::Lodestar, Shape::ElectraLike));
    assert_eq!(redundant(&lodestar), 0);
    assert!(lodestar.iter().any(|block| datas(&block.reward).0 < datas(&block.reward).1));
}

#[test]
fn graffiti_sign_for_the_share_that_was_asked() {
    let habit = GraffitiHabit::Signed { share: 0.5 };
    let blocks = generate(&RewardPlan {
        blocks: 200,
        graffiti: habit,
        shape: Shape::ElectraLike,
        ..RewardPlan::default()
    });
    let unsigned = blocks.iter().filter(|block| block.reward.meta.graffiti.starts_with("generated ")).count();
    assert!((70..=130).contains(&unsigned), "{unsigned}");
    let none = RewardPlan { blocks: 20, graffiti: GraffitiHabit::Unsigned, ..RewardPlan::default() };
    assert!(generate(&none).iter().all(|block| block.reward.meta.graffiti.starts_with("generated ")));
}

#[test]
fn a_mix_is_kept_and_an_empty_one_gives_nothing() {
    let blocks = generate(&RewardPlan { blocks: 600, shape: Shape::ElectraLike, ..RewardPlan::default() });
    let lighthouse = blocks.iter().filter(|block| block.client == Client::Lighthouse).count();
    assert!((160..=250).contains(&lighthouse), "{lighthouse}");
    assert!(
        generate(&RewardPlan { mix: vec![(Client::Teku, f64::NAN)], ..RewardPlan::default() }).is_empty()
    );
}

#[test]
fn json_is_one_array() {
    let blocks = generate(&RewardPlan { blocks: 3, ..RewardPlan::default() });
    let mut text = Vec::new();
    write_json(blocks.iter().map(|block| &block.reward), &mut text).expect("memory takes it");
    let value: serde_json::Value = serde_json::from_slice(&text).expect("JSON");
    assert_eq!(value.as_array().map(Vec::len), Some(3));
    assert_eq!(value[1]["meta"]["slot"], blocks[1].reward.meta.slot.to_string());
}
