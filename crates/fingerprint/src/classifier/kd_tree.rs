//! A balanced kd-tree over distinct points, kept in flat arrays.
//!
//! All leaves are at one depth. A node's points are a range of the point list and its children's ranges are
//! the two halves, so that only the axis and the place of each cut are stored, level after level.

use rayon::prelude::*;

use super::rows::Rows;

/// The widest row a tree is built for. Wider rows are scanned: a tree would visit nearly all leaves anyway.
pub(super) const MAX_WIDTH: usize = 32;

/// A leaf has at most this many points.
const LEAF_POINTS: usize = 16;

/// Slices of at most this many points are cut to the end in one go, while they are in the cache.
const CACHED_POINTS: usize = 8192;

/// Where each node is cut. Node `n` has the children `2n + 1` and `2n + 2`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Tree {
    pub(super) axes: Vec<u8>,
    pub(super) splits: Vec<f64>,
}

impl Tree {
    /// Axis and place of a node's cut; `None` for a leaf.
    pub(super) fn split(&self, node: usize) -> Option<(usize, f64)> {
        Some((*self.axes.get(node)? as usize, *self.splits.get(node)?))
    }
}

/// Where a range of points is halved.
pub(super) fn middle(start: usize, end: usize) -> usize {
    start + (end - start) / 2
}

/// How many levels of cuts a tree over so many points has.
pub(super) fn levels(points: usize) -> u32 {
    let mut levels = 0;
    while points.div_ceil(1 << levels) > LEAF_POINTS {
        levels += 1;
    }
    levels
}

/// A group of equal rows.
#[derive(Clone, Copy, Default)]
pub(super) struct Point {
    /// The lowest of the rows.
    pub(super) first: u32,
    /// The number of the group.
    pub(super) group: u32,
}

/// Points arranged.
pub(super) struct Built {
    /// The points' values in leaf order, row after row.
    pub(super) points: Vec<f64>,
    /// The points in leaf order.
    pub(super) order: Vec<Point>,
    /// The cuts, if a tree was wanted.
    pub(super) tree: Option<Tree>,
}

/// Arranges points of distinct values, in a tree if wanted. The width is at most [`MAX_WIDTH`] if it is.
pub(super) fn build(rows: &Rows, points: Vec<Point>, wants_tree: bool) -> Built {
    match rows.width() {
        _ if !wants_tree => {
            let mut order = points;
            order.sort_unstable_by_key(|point| point.first);
            let values = order.iter().flat_map(|point| rows.row(point.first as usize));
            // Adding 0 makes -0 an ordinary 0.
            Built { points: values.map(|value| value + 0.0).collect(), order, tree: None }
        }
        0..=2 => build_padded::<2>(rows, points),
        3..=4 => build_padded::<4>(rows, points),
        5..=8 => build_padded::<8>(rows, points),
        9..=16 => build_padded::<16>(rows, points),
        _ => build_padded::<MAX_WIDTH>(rows, points),
    }
}

/// A point with its values, so that sorting moves memory in order instead of chasing numbers. Columns past
/// the width are zero and therefore never cut.
#[derive(Clone, Copy)]
struct Item<const W: usize> {
    values: [f64; W],
    point: Point,
}

fn build_padded<const W: usize>(rows: &Rows, points: Vec<Point>) -> Built {
    let mut items: Vec<Item<W>> = points
        .into_par_iter()
        .map(|point| {
            let mut values = [0.0; W];
            let row = rows.row(point.first as usize);
            values.iter_mut().zip(row).for_each(|(slot, value)| *slot = value + 0.0);
            Item { values, point }
        })
        .collect();
    let levels = levels(items.len());
    let mut tree = Tree::default();
    let mut slices: Vec<&mut [Item<W>]> = vec![&mut items];
    let mut level = 0;
    while level < levels && slices.first().is_some_and(|slice| slice.len() > CACHED_POINTS) {
        let (cuts, halves): (Vec<Cut>, Vec<[&mut [Item<W>]; 2]>) = slices.into_par_iter().map(cut).unzip();
        tree.extend(&cuts);
        slices = halves.into_iter().flatten().collect();
        level += 1;
    }
    let subtrees: Vec<Vec<Cut>> = slices
        .into_par_iter()
        .map(|slice| {
            let mut cuts = Vec::new();
            let mut slices = vec![slice];
            for _ in level..levels {
                let mut halves = Vec::with_capacity(slices.len() * 2);
                for slice in slices {
                    let (cut, pair) = cut(slice);
                    cuts.push(cut);
                    halves.extend(pair);
                }
                slices = halves;
            }
            // Which points a leaf has is settled by the cuts; sorted, their order is as well.
            slices.into_iter().for_each(|leaf| leaf.sort_unstable_by_key(|item| item.point.first));
            cuts
        })
        .collect();
    for below in 0..levels - level {
        let first = (1 << below) - 1;
        for subtree in &subtrees {
            tree.extend(&subtree[first..first + (1 << below)]);
        }
    }
    let mut points = Vec::with_capacity(items.len() * rows.width());
    for item in &items {
        points.extend(item.values.iter().take(rows.width()));
    }
    Built { points, order: items.into_iter().map(|item| item.point).collect(), tree: Some(tree) }
}

#[derive(Clone, Copy, Default)]
struct Cut {
    axis: u8,
    split: f64,
}

impl Tree {
    fn extend(&mut self, cuts: &[Cut]) {
        self.axes.extend(cuts.iter().map(|cut| cut.axis));
        self.splits.extend(cuts.iter().map(|cut| cut.split));
    }
}

/// Halves the points at the median of the axis on which they are spread most.
fn cut<const W: usize>(items: &mut [Item<W>]) -> (Cut, [&mut [Item<W>]; 2]) {
    let mut low = [f64::INFINITY; W];
    let mut high = [f64::NEG_INFINITY; W];
    for item in items.iter() {
        for axis in 0..W {
            low[axis] = low[axis].min(item.values[axis]);
            high[axis] = high[axis].max(item.values[axis]);
        }
    }
    let mut axis = 0;
    for other in 1..W {
        if high[other] - low[other] > high[axis] - low[axis] {
            axis = other;
        }
    }
    let middle = middle(0, items.len());
    let (_, median, _) = items.select_nth_unstable_by(middle, |a, b| {
        a.values[axis].total_cmp(&b.values[axis]).then(a.point.first.cmp(&b.point.first))
    });
    let split = median.values[axis];
    let (left, right) = items.split_at_mut(middle);
    (Cut { axis: axis as u8, split }, [left, right])
}
