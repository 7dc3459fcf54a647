//! What something costs against what makes it dearer: panels of lines, each named where it ends.

use super::axis::Axis;
use super::svg::{Anchor, Svg, TextStyle, Theme};

/// How the values of a panel become places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spacing {
    /// Equal differences are equally far apart; both axes begin at zero.
    Even,
    /// Equal ratios are equally far apart, on both axes. Values have to be above zero.
    ByRatio,
}

/// One line of a panel.
#[derive(Clone, Debug, PartialEq)]
pub struct CostLine {
    /// What costs.
    pub name: String,
    /// What makes it dearer, and the cost.
    pub points: Vec<(f64, f64)>,
}

/// One panel.
#[derive(Clone, Debug, PartialEq)]
pub struct CostPanel {
    /// What the horizontal axis counts.
    pub across: String,
    /// What the vertical axis counts, with its unit.
    pub up: String,
    /// How values become places.
    pub spacing: Spacing,
    /// The lines, four at most.
    pub lines: Vec<CostLine>,
}

const PANEL_WIDTH: f64 = 480.0;
const PLOT_LEFT: f64 = 62.0;
const PLOT_WIDTH: f64 = 250.0;
const TOP: f64 = 100.0;
const PLOT_HEIGHT: f64 = 260.0;

/// The colours of the lines on a light and on a dark ground; names stand beside them, so colour is not alone.
const INKS: [(&str, &str); 4] =
    [("#174F8F", "#7FB2EA"), ("#A4480E", "#F0A26B"), ("#3C6E2F", "#93CB84"), ("#6A3F8C", "#C4A0E3")];

/// Draws the panels side by side.
pub fn cost_picture(title: &str, note: &str, panels: &[CostPanel], theme: Theme) -> String {
    let width = (PANEL_WIDTH * panels.len() as f64).max(620.0);
    let mut svg = Svg::new(width, TOP + PLOT_HEIGHT + 62.0, theme, title, note);
    svg.text(20.0, 32.0, title, TextStyle::new(18.0, theme.ink()).bold());
    svg.text(20.0, 53.0, note, TextStyle::new(13.0, theme.ink_2()));
    for (number, panel) in panels.iter().enumerate() {
        draw(&mut svg, panel, number as f64 * PANEL_WIDTH + PLOT_LEFT);
    }
    svg.finish()
}

fn draw(svg: &mut Svg, panel: &CostPanel, left: f64) {
    let theme = svg.theme;
    let place_of = |value: f64| match panel.spacing {
        Spacing::Even => value,
        Spacing::ByRatio => value.max(f64::MIN_POSITIVE).log10(),
    };
    let points = || panel.lines.iter().flat_map(|line| &line.points);
    let zero = (panel.spacing == Spacing::Even).then_some(0.0);
    let (right, bottom) = (left + PLOT_WIDTH, TOP + PLOT_HEIGHT);
    let across = Axis::over(points().map(|(x, _)| place_of(*x)).chain(zero), left, right);
    let up = Axis::over(points().map(|(_, y)| place_of(*y)).chain(zero), bottom, TOP);
    let quiet = TextStyle::new(12.0, theme.ink_2());
    for (value, text) in ticks(panel.spacing, &up, points().map(|(_, y)| *y)) {
        let y = up.place(place_of(value));
        svg.line((left, y), (right, y), theme.line(), 1.0);
        svg.text(left - 8.0, y + 4.0, &text, quiet.anchored(Anchor::End));
    }
    for (value, text) in ticks(panel.spacing, &across, points().map(|(x, _)| *x)) {
        let x = across.place(place_of(value));
        svg.line((x, bottom), (x, bottom + 5.0), theme.line_strong(), 1.0);
        svg.text(x, bottom + 20.0, &text, quiet.anchored(Anchor::Middle));
    }
    svg.line((left, bottom), (right, bottom), theme.line_strong(), 1.0);
    svg.text((left + right) / 2.0, bottom + 42.0, &panel.across, quiet.anchored(Anchor::Middle));
    svg.text(left - 42.0, TOP - 18.0, &panel.up, quiet);
    let mut names = Vec::new();
    for (line, (light, dark)) in panel.lines.iter().zip(INKS) {
        let ink = if theme == Theme::Light { light } else { dark };
        let places: Vec<_> =
            line.points.iter().map(|(x, y)| (across.place(place_of(*x)), up.place(place_of(*y)))).collect();
        for pair in places.windows(2) {
            if let [from, to] = pair {
                svg.line(*from, *to, ink, 2.0);
            }
        }
        for (x, y) in &places {
            svg.rectangle(x - 3.0, y - 3.0, 6.0, 6.0, ink);
        }
        if let Some((_, y)) = places.last() {
            names.push((*y, line.name.as_str(), ink));
        }
    }
    names.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut free_from = f64::NEG_INFINITY;
    for (y, name, ink) in names {
        let y = y.max(free_from);
        svg.text(right + 10.0, y + 4.0, name, TextStyle::new(12.5, ink).bold());
        free_from = y + 17.0;
    }
}

/// Round values of an even axis; of one by ratio the powers of ten where there are enough of them, or else the values
/// themselves.
fn ticks(spacing: Spacing, axis: &Axis, values: impl Iterator<Item = f64>) -> Vec<(f64, String)> {
    if spacing == Spacing::Even {
        return axis.ticks(5).into_iter().filter(|(value, _)| *value >= 0.0).collect();
    }
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let (Some(low), Some(high)) = (values.first(), values.last()) else { return Vec::new() };
    let powers: Vec<f64> = (-6..=9).map(|power| 10_f64.powi(power)).collect();
    let inside = powers.iter().filter(|power| (*low * 0.8..=*high * 1.25).contains(*power)).count();
    let chosen = if inside >= 3 {
        powers.into_iter().filter(|power| (*low * 0.8..=*high * 1.25).contains(power)).collect()
    } else {
        values.dedup();
        values
    };
    chosen.into_iter().map(|value| (value, short(value))).collect()
}

/// A number in few characters.
fn short(value: f64) -> String {
    if value >= 1e6 {
        format!("{} M", trimmed(value / 1e6))
    } else if value >= 1e3 {
        format!("{} k", trimmed(value / 1e3))
    } else {
        trimmed(value)
    }
}

fn trimmed(value: f64) -> String {
    let text = if value >= 10.0 { format!("{value:.0}") } else { format!("{value:.3}") };
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_named_and_every_point_marked() {
        let line =
            |name: &str, points: &[(f64, f64)]| CostLine { name: name.to_owned(), points: points.to_vec() };
        let panel = CostPanel {
            across: "validators".to_owned(),
            up: "ms".to_owned(),
            spacing: Spacing::ByRatio,
            lines: vec![
                line("a block", &[(16_384.0, 0.01), (131_072.0, 0.08), (1_000_000.0, 0.5)]),
                line("an epoch", &[(16_384.0, 0.1), (131_072.0, 1.0), (1_000_000.0, 9.0)]),
            ],
        };
        let even = CostPanel { spacing: Spacing::Even, ..panel.clone() };
        let picture = cost_picture("Cost", "of replay", &[panel, even], Theme::Light);
        assert_eq!(picture.matches(">an epoch<").count(), 2);
        // The ground, and twelve points.
        assert_eq!(picture.matches("<rect").count(), 13);
        for tick in ["0.01", "0.1", ">1<", "16 k", "131 k", "1 M"] {
            assert!(picture.contains(tick), "{tick}");
        }
        assert!(!picture.contains("NaN"));
    }
}
