//! How probabilities fared on test blocks: calibration, losses, what leaving doubtful blocks unnamed would gain, and
//! which parts of the test went how well.

use serde::{Deserialize, Serialize};

use super::interval::wilson;
use super::slicing::{MAX_PART, MAX_SLICES, SliceBy};

/// Steps of the stated probability: each is a hundredth wide.
pub const STEPS: usize = 100;
/// Steps that make a bin of the calibration: each bin is 0.05 wide.
const BIN_STEPS: usize = 5;
/// The form of what is kept. A reader of another one refuses it.
const VERSION: u32 = 1;
/// Probabilities and losses are summed in millionths, so that no sum depends on its order.
const UNIT: f64 = 1e6;
/// A probability of zero counts as this in the log loss, which would be infinite otherwise.
pub const LEAST_PROBABILITY: f64 = 1e-15;

/// How the probabilities of a classifier fared on test blocks that it had not seen. Its size is bounded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reliability {
    version: u32,
    blocks: u64,
    /// Steps with a block, in order.
    steps: Vec<Step>,
    /// The sum of the log losses.
    log_loss_millionths: u64,
    /// The sum of the Brier scores.
    brier_millionths: u64,
    /// Blocks whose own client was given the probability 0.
    ruled_out: u64,
    #[serde(default)]
    slices: Vec<Slice>,
}

/// Blocks whose verdict had a probability within one step. In files: `[step, blocks, right, millionths]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(u8, u64, u64, u64)", into = "(u8, u64, u64, u64)")]
struct Step {
    step: u8,
    blocks: u64,
    right: u64,
    /// The sum of the probabilities stated.
    stated_millionths: u64,
}

impl From<(u8, u64, u64, u64)> for Step {
    fn from((step, blocks, right, stated_millionths): (u8, u64, u64, u64)) -> Self {
        Self { step, blocks, right, stated_millionths }
    }
}

impl From<Step> for (u8, u64, u64, u64) {
    fn from(step: Step) -> Self {
        (step.step, step.blocks, step.right, step.stated_millionths)
    }
}

/// A part of the test blocks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slice {
    /// What the test blocks were divided by.
    pub by: SliceBy,
    /// Which part, in words, such as `8` or `first slot`.
    pub part: String,
    /// Its blocks.
    pub blocks: u64,
    /// Those whose verdict was right.
    pub right: u64,
}

impl Slice {
    /// Share of right verdicts.
    pub fn accuracy(&self) -> f64 {
        ratio(self.right, self.blocks)
    }

    /// 95 % interval (Wilson) of the share of right verdicts.
    pub fn interval(&self) -> (f64, f64) {
        wilson(self.right, self.blocks)
    }
}

/// Blocks whose verdict had a probability within some range.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct CalibrationBin {
    /// The lowest probability of the range.
    pub low: f64,
    /// The probability where the range ends; it holds this one only if it is 1.
    pub high: f64,
    /// Blocks in it.
    pub blocks: u64,
    /// Those whose verdict was right.
    pub right: u64,
    /// The mean probability stated.
    pub stated: f64,
}

impl CalibrationBin {
    /// Share of right verdicts.
    pub fn accuracy(&self) -> f64 {
        ratio(self.right, self.blocks)
    }

    /// 95 % interval (Wilson) of the share of right verdicts.
    pub fn interval(&self) -> (f64, f64) {
        wilson(self.right, self.blocks)
    }
}

/// What happens when only blocks from a probability on are named.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct AbstentionPoint {
    /// The least probability of a named block.
    pub threshold: f64,
    /// Blocks that are named.
    pub named: u64,
    /// Those whose verdict was right.
    pub right: u64,
    /// Share of blocks left unnamed.
    pub unnamed_share: f64,
}

impl AbstentionPoint {
    /// Share of right verdicts among named blocks; `None` if none is named.
    pub fn accuracy(&self) -> Option<f64> {
        (self.named > 0).then(|| ratio(self.right, self.named))
    }
}

