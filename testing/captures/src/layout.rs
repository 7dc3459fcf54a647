//! Where each of the three forms of directories keeps what.

use std::path::Path;

use consensus::Slot;
use serde_json::Value;

use crate::files::{folder, json, lines, unpacked};
use crate::{CapturedBlock, Maker};

/// Every directory.
pub(crate) const CAPTURES: [(&str, Maker); 14] = [
    ("lighthouse-devnet/deneb-mainnet-129-288", Maker::Lighthouse),
    ("lighthouse-devnet/deneb-mainnet-305-432", Maker::Lighthouse),
    ("lighthouse-devnet/deneb-minimal-34-104", Maker::Lighthouse),
    ("lodestar-devnet/capella/minimal", Maker::Lodestar),
    ("lodestar-devnet/electra/mainnet", Maker::Lodestar),
    ("lodestar-devnet/electra/minimal", Maker::Lodestar),
    ("lodestar-devnet/fulu/mainnet", Maker::Lodestar),
    ("lodestar-devnet/fulu/minimal", Maker::Lodestar),
    ("grandine-devnet/electra-1024", Maker::Grandine),
    ("grandine-devnet/electra-8192", Maker::Grandine),
    ("grandine-devnet/electra-8192-later", Maker::Grandine),
    ("grandine-devnet/electra-minimal-512", Maker::Grandine),
    ("grandine-devnet/fulu-8192", Maker::Grandine),
    ("grandine-devnet/fulu-8192-later", Maker::Grandine),
];

pub(crate) fn config_file(maker: Maker) -> &'static str {
    match maker {
        Maker::Lodestar => "spec.json.gz",
        Maker::Lighthouse | Maker::Grandine => "config_spec.json.gz",
    }
}

pub(crate) fn blocks(root: &Path, maker: Maker) -> Vec<CapturedBlock> {
    match maker {
        Maker::Lodestar => lodestar_blocks(root, "blocks.jsonl.gz", "ssz.gz"),
        Maker::Lighthouse | Maker::Grandine => {
            let index = json(&root.join("index.json.gz"));
            let slots = index.as_array().expect("an array").iter();
            slots
                .filter_map(|entry| {
                    let block = entry["block"].as_str()?.parse().expect("a root");
                    let slot = entry["slot"].as_u64().expect("a slot");
                    let stem = root.join("blocks").join(slot.to_string());
                    Some(CapturedBlock {
                        slot: Slot(slot),
                        root: block,
                        json: json(&stem.with_extension("json.gz")),
                        ssz: unpacked(&stem.with_extension("ssz.gz")),
                    })
                })
                .collect()
        }
    }
}

pub(crate) fn orphans(root: &Path, maker: Maker) -> Vec<CapturedBlock> {
    if maker == Maker::Lodestar {
        let path = root.join("orphans.jsonl.gz");
        return if path.exists() {
            lodestar_blocks(root, "orphans.jsonl.gz", "orphan.ssz.gz")
        } else {
            Vec::new()
        };
    }
    let orphans = root.join("orphans");
    if !orphans.exists() {
        return Vec::new();
    }
    folder(&orphans, ".ssz.gz")
        .into_iter()
        .map(|(name, path)| {
            let (slot, block) = name.split_once('_').expect("a slot and a root");
            CapturedBlock {
                slot: slot.parse().expect("a slot"),
                root: block.parse().expect("a root"),
                json: json(&path.with_file_name(format!("{name}.json.gz"))),
                ssz: unpacked(&path),
            }
        })
        .collect()
}

fn lodestar_blocks(root: &Path, file: &str, extension: &str) -> Vec<CapturedBlock> {
    lines(&root.join(file))
        .into_iter()
        .map(|mut line| {
            let fields = line.as_object_mut().expect("an object");
            let slot = fields.remove("slot").as_ref().and_then(Value::as_u64).expect("a slot");
            let block = fields.remove("root").expect("a root");
            CapturedBlock {
                slot: Slot(slot),
                root: block.as_str().expect("a root").parse().expect("a root"),
                ssz: unpacked(&root.join("blocks_ssz").join(format!("{slot}.{extension}"))),
                json: line,
            }
        })
        .collect()
}

