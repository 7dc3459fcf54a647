//! The loop over inputs: block after block of every part, bad ones collected, several at a time.

use std::collections::HashSet;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};

use consensus::{Root, Slot};
use fingerprint::Client;
use rayon::prelude::*;
use source::{InputError, Limits, Part, PartError, Parts, Reading, RewardRecord};

use crate::bad_input::BadInput;

/// What some blocks of one part became.
pub(crate) struct Batch<T> {
    /// The part, for reports.
    pub(crate) name: String,
    pub(crate) items: Vec<T>,
    pub(crate) bad: Vec<BadInput>,
    /// Blocks that had come before, in this part or another; they are not among the items.
    pub(crate) repeated: u64,
    /// How many of the input's units are done with it.
    pub(crate) units: u64,
}

/// Blocks of a part that are in memory at once, where it is not read whole.
const BATCH_BLOCKS: usize = 512;

/// Blocks that came already, by slot and root: 16 bytes for each, hashed with a key that nobody knows before, so that
/// two blocks are never taken for one. A set of all blocks of 12 years takes 300 MB.
struct Seen {
    blocks: HashSet<[u8; 16]>,
    key: [u8; 32],
}

impl Seen {
    fn new() -> Self {
        let mut key = [0; 32];
        for part in key.chunks_exact_mut(8) {
            let random = RandomState::new().build_hasher().finish();
            part.copy_from_slice(&random.to_le_bytes());
        }
        Self { blocks: HashSet::new(), key }
    }

    /// Notes a block. False if it came before.
    fn is_new(&mut self, Identity { slot, root }: Identity) -> bool {
        let mut text = [0; 40];
        let (of_slot, of_root) = text.split_at_mut(8);
        of_slot.copy_from_slice(&slot.0.to_le_bytes());
        of_root.copy_from_slice(&root.0);
        let hash = blake3::keyed_hash(&self.key, &text);
        let mut half = [0; 16];
        half.iter_mut().zip(hash.as_bytes()).for_each(|(to, from)| *to = *from);
        self.blocks.insert(half)
    }
}

/// What tells a block from others. The slot belongs to it because a damaged block may carry a good one's root.
#[derive(Clone, Copy)]
struct Identity {
    slot: Slot,
    root: Root,
}

/// What some blocks of one part became, with who they are.
struct Worked<T> {
    name: String,
    items: Vec<(Identity, T)>,
    bad: Vec<BadInput>,
    units: u64,
}

impl<T> Worked<T> {
    fn new(name: &str, units: u64) -> Self {
        Self { name: name.to_owned(), items: Vec::new(), bad: Vec::new(), units }
    }

    fn put(&mut self, result: Result<(Identity, T), String>) {
        match result {
            Ok(item) => self.items.push(item),
            Err(reason) => self.bad.push(BadInput::new(&*self.name, reason)),
        }
    }

    /// Without the blocks that came before.
    fn once(self, seen: &mut Seen) -> Batch<T> {
        let Self { name, items, bad, units } = self;
        let count = items.len();
        let items: Vec<T> =
            items.into_iter().filter_map(|(block, item)| seen.is_new(block).then_some(item)).collect();
        let repeated = (count - items.len()) as u64;
        Batch { name, items, bad, repeated, units }
    }
}

/// Works on every block of every part and hands the results over in the order of the input, each block once. What
/// `work` refuses is listed as bad. `state` is what a thread keeps from block to block. Waits for files and nodes: not for an async
/// task.
pub(crate) fn each_block<S, T: Send, E: From<InputError>>(
    mut parts: Parts,
    state: impl Fn() -> S + Sync + Send,
    work: impl Fn(&mut S, &RewardRecord, Option<Client>) -> Result<T, String> + Sync + Send,
    mut take: impl FnMut(Batch<T>) -> Result<(), E>,
) -> Result<(), E> {
    let mut seen = Seen::new();
    let window = 4 * rayon::current_num_threads().max(1);
    let mut together = Vec::with_capacity(window);
    loop {
        let next = parts.next_part()?;
        let alone = match next {
            Some(part) if part.reading == Reading::Together => {
                together.push(part);
                if together.len() < window {
                    continue;
                }
                None
            }
            Some(part) => Some(part),
            None if together.is_empty() => return Ok(()),
            None => None,
        };
        let whole: Vec<Worked<T>> = std::mem::take(&mut together)
            .into_par_iter()
            .map_init(&state, |state, part| whole_part(part, state, &work))
            .collect();
        whole.into_iter().try_for_each(|worked| take(worked.once(&mut seen)))?;
        if let Some(part) = alone {
            in_batches(part, &state, &work, &mut |worked: Worked<T>| take(worked.once(&mut seen)))?;
        }
    }
}

/// Works on all blocks of a part, one after the other.
fn whole_part<S, T>(
    part: Part,
    state: &mut S,
    work: &impl Fn(&mut S, &RewardRecord, Option<Client>) -> Result<T, String>,
) -> Worked<T> {
    let mut batch = Worked::new(&part.name, part.units);
    let label = part.label;
    for (position, record) in part.blocks(Limits::default()).enumerate() {
        batch.put(worked(record, position, state, label, work));
    }
    batch
}

fn in_batches<S, T: Send, E>(
    part: Part,
    state: &(impl Fn() -> S + Sync + Send),
    work: &(impl Fn(&mut S, &RewardRecord, Option<Client>) -> Result<T, String> + Sync + Send),
    take: &mut impl FnMut(Worked<T>) -> Result<(), E>,
) -> Result<(), E> {
    let (name, label, mut units, mut at) = (part.name.clone(), part.label, part.units, part.first_slot);
    let mut blocks = part.blocks(Limits::default()).enumerate();
    loop {
        let records: Vec<(usize, Result<RewardRecord, PartError>)> =
            blocks.by_ref().take(BATCH_BLOCKS).collect();
        let is_last = records.len() < BATCH_BLOCKS;
        let reached =
            records.iter().rev().find_map(|(_, record)| Some(record.as_ref().ok()?.observation.slot));
        let results: Vec<Result<(Identity, T), String>> = records
            .into_par_iter()
            .map_init(state, |state, (position, record)| worked(record, position, state, label, work))
            .collect();
        let done = match (&mut at, reached) {
            (Some(at), Some(reached)) if !is_last => {
                let done = reached.0.saturating_sub(at.0).min(units);
                *at = reached;
                done
            }
            _ if is_last => units,
            _ => 0,
        };
        units -= done;
        let mut batch = Worked::new(&name, done);
        results.into_iter().for_each(|result| batch.put(result));
        take(batch)?;
        if is_last {
            return Ok(());
        }
    }
}

fn worked<S, T>(
    record: Result<RewardRecord, PartError>,
    position: usize,
    state: &mut S,
    label: Option<Client>,
    work: &impl Fn(&mut S, &RewardRecord, Option<Client>) -> Result<T, String>,
) -> Result<(Identity, T), String> {
    let record = record.map_err(|error| error.to_string())?;
    let block = Identity { slot: record.observation.slot, root: record.observation.block_root };
    work(state, &record, label)
        .map(|item| (block, item))
        .map_err(|reason| format!("block {position} at slot {}: {reason}", record.observation.slot))
}