/// The step of a probability. What is one rounding below a step belongs to it.
fn step_of(probability: f64) -> usize {
    ((probability.clamp(0.0, 1.0) * STEPS as f64 + 1e-9) as usize).min(STEPS - 1)
}

fn ratio(part: u64, whole: u64) -> f64 {
    part as f64 / whole.max(1) as f64
}

impl Reliability {
    /// Test blocks.
    pub fn blocks(&self) -> u64 {
        self.blocks
    }

    /// Test blocks whose verdict was right.
    pub fn right(&self) -> u64 {
        self.steps.iter().fold(0, |sum, step| sum.saturating_add(step.right))
    }

    /// Test blocks whose own client was given the probability 0.
    pub fn ruled_out(&self) -> u64 {
        self.ruled_out
    }

    /// The mean of the negative logarithm (base e) of the probability that a block's own client was given; 0 is
    /// perfect. A probability below [`LEAST_PROBABILITY`] counts as that. `None` without blocks.
    pub fn log_loss(&self) -> Option<f64> {
        (self.blocks > 0).then(|| ratio(self.log_loss_millionths, self.blocks) / UNIT)
    }

    /// The mean over blocks of the summed squares of how far every client's probability was from 1 or 0: 0 is
    /// perfect, 2 the worst. `None` without blocks.
    pub fn brier(&self) -> Option<f64> {
        (self.blocks > 0).then(|| ratio(self.brier_millionths, self.blocks) / UNIT)
    }

    /// The expected calibration error: how far the stated probability of a bin is from its share of right verdicts,
    /// on average over blocks. `None` without blocks.
    pub fn calibration_error(&self) -> Option<f64> {
        let weighted = |bin: &CalibrationBin| bin.blocks as f64 * (bin.stated - bin.accuracy()).abs();
        (self.blocks > 0).then(|| self.bins().iter().map(weighted).sum::<f64>() / self.blocks as f64)
    }

    /// The bins of the calibration that hold a block, by probability; each is 0.05 wide.
    pub fn bins(&self) -> Vec<CalibrationBin> {
        (0..STEPS / BIN_STEPS).filter_map(|bin| self.bin(bin)).collect()
    }

    /// The bin that a stated probability falls in, if it holds a block.
    pub fn bin_of(&self, probability: f64) -> Option<CalibrationBin> {
        self.bin(step_of(probability) / BIN_STEPS)
    }

    fn bin(&self, bin: usize) -> Option<CalibrationBin> {
        let mut sum = Step::default();
        for step in self.steps.iter().filter(|step| usize::from(step.step) / BIN_STEPS == bin) {
            sum.add(step);
        }
        let edge = |bin: usize| (bin * BIN_STEPS) as f64 / STEPS as f64;
        (sum.blocks > 0).then(|| CalibrationBin {
            low: edge(bin),
            high: edge(bin + 1),
            blocks: sum.blocks,
            right: sum.right,
            stated: ratio(sum.stated_millionths, sum.blocks) / UNIT,
        })
    }

    /// What naming only blocks from a probability on would do, for every step from 0 where it makes a difference.
    pub fn abstention(&self) -> Vec<AbstentionPoint> {
        let mut points: Vec<AbstentionPoint> = Vec::with_capacity(self.steps.len() + 1);
        for step in 0..STEPS {
            let point = self.naming_from(step);
            if points.last().is_none_or(|last| last.named != point.named) {
                points.push(point);
            }
        }
        points
    }

    /// What naming only blocks from a probability on would do; it is rounded down to a hundredth.
    pub fn abstention_at(&self, threshold: f64) -> AbstentionPoint {
        self.naming_from(step_of(threshold))
    }

    fn naming_from(&self, from: usize) -> AbstentionPoint {
        let mut sum = Step::default();
        self.steps.iter().filter(|step| usize::from(step.step) >= from).for_each(|step| sum.add(step));
        AbstentionPoint {
            threshold: from as f64 / STEPS as f64,
            named: sum.blocks,
            right: sum.right,
            unnamed_share: ratio(self.blocks.saturating_sub(sum.blocks), self.blocks),
        }
    }

