//! Runs all official tests that are there. Absent data is an error where `CI` is set.
//!
//! `SPEC_TESTS=<part of a case's name>` runs only some of them.

mod support;

use std::collections::BTreeMap;

use spec_tests::{KNOWN, Outcome, Skipped, Verdict, run};

/// Failures that are printed in full.
const SHOWN: usize = 60;

/// Cases by what is tested and by what became of them.
#[derive(Default)]
struct Counts(BTreeMap<String, [usize; 3]>);

impl Counts {
    fn add(&mut self, outcome: &Outcome) {
        let column = match outcome.verdict {
            Verdict::Pass => 0,
            Verdict::Fail(_) => 1,
            Verdict::Skip(_) => 2,
        };
        let name = &outcome.name;
        let entry = self.0.entry(format!("{}/{} {}", name.preset, name.fork, name.runner)).or_default();
        entry[column] += 1;
    }

    fn print(&self) {
        println!("{:<36} {:>6} {:>6} {:>6}", "", "passed", "failed", "skipped");
        for (name, [passed, failed, skipped]) in &self.0 {
            println!("{name:<36} {passed:>6} {failed:>6} {skipped:>6}");
        }
    }
}

#[test]
fn all_official_tests_pass() {
    let Some(folder) = support::vectors() else { return };
    let wanted = std::env::var("SPEC_TESTS").unwrap_or_default();
    let mut counts = Counts::default();
    let mut wrong = Vec::new();
    let mut deviating = Vec::new();
    let summary = run(
        &folder,
        |name| name.to_string().contains(&wanted),
        |outcome| {
            counts.add(outcome);
            match &outcome.verdict {
                Verdict::Fail(reason) => wrong.push(format!("{}: {reason}", outcome.name)),
                Verdict::Skip(Skipped::Unknown(what) | Skipped::Unsupported(what)) => {
                    wrong.push(format!("{}: {what}", outcome.name))
                }
                Verdict::Skip(Skipped::Deviation(_)) => deviating.push(outcome.name.to_string()),
                Verdict::Pass | Verdict::Skip(Skipped::Fork(_)) => {}
            }
            for part in &outcome.unopened {
                wrong.push(format!("{}/{part} was not opened", outcome.name));
            }
        },
    )
    .unwrap();
    counts.print();
    println!("{} passed, {} failed, {} skipped", summary.passed, summary.failed, summary.skipped);

    for known in KNOWN.iter().filter(|known| known.case.contains(&wanted)) {
        if !deviating.iter().any(|name| name == known.case) {
            wrong.push(format!("{}: listed as deviating, and does not", known.case));
        }
    }
    wrong.extend(summary.strays.iter().map(|file| format!("{file} belongs to no case")));
    assert!(summary.passed > 0, "no case passed: is {} the folder of the archives?", folder.display());
    let shown: Vec<&str> = wrong.iter().take(SHOWN).map(String::as_str).collect();
    assert!(wrong.is_empty(), "{} wrong, among them\n{}", wrong.len(), shown.join("\n"));
}
