//! What the hasher keeps for each field of a state, made from the declaration of the state.

use rayon::prelude::*;

use super::elements::ElementsMemory;
use super::packed::PackedMemory;
use super::registry::RegistryMemory;
use crate::containers::{beacon_state, *};
use crate::primitives::Root;
use crate::spec::Shape;
use crate::spec::sizes::*;
use crate::ssz::{Bits, Column, List, Size, Ssz, Unbounded, container};

/// A type of a field of the state, with what is kept from one root to the next.
trait Kept: Ssz {
    /// What is kept.
    type Memory: Default + Send;

    /// The hash tree root.
    fn root(&self, memory: &mut Self::Memory, shape: &Shape<'_>) -> [u8; 32];

    /// Bytes of what is kept.
    fn bytes(memory: &Self::Memory) -> usize;
}

/// The root of a field, yet to be computed.
type Task<'a> = Box<dyn FnOnce() -> [u8; 32] + Send + 'a>;

/// Declares the memory of all fields.
macro_rules! memories {
    (
        $(#[$meta:meta])*
        pub struct $name:ident $(: progressive since $progressive:ident)? {
            $( $(#[$field_meta:meta])* pub $field:ident : $type:ty $(=> $since:ident .. $($until:ident)?)? ),* $(,)?
        }
    ) => {
        /// What is kept for each field of a state.
        #[derive(Default)]
        pub(super) struct Memories {
            $( $field: <$type as Kept>::Memory, )*
        }

        impl Memories {
            /// The root of each field that the fork has, in order.
            pub(super) fn roots(&mut self, state: &$name, shape: &Shape<'_>) -> Vec<[u8; 32]> {
                let mut tasks: Vec<Task<'_>> = Vec::new();
                $( if container!(@present shape $(, $since $(, $until)?)?) {
                    let memory = &mut self.$field;
                    tasks.push(Box::new(move || Kept::root(&state.$field, memory, shape)));
                } )*
                tasks.into_par_iter().map(|task| task()).collect()
            }

            /// Bytes of all that is kept, without what single elements point to.
            pub(super) fn bytes(&self) -> usize {
                0 $( + <$type as Kept>::bytes(&self.$field) )*
            }
        }
    };
}

beacon_state!(memories);

impl Memories {
    /// At the end of an epoch the current epoch's participation becomes the previous one's. Then its tree goes along.
    pub(super) fn rotate(&mut self, state: &BeaconState) {
        let (previous, current) =
            (&mut self.previous_epoch_participation, &mut self.current_epoch_participation);
        if previous.is_rather(current, state.previous_epoch_participation.shared()) {
            std::mem::swap(previous, current);
        }
        let (previous, current) =
            (&mut self.previous_epoch_attestations, &mut self.current_epoch_attestations);
        if previous.is_rather(current, &state.previous_epoch_attestations) {
            std::mem::swap(previous, current);
        }
    }
}

/// Small values are hashed every time.
macro_rules! plain {
    ($($type:ty),* $(,)?) => {$(
        impl Kept for $type {
            type Memory = ();

            fn root(&self, (): &mut (), shape: &Shape<'_>) -> [u8; 32] {
                self.hash_tree_root(shape)
            }

            fn bytes((): &()) -> usize {
                0
            }
        }
    )*};
}

plain!(
    u64,
    Root,
    ForkRecord,
    BeaconBlockHeader,
    Eth1Data,
    Checkpoint,
    ExecutionPayloadHeader,
    ExecutionPayloadBid
);

impl<S: Size> Kept for Bits<S> {
    type Memory = ();

    fn root(&self, (): &mut (), shape: &Shape<'_>) -> [u8; 32] {
        self.hash_tree_root(shape)
    }

    fn bytes((): &()) -> usize {
        0
    }
}

/// A column of numbers or roots. (One implementation for all of them would forbid those for columns of containers.)
macro_rules! packed {
    ($($type:ty),*) => {$(
        impl<S: Size> Kept for Column<$type, S> {
            type Memory = PackedMemory<$type>;

            fn root(&self, memory: &mut Self::Memory, shape: &Shape<'_>) -> [u8; 32] {
                memory.root(self, shape)
            }

            fn bytes(memory: &Self::Memory) -> usize {
                memory.bytes()
            }
        }
    )*};
}

packed!(u8, u64, Root);

/// A column of containers.
macro_rules! elements {
    ($($type:ty),* $(,)?) => {$(
        impl<S: Size> Kept for Column<$type, S> {
            type Memory = ElementsMemory<$type>;

            fn root(&self, memory: &mut Self::Memory, shape: &Shape<'_>) -> [u8; 32] {
                memory.root(self, shape)
            }

            fn bytes(memory: &Self::Memory) -> usize {
                memory.bytes()
            }
        }
    )*};
}

elements!(
    Eth1Data,
    PendingAttestation,
    HistoricalSummary,
    PendingDeposit,
    PendingPartialWithdrawal,
    PendingConsolidation,
    Builder,
    BuilderPendingPayment,
    BuilderPendingWithdrawal,
    Withdrawal,
    List<u64, PtcSize>,
);

impl Kept for Registry {
    type Memory = RegistryMemory;

    fn root(&self, memory: &mut Self::Memory, shape: &Shape<'_>) -> [u8; 32] {
        memory.root(self, shape)
    }

    fn bytes(memory: &Self::Memory) -> usize {
        memory.bytes()
    }
}

/// A sync committee serves for a day: its root is kept with it.
impl Kept for SyncCommittee {
    type Memory = Option<(SyncCommittee, [u8; 32])>;

    fn root(&self, memory: &mut Self::Memory, shape: &Shape<'_>) -> [u8; 32] {
        match memory {
            Some((known, root)) if known == self => *root,
            _ => memory.insert((self.clone(), self.hash_tree_root(shape))).1,
        }
    }

    fn bytes(memory: &Self::Memory) -> usize {
        memory.as_ref().map_or(0, |(committee, _)| size_of_val::<[PublicKeyBytes]>(&committee.pubkeys))
    }
}