    /// Parts of the test blocks, division after division.
    pub fn slices(&self) -> &[Slice] {
        &self.slices
    }

    /// Refuses numbers that no test can give.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        const WRONG: &str = "its test results do not add up";
        if self.version != VERSION {
            return Err("its test results are of a version that this program does not know");
        }
        let is_sound = |step: &Step| {
            let (low, high) = (u128::from(step.step) * 10_000, (u128::from(step.step) + 1) * 10_000);
            let (blocks, stated) = (u128::from(step.blocks), u128::from(step.stated_millionths));
            // Each probability was rounded to a millionth.
            usize::from(step.step) < STEPS
                && step.blocks > 0
                && step.right <= step.blocks
                && (low * blocks..=high * blocks).contains(&stated)
        };
        let counted: u128 = self.steps.iter().map(|step| u128::from(step.blocks)).sum();
        let most = |per_block: f64| u128::from(self.blocks) * (per_block * UNIT) as u128;
        let are_sound = self.steps.len() <= STEPS
            && self.steps.is_sorted_by(|a, b| a.step < b.step)
            && self.steps.iter().all(is_sound)
            && counted == u128::from(self.blocks)
            && self.ruled_out <= self.blocks
            && u128::from(self.brier_millionths) <= most(2.000_01)
            && u128::from(self.log_loss_millionths) <= most(35.0);
        let fits = |slice: &Slice| {
            (1..=self.blocks).contains(&slice.blocks)
                && slice.right <= slice.blocks
                && slice.part.chars().count() <= MAX_PART
                && !slice.part.chars().any(char::is_control)
        };
        let is_bounded = self.slices.len() <= MAX_SLICES && self.slices.iter().all(fits);
        if are_sound && is_bounded { Ok(()) } else { Err(WRONG) }
    }
}

impl Step {
    fn add(&mut self, other: &Self) {
        self.blocks = self.blocks.saturating_add(other.blocks);
        self.right = self.right.saturating_add(other.right);
        self.stated_millionths = self.stated_millionths.saturating_add(other.stated_millionths);
    }
}

/// Test blocks being counted. Sums are whole numbers: their order does not matter.
#[derive(Clone, Debug)]
pub(crate) struct Tally {
    steps: Vec<Step>,
    log_loss_millionths: u64,
    brier_millionths: u64,
    ruled_out: u64,
    /// Per division and part: blocks, and those with a right verdict.
    parts: Vec<Vec<(u64, u64)>>,
}

impl Tally {
    /// Nothing counted yet; `parts` says how many parts each division has.
    pub(crate) fn new(parts: impl Iterator<Item = usize>) -> Self {
        Self {
            steps: vec![Step::default(); STEPS],
            log_loss_millionths: 0,
            brier_millionths: 0,
            ruled_out: 0,
            parts: parts.map(|parts| vec![(0, 0); parts]).collect(),
        }
    }

    /// Counts a block of the class `truth` with the probability of every class; `part_of` gives its part in a division.
    pub(crate) fn add(
        &mut self,
        probabilities: &[f64],
        verdict: Option<usize>,
        truth: usize,
        part_of: impl Fn(usize) -> Option<usize>,
    ) {
        let stated = verdict.and_then(|class| probabilities.get(class)).copied().unwrap_or(0.0);
        let right = u64::from(verdict == Some(truth));
        if let Some(step) = self.steps.get_mut(step_of(stated)) {
            let stated_millionths = millionths(stated.clamp(0.0, 1.0));
            step.add(&Step { step: 0, blocks: 1, right, stated_millionths });
        }
        let given = probabilities.get(truth).copied().unwrap_or(0.0);
        self.ruled_out += u64::from(given <= 0.0);
        let log_loss = -given.clamp(LEAST_PROBABILITY, 1.0).ln();
        self.log_loss_millionths = self.log_loss_millionths.saturating_add(millionths(log_loss));
        // Without probabilities every client was given 0: only the block's own one is wrong.
        let far =
            |(class, probability): (usize, &f64)| (probability - f64::from(u8::from(class == truth))).powi(2);
        let brier =
            if probabilities.is_empty() { 1.0 } else { probabilities.iter().enumerate().map(far).sum() };
        self.brier_millionths = self.brier_millionths.saturating_add(millionths(brier));
        for (division, parts) in self.parts.iter_mut().enumerate() {
            if let Some((blocks, rights)) = part_of(division).and_then(|part| parts.get_mut(part)) {
                *blocks += 1;
                *rights += right;
            }
        }
    }

