//! Runs cases and says what became of each.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use consensus::spec::Fork;
use rayon::prelude::*;

use crate::case::{Case, CaseName};
use crate::failure::{Failure, FailureKind};
use crate::input::{InputError, Loaded, batches};
use crate::known;
use crate::runners;

/// Cases that are run before what became of them is told.
const ROUND: usize = 256;

/// What became of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The outcome is the expected one.
    Pass,
    /// It is not, and this is how.
    Fail(String),
    /// The case was not run, or its failure is known.
    Skip(Skipped),
}

/// Why a case does not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Skipped {
    /// The fork is not supported.
    Fork(Fork),
    /// Preset, fork, runner or handler is not known.
    Unknown(String),
    /// It needs what is not there.
    Unsupported(String),
    /// It failed as known: it expects something else than the deployed rules.
    Deviation(&'static str),
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fork(fork) => write!(f, "the fork {fork} is not supported"),
            Self::Unknown(what) => write!(f, "not known: {what}"),
            Self::Unsupported(what) => write!(f, "not supported: {what}"),
            Self::Deviation(reason) => write!(f, "known deviation: {reason}"),
        }
    }
}

/// A case and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The case.
    pub name: CaseName,
    /// What became of it.
    pub verdict: Verdict,
    /// Parts that nobody opened. Of a case that was skipped, none is named.
    pub unopened: Vec<String>,
}

impl Outcome {
    /// The verdict in one word: `pass`, `fail` or `skip`.
    pub fn result(&self) -> &'static str {
        match self.verdict {
            Verdict::Pass => "pass",
            Verdict::Fail(_) => "fail",
            Verdict::Skip(_) => "skip",
        }
    }

    /// Why the case failed or was skipped; empty for one that passed.
    pub fn reason(&self) -> String {
        match &self.verdict {
            Verdict::Pass => String::new(),
            Verdict::Fail(reason) => reason.clone(),
            Verdict::Skip(reason) => reason.to_string(),
        }
    }
}

/// What became of many cases.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Cases that passed.
    pub passed: usize,
    /// Cases that failed.
    pub failed: usize,
    /// Cases that do not count.
    pub skipped: usize,
    /// Parts of cases that nobody opened.
    pub unopened: usize,
    /// Files that belong to no case. That of a folder that describes it is none of them.
    pub strays: Vec<String>,
}

/// The name of files that describe a folder.
const DESCRIPTION: &str = "README.md";

impl Summary {
    fn add(&mut self, outcome: &Outcome) {
        match outcome.verdict {
            Verdict::Pass => self.passed += 1,
            Verdict::Fail(_) => self.failed += 1,
            Verdict::Skip(_) => self.skipped += 1,
        }
        self.unopened += outcome.unopened.len();
    }
}

/// Runs the selected cases in and below a folder or in an archive, on all cores. What became of each is told in the
/// order of their names within one archive or folder.
pub fn run(
    path: &Path,
    select: impl Fn(&CaseName) -> bool,
    mut tell: impl FnMut(&Outcome),
) -> Result<Summary, InputError> {
    let mut summary = Summary::default();
    for batch in batches(path)? {
        let Loaded { cases, strays } = batch.load()?;
        summary.strays.extend(strays.into_iter().filter(|file| !file.ends_with(DESCRIPTION)));
        let mut cases: Vec<Case> = cases.into_iter().filter(|case| select(&case.name)).collect();
        while !cases.is_empty() {
            let rest = cases.split_off(cases.len().min(ROUND));
            let outcomes: Vec<Outcome> = cases.into_par_iter().map(|case| run_case(&case)).collect();
            for outcome in &outcomes {
                summary.add(outcome);
                tell(outcome);
            }
            cases = rest;
        }
    }
    Ok(summary)
}

/// Runs one case.
pub fn run_case(case: &Case) -> Outcome {
    let verdict = match catch_unwind(AssertUnwindSafe(|| judge(case))) {
        Ok(verdict) => verdict,
        Err(_) => Verdict::Fail("the program panicked".to_owned()),
    };
    let unopened =
        if matches!(verdict, Verdict::Skip(Skipped::Fork(_) | Skipped::Unknown(_) | Skipped::Unsupported(_)))
        {
            Vec::new()
        } else {
            case.unopened()
        };
    Outcome { name: case.name.clone(), verdict, unopened }
}

fn judge(case: &Case) -> Verdict {
    let (mut context, check) = match runners::plan(case) {
        Ok(plan) => plan,
        Err(skipped) => return Verdict::Skip(skipped),
    };
    match check_manifest(case).and_then(|()| context.configure()).and_then(|()| check(&context)) {
        Ok(()) => Verdict::Pass,
        Err(failure) if failure.kind() == FailureKind::Unsupported => {
            Verdict::Skip(Skipped::Unsupported(failure.to_string()))
        }
        Err(failure) => {
            let failure = failure.to_string();
            match known::explains(&case.name.to_string(), &failure) {
                Some(known) => Verdict::Skip(Skipped::Deviation(known.reason)),
                None => Verdict::Fail(failure),
            }
        }
    }
}

/// A manifest repeats the name of the case.
fn check_manifest(case: &Case) -> Result<(), Failure> {
    let Some(manifest) = case.yaml("manifest")? else { return Ok(()) };
    for (level, name) in case.name.levels() {
        if let Some(said) = manifest.get(level).and_then(|said| said.as_str())
            && said != name
        {
            return Err(Failure::new(format!("manifest.yaml: {level} is {said:?} in the folder {name:?}")));
        }
    }
    Ok(())
}
