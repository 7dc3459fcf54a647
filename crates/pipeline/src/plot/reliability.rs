//! Calibration, and what naming fewer blocks would gain, side by side.

use fingerprint::score::{Reliability, wilson};

use super::svg::{Anchor, Svg, TextStyle, Theme, fitted, thousands};

const WIDTH: f64 = 960.0;
const SIDE: f64 = 380.0;
const TOP: f64 = 122.0;
const INSET: f64 = 20.0;
const FIRST: f64 = 62.0;
const SECOND: f64 = 540.0;
/// Bins with fewer blocks are rings.
const SURE_FROM: u64 = 30;
/// The height of the histogram, as a part of the panel's.
const HISTOGRAM: f64 = 0.14;
/// Thresholds that are marked.
const THRESHOLDS: [f64; 6] = [0.50, 0.66, 0.80, 0.90, 0.95, 0.99];
/// Labels are no nearer to each other than this.
const APART: f64 = 66.0;

/// Draws stated probabilities against shares that were right on the left, and accuracy of named blocks against the
/// share left unnamed on the right.
pub fn reliability_picture(measured: &Reliability, title: &str, note: &str, theme: Theme) -> String {
    let bottom = TOP + SIDE;
    let description =
        "How often verdicts of a stated probability were right, and accuracy against blocks left unnamed.";
    let mut svg = Svg::new(WIDTH, bottom + 102.0, theme, title, description);
    let (ink, quiet) = (theme.ink(), theme.ink_2());
    svg.text(INSET, 32.0, title, TextStyle::new(18.0, ink).bold());
    svg.text(INSET, 53.0, &fitted(note, 13.0, WIDTH - 2.0 * INSET), TextStyle::new(13.0, quiet));
    panel(&mut svg, FIRST, "Calibration", ["share that was right", "stated probability"], ["0", "0.5", "1"]);
    panel(
        &mut svg,
        SECOND,
        "Naming fewer blocks",
        ["named blocks that were right, %", "blocks left unnamed, %"],
        ["0", "50", "100"],
    );
    calibration(&mut svg, measured);
    abstention(&mut svg, measured);
    let number = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |value| format!("{value:.3}"));
    let losses = format!(
        "n = {}. Expected calibration error {}, log loss {}, Brier score {}.",
        thousands(measured.blocks()),
        number(measured.calibration_error()),
        number(measured.log_loss()),
        number(measured.brier())
    );
    let marks = format!("Lines and shade: 95 % interval (Wilson). Rings: fewer than {SURE_FROM} blocks.");
    for (line, below) in [(losses, 66.0), (marks, 84.0)] {
        svg.text(
            INSET,
            bottom + below,
            &fitted(&line, 12.5, WIDTH - 2.0 * INSET),
            TextStyle::new(12.5, quiet),
        );
    }
    svg.finish()
}

fn x(left: f64, share: f64) -> f64 {
    left + SIDE * share.clamp(0.0, 1.0)
}

fn y(share: f64) -> f64 {
    TOP + SIDE * (1.0 - share.clamp(0.0, 1.0))
}

fn panel(svg: &mut Svg, left: f64, name: &str, axes: [&str; 2], ticks: [&str; 3]) {
    let theme = svg.theme;
    let quiet = TextStyle::new(12.0, theme.ink_2());
    let [upwards, across] = axes;
    svg.text(left - 36.0, TOP - 34.0, name, TextStyle::new(13.5, theme.ink()).bold());
    svg.text(left - 36.0, TOP - 12.0, upwards, quiet);
    for (share, tick) in [0.0, 0.5, 1.0].into_iter().zip(ticks) {
        svg.line((left, y(share)), (left + SIDE, y(share)), theme.line(), 1.0);
        svg.line((x(left, share), TOP), (x(left, share), TOP + SIDE), theme.line(), 1.0);
        svg.text(left - 8.0, y(share) + 4.0, tick, quiet.anchored(Anchor::End));
        svg.text(x(left, share), TOP + SIDE + 18.0, tick, quiet.anchored(Anchor::Middle));
    }
    svg.line((left, TOP + SIDE), (left + SIDE, TOP + SIDE), theme.line_strong(), 1.0);
    svg.line((left, TOP), (left, TOP + SIDE), theme.line_strong(), 1.0);
    svg.text(left + SIDE, TOP + SIDE + 38.0, across, quiet.anchored(Anchor::End));
}

