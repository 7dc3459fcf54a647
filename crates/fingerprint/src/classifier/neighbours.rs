//! The k nearest training rows of a query, and what they vote for.
//!
//! Equal rows are kept once, with how many of each class there are. Rows that tie for the last places share them,
//! so that no class gains by standing first in training order. Many points are searched through a kd-tree, few or very wide ones by looking at all. Both give the same
//! answer to the last bit, because a branch is left out only when a lower bound, rounded exactly like the
//! distances themselves, is above the distance of the worst neighbour found so far.

use std::cmp::Ordering;

use rayon::prelude::*;

use super::kd_tree::{self, Point, Tree};
use super::rows::Rows;

/// Below this many points a plain scan is as quick as the tree.
const BRUTE_FORCE_POINTS: usize = 64;

/// Training rows of one class with the same values, near a query.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Neighbour {
    /// Euclidean distance to the query.
    pub distance: f64,
    /// Position of the first of them in training order.
    pub row: u32,
    /// Position of their class.
    pub class: u8,
    /// How many there are.
    pub rows: u32,
}

/// Training rows arranged for nearest-neighbour queries.
#[derive(Clone, Debug, PartialEq)]
pub struct NeighbourIndex {
    pub(super) k: usize,
    pub(super) width: usize,
    pub(super) class_count: usize,
    pub(super) row_count: u32,
    /// Distinct points, row after row, in the order of the tree's leaves.
    pub(super) points: Vec<f64>,
    /// Where the members of each point begin in `member_rows` and `member_classes`; one more than points.
    pub(super) starts: Vec<u32>,
    /// The first row of the member, which stands for all rows of its class at the point.
    pub(super) member_rows: Vec<u32>,
    pub(super) member_classes: Vec<u8>,
    /// How many rows the member stands for.
    pub(super) member_counts: Vec<u32>,
    pub(super) tree: Option<Tree>,
}

impl NeighbourIndex {
    /// Arranges the rows. `k` is at least 1; `class_count` is above every class of the rows.
    pub fn build(rows: &Rows, k: usize, class_count: usize) -> Self {
        let k = k.max(1);
        let width = rows.width();
        let groups = Groups::of(rows);
        let built = kd_tree::build(rows, groups.points(), Self::wants_tree(groups.len(), width));
        let mut index = Self {
            k,
            width,
            class_count,
            row_count: rows.len() as u32,
            points: built.points,
            starts: Vec::with_capacity(built.order.len() + 1),
            member_rows: Vec::with_capacity(built.order.len()),
            member_classes: Vec::with_capacity(built.order.len()),
            member_counts: Vec::with_capacity(built.order.len()),
            tree: built.tree,
        };
        index.starts.push(0);
        for point in built.order {
            let first = index.member_rows.len();
            for &row in groups.members(&point) {
                let class = rows.classes().get(row as usize).copied().unwrap_or_default();
                let known = index.member_classes.iter().skip(first).position(|other| *other == class);
                match known.and_then(|place| index.member_counts.get_mut(first + place)) {
                    Some(count) => *count += 1,
                    None => {
                        index.member_rows.push(row);
                        index.member_classes.push(class);
                        index.member_counts.push(1);
                    }
                }
            }
            index.starts.push(index.member_rows.len() as u32);
        }
        index
    }

    /// Whether so many points of such a width are searched through a tree.
    pub(super) fn wants_tree(points: usize, width: usize) -> bool {
        points > BRUTE_FORCE_POINTS && width <= kd_tree::MAX_WIDTH
    }

    /// How many neighbours vote.
    pub fn k(&self) -> usize {
        self.k
    }

