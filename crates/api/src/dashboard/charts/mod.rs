//! Charts as SVG text, drawn by the server for the width they get. Colours come from the style sheet.

mod abstention;
mod bars;
mod calibration;
mod confusion;
mod course;
mod coverage;
mod dots;
mod intervals;
mod marks;
mod parts;
mod rates;
mod strips;
mod timeline;
mod tree;

pub(crate) use abstention::abstention;
pub(crate) use bars::{bar, odds_bar, probability_bars};
pub(crate) use calibration::{SURE_FROM, calibration};
pub(crate) use confusion::{confusion, percent_text, ramp_step, short_name};
pub(crate) use course::{Course, CourseBlock, course};
pub(crate) use coverage::{Coverage, coverage};
pub(crate) use dots::{DotAxis, DotGroup, DotRow, dots};
pub(crate) use intervals::{IntervalRow, interval_bars};
pub(crate) use marks::{Series, mark};
pub(crate) use parts::parts;
pub(crate) use rates::{RateAxis, RateRow, rates};
pub(crate) use strips::{Strip, StripRange, strip};
pub(crate) use timeline::{Estimate, Multiple, Tick, Timeline, TimelineSeries};
pub(crate) use tree::{TreeBlock, tree};

use std::fmt::Write;

use super::format::escape;

/// The two widths a chart is drawn for; the style sheet shows the one that fits its container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// 326 units: phones.
    Narrow,
    /// 552 units: half of a desktop page, or all of a small one.
    Wide,
    /// A picture of its own, as wide as asked for.
    Exact(u16),
    /// Few units, so that a large screen shows large text.
    Wall,
}

impl Layout {
    /// The width in units, which are CSS pixels at scale 1.
    pub(crate) fn width(self) -> f64 {
        match self {
            Self::Narrow => 326.0,
            Self::Wide => 552.0,
            Self::Exact(width) => f64::from(width),
            Self::Wall => 600.0,
        }
    }

    /// Whether there is room for an interval beside a number.
    fn is_roomy(self) -> bool {
        self.width() >= 480.0
    }

    const fn class(self) -> &'static str {
        match self {
            Self::Narrow => "narrow",
            Self::Wide => "wide",
            Self::Exact(_) | Self::Wall => "exact",
        }
    }
}

/// Where labels stand relative to their point.
#[derive(Clone, Copy)]
enum Anchor {
    Start,
    Middle,
    End,
}

impl Anchor {
    const fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Middle => "middle",
            Self::End => "end",
        }
    }
}

/// An SVG element being written.
struct Svg {
    text: String,
}

impl Svg {
    /// Opens a picture with a name and a description for those who do not see it.
    fn open(id: &str, class: &str, width: f64, height: f64, title: &str, description: &str) -> Self {
        let mut text = String::with_capacity(4_096);
        let (title, description) = (escape(title), escape(description));
        let _ = write!(
            text,
            "<svg class=\"{class}\" viewBox=\"0 0 {width:.0} {height:.0}\" role=\"img\" \
             aria-labelledby=\"{id}-t {id}-d\"><title id=\"{id}-t\">{title}</title>\
             <desc id=\"{id}-d\">{description}</desc>"
        );
        Self { text }
    }

    fn raw(&mut self, arguments: std::fmt::Arguments<'_>) {
        let _ = self.text.write_fmt(arguments);
    }

    fn rect(&mut self, class: &str, fill: Option<Series>, [x, y, width, height]: [f64; 4], radius: f64) {
        if width <= 0.0 || height <= 0.0 {
            return;
        }
        self.raw(format_args!(
            "<rect{} x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\"",
            Class(class)
        ));
        if radius > 0.0 {
            self.raw(format_args!(" rx=\"{radius}\""));
        }
        if let Some(series) = fill {
            self.raw(format_args!(" fill=\"{}\"", series.color()));
        }
        self.text.push_str("/>");
    }

    fn line(&mut self, class: &str, [x1, y1, x2, y2]: [f64; 4]) {
        self.raw(format_args!(
            "<line{} x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"/>",
            Class(class)
        ));
    }

    fn label(&mut self, class: &str, x: f64, y: f64, size: f64, anchor: Anchor, text: &str) {
        self.raw(format_args!(
            "<text{} x=\"{x:.1}\" y=\"{y:.1}\" font-size=\"{size}\" text-anchor=\"{}\">{}</text>",
            Class(class),
            anchor.name(),
            escape(text)
        ));
    }

    fn close(mut self) -> String {
        self.text.push_str("</svg>");
        self.text
    }
}

struct Class<'a>(&'a str);

impl std::fmt::Display for Class<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, " class=\"{}\"", self.0) }
    }
}

/// The share axis ends at 70 % if everything stays below 60 %, else at 100 %.
fn share_axis_end(highest: f64) -> f64 {
    if highest < 0.6 { 0.7 } else { 1.0 }
}

const ONE_THIRD: f64 = 1.0 / 3.0;
const TWO_THIRDS: f64 = 2.0 / 3.0;
