//! The loop over inputs: block after block of every file, bad ones collected, several at a time.

use fingerprint::Client;
use rayon::prelude::*;
use source::{InputFile, Inputs, Limits, RewardError, RewardRecord};

use crate::bad_input::BadInput;
use crate::progress::Progress;

/// What some blocks of one file became.
pub(crate) struct Batch<T> {
    pub(crate) items: Vec<T>,
    pub(crate) bad: Vec<BadInput>,
}

/// Files from this size on are read alone, a batch of blocks at a time; smaller ones whole, several at once.
const LARGE_BYTES: u64 = 64 << 20;

/// Blocks of a large file that are in memory at once.
const BATCH_BLOCKS: usize = 512;

/// Works on every block of every file and hands the results over in the order of the input. What `work` refuses is
/// listed as bad. `state` is what a thread keeps from block to block.
pub(crate) fn each_block<S, T: Send, E>(
    inputs: &Inputs,
    progress: &dyn Progress,
    state: impl Fn() -> S + Sync + Send,
    work: impl Fn(&mut S, &RewardRecord, Option<Client>) -> Result<T, String> + Sync + Send,
    mut take: impl FnMut(&InputFile, Batch<T>) -> Result<(), E>,
) -> Result<(), E> {
    let window = 4 * rayon::current_num_threads();
    let mut rest = inputs.files.as_slice();
    while let Some((first, others)) = rest.split_first() {
        if first.size_bytes >= LARGE_BYTES {
            in_batches(first, &state, &work, |batch| take(first, batch))?;
            progress.advance(1);
            rest = others;
            continue;
        }
        let small = rest.iter().take(window.max(1)).take_while(|file| file.size_bytes < LARGE_BYTES).count();
        let (files, others) = rest.split_at(small);
        let batches: Vec<Batch<T>> =
            files.par_iter().map(|file| whole_file(file, &mut state(), &work)).collect();
        for (file, batch) in files.iter().zip(batches) {
            take(file, batch)?;
            progress.advance(1);
        }
        rest = others;
    }
    Ok(())
}

/// Works on all blocks of a file, one after the other.
pub(crate) fn whole_file<S, T>(
    file: &InputFile,
    state: &mut S,
    work: &impl Fn(&mut S, &RewardRecord, Option<Client>) -> Result<T, String>,
) -> Batch<T> {
    let mut batch = Batch { items: Vec::new(), bad: Vec::new() };
    match file.open(Limits::default()) {
        Ok(reader) => {
            for (position, record) in reader.enumerate() {
                put(&mut batch, file, worked(record, position, state, file, work));
            }
        }
        Err(error) => batch.bad.push(unopened(file, &error)),
    }
    batch
}

fn in_batches<S, T: Send, E>(
    file: &InputFile,
    state: &(impl Fn() -> S + Sync + Send),
    work: &(impl Fn(&mut S, &RewardRecord, Option<Client>) -> Result<T, String> + Sync + Send),
    mut take: impl FnMut(Batch<T>) -> Result<(), E>,
) -> Result<(), E> {
    let mut reader = match file.open(Limits::default()) {
        Ok(reader) => reader.enumerate(),
        Err(error) => return take(Batch { items: Vec::new(), bad: vec![unopened(file, &error)] }),
    };
    loop {
        let records: Vec<(usize, Result<RewardRecord, RewardError>)> =
            reader.by_ref().take(BATCH_BLOCKS).collect();
        if records.is_empty() {
            return Ok(());
        }
        let results: Vec<Result<T, String>> = records
            .into_par_iter()
            .map_init(state, |state, (position, record)| worked(record, position, state, file, work))
            .collect();
        let mut batch = Batch { items: Vec::new(), bad: Vec::new() };
        results.into_iter().for_each(|result| put(&mut batch, file, result));
        take(batch)?;
    }
}

fn worked<S, T>(
    record: Result<RewardRecord, RewardError>,
    position: usize,
    state: &mut S,
    file: &InputFile,
    work: &impl Fn(&mut S, &RewardRecord, Option<Client>) -> Result<T, String>,
) -> Result<T, String> {
    let record = record.map_err(|error| error.to_string())?;
    work(state, &record, file.label)
        .map_err(|reason| format!("block {position} at slot {}: {reason}", record.observation.slot))
}

fn put<T>(batch: &mut Batch<T>, file: &InputFile, result: Result<T, String>) {
    match result {
        Ok(item) => batch.items.push(item),
        Err(reason) => batch.bad.push(BadInput::new(&file.path, reason)),
    }
}

fn unopened(file: &InputFile, error: &std::io::Error) -> BadInput {
    BadInput::new(&file.path, format_args!("the file can't be opened, because {error}"))
}
