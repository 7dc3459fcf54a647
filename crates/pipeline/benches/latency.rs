//! How long after a node tells of a block its verdict is stored, on a chain of the size of mainnet.
//!
//! `cargo bench -p pipeline --bench latency [VALIDATORS [SLOTS]]`, one million and 200 unless told otherwise. The node
//! answers over HTTP on this machine, out of memory; the database is an SQLite file. One verdict is waited for before the
//! node tells of the next block, and then for as long as `PAUSE`.

#[path = "../tests/support/mod.rs"]
#[expect(dead_code, reason = "the tests use the rest")]
mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use consensus::Root;
use consensus::hasher::StateHasher;
use consensus::spec::{Fork, Network as Chains};
use consensus::ssz::Ssz;
use simulate::chain::{Chain, ChainPlan, Signing};
use source::chain::ChainBlock;
use store::{OpenMode, Store};
use support::{Service, judge};
use testkit::{DevNode, Network, Step};

/// What lies between a verdict and the next block: slots are 12 seconds, of which this is more than is used.
const PAUSE: Duration = Duration::from_millis(300);

/// How often the database is looked at.
const LOOK: Duration = Duration::from_micros(500);

/// Epochs between the head and the newest final block, while all is well.
const FINAL_AFTER: u64 = 2;

/// Bytes of transactions in a payload.
const PAYLOAD_BYTES: usize = 100_000;

fn number(position: usize, otherwise: u32) -> u32 {
    let given = std::env::args().skip(1).filter(|argument| !argument.starts_with('-'));
    given.filter_map(|argument| argument.parse().ok()).nth(position).unwrap_or(otherwise)
}

fn print(what: &str, times: &mut [f64]) {
    times.sort_by(f64::total_cmp);
    let at =
        |share: f64| times.get(((times.len() as f64 * share) as usize).min(times.len().saturating_sub(1)));
    let [p50, p99, max] = [0.5, 0.99, 1.0].map(|share| at(share).copied().unwrap_or(f64::NAN));
    println!(
        "{what:28} {:5} blocks   p50 {p50:7.1} ms   p99 {p99:7.1} ms   longest {max:7.1} ms",
        times.len()
    );
}

#[tokio::main]
async fn main() {
    let (validators, slots) = (number(0, 1_000_000), number(1, 200));
    let plan = ChainPlan {
        spec: Chains::Mainnet.spec(),
        fork: Fork::Electra,
        upgrades: Vec::new(),
        validators,
        seed: 1,
        signing: Signing::Unsigned,
        missed_permille: 10,
        payload_bytes: PAYLOAD_BYTES,
        genesis_time: 1_704_067_200,
    };
    println!("making a chain of {validators} validators and {slots} slots, mainnet preset, Electra");
    let mut chain = Chain::new(plan).expect("a chain");
    let genesis = chain.state().clone();
    let spec = Arc::clone(genesis.spec());
    let network = Network::of_genesis(&genesis);
    let node = DevNode::start(network).await;
    node.put_state("finalized", &genesis);
    drop(genesis);

    let directory = tempfile::tempdir().expect("a directory");
    let store =
        Store::open(directory.path().join("blocks.sqlite"), OpenMode::Create).await.expect("a database");
    let begun = Instant::now();
    let mut service = Service::start(std::slice::from_ref(&node), &store, &judge());
    while node.streams_open() == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    println!("the service follows after {:.1} s", begun.elapsed().as_secs_f64());

    let per_epoch = spec.preset.slots_per_epoch;
    let (mut usual, mut first) = (Vec::new(), Vec::new());
    let mut roots = StateHasher::default();
    let mut told: Vec<(u64, Root)> = Vec::new();
    for _ in 0..slots {
        let Some(block) = chain.advance(&mut roots).expect("a slot") else { continue };
        let slot = block.message.slot;
        let fork = spec.fork_at_slot(slot);
        let root = Root(block.message.hash_tree_root(&spec.shape(fork)));
        node.add_block(root, ChainBlock { fork, block });
        node.set_head(root);
        let begun = Instant::now();
        node.tell(Step::Block(root));
        node.tell(Step::Head(root));
        while !service.is_at(root, None).await {
            tokio::time::sleep(LOOK).await;
        }
        let time = begun.elapsed().as_secs_f64() * 1e3;
        let is_first = told.last().is_none_or(|(before, _)| before / per_epoch != slot / per_epoch);
        if is_first {
            first.push(time)
        } else {
            usual.push(time)
        }
        let due = (slot / per_epoch).saturating_sub(FINAL_AFTER);
        if is_first && let Some((_, last)) = told.iter().rev().find(|(slot, _)| *slot <= due * per_epoch) {
            node.set_finalized(due, *last);
            node.tell(Step::Final(*last, due));
        }
        told.push((slot, root));
        tokio::time::sleep(PAUSE).await;
    }
    print("first block of an epoch", &mut first);
    print("other blocks", &mut usual);
    usual.append(&mut first);
    print("all", &mut usual);
    service.kill().await;
}
