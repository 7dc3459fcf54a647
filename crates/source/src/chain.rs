//! Blocks and states as every source of them gives them, and reading them ahead on another thread.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::{self, JoinHandle};

use consensus::containers::SignedBeaconBlock;
use consensus::spec::{Fork, Spec};
use consensus::ssz::{Ssz, SszError};
use consensus::{Root, Slot};
use serde_json::Value;

/// Blocks that wait decoded for whoever applies them, where nobody says otherwise. A block of mainnet takes
/// about half a megabyte decoded.
pub const DEFAULT_READ_AHEAD: usize = 32;

/// The genesis of a network, as `/eth/v1/beacon/genesis` gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Genesis {
    /// Unix time in seconds.
    pub time: u64,
    /// The root of the validators at genesis: names the network.
    pub validators_root: Root,
    /// The version of the first fork.
    pub fork_version: [u8; 4],
}

impl Genesis {
    /// Reads the genesis, with or without `data` around it. An error names the field.
    pub fn from_json(value: &Value) -> Result<Self, String> {
        let data = value.get("data").unwrap_or(value);
        let field = |name: &str| data.get(name).ok_or_else(|| format!("the field {name} is missing"));
        let time = field("genesis_time")?;
        let time = time
            .as_u64()
            .or_else(|| time.as_str()?.parse().ok())
            .ok_or_else(|| format!("genesis_time: expected a number, found {}", shown(time)))?;
        let root = field("genesis_validators_root")?;
        let validators_root = root.as_str().and_then(|root| root.parse().ok()).ok_or_else(|| {
            format!("genesis_validators_root: expected 32 bytes in hexadecimal, found {}", shown(root))
        })?;
        let version = field("genesis_fork_version")?;
        let fork_version = version
            .as_str()
            .and_then(|version| version.strip_prefix("0x"))
            .filter(|digits| digits.len() == 8 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
            .and_then(|digits| u32::from_str_radix(digits, 16).ok())
            .map(u32::to_be_bytes)
            .ok_or_else(|| {
                format!("genesis_fork_version: expected 4 bytes in hexadecimal, found {}", shown(version))
            })?;
        Ok(Self { time, validators_root, fork_version })
    }

    /// The genesis as `/eth/v1/beacon/genesis` writes it.
    pub fn to_json(&self) -> Value {
        serde_json::json!({
            "data": {
                "genesis_time": self.time.to_string(),
                "genesis_validators_root": self.validators_root.to_string(),
                "genesis_fork_version": format!("0x{:08x}", u32::from_be_bytes(self.fork_version)),
            }
        })
    }
}

/// The beginning of a value, for errors.
fn shown(value: &Value) -> String {
    value.to_string().chars().take(80).collect()
}

/// A signed block and the fork that it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainBlock {
    /// The fork whose rules hold at its slot.
    pub fork: Fork,
    /// The block.
    pub block: Arc<SignedBeaconBlock>,
}

impl ChainBlock {
    /// Reads a block whose fork follows from the slot that its bytes carry.
    pub fn decode(spec: &Spec, bytes: &[u8]) -> Result<Self, SszError> {
        let fork = spec.fork_at_slot(block_slot(bytes).unwrap_or_default());
        let block = SignedBeaconBlock::decode(bytes, &spec.shape(fork))?;
        Ok(Self { fork, block: Arc::new(block) })
    }

    /// The encoding.
    pub fn encode(&self, spec: &Spec) -> Vec<u8> {
        self.block.to_ssz(&spec.shape(self.fork))
    }

    /// The slot.
    pub fn slot(&self) -> Slot {
        Slot(self.block.message.slot)
    }

    /// The root of the block, without its signature. Hashes all of it.
    pub fn root(&self, spec: &Spec) -> Root {
        Root(self.block.message.hash_tree_root(&spec.shape(self.fork)))
    }
}