    /// Adds what another one counted.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.steps.iter_mut().zip(&other.steps).for_each(|(step, more)| step.add(more));
        self.log_loss_millionths = self.log_loss_millionths.saturating_add(other.log_loss_millionths);
        self.brier_millionths = self.brier_millionths.saturating_add(other.brier_millionths);
        self.ruled_out += other.ruled_out;
        for (count, more) in self.parts.iter_mut().flatten().zip(other.parts.iter().flatten()) {
            count.0 += more.0;
            count.1 += more.1;
        }
    }

    /// What was counted; `names` gives each division and the names of its parts.
    pub(crate) fn finish<'a>(self, names: impl Iterator<Item = (SliceBy, &'a [String])>) -> Reliability {
        let mut slices = Vec::new();
        for ((by, names), parts) in names.zip(&self.parts) {
            for (part, (blocks, right)) in names.iter().zip(parts).filter(|(_, (blocks, _))| *blocks > 0) {
                slices.push(Slice { by, part: part.clone(), blocks: *blocks, right: *right });
            }
        }
        slices.truncate(MAX_SLICES);
        let numbered = (0u8..).zip(&self.steps).map(|(number, step)| Step { step: number, ..*step });
        let steps: Vec<Step> = numbered.filter(|step| step.blocks > 0).collect();
        Reliability {
            version: VERSION,
            blocks: steps.iter().map(|step| step.blocks).sum(),
            steps,
            log_loss_millionths: self.log_loss_millionths,
            brier_millionths: self.brier_millionths,
            ruled_out: self.ruled_out,
            slices,
        }
    }
}

