//! Which node to ask first: those that are well in the order given, then those that failed, the longest ago first; and
//! what each of them gave so far.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::options::{ApiOptions, doubled};

/// What is known of the nodes. Shared by everything that asks them.
#[derive(Debug)]
pub(super) struct NodeHealth {
    nodes: Mutex<Vec<Condition>>,
}

#[derive(Clone, Debug, Default)]
struct Condition {
    failures: u32,
    /// Until when it is asked last.
    rests_until: Duration,
    answered: Option<Duration>,
    told: Option<Duration>,
    /// Failures by the hour they fell into, the newest last.
    errors: VecDeque<(u64, u64)>,
}

/// Hours of which failures are remembered, the one that runs included.
const HOURS: u64 = 24;

/// What a node gave since this process asks it. Times are how long ago.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeRecord {
    /// The node, without user and password.
    pub node: Arc<str>,
    /// Its newest answer or event; `None` without any.
    pub answered: Option<Duration>,
    /// Its newest event; `None` without any.
    pub told: Option<Duration>,
    /// Questions without an answer and broken streams, in this hour and the 23 before it.
    pub errors: u64,
    /// How long it is asked, at most 24 hours: what `errors` covers.
    pub since: Duration,
}

fn hour(now: Duration) -> u64 {
    now.as_secs() / 3_600
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

    /// A node answered.
    pub(super) fn well(&self, node: usize, now: Duration) {
        if let Some(condition) = self.nodes().get_mut(node) {
            condition.failures = 0;
            condition.rests_until = Duration::ZERO;
            condition.answered = Some(now);
        }
    }

    /// A node told of an event.
    pub(super) fn told(&self, node: usize, now: Duration) {
        self.well(node, now);
        if let Some(condition) = self.nodes().get_mut(node) {
            condition.told = Some(now);
        }
    }

    /// What a node gave so far.
    pub(super) fn record(&self, index: usize, node: &Arc<str>, now: Duration) -> Option<NodeRecord> {
        let nodes = self.nodes();
        let condition = nodes.get(index)?;
        let oldest = (hour(now) + 1).saturating_sub(HOURS);
        let errors = condition.errors.iter().filter(|(hour, _)| *hour >= oldest);
        Some(NodeRecord {
            node: Arc::clone(node),
            answered: condition.answered.map(|at| now.saturating_sub(at)),
            told: condition.told.map(|at| now.saturating_sub(at)),
            errors: errors.fold(0, |sum: u64, (_, count)| sum.saturating_add(*count)),
            since: now.min(Duration::from_secs(HOURS * 3_600)),
        })
    }

    pub(super) fn failed(&self, node: usize, now: Duration, options: &ApiOptions) {
        if let Some(condition) = self.nodes().get_mut(node) {
            condition.failures = condition.failures.saturating_add(1);
            let rest = doubled(options.first_rest, condition.failures, options.longest_rest);
            condition.rests_until = now.saturating_add(rest);
            match condition.errors.back_mut() {
                Some((last, count)) if *last == hour(now) => *count = count.saturating_add(1),
                _ => condition.errors.push_back((hour(now), 1)),
            }
            if condition.errors.len() as u64 > HOURS {
                condition.errors.pop_front();
            }
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
        health.well(1, at(15));
        assert_eq!(health.order(at(15)), [0, 1, 2]);
        for _ in 0..50 {
            health.failed(1, at(20), &options);
        }
        assert_eq!(health.order(at(139)), [0, 2, 1]);
        assert_eq!(health.order(at(140)), [0, 1, 2]);
    }
    #[test]
    fn what_a_node_gave_is_remembered_for_a_day() {
        let options = ApiOptions::default();
        let health = NodeHealth::new(2);
        let at = Duration::from_secs;
        let name: Arc<str> = "http://localhost:5052/".into();
        let record = |now| health.record(1, &name, at(now)).unwrap();
        assert_eq!((record(9).answered, record(9).told, record(9).errors), (None, None, 0));
        health.told(1, at(10));
        health.failed(1, at(20), &options);
        health.failed(1, at(4_000), &options);
        health.well(1, at(4_100));
        let now = record(4_110);
        assert_eq!((now.answered, now.told), (Some(at(10)), Some(at(4_100))));
        assert_eq!((now.errors, now.since), (2, at(4_110)));
        // The first hour is forgotten with the twenty-fifth.
        assert_eq!(record(23 * 3_600 + 5).errors, 2);
        assert_eq!((record(24 * 3_600 + 5).errors, record(24 * 3_600 + 5).since), (1, at(24 * 3_600)));
        assert_eq!(record(90 * 3_600).errors, 0);
        for again in 0..100 {
            health.failed(1, at(again * 3_600), &options);
        }
        assert_eq!(record(99 * 3_600).errors, 24);
        assert!(health.record(2, &name, at(0)).is_none());
    }
}