/// Bytes from the start of an encoded signed block up to the end of its slot: an offset, the signature, the slot.
pub(crate) const BLOCK_SLOT_END: usize = 4 + 96 + 8;
/// Bytes from the start of an encoded state up to the end of its slot: genesis time and root, the slot.
pub(crate) const STATE_SLOT_END: usize = 8 + 32 + 8;

/// The slot in an encoded signed block of any fork.
pub fn block_slot(bytes: &[u8]) -> Option<u64> {
    last_u64(bytes.get(..BLOCK_SLOT_END)?)
}

/// The slot in an encoded state of any fork.
pub fn state_slot(bytes: &[u8]) -> Option<u64> {
    last_u64(bytes.get(..STATE_SLOT_END)?)
}

fn last_u64(bytes: &[u8]) -> Option<u64> {
    bytes.last_chunk().map(|slot| u64::from_le_bytes(*slot))
}

/// Items that another thread makes, as many ahead as fit a queue. Dropping it ends the thread.
#[derive(Debug)]
pub struct ReadAhead<T> {
    items: Option<Receiver<T>>,
    thread: Option<JoinHandle<()>>,
}

impl<T: Send + 'static> ReadAhead<T> {
    /// Starts a thread that takes items out of `items`; it waits while `queue` of them are not fetched yet.
    pub fn start(items: impl Iterator<Item = T> + Send + 'static, queue: usize) -> Self {
        let (sender, receiver) = sync_channel(queue.max(1));
        let thread = thread::spawn(move || {
            for item in items {
                if sender.send(item).is_err() {
                    break;
                }
            }
        });
        Self { items: Some(receiver), thread: Some(thread) }
    }
}

impl<T> Iterator for ReadAhead<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        let item = self.items.as_ref()?.recv().ok();
        if item.is_none() {
            self.items = None;
            // A thread that failed must not look like the end of the blocks.
            if let Some(Err(panic)) = self.thread.take().map(JoinHandle::join) {
                std::panic::resume_unwind(panic);
            }
        }
        item
    }
}

impl<T> Drop for ReadAhead<T> {
    fn drop(&mut self) {
        self.items = None;
        if let Some(thread) = self.thread.take() {
            // The thread has nobody left to report to.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn items_come_in_order_and_only_so_many_are_made_ahead() {
        let made = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&made);
        let items = (0..1000).inspect(move |_| {
            counter.fetch_add(1, Ordering::SeqCst);
        });
        let mut ahead = ReadAhead::start(items, 4);
        assert_eq!(ahead.by_ref().take(10).collect::<Vec<_>>(), (0..10).collect::<Vec<_>>());
        drop(ahead);
        // Ten were taken, four fit the queue, one was on its way.
        assert!(made.load(Ordering::SeqCst) <= 15, "{made:?}");
        assert_eq!(ReadAhead::start(0..1000, 4).sum::<i32>(), 499_500);
    }

    #[test]
    #[should_panic(expected = "the thread failed")]
    fn a_failed_thread_is_not_the_end_of_the_items() {
        let items = (0..10).inspect(|item| assert!(*item < 5, "the thread failed"));
        let _ = ReadAhead::start(items, 2).count();
    }

    #[test]
    fn genesis_reads_back() {
        let genesis =
            Genesis { time: 1_606_824_023, validators_root: Root([7; 32]), fork_version: [0, 0, 0x52, 0x44] };
        let json = genesis.to_json();
        assert_eq!(Genesis::from_json(&json), Ok(genesis));
        assert_eq!(Genesis::from_json(&json["data"]), Ok(genesis));
        for (field, bad) in [
            ("genesis_time", serde_json::json!("soon".repeat(1_000))),
            ("genesis_validators_root", serde_json::json!("0x12")),
            ("genesis_fork_version", serde_json::json!("0x+1234567")),
        ] {
            let mut data = json["data"].clone();
            data[field] = bad;
            let error = Genesis::from_json(&data).expect_err("bad");
            assert!(error.starts_with(field) && error.len() < 200, "{error}");
            data.as_object_mut().expect("an object").remove(field);
            assert!(Genesis::from_json(&data).expect_err("bad").contains("is missing"));
        }
    }
}