    /// Values per row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Number of distinct points kept.
    pub fn point_count(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    /// Number of rows trained on.
    pub fn row_count(&self) -> usize {
        self.row_count as usize
    }

    /// The `k` nearest rows and all that are as far as the last of them, nearest first; among equally far ones
    /// the lowest position first. Empty if the query has another width or a value that is no number.
    pub fn nearest(&self, query: &[f64]) -> Vec<Neighbour> {
        let mut nearest = self.nearest_squared(query);
        for neighbour in &mut nearest {
            neighbour.distance = neighbour.distance.sqrt();
        }
        nearest
    }

    fn nearest_squared(&self, query: &[f64]) -> Vec<Neighbour> {
        if query.len() != self.width || query.iter().any(|value| !value.is_finite()) {
            return Vec::new();
        }
        let mut found = Nearest { k: self.k as u64, rows: 0, kept: Vec::with_capacity(self.k.min(1024) + 1) };
        match &self.tree {
            None => self.scan(query, 0, self.point_count(), &mut found),
            Some(tree) => {
                let mut offsets = [0.0; kd_tree::MAX_WIDTH];
                let offsets = offsets.get_mut(..self.width).unwrap_or_default();
                let root = Branch { node: 0, start: 0, end: self.point_count() };
                self.descend(tree, root, query, offsets, &mut found);
            }
        }
        let mut kept = found.kept;
        kept.sort_unstable_by(|a, b| a.distance.total_cmp(&b.distance).then(a.row.cmp(&b.row)));
        kept
    }

    fn descend(&self, tree: &Tree, branch: Branch, query: &[f64], offsets: &mut [f64], found: &mut Nearest) {
        let Some((axis, split)) = tree.split(branch.node) else {
            return self.scan(query, branch.start, branch.end, found);
        };
        let (Some(&value), Some(&old)) = (query.get(axis), offsets.get(axis)) else { return };
        let middle = kd_tree::middle(branch.start, branch.end);
        let left = Branch { node: 2 * branch.node + 1, start: branch.start, end: middle };
        let right = Branch { node: 2 * branch.node + 2, start: middle, end: branch.end };
        let difference = value - split;
        let (near, far) = if difference < 0.0 { (left, right) } else { (right, left) };
        self.descend(tree, near, query, offsets, found);

        // Summed in the order of the columns, like a distance: only so is it never above one by rounding.
        set(offsets, axis, difference);
        let bound = offsets.iter().fold(0.0, |sum, offset| sum + offset * offset);
        if bound <= found.worst() {
            self.descend(tree, far, query, offsets, found);
        }
        set(offsets, axis, old);
    }

    fn scan(&self, query: &[f64], start: usize, end: usize, found: &mut Nearest) {
        let points = self.points.get(start * self.width..end * self.width).unwrap_or_default();
        let mut worst = found.worst();
        // A width of zero has no chunks; such an index has no features and is never trained.
        for (offset, point) in points.chunks_exact(self.width.max(1)).enumerate() {
            let mut squared = 0.0;
            for (a, b) in point.iter().zip(query) {
                let difference = b - a;
                squared += difference * difference;
            }
            if squared <= worst {
                self.take(start + offset, squared, found);
                worst = found.worst();
            }
        }
    }

    fn take(&self, point: usize, squared: f64, found: &mut Nearest) {
        let (Some(&start), Some(&end)) = (self.starts.get(point), self.starts.get(point + 1)) else { return };
        let members = start as usize..end as usize;
        let firsts = self.member_rows.get(members.clone()).unwrap_or_default();
        let classes = self.member_classes.get(members.clone()).unwrap_or_default();
        let counts = self.member_counts.get(members).unwrap_or_default();
        for ((&row, &class), &rows) in firsts.iter().zip(classes).zip(counts) {
            found.offer(Neighbour { distance: squared, row, class, rows });
        }
    }

    /// Probability of every class: the `k` nearest vote with the inverse of their distance, or, where some
    /// are at distance zero, those alone with equal weight. Rows that tie for the last places share them. Empty
    /// if the query cannot be used.
    pub fn probabilities(&self, query: &[f64]) -> Vec<f64> {
        let nearest = self.nearest(query);
        if nearest.is_empty() {
            return Vec::new();
        }
        let weights = weights(&nearest, self.k);
        let mut sums = vec![0.0; self.class_count];
        for (neighbour, weight) in nearest.iter().zip(&weights) {
            if let Some(sum) = sums.get_mut(neighbour.class as usize) {
                *sum += weight;
            }
        }
        let total: f64 = sums.iter().sum();
        if total > 0.0 {
            sums.iter_mut().for_each(|sum| *sum /= total);
        }
        sums
    }
}

/// The weight of each neighbour's votes, where `k` rows vote and those as far as the last share what is left.
pub fn weights(nearest: &[Neighbour], k: usize) -> Vec<f64> {
    let mut weights = weights_of_one(nearest);
    let Some(last) = nearest.last().map(|last| last.distance) else { return weights };
    let count = |tied: bool| -> u64 {
        let these = nearest.iter().filter(|one| (one.distance == last) == tied);
        these.map(|one| u64::from(one.rows)).sum()
    };
    let places = (k as u64).saturating_sub(count(false)) as f64;
    let share = (places / count(true) as f64).min(1.0);
    for (weight, neighbour) in weights.iter_mut().zip(nearest) {
        let votes = f64::from(neighbour.rows);
        *weight *= if neighbour.distance == last { votes * share } else { votes };
    }
    weights
}

/// The weight of one row of each neighbour.
fn weights_of_one(nearest: &[Neighbour]) -> Vec<f64> {
    let inverse = |neighbour: &Neighbour| 1.0 / neighbour.distance;
    let total: f64 = nearest.iter().map(inverse).sum();
    if total > 0.0 && total.is_finite() {
        nearest.iter().map(inverse).collect()
    } else if total > 0.0 {
        // Some are at distance zero, or so near that the inverse is beyond numbers.
        nearest.iter().map(|neighbour| f64::from(u8::from(inverse(neighbour).is_infinite()))).collect()
    } else {
        // All are so far that their distance is beyond numbers.
        vec![1.0; nearest.len()]
    }
}

fn set(values: &mut [f64], position: usize, value: f64) {
    if let Some(slot) = values.get_mut(position) {
        *slot = value;
    }
}

#[derive(Clone, Copy)]
struct Branch {
    node: usize,
    start: usize,
    end: usize,
}

/// The best so far, by distance: `k` rows and all that are as far as the last. While searching, `distance` is
/// squared.
struct Nearest {
    k: u64,
    /// How many rows are kept.
    rows: u64,
    kept: Vec<Neighbour>,
}

impl Nearest {
    fn worst(&self) -> f64 {
        match self.kept.last() {
            Some(last) if self.rows >= self.k => last.distance,
            _ => f64::INFINITY,
        }
    }

