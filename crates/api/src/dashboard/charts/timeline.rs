//! Shares over time: lines with bands, broken at gaps, labelled at their right end; small multiples on phones.

use super::{Anchor, Layout, ONE_THIRD, Series, Svg, TWO_THIRDS, mark, share_axis_end};
use crate::dashboard::format;

/// A share with its interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Estimate {
    /// The estimate, 0 to 1.
    pub(crate) share: f64,
    /// Lower end of the 95 % interval.
    pub(crate) low: f64,
    /// Upper end of the 95 % interval.
    pub(crate) high: f64,
}

/// One line: an estimate per bucket, none where nothing was measured.
#[derive(Clone, Debug)]
pub(crate) struct TimelineSeries {
    /// Whose line.
    pub(crate) series: Series,
    /// One entry per bucket.
    pub(crate) points: Vec<Option<Estimate>>,
}

/// A labelled place on the time axis.
#[derive(Clone, Debug)]
pub(crate) struct Tick {
    /// Where, from 0 (first bucket) to 1 (end of the last).
    pub(crate) at: f64,
    /// What it says.
    pub(crate) label: String,
}

/// A hatched stretch, from 0 to 1 like [`Tick::at`].
pub(crate) type Hatch = (f64, f64);

/// What the chart over time shows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Timeline {
    /// The lines, largest last value first.
    pub(crate) series: Vec<TimelineSeries>,
    /// Number of buckets.
    pub(crate) buckets: usize,
    /// Labels of the time axis.
    pub(crate) ticks: Vec<Tick>,
    /// Where blocks are missing.
    pub(crate) gaps: Vec<Hatch>,
    /// Where forks came into force, with their names.
    pub(crate) forks: Vec<(f64, String)>,
    /// Whether the last bucket is still being filled: its piece of the line is dashed.
    pub(crate) incomplete: bool,
}

/// A small chart of one series for phones, with the text that stands above it.
#[derive(Clone, Debug)]
pub(crate) struct Multiple {
    /// Whose.
    pub(crate) series: Series,
    /// `38.1 → 44.1 %`.
    pub(crate) from_to: String,
    /// The picture.
    pub(crate) svg: String,
}

const LABEL_DISTANCE: f64 = 17.0;
const TICK_DISTANCE: f64 = 14.0;

impl Timeline {
    fn highest(&self) -> f64 {
        self.series
            .iter()
            .flat_map(|series| series.points.iter().flatten())
            .map(|point| point.high)
            .fold(0.0, f64::max)
    }

    fn middle_of(&self, bucket: usize) -> f64 {
        (bucket as f64 + 0.5) / self.buckets.max(1) as f64
    }

    /// The chart for cards of 524 px and more, or for a width of its own.
    pub(crate) fn wide(&self, id: &str, layout: Layout, description: &str) -> String {
        let width = layout.width();
        let bottom = if layout == Layout::Wall { 190.0 } else { 296.0 };
        let (left, right, top) = (44.0, width - 112.0, 14.0);
        let end = share_axis_end(self.highest());
        let x = |at: f64| left + (right - left) * at.clamp(0.0, 1.0);
        let y = |share: f64| bottom - (bottom - top) * share.clamp(0.0, end) / end;
        let mut svg =
            Svg::open(id, layout.class(), width, bottom + 26.0, "Share of blocks over time", description);
        for percent in [0, 10, 20, 50, 100] {
            let at = y(f64::from(percent) / 100.0);
            let collides = [ONE_THIRD, TWO_THIRDS].iter().any(|limit| (at - y(*limit)).abs() < TICK_DISTANCE);
            if f64::from(percent) > end * 100.0 || collides {
                continue;
            }
            svg.line(if percent == 0 { "axis" } else { "grid-line" }, [left, at, right, at]);
            let unit = percent == 100 || (percent == 50 && end < 1.0);
            let text = if unit { format!("{percent}{}%", format::NBSP) } else { percent.to_string() };
            svg.label("t2", left - 8.0, at + 4.2, 12.0, Anchor::End, &text);
        }
        for tick in &self.ticks {
            let at = x(tick.at);
            let anchor = if at - left < 24.0 {
                Anchor::Start
            } else if right - at < 24.0 {
                Anchor::End
            } else {
                Anchor::Middle
            };
            svg.line("axis", [at, bottom, at, bottom + 4.0]);
            svg.label("t2", at, bottom + 19.0, 12.0, anchor, &tick.label);
        }
        for (at, name) in &self.forks {
            let place = x(*at);
            svg.line("axis", [place, top, place, bottom]);
            let half = name.chars().count() as f64 * 11.5 * 0.58 * 1.1 / 2.0;
            let middle = place.clamp(left + half, right - half);
            svg.label("t2", middle, top - 3.0, 11.5, Anchor::Middle, name);
        }
        self.draw_gaps(&mut svg, id, x, top, bottom);
        for series in &self.series {
            self.draw_band(&mut svg, series, x, y);
        }
        for (limit, name) in [(ONE_THIRD, "1/3"), (TWO_THIRDS, "2/3")] {
            svg.line("limit", [left, y(limit), right, y(limit)]);
            svg.label("b", left - 8.0, y(limit) + 4.2, 12.0, Anchor::End, name);
        }
        for series in &self.series {
            self.draw_line(&mut svg, series, x, y);
        }
        self.draw_labels(&mut svg, x, y, right, bottom);
        svg.close()
    }

