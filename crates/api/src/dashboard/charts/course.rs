//! The blocks of a validator over time: a row per client, a mark per block, a line for what they say together.

use fingerprint::Client;

use super::{Anchor, Layout, Series, Svg, mark};

/// One block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CourseBlock {
    /// Where in time, from 0 to 1.
    pub(crate) at: f64,
    /// The row of its verdict.
    pub(crate) row: usize,
    /// Whether its probability is 0.90 or more.
    pub(crate) is_sure: bool,
    /// The row of what the blocks say together there.
    pub(crate) smoothed: Option<usize>,
}

/// What the chart shows.
#[derive(Clone, Debug)]
pub(crate) struct Course {
    /// The rows.
    pub(crate) clients: Vec<Option<Client>>,
    /// The blocks, oldest first.
    pub(crate) blocks: Vec<CourseBlock>,
    /// What stands at the left end of the axis.
    pub(crate) from: String,
    /// What stands at its right end.
    pub(crate) to: String,
    /// The picture in words.
    pub(crate) description: String,
}

const ROW_HEIGHT: f64 = 30.0;

/// Draws the course.
pub(crate) fn course(id: &str, layout: Layout, picture: &Course) -> String {
    let width = layout.width();
    let (left, right) = (100.0, width - 14.0);
    let bottom = 4.0 + ROW_HEIGHT * picture.clients.len().max(1) as f64;
    let id = format!("{id}-{}", layout.class());
    let x = |at: f64| left + 10.0 + (right - left - 20.0) * at.clamp(0.0, 1.0);
    let y = |row: usize| 4.0 + ROW_HEIGHT * (row as f64 + 0.5);
    let mut svg =
        Svg::open(&id, layout.class(), width, bottom + 24.0, "Verdicts over time", &picture.description);
    for (row, client) in picture.clients.iter().enumerate() {
        svg.line("grid-line", [left, y(row), right, y(row)]);
        svg.label("", left - 10.0, y(row) + 4.7, 13.5, Anchor::End, Series::from(*client).name());
    }
    svg.line("axis", [left, bottom, right, bottom]);
    svg.label("t2", left, bottom + 17.0, 12.0, Anchor::Start, &picture.from);
    if picture.from != picture.to {
        svg.label("t2", right, bottom + 17.0, 12.0, Anchor::End, &picture.to);
    }
    let mut path = String::new();
    let mut before: Option<f64> = None;
    for block in &picture.blocks {
        let Some(row) = block.smoothed else { continue };
        let (x, y) = (x(block.at), y(row));
        match before {
            None => path.push_str(&format!("M{x:.1} {y:.1}")),
            // The change lies somewhere between two blocks: half-way.
            Some(last) => path.push_str(&format!("H{:.1}V{y:.1}H{x:.1}", f64::midpoint(last, x))),
        }
        before = Some(x);
    }
    if !path.is_empty() {
        svg.raw(format_args!("<path class=\"course\" d=\"{path}\"/>"));
    }
    for block in &picture.blocks {
        let series = picture.clients.get(block.row).map_or(Series::Unknown, |client| Series::from(*client));
        let shape = mark(series, x(block.at), y(block.row), 5.0);
        if block.is_sure {
            svg.text.push_str(&shape);
        } else {
            svg.raw(format_args!("<g class=\"unsure\">{shape}</g>"));
        }
    }
    svg.close()
}
