//! The validators: the root of each is kept.

use std::sync::Arc;

use super::forest::{Forest, Form};
use super::mirror::Mirror;
use super::tree::read_nodes;
use crate::containers::{PublicKeyBytes, Registry};
use crate::primitives::Root;
use crate::spec::Shape;
use crate::spec::sizes::ValidatorRegistryLimit;
use crate::ssz::Size;
use crate::ssz::merkle::{depth_of, hash_pairs, mix_in_length};

/// Validators that are hashed in one go.
const BATCH: usize = 32;

/// From so many validators on, they are divided among threads.
const DIVIDE: usize = if cfg!(test) { 8 } else { 512 };

/// The columns as they were when last hashed, the root of each validator, and the tree above them.
#[derive(Default)]
pub(super) struct RegistryMemory {
    pubkeys: Mirror<PublicKeyBytes>,
    withdrawal_credentials: Mirror<Root>,
    effective_balances: Mirror<u64>,
    slashed: Mirror<bool>,
    activation_eligibility_epochs: Mirror<u64>,
    activation_epochs: Mirror<u64>,
    exit_epochs: Mirror<u64>,
    withdrawable_epochs: Mirror<u64>,
    roots: Vec<[u8; 32]>,
    forest: Forest,
}

/// One bit for each validator.
struct Marks(Vec<u64>);

impl Marks {
    fn set(&mut self, place: usize) {
        if let Some(word) = self.0.get_mut(place / 64) {
            *word |= 1 << (place % 64);
        }
    }

    fn ones(&self) -> Vec<u32> {
        let mut ones = Vec::new();
        for (start, word) in (0_u32..).step_by(64).zip(&self.0) {
            let mut rest = *word;
            while rest != 0 {
                ones.push(start + rest.trailing_zeros());
                rest &= rest - 1;
            }
        }
        ones
    }
}

impl RegistryMemory {
    /// The root of the validators.
    pub(super) fn root(&mut self, registry: &Registry, shape: &Shape<'_>) -> [u8; 32] {
        let form = match ValidatorRegistryLimit::is_progressive(shape) {
            true => Form::Growing,
            false => Form::Limited(depth_of(ValidatorRegistryLimit::of(shape))),
        };
        self.update(registry, form);
        let root = self.forest.root(form);
        mix_in_length(&root, registry.len() as u64)
    }

    fn update(&mut self, registry: &Registry, form: Form) {
        let (old_len, len) = (self.roots.len(), registry.len());
        let mut marks = Marks(vec![0; len.div_ceil(64)]);
        let mut any = old_len != len || !self.forest.is_like(form);
        any |= refresh(&mut self.pubkeys, &registry.pubkeys, &mut marks);
        any |= refresh(&mut self.withdrawal_credentials, &registry.withdrawal_credentials, &mut marks);
        any |= refresh(&mut self.effective_balances, &registry.effective_balances, &mut marks);
        any |= refresh(&mut self.slashed, &registry.slashed, &mut marks);
        any |= refresh(
            &mut self.activation_eligibility_epochs,
            &registry.activation_eligibility_epochs,
            &mut marks,
        );
        any |= refresh(&mut self.activation_epochs, &registry.activation_epochs, &mut marks);
        any |= refresh(&mut self.exit_epochs, &registry.exit_epochs, &mut marks);
        any |= refresh(&mut self.withdrawable_epochs, &registry.withdrawable_epochs, &mut marks);
        if !any {
            return;
        }
        let mut changed = marks.ones();
        self.roots.resize(len, [0; 32]);
        hash_validators(registry, &changed, 0, &mut self.roots);
        changed.iter_mut().for_each(|place| *place /= 2);
        changed.dedup();
        let last = (len.div_ceil(2) as u32).checked_sub(1);
        if old_len != len && changed.last().copied() != last {
            changed.extend(last);
        }
        let roots = &self.roots;
        self.forest.update(form, len, &mut changed, |place, pair| read_nodes(roots, &[0; 64], place, pair));
    }

    /// Bytes of memory.
    pub(super) fn bytes(&self) -> usize {
        self.pubkeys.bytes()
            + self.withdrawal_credentials.bytes()
            + self.effective_balances.bytes()
            + self.slashed.bytes()
            + self.activation_eligibility_epochs.bytes()
            + self.activation_epochs.bytes()
            + self.exit_epochs.bytes()
            + self.withdrawable_epochs.bytes()
            + self.roots.capacity() * 32
            + self.forest.bytes()
    }
}