fn calibration(svg: &mut Svg, measured: &Reliability) {
    let theme = svg.theme;
    let bins = measured.bins();
    let most = bins.iter().map(|bin| bin.blocks).max().unwrap_or(1).max(1) as f64;
    for bin in &bins {
        let height = (SIDE * HISTOGRAM * bin.blocks as f64 / most).max(1.0);
        let (from, to) = (x(FIRST, bin.low) + 1.0, x(FIRST, bin.high) - 1.0);
        svg.push(format_args!(
            "<rect x=\"{from:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{height:.1}\" fill=\"{}\" opacity=\".3\"/>\n",
            TOP + SIDE - height,
            to - from,
            theme.ink_2()
        ));
    }
    svg.push(format_args!(
        "<path d=\"M{:.1} {:.1}L{:.1} {:.1}\" stroke=\"{}\" stroke-width=\"1.25\" stroke-dasharray=\"5 3\"/>\n",
        x(FIRST, 0.0),
        y(0.0),
        x(FIRST, 1.0),
        y(1.0),
        theme.ink()
    ));
    let style = TextStyle::new(12.0, theme.ink_2()).anchored(Anchor::End);
    svg.text(FIRST + SIDE, TOP - 12.0, "perfect", style);
    for bin in &bins {
        let (low, high) = bin.interval();
        let at = x(FIRST, bin.stated);
        svg.line((at, y(low)), (at, y(high)), theme.ink_2(), 2.0);
    }
    for bin in &bins {
        let fill = if bin.blocks < SURE_FROM { theme.surface() } else { theme.ink() };
        dot(svg, x(FIRST, bin.stated), y(bin.accuracy()), fill);
    }
}

fn dot(svg: &mut Svg, x: f64, y: f64, fill: &str) {
    let ink = svg.theme.ink();
    svg.push(format_args!(
        "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\" fill=\"{fill}\" stroke=\"{ink}\" stroke-width=\"1.5\"/>\n"
    ));
}

fn abstention(svg: &mut Svg, measured: &Reliability) {
    let theme = svg.theme;
    let (mut highs, mut lows, mut line) = (Vec::new(), Vec::new(), Vec::new());
    for point in measured.abstention() {
        let Some(accuracy) = point.accuracy() else { continue };
        let (low, high) = wilson(point.right, point.named);
        let corner = |share: f64| format!("{:.1} {:.1}", x(SECOND, point.unnamed_share), y(share));
        highs.push(corner(high));
        lows.push(corner(low));
        line.push(corner(accuracy));
    }
    if line.len() > 1 {
        lows.reverse();
        highs.append(&mut lows);
        svg.push(format_args!(
            "<path d=\"M{}Z\" fill=\"{}\" opacity=\".2\"/>\n<path d=\"M{}\" fill=\"none\" stroke=\"{}\" \
             stroke-width=\"2\" stroke-linejoin=\"round\"/>\n",
            highs.join("L"),
            theme.ink_2(),
            line.join("L"),
            theme.ink()
        ));
    }
    let mut last = f64::NEG_INFINITY;
    for point in THRESHOLDS.map(|threshold| measured.abstention_at(threshold)) {
        let Some(accuracy) = point.accuracy() else { continue };
        let at = x(SECOND, point.unnamed_share);
        dot(svg, at, y(accuracy), theme.ink());
        if at - last >= APART {
            let style = TextStyle::new(12.0, theme.ink_2()).anchored(Anchor::Start);
            svg.text(at - 4.0, y(accuracy) + 20.0, &format!("from {:.2}", point.threshold), style);
            last = at;
        }
    }
}