    /// Takes the neighbour if it is among the best.
    fn offer(&mut self, neighbour: Neighbour) {
        let worst = self.worst();
        if neighbour.distance > worst {
            return;
        }
        let place = self.kept.partition_point(|one| one.distance <= neighbour.distance);
        self.kept.insert(place, neighbour);
        self.rows += u64::from(neighbour.rows);
        // Only a nearer one can make those that tie for the last places superfluous.
        if neighbour.distance < worst {
            self.drop_superfluous();
        }
    }

    fn drop_superfluous(&mut self) {
        while let Some(last) = self.kept.last().map(|last| last.distance) {
            let first = self.kept.partition_point(|one| one.distance < last);
            let tied = self.kept.iter().skip(first).map(|one| u64::from(one.rows)).sum::<u64>();
            if self.rows - tied < self.k {
                return;
            }
            self.kept.truncate(first);
            self.rows -= tied;
        }
    }
}

/// Rows sorted so that equal ones lie together, each group's rows ascending.
struct Groups {
    rows: Vec<u32>,
    starts: Vec<u32>,
}

impl Groups {
    fn of(rows: &Rows) -> Self {
        let mut keyed: Vec<(u64, u32)> =
            (0..rows.len() as u32).into_par_iter().map(|row| (mix(rows.row(row as usize)), row)).collect();
        keyed.par_sort_unstable();
        let same = |a: u32, b: u32| rows.row(a as usize) == rows.row(b as usize);
        // Different rows with one hash would lie mixed: sort such a run by value.
        for run in keyed.chunk_by_mut(|(a, _), (b, _)| a == b).filter(|run| run.len() > 1) {
            let first = run[0].1;
            if run.iter().any(|(_, row)| !same(first, *row)) {
                run.sort_by(|(_, a), (_, b)| {
                    let (x, y) = (rows.row(*a as usize), rows.row(*b as usize));
                    x.partial_cmp(y).unwrap_or(Ordering::Equal).then(a.cmp(b))
                });
            }
        }
        let mut starts = Vec::new();
        let mut before = None;
        for (position, &(hash, row)) in keyed.iter().enumerate() {
            let known = before.is_some_and(|(other, first)| other == hash && same(first, row));
            if !known {
                starts.push(position as u32);
            }
            before = Some((hash, row));
        }
        starts.push(keyed.len() as u32);
        Self { rows: keyed.into_iter().map(|(_, row)| row).collect(), starts }
    }

    fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// A point for each group.
    fn points(&self) -> Vec<Point> {
        let groups = self.starts.windows(2).zip(0..);
        groups.map(|(range, group)| Point { first: self.rows[range[0] as usize], group }).collect()
    }

    /// The rows of a point's group.
    fn members(&self, point: &Point) -> &[u32] {
        let group = point.group as usize;
        &self.rows[self.starts[group] as usize..self.starts[group + 1] as usize]
    }
}

/// A hash of a row in which 0 and -0 are one value.
fn mix(row: &[f64]) -> u64 {
    row.iter().fold(0x9E37_79B9_7F4A_7C15, |hash: u64, value| {
        let mixed = (hash ^ (value + 0.0).to_bits()).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 32)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 29)
    })
}
