//! How good a classifier would be: cross-validation, search for features, and a report with pictures.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use fingerprint::classifier::TrainingOptions;
use fingerprint::score::{
    AbstentionPoint, Attempt, CalibrationBin, ConfusionMatrix, CvError, FeatureChoice, Refusal, Reliability,
    SearchError, SearchOptions, Slice, examine, search,
};
use fingerprint::{Client, ClientSet, FeatureSet, wilson};
use serde::Serialize;

use crate::atomic;
use crate::bad_input::BadInput;
use crate::parts::slicings;
use crate::plot::{
    Images, PlotError, PlotOptions, Theme, accuracy_picture, heat_map, plot, reliability_picture,
    write_picture,
};
use crate::progress::Progress;
use crate::training_store::{TrainingStoreError, WantedFeatures, read_training_set};

/// What a search tries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SearchPlan {
    /// Every combination of so many viable features; none tries only those of the training options.
    pub features: Option<usize>,
    /// Every group of so many clients; 0 groups none.
    pub group_size: usize,
}

/// How a classifier is evaluated.
#[derive(Clone, Debug)]
pub struct EvaluateOptions {
    /// What would be trained.
    pub training: TrainingOptions,
    /// Folds of the cross-validation.
    pub folds: usize,
    /// If given, the best combination is looked for first, and evaluated.
    pub search: Option<SearchPlan>,
    /// If given, where the report and its pictures are written.
    pub report: Option<PathBuf>,
    /// The ground of the pictures.
    pub theme: Theme,
    /// The kinds of picture file.
    pub images: Images,
}

impl Default for EvaluateOptions {
    fn default() -> Self {
        Self {
            training: TrainingOptions::default(),
            folds: 5,
            search: None,
            report: None,
            theme: Theme::default(),
            images: Images::default(),
        }
    }
}

/// How well one client is told.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ClientAccuracy {
    /// The client.
    pub client: Client,
    /// Its blocks.
    pub blocks: u64,
    /// Share of its blocks that were given to it; none if it has no block.
    pub recall: Option<f64>,
    /// 95 % interval (Wilson) of the recall.
    pub recall_interval: (f64, f64),
    /// Share of the blocks given to it that it built; none if it was given none.
    pub precision: Option<f64>,
    /// 95 % interval (Wilson) of the precision.
    pub precision_interval: (f64, f64),
}

/// How the probabilities fared.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ProbabilityReport {
    /// Blocks judged.
    pub blocks: u64,
    /// Blocks whose own client was given the probability 0.
    pub ruled_out: u64,
    /// Mean log loss, base e; a probability of 0 counts as 10⁻¹⁵.
    pub log_loss: Option<f64>,
    /// Mean Brier score, summed over clients: 0 to 2.
    pub brier: Option<f64>,
    /// Expected calibration error over the bins below.
    pub calibration_error: Option<f64>,
    /// Verdicts by their stated probability.
    pub calibration: Vec<Measured<CalibrationBin>>,
    /// What naming only blocks from a probability on would do, by hundredths.
    pub abstention: Vec<Measured<AbstentionPoint>>,
    /// Parts of the test blocks.
    pub parts: Vec<Measured<Slice>>,
}

/// Something of which a share of verdicts was right.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Measured<T> {
    /// What.
    #[serde(flatten)]
    pub of: T,
    /// The share of right verdicts; none without a verdict.
    pub accuracy: Option<f64>,
    /// Its 95 % interval (Wilson).
    pub interval: (f64, f64),
}

impl From<&Reliability> for ProbabilityReport {
    fn from(measured: &Reliability) -> Self {
        let bin =
            |of: CalibrationBin| Measured { of, accuracy: Some(of.accuracy()), interval: of.interval() };
        let point = |of: AbstentionPoint| Measured {
            of,
            accuracy: of.accuracy(),
            interval: wilson(of.right, of.named),
        };
        let part =
            |of: &Slice| Measured { accuracy: Some(of.accuracy()), interval: of.interval(), of: of.clone() };
        Self {
            blocks: measured.blocks(),
            ruled_out: measured.ruled_out(),
            log_loss: measured.log_loss(),
            brier: measured.brier(),
            calibration_error: measured.calibration_error(),
            calibration: measured.bins().into_iter().map(bin).collect(),
            abstention: measured.abstention().into_iter().map(point).collect(),
            parts: measured.slices().iter().map(part).collect(),
        }
    }
}

/// One combination of a search.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Tried {
    /// The features.
    pub features: FeatureSet,
    /// The clients that were grouped.
    pub grouped: ClientSet,
    /// Balanced accuracy of every fold.
    pub fold_scores: Vec<f64>,
    /// The lowest of them: what a search ranks by.
    pub lowest: f64,
}