    fn draw_gaps(&self, svg: &mut Svg, id: &str, x: impl Fn(f64) -> f64, top: f64, bottom: f64) {
        if self.gaps.is_empty() {
            return;
        }
        svg.raw(format_args!(
            "<defs><pattern id=\"{id}-hatch\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\" \
             patternTransform=\"rotate(45)\"><line class=\"hatch\" x1=\"0\" y1=\"0\" x2=\"0\" y2=\"6\"/></pattern></defs>"
        ));
        for &(from, to) in &self.gaps {
            let width = (x(to) - x(from)).max(3.0);
            svg.raw(format_args!(
                "<rect x=\"{:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{:.1}\" fill=\"url(#{id}-hatch)\"/>",
                x(from),
                bottom - top
            ));
        }
    }

    /// Runs of neighbouring buckets that have a value: lines and bands never cross a gap.
    fn runs(points: &[Option<Estimate>]) -> Vec<Vec<(usize, Estimate)>> {
        let mut runs = vec![Vec::new()];
        for (bucket, point) in points.iter().enumerate() {
            match (point, runs.last_mut()) {
                (Some(point), Some(run)) => run.push((bucket, *point)),
                _ => runs.push(Vec::new()),
            }
        }
        runs.retain(|run: &Vec<_>| !run.is_empty());
        runs
    }

    fn draw_band(
        &self,
        svg: &mut Svg,
        series: &TimelineSeries,
        x: impl Fn(f64) -> f64,
        y: impl Fn(f64) -> f64,
    ) {
        for run in Self::runs(&series.points).iter().filter(|run| run.len() > 1) {
            let upper = run.iter().map(|(bucket, point)| (*bucket, point.high));
            let lower = run.iter().rev().map(|(bucket, point)| (*bucket, point.low));
            let points: Vec<String> = upper
                .chain(lower)
                .map(|(bucket, share)| format!("{:.1},{:.1}", x(self.middle_of(bucket)), y(share)))
                .collect();
            let fill = series.series.color();
            svg.raw(format_args!(
                "<polygon class=\"band\" points=\"{}\" fill=\"{fill}\"/>",
                points.join(" ")
            ));
        }
    }

    fn draw_line(
        &self,
        svg: &mut Svg,
        series: &TimelineSeries,
        x: impl Fn(f64) -> f64,
        y: impl Fn(f64) -> f64,
    ) {
        let color = series.series.color();
        for run in Self::runs(&series.points) {
            if let [(bucket, point)] = run.as_slice() {
                let (at, height) = (x(self.middle_of(*bucket)), y(point.share));
                let (low, high) = (y(point.low), y(point.high));
                svg.raw(format_args!(
                    "<line class=\"band\" x1=\"{at:.1}\" y1=\"{low:.1}\" x2=\"{at:.1}\" y2=\"{high:.1}\" \
                     stroke=\"{color}\" stroke-width=\"3\" stroke-opacity=\".4\"/>"
                ));
                svg.text.push_str(&mark(series.series, at, height, 4.0));
                continue;
            }
            let points: Vec<String> = run
                .iter()
                .map(|(bucket, point)| format!("{:.1},{:.1}", x(self.middle_of(*bucket)), y(point.share)))
                .collect();
            let ends_open =
                self.incomplete && run.last().is_some_and(|(bucket, _)| bucket + 1 == self.buckets);
            let closed = if ends_open { points.len() - 1 } else { points.len() };
            for (class, piece) in [
                ("curve", points.get(..closed).unwrap_or_default()),
                ("curve open", points.get(closed - 1..).filter(|_| ends_open).unwrap_or_default()),
            ] {
                if piece.len() > 1 {
                    let piece = piece.join(" ");
                    svg.raw(format_args!(
                        "<polyline class=\"{class} {}\" points=\"{piece}\" stroke=\"{color}\"/>",
                        series.series.class()
                    ));
                }
            }
        }
    }

