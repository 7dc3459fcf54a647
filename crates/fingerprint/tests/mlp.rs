//! The neural network: forward pass as recorded, training deterministic and able to learn.

mod recorded;

use fingerprint::classifier::mlp::{Layer, Network};
use fingerprint::classifier::mlp_training::{Convergence, train};
use fingerprint::classifier::rows::Rows;
use recorded::{close, json, numbers};

#[test]
fn forward_pass_as_recorded() {
    let Some(recorded) = json("mlp_forward_vectors.json") else { return };
    let matrices = recorded["coefs"].as_array().unwrap();
    let layers = matrices
        .iter()
        .zip(recorded["intercepts"].as_array().unwrap())
        .map(|(matrix, biases)| {
            let inputs = matrix.as_array().unwrap();
            let weights = inputs.iter().flat_map(numbers).collect();
            Layer::new(inputs.len(), weights, numbers(biases)).unwrap()
        })
        .collect();
    let network = Network::new(layers).unwrap();
    let blocks = recorded["blocks"].as_object().unwrap();
    assert!(!blocks.is_empty());
    for (block, vector) in blocks {
        let probabilities = network.probabilities(&numbers(&vector["row"]));
        let wanted = numbers(&vector["proba"]);
        assert_eq!(probabilities.len(), wanted.len());
        for (probability, wanted) in probabilities.iter().zip(&wanted) {
            assert!(close(*probability, *wanted), "{block}: {probability}, recorded {wanted}");
        }
    }
}

/// Three classes in rings around a point: nothing a single layer could tell apart.
fn rings() -> Rows {
    let mut rows = Rows::with_capacity(2, 0);
    for step in 0..450 {
        let class = step % 3;
        let angle = step as f64 * 0.7;
        let radius = 0.3 + f64::from(class) + 0.1 * (step as f64 * 1.3).sin();
        rows.push(&[radius * angle.cos(), radius * angle.sin()], class as u8).unwrap();
    }
    rows
}

fn accuracy(network: &Network, rows: &Rows) -> f64 {
    let right = (0..rows.len()).filter(|row| {
        let probabilities = network.probabilities(rows.row(*row));
        let best = probabilities.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).unwrap().0;
        best == rows.classes()[*row] as usize
    });
    right.count() as f64 / rows.len() as f64
}

#[test]
fn training_learns_and_comes_to_rest() {
    let rows = rings();
    let trained = train(&rows, 3, &[32, 16], 1000, 7).unwrap();
    assert_eq!(trained.convergence, Convergence::Reached, "after {} epochs", trained.epochs);
    let accuracy = accuracy(&trained.network, &rows);
    assert!(accuracy > 0.97, "{accuracy}");
    let short = train(&rows, 3, &[32, 16], 3, 7).unwrap();
    assert_eq!((short.convergence, short.epochs), (Convergence::NotReached, 3));
}

#[test]
fn training_depends_on_the_seed_and_not_on_threads() {
    let rows = rings();
    let with_threads = |threads: usize, seed: u64| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| train(&rows, 3, &[20, 10], 20, seed).unwrap())
    };
    assert_eq!(with_threads(1, 3), with_threads(5, 3));
    assert_ne!(with_threads(1, 3).network, with_threads(1, 4).network);
}

#[test]
fn layers_that_do_not_fit_are_refused() {
    assert!(Layer::new(2, vec![1.0; 5], vec![0.0; 3]).is_err());
    let layer = |inputs: usize, outputs: usize| {
        Layer::new(inputs, vec![1.0; inputs * outputs], vec![0.0; outputs]).unwrap()
    };
    assert!(Network::new(vec![]).is_err());
    assert!(Network::new(vec![layer(2, 3), layer(4, 2)]).is_err());
    assert!(Network::new(vec![Layer::new(1, vec![f64::NAN], vec![0.0]).unwrap()]).is_err());
    assert!(Network::new(vec![layer(2, 3), layer(3, 2)]).is_ok());
    assert!(train(&rings(), 3, &[0], 10, 1).is_err());
}
