//! A reorganisation as a small tree: slots from left to right, the chain below, what it left behind above.

use super::{Anchor, Series, Svg, mark};
use crate::dashboard::format;

/// One block of the tree.
#[derive(Clone, Debug)]
pub(crate) struct TreeBlock {
    /// Its slot.
    pub(crate) slot: u64,
    /// The slot of its parent.
    pub(crate) parent: u64,
    /// Its verdict; `None` where the reader may not see it.
    pub(crate) series: Option<Series>,
    /// Whether it is on the branch left behind.
    pub(crate) is_left: bool,
}

const CHAIN: f64 = 74.0;
const BRANCH: f64 = 26.0;

/// Draws the tree from its common ancestor on.
pub(crate) fn tree(id: &str, ancestor: u64, blocks: &[TreeBlock], description: &str) -> String {
    let last = blocks.iter().map(|block| block.slot).max().unwrap_or(ancestor).max(ancestor + 1);
    let slots = (last - ancestor).min(64);
    let step = (520.0 / slots as f64).clamp(24.0, 64.0);
    let width = 60.0 + step * slots as f64;
    let x = |slot: u64| 30.0 + step * slot.saturating_sub(ancestor).min(slots) as f64;
    let mut svg = Svg::open(id, "tree", width, 108.0, "Branches of the chain", description);
    let height = |is_left: bool| if is_left { BRANCH } else { CHAIN };
    for block in blocks {
        let from_branch =
            block.is_left && blocks.iter().any(|other| other.is_left && other.slot == block.parent);
        svg.line(
            if block.is_left { "edge left" } else { "edge" },
            [x(block.parent), height(from_branch), x(block.slot), height(block.is_left)],
        );
    }
    svg.raw(format_args!("<circle class=\"node\" cx=\"{:.1}\" cy=\"{CHAIN}\" r=\"5\"/>", x(ancestor)));
    for block in blocks {
        let (at, y) = (x(block.slot), height(block.is_left));
        match block.series {
            Some(series) => {
                let class = if block.is_left { "unsure" } else { "sure" };
                svg.raw(format_args!("<g class=\"{class}\">{}</g>", mark(series, at, y, 6.0)));
            }
            None => {
                let class = if block.is_left { "node left" } else { "node" };
                svg.raw(format_args!("<circle class=\"{class}\" cx=\"{at:.1}\" cy=\"{y}\" r=\"5\"/>"));
            }
        }
    }
    let mut free_from = f64::NEG_INFINITY;
    for slot in ancestor..=ancestor + slots {
        let is_named = slot == ancestor || blocks.iter().any(|block| block.slot == slot);
        // The last digits tell neighbours apart; the first slot is written whole.
        let text = if slot == ancestor { format::count(slot) } else { format!("+{}", slot - ancestor) };
        let half = text.chars().count() as f64 * 12.0 * 0.58 * 0.55;
        let at = x(slot).max(half);
        if is_named && at - half > free_from {
            svg.label("t2", at, 102.0, 12.0, Anchor::Middle, &text);
            free_from = at + half + 4.0;
        }
    }
    svg.close()
}