/// A combination that could not be measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Untried {
    /// The features, unless the group alone was the reason.
    pub features: Option<FeatureSet>,
    /// The clients that were to be grouped.
    pub grouped: ClientSet,
    /// Why.
    pub reason: String,
}

/// What was measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EvaluateReport {
    /// The training set.
    pub data: PathBuf,
    /// Its rows.
    pub rows: u64,
    /// The kind of classifier.
    pub method: &'static str,
    /// The features it looks at.
    pub features: FeatureSet,
    /// Clients put together as Other.
    pub grouped: ClientSet,
    /// Clients left out.
    pub disabled: ClientSet,
    /// Clients told by graffiti alone, and so left out.
    pub graffiti_only: ClientSet,
    /// Balanced accuracy of every fold, stratified and unshuffled.
    pub fold_scores: Vec<f64>,
    /// The lowest of them.
    pub lowest: f64,
    /// Their mean.
    pub mean: f64,
    /// How well each client is told.
    pub clients: Vec<ClientAccuracy>,
    /// What each block was and what it was taken for.
    pub confusion: ConfusionMatrix,
    /// How the probabilities fared.
    pub probabilities: ProbabilityReport,
    /// What a search tried, best first.
    pub search: Option<Vec<Tried>>,
    /// What a search could not try.
    pub search_refused: Vec<Untried>,
    /// Files of the report.
    pub files: Vec<PathBuf>,
    /// What the report lacks, and why.
    pub notes: Vec<String>,
    /// Files of the training directory that could not be used.
    pub bad: Vec<BadInput>,
}

