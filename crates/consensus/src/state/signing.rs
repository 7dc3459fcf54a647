//! Domains: what a signature is bound to besides its message. Digests: what network messages are bound to.

use super::State;
use crate::containers::{ForkData, SigningData, Version};
use crate::primitives::Root;
use crate::spec::{Fork, Shape, Spec};
use crate::ssz::{Ssz, merkle};

/// The domain of a kind of message, for a fork version and a network.
///
/// Source: phase0 `compute_domain`.
pub fn compute_domain(
    kind: [u8; 4],
    version: Version,
    genesis_validators_root: Root,
    shape: &Shape<'_>,
) -> Root {
    let data = ForkData { current_version: version, genesis_validators_root };
    let root = data.hash_tree_root(shape);
    let mut domain = [0; 32];
    for (to, from) in domain.iter_mut().zip(kind.iter().chain(&root)) {
        *to = *from;
    }
    Root(domain)
}

/// What is signed: the message's root and the domain.
///
/// Source: phase0 `compute_signing_root`.
pub fn compute_signing_root<T: Ssz>(message: &T, domain: Root, shape: &Shape<'_>) -> [u8; 32] {
    SigningData { object_root: Root(message.hash_tree_root(shape)), domain }.hash_tree_root(shape)
}

/// Names the fork and, from Fulu on, the limit of blobs that hold in an epoch.
///
/// Source: phase0 and fulu `compute_fork_digest`.
pub fn compute_fork_digest(spec: &Spec, genesis_validators_root: Root, epoch: u64) -> [u8; 4] {
    let config = &spec.config;
    let fork = config.fork_at(epoch);
    let data = ForkData { current_version: config.fork_version(fork), genesis_validators_root };
    let mut digest = data.hash_tree_root(&spec.shape(fork)).first_chunk::<4>().copied().unwrap_or_default();
    if fork >= Fork::Fulu {
        let since =
            config.blob_schedule.iter().map(|entry| entry.epoch).filter(|since| *since <= epoch).max();
        let since = since.unwrap_or_else(|| config.fork_epoch(Fork::Electra));
        let blobs = merkle::hash(&[since.to_le_bytes(), config.max_blobs_at(epoch).to_le_bytes()].concat());
        for (byte, mask) in digest.iter_mut().zip(blobs) {
            *byte ^= mask;
        }
    }
    digest
}

impl State {
    /// The domain of a kind of message in an epoch.
    ///
    /// Source: phase0 `get_domain`.
    pub fn domain(&self, kind: [u8; 4], epoch: u64) -> Root {
        let fork = &self.data.fork;
        let version = if epoch < fork.epoch { fork.previous_version } else { fork.current_version };
        compute_domain(kind, version, self.data.genesis_validators_root, &self.shape())
    }
}