/// Copies what changed in a column and marks the validators. Whether there may be any.
fn refresh<T: Copy + PartialEq>(mirror: &mut Mirror<T>, column: &Arc<Vec<T>>, marks: &mut Marks) -> bool {
    if mirror.is_of(column) {
        return false;
    }
    let kept = &mut mirror.items;
    kept.truncate(column.len());
    let known = kept.len();
    for (start, (kept, new)) in (0..).step_by(64).zip(kept.chunks_mut(64).zip(column.chunks(64))) {
        if let Some(new) = new.get(..kept.len()).filter(|new| *new != kept) {
            for (place, (kept, new)) in (start..).zip(kept.iter_mut().zip(new)) {
                if kept != new {
                    *kept = *new;
                    marks.set(place);
                }
            }
        }
    }
    kept.extend_from_slice(column.get(known..).unwrap_or_default());
    (known..column.len()).for_each(|place| marks.set(place));
    mirror.set_memory(column);
    true
}

/// Writes the root of each of the validators at `places` into `out`, which begins with place `first`.
fn hash_validators(registry: &Registry, places: &[u32], first: u32, out: &mut [[u8; 32]]) {
    if places.len() >= DIVIDE {
        let (low, high) = places.split_at(places.len() / 2);
        let middle = high.first().copied().unwrap_or(first);
        if let Some((out_low, out_high)) = out.split_at_mut_checked((middle - first) as usize) {
            rayon::join(
                || hash_validators(registry, low, first, out_low),
                || hash_validators(registry, high, middle, out_high),
            );
        }
        return;
    }
    for places in places.chunks(BATCH) {
        let roots = hash_batch(registry, places);
        for (place, root) in places.iter().zip(roots) {
            if let Some(node) = out.get_mut((place - first) as usize) {
                *node = root;
            }
        }
    }
}

/// The roots of a batch of validators. A validator's eight leaves are the root of its key, the credentials, the
/// effective balance, whether it was slashed, and four epochs.
fn hash_batch(registry: &Registry, places: &[u32]) -> [[u8; 32]; BATCH] {
    let count = places.len().min(BATCH);
    let number = |column: &[u64], place: u32| column.get(place as usize).copied().unwrap_or_default();
    let mut pairs = [[[0; 64]; 4]; BATCH];
    for (pairs, place) in pairs.iter_mut().zip(places) {
        let [key, balance, entry, exit] = pairs;
        if let (Some(key), Some(from)) = (key.first_chunk_mut(), registry.pubkeys.get(*place as usize)) {
            *key = from.0;
        }
        write_numbers(balance, number(&registry.effective_balances, *place), {
            u64::from(registry.slashed.get(*place as usize) == Some(&true))
        });
        write_numbers(
            entry,
            number(&registry.activation_eligibility_epochs, *place),
            number(&registry.activation_epochs, *place),
        );
        write_numbers(
            exit,
            number(&registry.exit_epochs, *place),
            number(&registry.withdrawable_epochs, *place),
        );
    }
    let mut low = [[[0; 32]; 4]; BATCH];
    hash_pairs(pairs.as_flattened().get(..4 * count).unwrap_or_default(), low.as_flattened_mut());

    let mut pairs = [[[0; 64]; 2]; BATCH];
    for ((pairs, [key, _, entry, exit]), place) in pairs.iter_mut().zip(&low).zip(places) {
        let credentials = registry.withdrawal_credentials.get(*place as usize).copied().unwrap_or_default();
        let [left, right] = pairs;
        join(left, key, &credentials.0);
        join(right, entry, exit);
    }
    let mut middle = [[[0; 32]; 2]; BATCH];
    hash_pairs(pairs.as_flattened().get(..2 * count).unwrap_or_default(), middle.as_flattened_mut());

    let mut pairs = [[0; 64]; BATCH];
    for ((pair, [identity, _]), [_, balance, ..]) in pairs.iter_mut().zip(&middle).zip(&low) {
        join(pair, identity, balance);
    }
    let mut high = [[0; 32]; BATCH];
    hash_pairs(pairs.get(..count).unwrap_or_default(), &mut high);

    for ((pair, left), [_, epochs]) in pairs.iter_mut().zip(&high).zip(&middle) {
        join(pair, left, epochs);
    }
    let mut roots = [[0; 32]; BATCH];
    hash_pairs(pairs.get(..count).unwrap_or_default(), &mut roots);
    roots
}

/// Writes two numbers as two leaves.
fn write_numbers(pair: &mut [u8; 64], left: u64, right: u64) {
    pair[..8].copy_from_slice(&left.to_le_bytes());
    pair[32..40].copy_from_slice(&right.to_le_bytes());
}

fn join(pair: &mut [u8; 64], left: &[u8; 32], right: &[u8; 32]) {
    pair[..32].copy_from_slice(left);
    pair[32..].copy_from_slice(right);
}
