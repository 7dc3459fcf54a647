//! Examples of answers of `/api/v1`. A test holds their fields against those of real answers.

use serde_json::{Value, json};

const ROOT: &str = "0x8f3c2a5b9d41e6f70812345678abcdef0123456789abcdef0123456789abcda1";
const PARENT: &str = "0x11d09c5a7e8f4b2365748392a1b0c9d8e7f60514233241506f7e8d9cabb8c7d6";
const MODEL: &str = "0x5d2e1f0a9b8c7d6e5f4a3b2c1d0e9f8a7b6c5d4e3f2a1b0c9d8e7f6a5b4c3d2e";

/// The answer that an address may give.
pub(crate) fn example(path: &str) -> Option<Value> {
    Some(match path {
        "/api/v1/blocks" => json!({
            "blocks": [block(Value::Null)],
            "searched": { "start_slot": 12_345_600, "end_slot": 12_345_679 },
            "next": "/api/v1/blocks?limit=1&cursor=older-12945380638728",
            "prev": null
        }),
        "/api/v1/blocks/{id}" => {
            let mut block = block(json!({ "difflib_slot": 0.25, "reward": 0.031 }));
            block["attestations"] = json!([{
                "slot": 12_345_677, "delay": 1, "committees": 64, "committees_of_slot": 64,
                "votes": 30_112, "new": 30_098, "repeated": 14, "paid_gwei": 31_204_118
            }]);
            json!({ "blocks": [block] })
        }
        "/api/v1/shares" => json!({
            "start_epoch": 384_225, "end_epoch": 385_800, "start_slot": 12_295_200, "end_slot": 12_345_600,
            "complete": true, "missing_slots": 0, "method": "counted", "confusion": null,
            "buckets": [{
                "start_slot": 12_295_200, "end_slot": 12_345_600, "start_time": 1_754_366_423, "n": 50_112,
                "shares": shares()
            }],
            "next": null
        }),
        "/api/v1/validators" => json!({
            "validators": [{
                "validator_index": 412_233, "entity": "example-pool", "client": "lighthouse", "probability": 0.998,
                "blocks": 14, "changes": 0, "latest_slot": 12_345_678, "latest_client": "lighthouse"
            }],
            "next": "/api/v1/validators?limit=1&cursor=after-412233"
        }),
        "/api/v1/validators/{index}" => json!({
            "validator_index": 412_233, "entity": null, "client": "lighthouse", "probability": 0.97,
            "course": [
                {
                    "slot": 12_001_234, "client": "prysm", "probability": 0.91, "smoothed_client": "prysm",
                    "smoothed_probability": 0.96, "state": "finalized"
                },
                {
                    "slot": 12_345_678, "client": "lighthouse", "probability": 0.94,
                    "smoothed_client": "lighthouse", "smoothed_probability": 0.97, "state": "canonical"
                }
            ],
            "changes": [
                { "after_slot": 12_001_234, "before_slot": 12_345_678, "from": "prysm", "to": "lighthouse" }
            ]
        }),
        "/api/v1/validators/{index}/blocks" => {
            json!({ "validator_index": 412_233, "blocks": [block(Value::Null)], "next": null })
        }
        "/api/v1/validators/{index}/affinity" => {
            let client = json!({ "verdict": "client", "client": "lighthouse" });
            json!({
                "validator_index": 412_233, "blocks": 14, "latest": { "verdict": "uncertain", "client": null },
                "recent": client, "mode": client, "mean": client, "median": client
            })
        }
        "/api/v1/entities" => json!({
            "source": "entities.csv", "counted": { "start_slot": 12_295_200, "end_slot": 12_345_600 },
            "entities": [entity()], "others": { "n": 20_544, "shares": shares() }
        }),
        "/api/v1/entities/{entity}" => {
            let mut answer = json!({
                "source": "entities.csv", "counted": { "start_slot": 12_295_200, "end_slot": 12_345_600 },
                "share_of_all": 0.0057
            });
            if let (Some(answer), Value::Object(entity)) = (answer.as_object_mut(), entity()) {
                answer.extend(entity);
            }
            answer
        }
        "/api/v1/reorgs" => {
            let block = |root: &str, state: &str, client: &str| {
                json!({
                    "slot": 12_345_670, "block_root": root, "state": state,
                    "first_seen_ms": 1_754_972_070_210_u64,
                    "verdict": { "proposer_index": 412_233, "client": client, "probability": 0.94 }
                })
            };
            json!({
                "reorgs": [{
                    "depth": 1, "ancestor": PARENT, "ancestor_slot": 12_345_669,
                    "left": [block(ROOT, "orphaned", "teku")],
                    "replaced_by": [block(MODEL, "canonical", "lighthouse")]
                }],
                "searched": { "start_slot": 0, "end_slot": 12_345_679 },
                "next": null, "prev": null
            })
        }
        "/api/v1/orphans" => json!({
            "start_epoch": 384_225, "end_epoch": 385_800,
            "clients": [{
                "client": "teku", "orphaned": 11, "n": 6_021, "rate": 0.00183, "rate_low": 0.00102,
                "rate_high": 0.00327
            }]
        }),
        "/api/v1/missed" => json!({
            "slots": [12_345_671], "searched": { "start_slot": 12_337_487, "end_slot": 12_345_679 },
            "next": "/api/v1/missed?end_slot=12337487"
        }),
        "/api/v1/gaps" => json!({
            "gaps": [{
                "start_slot": 1, "last_slot": 11_999_999, "slots": 11_999_999, "gap_start_slot": 1,
                "gap_last_slot": 11_999_999, "cause": "not_wanted",
                "detail": "history is wanted from slot 12000000 on", "next_step": "never", "tries": 0,
                "last_try": null, "next_try": null
            }],
            "next": null
        }),
        "/api/v1/sync" => json!({
            "greatest_block_slot": 12_345_678, "synced": false,
            "freshness": { "state": "live", "age_seconds": 4 }, "missing_slots": 11_999_999,
            "gaps": [{ "start": 1, "end": 11_999_999, "slots": 11_999_999 }]
        }),
        "/api/v1/models" => json!({
            "models": [{ "hash": MODEL, "name": "mainnet 5d2e1f", "loaded": true, "info": { "rows": 1_200_000 } }]
        }),
        "/api/v1/confusion" => {
            let rate = json!({ "value": 0.95, "low": 0.94, "high": 0.96, "n": 2_000 });
            json!({
                "truth": "graffiti",
                "counted": { "start_slot": 12_295_278, "end_slot": 12_345_679 },
                "clients": [{
                    "client": "teku", "true_pos": 1_900, "true_neg": 8_000, "false_pos": 100, "false_neg": 100,
                    "recall": rate, "precision": rate
                }]
            })
        }
        _ => return None,
    })
}