/// Why nothing was measured.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EvaluateError {
    /// The training set cannot be read.
    #[error(transparent)]
    Store(#[from] TrainingStoreError),
    /// The cross-validation cannot be made.
    #[error("{path} can't be cross-validated: {source}", path = path.display())]
    CrossValidate {
        /// The training set.
        path: PathBuf,
        /// Why.
        source: CvError,
    },
    /// The search cannot be made.
    #[error(transparent)]
    Search(#[from] SearchError),
    /// None of the combinations could be measured.
    #[error("none of the {count} combinations could be measured; the first one: {reason}")]
    NothingMeasured {
        /// How many there were.
        count: usize,
        /// Why the first was not measured.
        reason: String,
    },
    /// A picture cannot be made.
    #[error(transparent)]
    Plot(#[from] PlotError),
    /// The report cannot be written.
    #[error("the report can't be written to {path}, because {source}", path = path.display())]
    Write {
        /// The file or directory.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
}

/// Measures what would be trained on a training set.
pub fn evaluate(
    data: &Path,
    options: EvaluateOptions,
    progress: &dyn Progress,
) -> Result<EvaluateReport, EvaluateError> {
    let mut training = options.training;
    let viable = FeatureSet::viable();
    let wanted = match options.search {
        Some(SearchPlan { features: Some(_), .. }) => WantedFeatures::Tested(&viable),
        _ => WantedFeatures::Tested(&training.features),
    };
    let loaded = read_training_set(data, wanted, progress)?;
    let set = &loaded.set;
    let mut tried = None;
    let mut refused = Vec::new();
    if let Some(plan) = options.search {
        let (best, all, untried) = searched(set, &training, plan, options.folds, progress)?;
        training.features = best.features;
        training.grouped = best.grouped;
        tried = Some(all);
        refused = untried;
    }
    progress.start("Cross-validating", Some(options.folds as u64), "folds");
    let (scores, reliability) = examine(set, &training, options.folds, &slicings(set, &loaded.origin))
        .map_err(|source| EvaluateError::CrossValidate { path: data.to_owned(), source })?;
    progress.advance(options.folds as u64);
    progress.finish(&format!("Balanced accuracy {:.3} on average.", scores.mean()));
    let confusion = scores.confusion.clone();
    let mut report = EvaluateReport {
        data: data.to_owned(),
        rows: set.len() as u64,
        method: training.method.name(),
        grouped: training.grouped,
        disabled: training.disabled,
        graffiti_only: training.graffiti_only,
        lowest: scores.lowest(),
        mean: scores.mean(),
        fold_scores: scores.fold_scores,
        clients: confusion.clients().map(|client| accuracy(&confusion, client)).collect(),
        confusion,
        probabilities: ProbabilityReport::from(&reliability),
        search: tried,
        search_refused: refused,
        files: Vec::new(),
        notes: left_out(loaded.incomplete_rows),
        bad: loaded.bad,
        features: training.features,
    };
    if let Some(directory) = &options.report {
        let pictures = (options.theme, options.images);
        write_report(&mut report, &reliability, set, directory, options.folds, pictures, progress)?;
    }
    Ok(report)
}

/// What is said of rows without a value of a feature that was looked at.
fn left_out(rows: u64) -> Vec<String> {
    if rows == 0 {
        return Vec::new();
    }
    vec![format!("{rows} rows were left out: they have no value of a feature that was looked at.")]
}

type Searched = (Attempt, Vec<Tried>, Vec<Untried>);

fn searched(
    set: &fingerprint::TrainingSet,
    training: &TrainingOptions,
    plan: SearchPlan,
    folds: usize,
    progress: &dyn Progress,
) -> Result<Searched, EvaluateError> {
    let options = SearchOptions {
        base: training.clone(),
        features: plan.features.map_or(FeatureChoice::Given, FeatureChoice::Combinations),
        group_size: plan.group_size,
        folds,
    };
    progress.start("Searching", None, "combinations");
    let done = AtomicUsize::new(0);
    let found = search(set, &options, &|finished, _| {
        let before = done.fetch_max(finished, Ordering::Relaxed);
        progress.advance(finished.saturating_sub(before) as u64);
    })?;
    let refused: Vec<Untried> = found.refused.iter().map(untried).collect();
    let Some(best) = found.best().cloned() else {
        let reason = refused.first().map_or_else(String::new, |refusal| refusal.reason.clone());
        return Err(EvaluateError::NothingMeasured { count: refused.len(), reason });
    };
    let mut all: Vec<Tried> = found.attempts.into_iter().map(tried).collect();
    // Stable: among equals the order of trial stays.
    all.sort_by(|a, b| b.lowest.total_cmp(&a.lowest));
    progress.finish(&format!("{} combinations tried, the best has {:.3}.", all.len(), best.scores.lowest()));
    Ok((best, all, refused))
}

fn tried(attempt: Attempt) -> Tried {
    let lowest = attempt.scores.lowest();
    Tried {
        features: attempt.features,
        grouped: attempt.grouped,
        fold_scores: attempt.scores.fold_scores,
        lowest,
    }
}

fn untried(refusal: &Refusal) -> Untried {
    Untried { features: refusal.features.clone(), grouped: refusal.grouped, reason: refusal.reason.clone() }
}

fn accuracy(confusion: &ConfusionMatrix, client: Client) -> ClientAccuracy {
    let score = confusion.score(client);
    ClientAccuracy {
        client,
        blocks: score.blocks,
        recall: score.recall(),
        recall_interval: score.recall_interval(),
        precision: score.precision(),
        precision_interval: score.precision_interval(),
    }
}

fn write_report(
    report: &mut EvaluateReport,
    reliability: &Reliability,
    set: &fingerprint::TrainingSet,
    directory: &Path,
    folds: usize,
    (theme, images): (Theme, Images),
    progress: &dyn Progress,
) -> Result<(), EvaluateError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| EvaluateError::Write { path, source }
    };
    let folder = atomic::NewFolder::make(directory).map_err(failed(directory))?;
    let features: Vec<&str> = report.features.names().collect();
    let note = format!("{} with {}; {folds}-fold cross-validation.", report.method, features.join(", "));
    let picture = heat_map(&report.confusion, "What blocks were taken for", &note, theme);
    report.files.extend(write_picture(directory, "confusion", &picture, images)?);
    let picture = accuracy_picture(&report.confusion, "How well each client is told", &note, theme);
    report.files.extend(write_picture(directory, "accuracy", &picture, images)?);
    let picture =
        reliability_picture(reliability, "How far stated probabilities can be believed", &note, theme);
    report.files.extend(write_picture(directory, "reliability", &picture, images)?);
    let options =
        PlotOptions { features: Some(report.features.clone()), theme, images, ..PlotOptions::default() };
    match plot(set, &directory.join("features"), &options, progress) {
        Ok(drawn) => report.files.extend(drawn.files),
        Err(PlotError::TooFewFeatures(_)) => {
            report.notes.push("No cross-sections: fewer than two features differ between blocks.".to_owned());
        }
        Err(error) => return Err(error.into()),
    }
    let path = directory.join("evaluation.json");
    report.files.push(path.clone());
    let json = serde_json::to_vec_pretty(&report).map_err(std::io::Error::other);
    json.and_then(|json| atomic::write(&path, &json)).map_err(failed(&path))?;
    folder.keep();
    Ok(())
}
