//! Partial withdrawals that wait, and how much of it each validator waits for (EIP-7251).

use std::collections::HashMap;
use std::sync::Arc;

use super::State;
use crate::containers::PendingPartialWithdrawal;

impl State {
    /// Gwei that wait to be withdrawn from a validator. The queue is read once; after that its sums are kept.
    ///
    /// Source: electra `get_pending_balance_to_withdraw`.
    pub(crate) fn pending_balance_to_withdraw(&mut self, validator: u64) -> u64 {
        let sums = self.caches.pending_partials.get_or_insert_with(|| {
            let mut sums = HashMap::new();
            for waiting in &self.data.pending_partial_withdrawals {
                let sum: &mut u64 = sums.entry(waiting.validator_index).or_default();
                *sum = sum.saturating_add(waiting.amount);
            }
            Arc::new(sums)
        });
        sums.get(&validator).copied().unwrap_or_default()
    }

    /// Queues a partial withdrawal.
    pub(crate) fn push_partial_withdrawal(&mut self, waiting: PendingPartialWithdrawal) {
        if let Some(sums) = &mut self.caches.pending_partials {
            let sum = Arc::make_mut(sums).entry(waiting.validator_index).or_default();
            *sum = sum.saturating_add(waiting.amount);
        }
        self.data.pending_partial_withdrawals.push(waiting);
    }

    /// Takes the first `count` partial withdrawals off the queue.
    ///
    /// Source: electra `update_pending_partial_withdrawals`.
    pub(crate) fn drop_partial_withdrawals(&mut self, count: usize) {
        let count = count.min(self.data.pending_partial_withdrawals.len());
        if count == 0 {
            return;
        }
        let done: Vec<_> = self.data.pending_partial_withdrawals.make_mut().drain(..count).collect();
        let Some(sums) = &mut self.caches.pending_partials else { return };
        let sums = Arc::make_mut(sums);
        for paid in done {
            if let Some(sum) = sums.get_mut(&paid.validator_index) {
                *sum = sum.saturating_sub(paid.amount);
            }
        }
    }
}
