//! The loop over inputs: block after block of every part, bad ones collected, several at a time.

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
    /// How many of the input's units are done with it.
    pub(crate) units: u64,
}

/// Blocks of a part that are in memory at once, where it is not read whole.
const BATCH_BLOCKS: usize = 512;

/// Works on every block of every part and hands the results over in the order of the input. What `work` refuses is
/// listed as bad. `state` is what a thread keeps from block to block. Waits for files and nodes: not for an async
/// task.
pub(crate) fn each_block<S, T: Send, E: From<InputError>>(
    mut parts: Parts,
    state: impl Fn() -> S + Sync + Send,
    work: impl Fn(&mut S, &RewardRecord, Option<Client>) -> Result<T, String> + Sync + Send,
    mut take: impl FnMut(Batch<T>) -> Result<(), E>,
) -> Result<(), E> {
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
        let whole: Vec<Batch<T>> = std::mem::take(&mut together)
            .into_par_iter()
            .map_init(&state, |state, part| whole_part(part, state, &work))
            .collect();
        whole.into_iter().try_for_each(&mut take)?;
        if let Some(part) = alone {
            in_batches(part, &state, &work, &mut take)?;
        }
    }
}

/// Works on all blocks of a part, one after the other.
fn whole_part<S, T>(
    part: Part,
    state: &mut S,
    work: &impl Fn(&mut S, &RewardRecord, Option<Client>) -> Result<T, String>,
) -> Batch<T> {
    let mut batch = Batch { name: part.name.clone(), items: Vec::new(), bad: Vec::new(), units: part.units };
    let label = part.label;
    for (position, record) in part.blocks(Limits::default()).enumerate() {
        put(&mut batch, worked(record, position, state, label, work));
    }
    batch
}

fn in_batches<S, T: Send, E>(
    part: Part,
    state: &(impl Fn() -> S + Sync + Send),
    work: &(impl Fn(&mut S, &RewardRecord, Option<Client>) -> Result<T, String> + Sync + Send),
    take: &mut impl FnMut(Batch<T>) -> Result<(), E>,
) -> Result<(), E> {
    let (name, label, mut units, mut at) = (part.name.clone(), part.label, part.units, part.first_slot);
    let mut blocks = part.blocks(Limits::default()).enumerate();
    loop {
        let records: Vec<(usize, Result<RewardRecord, PartError>)> =
            blocks.by_ref().take(BATCH_BLOCKS).collect();
        let is_last = records.len() < BATCH_BLOCKS;
        let reached =
            records.iter().rev().find_map(|(_, record)| Some(record.as_ref().ok()?.observation.slot));
        let results: Vec<Result<T, String>> = records
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
        let items = Vec::with_capacity(results.len());
        let mut batch = Batch { name: name.clone(), items, bad: Vec::new(), units: done };
        results.into_iter().for_each(|result| put(&mut batch, result));
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
) -> Result<T, String> {
    let record = record.map_err(|error| error.to_string())?;
    work(state, &record, label)
        .map_err(|reason| format!("block {position} at slot {}: {reason}", record.observation.slot))
}

fn put<T>(batch: &mut Batch<T>, result: Result<T, String>) {
    match result {
        Ok(item) => batch.items.push(item),
        Err(reason) => batch.bad.push(BadInput::new(&batch.name, reason)),
    }
}