/// Rounded; what is no number counts as nothing.
fn millionths(value: f64) -> u64 {
    (value * UNIT).round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Judgements of two classes: the probability of the first, and which one it was.
    fn reliability(judged: &[(f64, usize)]) -> Reliability {
        let mut tally = Tally::new([2].into_iter());
        for (first, truth) in judged {
            let probabilities = [*first, 1.0 - first];
            let verdict = usize::from(*first < 0.5);
            tally.add(&probabilities, Some(verdict), *truth, |_| Some(*truth));
        }
        let names = ["a".to_owned(), "b".to_owned()];
        tally.finish([(SliceBy::Attestations, names.as_slice())].into_iter())
    }

    #[test]
    fn losses_agree_with_their_definitions() {
        let measured = reliability(&[(0.9, 0), (0.8, 0), (0.2, 1), (0.7, 1)]);
        assert_eq!((measured.blocks(), measured.right(), measured.ruled_out()), (4, 3, 0));
        let log_loss = -(0.9f64.ln() + 0.8f64.ln() + 0.8f64.ln() + 0.3f64.ln()) / 4.0;
        assert!((measured.log_loss().unwrap() - log_loss).abs() < 1e-6);
        let brier = 2.0 * (0.01 + 0.04 + 0.04 + 0.49) / 4.0;
        assert!((measured.brier().unwrap() - brier).abs() < 1e-6);
        // Bins 0.70 (0 of 1 right), 0.80 (2 of 2) and 0.90 (1 of 1).
        let error = (0.7 + 2.0 * 0.2 + 0.1) / 4.0;
        assert!((measured.calibration_error().unwrap() - error).abs() < 1e-6);
        assert_eq!(measured.check(), Ok(()));
    }

    #[test]
    fn a_client_that_was_ruled_out_costs_a_bounded_loss() {
        let measured = reliability(&[(1.0, 1)]);
        assert_eq!(measured.ruled_out(), 1);
        assert!((measured.log_loss().unwrap() - 34.538_776).abs() < 1e-5);
        assert!((measured.brier().unwrap() - 2.0).abs() < 1e-9);
        assert_eq!(measured.check(), Ok(()));
        let mut none = Tally::new(std::iter::empty());
        none.add(&[], None, 0, |_| None);
        let none = none.finish(std::iter::empty());
        assert_eq!((none.blocks(), none.right(), none.check()), (1, 0, Ok(())));
        assert!((none.brier().unwrap() - 1.0).abs() < 1e-9);
    }

    #[test]
    fn bins_and_thresholds_hold_their_lower_edge() {
        let measured = reliability(&[(0.95, 0), (0.949, 0), (1.0, 0), (0.3, 1), (0.55, 1)]);
        let bins = measured.bins();
        let edges: Vec<_> = bins.iter().map(|bin| (bin.low, bin.blocks, bin.right)).collect();
        assert_eq!(edges, [(0.55, 1, 0), (0.7, 1, 1), (0.9, 1, 1), (0.95, 2, 2)]);
        assert_eq!(measured.bin_of(0.97), measured.bin_of(1.0));
        assert_eq!(measured.bin_of(0.6), None);
        assert!((bins[3].stated - 0.975).abs() < 1e-9);
        let named = measured.abstention_at(0.95);
        assert_eq!((named.named, named.right, named.accuracy()), (2, 2, Some(1.0)));
        assert!((named.unnamed_share - 0.6).abs() < 1e-9);
        let curve: Vec<_> = measured.abstention().iter().map(|point| point.named).collect();
        assert_eq!(curve, [5, 4, 3, 2, 1]);
        assert!((measured.abstention()[1].threshold - 0.56).abs() < 1e-9);
    }

    #[test]
    fn the_order_of_counting_does_not_matter() {
        let judged: Vec<_> = (0..200u32).map(|n| (f64::from(n % 97) / 96.0, n as usize % 2)).collect();
        let mut turned = judged.clone();
        turned.reverse();
        assert_eq!(reliability(&judged), reliability(&turned));
        assert_eq!(reliability(&judged).slices().iter().map(|slice| slice.blocks).sum::<u64>(), 200);
    }

    #[test]
    fn numbers_that_no_test_can_give_are_refused() {
        let sound = reliability(&[(0.9, 0), (0.8, 0), (0.2, 1), (0.7, 1)]);
        let json = serde_json::to_string(&sound).unwrap();
        let read = |json: &str| serde_json::from_str::<Reliability>(json).unwrap();
        assert_eq!(read(&json), sound);
        let wrong = [
            ("\"version\":1", "\"version\":2"),
            ("\"blocks\":4,", "\"blocks\":5,"),
            ("[80,2,2,1600000]", "[80,2,3,1600000]"),
            ("[80,2,2,1600000]", "[80,2,2,1700000]"),
            ("[80,2,2,1600000]", "[200,2,2,1600000]"),
            ("[70,1,0,700000],[80,2,2,1600000]", "[80,2,2,1600000],[70,1,0,700000]"),
            ("\"ruled_out\":0", "\"ruled_out\":5"),
            ("\"part\":\"a\"", "\"part\":\"a\\u0007\""),
            ("\"part\":\"a\",\"blocks\":2", "\"part\":\"a\",\"blocks\":18446744073709551615"),
        ];
        for (before, after) in wrong {
            assert!(json.contains(before), "{json}");
            assert!(read(&json.replace(before, after)).check().is_err(), "{after}");
        }
    }
}
