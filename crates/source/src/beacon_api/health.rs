//! Which node to ask first: those that are well in the order given, then those that failed, the longest ago first.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::options::{ApiOptions, doubled};

/// What is known of the nodes. Shared by everything that asks them.
#[derive(Debug)]
pub(super) struct NodeHealth {
    nodes: Mutex<Vec<Condition>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Condition {
    failures: u32,
    /// Until when it is asked last.
    rests_until: Duration,
}

impl NodeHealth {
    pub(super) fn new(nodes: usize) -> Self {
        Self { nodes: Mutex::new(vec![Condition::default(); nodes]) }
    }

    /// All nodes, the one to ask first in front.
    pub(super) fn order(&self, now: Duration) -> Vec<usize> {
        let nodes = self.nodes();
        let mut order: Vec<usize> = (0..nodes.len()).collect();
        order.sort_by_key(|node| {
            let until = nodes.get(*node).map_or(Duration::ZERO, |condition| condition.rests_until);
            (until > now).then_some(until)
        });
        order
    }

    pub(super) fn well(&self, node: usize) {
        if let Some(condition) = self.nodes().get_mut(node) {
            *condition = Condition::default();
        }
    }

    pub(super) fn failed(&self, node: usize, now: Duration, options: &ApiOptions) {
        if let Some(condition) = self.nodes().get_mut(node) {
            condition.failures = condition.failures.saturating_add(1);
            let rest = doubled(options.first_rest, condition.failures, options.longest_rest);
            condition.rests_until = now.saturating_add(rest);
        }
    }

    fn nodes(&self) -> MutexGuard<'_, Vec<Condition>> {
        // What is inside is never left half changed.
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_that_failed_is_asked_last_until_it_has_rested() {
        let options = ApiOptions::default();
        let health = NodeHealth::new(3);
        let at = Duration::from_secs;
        assert_eq!(health.order(at(0)), [0, 1, 2]);
        health.failed(0, at(0), &options);
        assert_eq!(health.order(at(4)), [1, 2, 0]);
        assert_eq!(health.order(at(5)), [0, 1, 2]);
        // The second time in a row it rests twice as long.
        health.failed(0, at(5), &options);
        health.failed(2, at(6), &options);
        assert_eq!(health.order(at(7)), [1, 2, 0]);
        assert_eq!(health.order(at(11)), [1, 2, 0]);
        assert_eq!(health.order(at(15)), [0, 1, 2]);
        health.failed(1, at(15), &options);
        health.well(1);
        assert_eq!(health.order(at(15)), [0, 1, 2]);
        for _ in 0..50 {
            health.failed(1, at(20), &options);
        }
        assert_eq!(health.order(at(139)), [0, 2, 1]);
        assert_eq!(health.order(at(140)), [0, 1, 2]);
    }
}
