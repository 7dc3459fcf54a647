//! Training of a [`Network`]: Adam on shuffled batches, with the defaults of scikit-learn's `MLPClassifier`.
//!
//! Every sum is made in one fixed order, whatever the number of threads: work is split by output, never by
//! term. The last layer has one output per class also where there are two classes.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::mlp::{Layer, MAX_HIDDEN, MAX_LAYER, Network, NetworkError, rectify, softmax};
use super::random::Random;
use super::rows::Rows;

const LEARNING_RATE: f64 = 1e-3;
const FIRST_DECAY: f64 = 0.9;
const SECOND_DECAY: f64 = 0.999;
const EPSILON: f64 = 1e-8;
const PENALTY: f64 = 1e-4;
const TOLERANCE: f64 = 1e-4;
const PATIENCE: usize = 10;
const BATCH: usize = 200;
const PURPOSE: u64 = 1;

/// How the training of a network ended.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainedNetwork {
    /// The network.
    pub network: Network,
    /// How often it saw all rows.
    pub epochs: usize,
    /// The loss after the last of them.
    pub loss: f64,
    /// Whether the loss had stopped falling before the allowed number of epochs.
    pub convergence: Convergence,
}

/// Whether training came to rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Convergence {
    /// The loss stopped falling.
    Reached,
    /// The allowed number of epochs was used up.
    NotReached,
}

/// Trains a network on rows whose classes are below `class_count`.
pub fn train(
    rows: &Rows,
    class_count: usize,
    hidden: &[usize],
    max_iter: usize,
    seed: u64,
) -> Result<TrainedNetwork, NetworkError> {
    let mut random = Random::new(seed, PURPOSE);
    let mut network = initial(rows.width(), class_count, hidden, &mut random)?;
    let mut adam = Adam::new(&network);
    let mut work = Work::new(&network, rows.len().min(BATCH));
    let mut order: Vec<usize> = (0..rows.len()).collect();
    let (mut best, mut waiting) = (f64::INFINITY, 0);
    let (mut epochs, mut loss) = (0, f64::INFINITY);
    let mut convergence = Convergence::NotReached;
    while epochs < max_iter {
        random.shuffle(&mut order);
        let mut total = 0.0;
        for batch in order.chunks(BATCH) {
            total += work.gradients(&network, rows, batch) * batch.len() as f64;
            adam.step(&mut network, &work.layers);
        }
        epochs += 1;
        loss = total / rows.len().max(1) as f64;
        waiting = if loss > best - TOLERANCE { waiting + 1 } else { 0 };
        best = best.min(loss);
        if waiting > PATIENCE {
            convergence = Convergence::Reached;
            break;
        }
    }
    // A diverging training must not become a model: the network is checked again.
    let network = Network::new(network.layers)?;
    if !loss.is_finite() {
        return Err(NetworkError::Diverged);
    }
    Ok(TrainedNetwork { network, epochs, loss, convergence })
}

/// Weights and biases drawn uniformly as Glorot and Bengio propose.
fn initial(
    inputs: usize,
    outputs: usize,
    hidden: &[usize],
    random: &mut Random,
) -> Result<Network, NetworkError> {
    if hidden.len() > MAX_HIDDEN || hidden.iter().any(|width| !(1..=MAX_LAYER).contains(width)) {
        return Err(NetworkError::Shape);
    }
    let widths: Vec<usize> =
        std::iter::once(inputs).chain(hidden.iter().copied()).chain(std::iter::once(outputs)).collect();
    let layers = widths
        .windows(2)
        .map(|pair| {
            let (inputs, outputs) = (pair[0], pair[1]);
            let limit = (6.0 / (inputs + outputs) as f64).sqrt();
            let mut draw = |count: usize| (0..count).map(|_| random.symmetric(limit)).collect::<Vec<_>>();
            let weights = draw(inputs * outputs);
            Layer::new(inputs, weights, draw(outputs))
        })
        .collect::<Result<_, _>>()?;
    Network::new(layers)
}

/// Memory for one batch, used again and again.
struct Work {
    layers: Vec<LayerWork>,
}

struct LayerWork {
    /// Per row of the batch, what went into the layer.
    inputs: Vec<f64>,
    /// Per row of the batch, how the loss changes with what came out, before the rectifier.
    deltas: Vec<f64>,
    weights: Vec<f64>,
    biases: Vec<f64>,
}

impl Work {
    fn new(network: &Network, batch: usize) -> Self {
        let layers = network
            .layers
            .iter()
            .map(|layer| LayerWork {
                inputs: vec![0.0; batch * layer.inputs()],
                deltas: vec![0.0; batch * layer.outputs()],
                weights: vec![0.0; layer.weights.len()],
                biases: vec![0.0; layer.biases.len()],
            })
            .collect();
        Self { layers }
    }

    /// Computes the gradients over a batch; returns its mean loss.
    fn gradients(&mut self, network: &Network, rows: &Rows, batch: &[usize]) -> f64 {
        let size = batch.len();
        if let Some(first) = self.layers.first_mut() {
            let width = rows.width();
            first.inputs.chunks_exact_mut(width).zip(batch).for_each(|(input, row)| {
                input.copy_from_slice(rows.row(*row));
            });
        }
        let classes: Vec<usize> =
            batch.iter().map(|row| rows.classes().get(*row).map_or(0, |class| *class as usize)).collect();
        let loss = self.forward(network, &classes);
        self.backward(network, size);
        let penalty: f64 = network.layers.iter().flat_map(|layer| &layer.weights).map(|w| w * w).sum();
        loss + 0.5 * PENALTY * penalty / size as f64
    }

