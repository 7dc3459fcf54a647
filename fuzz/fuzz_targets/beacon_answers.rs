//! Any bytes as an answer of a Beacon API node, and as its stream of events.
#![no_main]

use std::sync::{Arc, LazyLock};

use blockmark_fuzz::chain::all_forks;
use consensus::spec::Spec;
use libfuzzer_sys::fuzz_target;
use source::beacon_api::hostile::{AnswerKind, read_answer, read_events};

static SPEC: LazyLock<Arc<Spec>> = LazyLock::new(|| Arc::new(all_forks()));

fuzz_target!(|data: &[u8]| {
    // The first two bytes choose, the rest is the answer.
    let [kind, form, body @ ..] = data else { return };
    let kind = usize::from(*kind);
    match AnswerKind::ALL.get(kind % (AnswerKind::ALL.len() + 1)) {
        Some(kind) => {
            let problem = read_answer(*kind, body, form & 1 == 1, &SPEC).err();
            // What a node sends is not repeated at length.
            assert!(problem.is_none_or(|problem| problem.len() < 2_000));
        }
        None => {
            let whole = read_events(&[body]);
            let (first, second) = body.split_at(usize::from(*form).min(body.len()));
            assert_eq!(read_events(&[first, second]), whole, "where a stream is cut matters");
        }
    }
});