    fn draw_labels(
        &self,
        svg: &mut Svg,
        x: impl Fn(f64) -> f64,
        y: impl Fn(f64) -> f64,
        right: f64,
        bottom: f64,
    ) {
        let mut labels: Vec<(Series, f64, f64, f64)> = self
            .series
            .iter()
            .filter_map(|series| {
                let (bucket, point) =
                    series.points.iter().enumerate().rev().find_map(|(at, point)| point.map(|p| (at, p)))?;
                let end = y(point.share);
                Some((series.series, x(self.middle_of(bucket)), end, end))
            })
            .collect();
        labels.sort_by(|a, b| a.2.total_cmp(&b.2));
        spread(&mut labels, bottom);
        for (series, from, end, at) in labels {
            let bend = right + 8.0;
            svg.raw(format_args!(
                "<polyline class=\"leader\" points=\"{:.1},{end:.1} {bend:.1},{end:.1} {:.1},{at:.1}\"/>",
                from + 2.0,
                right + 16.0
            ));
            svg.text.push_str(&mark(series, right + 22.0, at, 4.5));
            svg.label("", right + 32.0, at + 4.7, 13.5, Anchor::Start, series.name());
        }
    }

    /// One small chart per series for phones; all on one scale.
    pub(crate) fn multiples(&self, id: &str) -> Vec<Multiple> {
        let end = if self.highest() > 0.5 { 1.0 } else { 0.5 };
        let (width, height, top, bottom) = (152.0, 78.0, 6.0, 74.0);
        // The names of the limits stand beside the plot, where no line comes.
        let right = width - 24.0;
        let x = |at: f64| right * at.clamp(0.0, 1.0);
        let y = |share: f64| bottom - (bottom - top) * share.clamp(0.0, end) / end;
        self.series
            .iter()
            .map(|series| {
                let name = series.series.name();
                let values: Vec<&Estimate> = series.points.iter().flatten().collect();
                let precision = format::Precision::of(values.iter().map(|value| (value.low, value.high)));
                let from_to = match (values.first(), values.last()) {
                    (Some(first), Some(last)) if values.len() > 1 => format!(
                        "{}{NBSP}→{NBSP}{}",
                        precision.number(first.share),
                        precision.share(last.share),
                        NBSP = format::NBSP
                    ),
                    (Some(only), _) => format::share(only.share, only.low, only.high),
                    _ => "–".to_owned(),
                };
                let id = format!("{id}-{}", name.to_lowercase());
                let mut svg = Svg::open(&id, "small", width, height, &format!("{name} over time"), &from_to);
                svg.line("axis", [0.0, bottom, right, bottom]);
                self.draw_gaps(&mut svg, &id, x, top, bottom);
                self.draw_band(&mut svg, series, x, y);
                for (limit, name) in [(ONE_THIRD, "1/3"), (TWO_THIRDS, "2/3")] {
                    if limit < end {
                        svg.line("limit", [0.0, y(limit), right, y(limit)]);
                        svg.label("b", width, y(limit) + 4.2, 12.0, Anchor::End, name);
                    }
                }
                self.draw_line(&mut svg, series, x, y);
                Multiple { series: series.series, from_to, svg: svg.close() }
            })
            .collect()
    }
}

/// Moves labels, sorted from top to bottom, apart so that none covers another.
fn spread(labels: &mut [(Series, f64, f64, f64)], bottom: f64) {
    let mut above = f64::NEG_INFINITY;
    for (_, _, _, at) in labels.iter_mut() {
        *at = at.max(above + LABEL_DISTANCE);
        above = *at;
    }
    let mut below = bottom + LABEL_DISTANCE;
    for (_, _, _, at) in labels.iter_mut().rev() {
        *at = at.min(below - LABEL_DISTANCE);
        below = *at;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fingerprint::Client;

    fn estimate(share: f64) -> Option<Estimate> {
        Some(Estimate { share, low: share - 0.02, high: share + 0.02 })
    }

    #[test]
    fn labels_keep_their_distance_and_stay_inside() {
        let mut labels: Vec<_> = (0..6).map(|_| (Series::Unknown, 0.0, 290.0, 290.0)).collect();
        spread(&mut labels, 296.0);
        assert!(labels.windows(2).all(|pair| pair[1].3 - pair[0].3 >= LABEL_DISTANCE - 1e-9));
        assert!(labels.iter().all(|label| label.3 <= 296.0));
    }

    #[test]
    fn lines_break_at_gaps() {
        let points = [estimate(0.4), estimate(0.4), None, estimate(0.5)];
        assert_eq!(Timeline::runs(&points).iter().map(Vec::len).collect::<Vec<_>>(), [2, 1]);
    }

    #[test]
    fn both_thresholds_are_always_drawn() {
        let timeline = Timeline {
            series: vec![TimelineSeries {
                series: Series::Client(Client::Teku),
                points: vec![estimate(0.1), estimate(0.2)],
            }],
            buckets: 2,
            ..Timeline::default()
        };
        let svg = timeline.wide("t", Layout::Wide, "");
        assert!(svg.contains(">1/3<") && svg.contains(">2/3<"));
        assert!(!svg.contains("style="), "the content policy drops style attributes");
    }
}