    /// Runs the batch through the network, leaving inputs of all layers and the deltas of the last.
    fn forward(&mut self, network: &Network, classes: &[usize]) -> f64 {
        let size = classes.len();
        let last = network.layers.len() - 1;
        for (position, layer) in network.layers.iter().enumerate() {
            let (done, rest) = self.layers.split_at_mut(position + 1);
            let work = &mut done[position];
            let outputs = layer.outputs();
            work.deltas
                .par_chunks_exact_mut(outputs)
                .zip(work.inputs.par_chunks_exact(layer.inputs()))
                .take(size)
                .for_each(|(output, input)| layer.apply(input, output));
            if position < last {
                let next = &mut rest[0].inputs[..size * outputs];
                next.copy_from_slice(&work.deltas[..size * outputs]);
                rectify(next);
            }
        }
        let work = &mut self.layers[last];
        let outputs = network.outputs();
        let mut loss = 0.0;
        for (output, class) in work.deltas.chunks_exact_mut(outputs).zip(classes) {
            softmax(output);
            if let Some(probability) = output.get_mut(*class) {
                loss -= probability.max(f64::EPSILON).ln();
                *probability -= 1.0;
            }
        }
        loss / size as f64
    }

    fn backward(&mut self, network: &Network, size: usize) {
        for position in (0..network.layers.len()).rev() {
            let layer = &network.layers[position];
            let (inputs, outputs) = (layer.inputs(), layer.outputs());
            let (before, rest) = self.layers.split_at_mut(position);
            let work = &mut rest[0];
            let deltas = &work.deltas[..size * outputs];
            let values = &work.inputs[..size * inputs];
            work.weights
                .par_chunks_exact_mut(outputs)
                .zip(layer.weights.par_chunks_exact(outputs))
                .enumerate()
                .with_min_len(8)
                .for_each(|(input, (gradient, weights))| {
                    gradient.iter_mut().zip(weights).for_each(|(g, weight)| *g = PENALTY * weight);
                    for (row, delta) in deltas.chunks_exact(outputs).enumerate() {
                        let value = values[row * inputs + input];
                        if value != 0.0 {
                            gradient.iter_mut().zip(delta).for_each(|(g, d)| *g += value * d);
                        }
                    }
                    gradient.iter_mut().for_each(|g| *g /= size as f64);
                });
            work.biases.fill(0.0);
            for delta in deltas.chunks_exact(outputs) {
                work.biases.iter_mut().zip(delta).for_each(|(sum, d)| *sum += d);
            }
            work.biases.iter_mut().for_each(|sum| *sum /= size as f64);
            if let Some(below) = before.last_mut() {
                below
                    .deltas
                    .par_chunks_exact_mut(inputs)
                    .zip(deltas.par_chunks_exact(outputs))
                    .zip(values.par_chunks_exact(inputs))
                    .for_each(|((below, delta), value)| {
                        for ((slot, weights), value) in
                            below.iter_mut().zip(layer.weights.chunks_exact(outputs)).zip(value)
                        {
                            *slot = if *value > 0.0 { dot(weights, delta) } else { 0.0 };
                        }
                    });
            }
        }
    }
}

/// A scalar product in four running sums, which the compiler turns into vector instructions.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; 4];
    let (a_quads, b_quads) = (a.chunks_exact(4), b.chunks_exact(4));
    let tail: f64 = a_quads.remainder().iter().zip(b_quads.remainder()).map(|(x, y)| x * y).sum();
    for (x, y) in a_quads.zip(b_quads) {
        for lane in 0..4 {
            sums[lane] += x[lane] * y[lane];
        }
    }
    sums[0] + sums[1] + sums[2] + sums[3] + tail
}

/// The optimiser: running means of the gradients and of their squares.
struct Adam {
    step: i32,
    weights: Vec<Moments>,
    biases: Vec<Moments>,
}

struct Moments {
    first: Vec<f64>,
    second: Vec<f64>,
}

impl Moments {
    fn new(length: usize) -> Self {
        Self { first: vec![0.0; length], second: vec![0.0; length] }
    }

    fn update(&mut self, rate: f64, values: &mut [f64], gradients: &[f64]) {
        values
            .par_iter_mut()
            .zip(gradients)
            .zip(&mut self.first)
            .zip(&mut self.second)
            .with_min_len(4096)
            .for_each(|(((value, gradient), first), second)| {
                *first = FIRST_DECAY * *first + (1.0 - FIRST_DECAY) * gradient;
                *second = SECOND_DECAY * *second + (1.0 - SECOND_DECAY) * gradient * gradient;
                *value -= rate * *first / (second.sqrt() + EPSILON);
            });
    }
}

impl Adam {
    fn new(network: &Network) -> Self {
        let moments = |length: fn(&Layer) -> usize| {
            network.layers.iter().map(|layer| Moments::new(length(layer))).collect()
        };
        Self { step: 0, weights: moments(|l| l.weights.len()), biases: moments(|l| l.biases.len()) }
    }

    fn step(&mut self, network: &mut Network, gradients: &[LayerWork]) {
        self.step = self.step.saturating_add(1);
        let rate =
            LEARNING_RATE * (1.0 - SECOND_DECAY.powi(self.step)).sqrt() / (1.0 - FIRST_DECAY.powi(self.step));
        for (position, layer) in network.layers.iter_mut().enumerate() {
            let Some(gradient) = gradients.get(position) else { continue };
            if let Some(moments) = self.weights.get_mut(position) {
                moments.update(rate, &mut layer.weights, &gradient.weights);
            }
            if let Some(moments) = self.biases.get_mut(position) {
                moments.update(rate, &mut layer.biases, &gradient.biases);
            }
        }
    }
}
