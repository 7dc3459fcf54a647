//! Times of nearest neighbours, model files and network training; prints one line per measurement.
//!
//! `cargo bench -p fingerprint --bench classifier -- [ROWS]`; without a number, one million rows.

use std::hint::black_box;
use std::time::Instant;

use consensus::{Root, Slot};
use fingerprint::{Client, FeatureSet, Method, Model, TrainingOptions, TrainingSet};

/// A generator of numbers that are the same on every run.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }

    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A value as features have them: a fraction of a number of attestations, or any number.
    fn value(&mut self, kind: Kind) -> f64 {
        match kind {
            Kind::Fractions => {
                let attestations = 20 + self.below(108);
                self.below(attestations + 1) as f64 / attestations as f64
            }
            Kind::Continuous => self.unit(),
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Fractions,
    Continuous,
}

const CLIENTS: [Client; 6] =
    [Client::Grandine, Client::Lighthouse, Client::Nimbus, Client::Other, Client::Prysm, Client::Teku];

fn training_set(rows: usize, kind: Kind) -> TrainingSet {
    let mut numbers = Numbers(42);
    let features = FeatureSet::all24();
    // Only the columns that the model selects need values that mean something.
    let used: Vec<bool> =
        features.names().map(|name| FeatureSet::default_four().position(name).is_some()).collect();
    let columns = used
        .iter()
        .map(|used| if *used { (0..rows).map(|_| numbers.value(kind)).collect() } else { vec![0.0; rows] })
        .collect();
    let labels = (0..rows).map(|row| CLIENTS[row * CLIENTS.len() / rows]).collect();
    let slots = (0..rows as u64).map(Slot).collect();
    let roots = (0..rows as u64)
        .map(|row| {
            let mut root = [0; 32];
            root[..8].copy_from_slice(&row.to_be_bytes());
            Root(root)
        })
        .collect();
    TrainingSet::from_columns(features, columns, labels, slots, roots).expect("columns that fit")
}

fn timed<T>(what: &str, input: &str, run: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = run();
    println!("{what:<28} {:>12.3} ms   {input}", start.elapsed().as_secs_f64() * 1e3);
    result
}

fn neighbours(rows: usize, kind: Kind) {
    let input = format!("{rows} rows × 4 of 24, {kind:?}");
    let set = training_set(rows, kind);
    let model =
        timed("train knn", &input, || Model::train(&set, TrainingOptions::default())).expect("a model");
    drop(set);
    let bytes = timed("write model file", &input, || model.to_bytes());
    println!("{:<28} {:>12} bytes", "model file", bytes.len());
    drop(model);
    let model = timed("read model file", &input, || Model::from_bytes(&bytes)).expect("the model");
    drop(bytes);
    let mut numbers = Numbers(7);
    let queries: Vec<[f64; 4]> = (0..5000).map(|_| [(); 4].map(|()| numbers.value(kind))).collect();
    let mut times: Vec<f64> = queries
        .iter()
        .map(|row| {
            let start = Instant::now();
            black_box(model.classify_row("", row)).expect("a row that fits");
            start.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    times.sort_by(f64::total_cmp);
    let mean = times.iter().sum::<f64>() / times.len() as f64;
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    println!(
        "{:<28} {mean:>12.4} ms   mean; p50 {:.4}, p99 {:.4}, most {:.4}",
        "verdict",
        at(0.5),
        at(0.99),
        at(1.0)
    );
}

fn network() {
    let rows = 2000;
    let set = training_set(rows, Kind::Fractions);
    let input = format!("{rows} rows × 4, layers 390 and 870, 10 epochs");
    let method = Method::Mlp { hidden: vec![390, 870], max_iter: 10 };
    let options = TrainingOptions { method, ..TrainingOptions::default() };
    let model = timed("train mlp", &input, || Model::train(&set, options)).expect("a model");
    timed("1000 verdicts of mlp", &input, || {
        for _ in 0..1000 {
            black_box(model.classify_row("", &[0.1, 0.2, 0.3, 0.4])).expect("a row that fits");
        }
    });
}

fn main() {
    let rows = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(1_000_000);
    neighbours(10_000.min(rows), Kind::Fractions);
    neighbours(rows, Kind::Fractions);
    neighbours(rows, Kind::Continuous);
    network();
}