pub(crate) fn states(root: &Path, maker: Maker) -> Vec<(Slot, Vec<u8>)> {
    let end = match maker {
        Maker::Lodestar => ".parent_state.ssz.gz",
        Maker::Lighthouse | Maker::Grandine => ".ssz.gz",
    };
    let mut states: Vec<_> = folder(&root.join("states"), end)
        .into_iter()
        .map(|(_, path)| unpacked(&path))
        .chain(
            Some(root.join("genesis_state.ssz.gz")).filter(|path| path.exists()).map(|path| unpacked(&path)),
        )
        .map(|ssz| {
            let slot = ssz.get(40..48).and_then(|slot| slot.try_into().ok()).map(u64::from_le_bytes);
            (Slot(slot.expect("a slot")), ssz)
        })
        .collect();
    states.sort();
    states.dedup_by_key(|(slot, _)| *slot);
    states
}

pub(crate) fn committees(root: &Path, maker: Maker) -> Vec<(u64, Value)> {
    if maker == Maker::Lodestar {
        return numbered_lines(&root.join("committees.jsonl.gz"), "epoch");
    }
    numbered_files(&root.join("committees"), "epoch_")
}

pub(crate) fn block_rewards(root: &Path, maker: Maker) -> Vec<(Slot, Value)> {
    let rewards = match maker {
        Maker::Lodestar => numbered_lines(&root.join("rewards_blocks.jsonl.gz"), "slot"),
        Maker::Lighthouse | Maker::Grandine => numbered_files(&root.join("rewards_blocks"), ""),
    };
    rewards.into_iter().map(|(slot, body)| (Slot(slot), body)).collect()
}

pub(crate) fn sync_rewards(root: &Path, maker: Maker) -> Vec<(Slot, Value)> {
    let rewards = match maker {
        Maker::Lodestar => numbered_lines(&root.join("rewards_sync_committee.jsonl.gz"), "slot"),
        Maker::Lighthouse | Maker::Grandine => numbered_files(&root.join("rewards_sync_committee"), ""),
    };
    rewards.into_iter().map(|(slot, body)| (Slot(slot), body)).collect()
}

pub(crate) fn validators_file(maker: Maker) -> &'static str {
    match maker {
        Maker::Lodestar => "validators.json.gz",
        Maker::Lighthouse | Maker::Grandine => "validators_end.json.gz",
    }
}

pub(crate) fn events(root: &Path, maker: Maker) -> String {
    if maker == Maker::Lodestar {
        return String::from_utf8(unpacked(&root.join("events.sse.gz"))).expect("UTF-8");
    }
    lines(&root.join("events.jsonl.gz"))
        .iter()
        .map(|line| format!("event: {}\ndata: {}\n\n", line["event"].as_str().expect("a name"), line["data"]))
        .collect()
}

/// Lines with a number in a field, and the rest of them.
fn numbered_lines(path: &Path, field: &str) -> Vec<(u64, Value)> {
    lines(path)
        .into_iter()
        .map(|mut line| {
            let number = line.as_object_mut().and_then(|fields| fields.remove(field));
            (number.as_ref().and_then(Value::as_u64).expect("a number"), line)
        })
        .collect()
}

/// Files with a number in their name, by number.
pub(crate) fn numbered_files(path: &Path, start: &str) -> Vec<(u64, Value)> {
    let mut files: Vec<(u64, Value)> = folder(path, ".json.gz")
        .into_iter()
        .map(|(name, path)| (name.strip_prefix(start).expect(start).parse().expect("a number"), json(&path)))
        .collect();
    files.sort_by_key(|(number, _)| *number);
    files
}