fn block(features: Value) -> Value {
    json!({
        "slot": 12_345_678, "block_root": ROOT, "parent_slot": 12_345_677, "parent_root": PARENT,
        "proposer_index": 412_233, "entity": "example-pool", "client": "lighthouse", "probability": 0.94,
        "label": "Lighthouse",
        "probabilities": {
            "grandine": 0.004, "lighthouse": 0.94, "lodestar": 0.005, "nimbus": 0.01, "prysm": 0.031, "teku": 0.01
        },
        "graffiti": "Lighthouse/v8.0.0", "graffiti_client": "lighthouse", "state": "canonical", "model": MODEL,
        "attestation_count": 1, "signs": ["previous_epoch_first"], "ruled_out": ["grandine"],
        "first_seen_ms": 1_754_972_160_912_u64, "attestations": null, "features": features
    })
}

fn shares() -> Value {
    json!([
        { "client": "lighthouse", "blocks": 22_099, "share": 0.441, "share_low": 0.4367, "share_high": 0.4453 },
        { "client": null, "blocks": 601, "share": 0.012, "share_low": 0.0111, "share_high": 0.013 }
    ])
}

fn entity() -> Value {
    json!({ "entity": "example-pool", "name": "Example Pool", "validators": 1_000, "n": 287, "shares": shares() })
}
