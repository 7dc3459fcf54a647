//! A multi-layer perceptron: rectified linear layers and a softmax at the end.

/// The widest layer a network may have.
pub const MAX_LAYER: usize = 16_384;

/// The most hidden layers a network may have.
pub const MAX_HIDDEN: usize = 16;

/// One fully connected layer.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    inputs: usize,
    outputs: usize,
    /// `inputs × outputs`, the weights of one input side by side.
    pub(super) weights: Vec<f64>,
    pub(super) biases: Vec<f64>,
}

/// A trained network.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    pub(super) layers: Vec<Layer>,
}

/// Why layers do not make a network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// The number of weights is not inputs times outputs.
    #[error("a network layer of {inputs} inputs and {outputs} outputs has {weights} weights")]
    Weights {
        /// Inputs of the layer.
        inputs: usize,
        /// Outputs of the layer.
        outputs: usize,
        /// Weights given.
        weights: usize,
    },
    /// One layer gives another number of values than the next takes.
    #[error("network layer {layer} takes {inputs} values but is given {given}")]
    Chain {
        /// Position of the layer, from 0.
        layer: usize,
        /// Values it takes.
        inputs: usize,
        /// Values the layer before gives.
        given: usize,
    },
    /// A weight is NaN or infinite.
    #[error("network layer {layer} has a weight that is not a finite number")]
    NotFinite {
        /// Position of the layer, from 0.
        layer: usize,
    },
    /// The loss grew beyond all numbers in training.
    #[error("the loss of the network grew beyond all numbers; standardise the features")]
    Diverged,
    /// There is no layer, or one is empty, or there are too many, or one is too wide.
    #[error("a network needs 1 to {} layers of 1 to {MAX_LAYER} values", MAX_HIDDEN + 1)]
    Shape,
}

impl Layer {
    /// A layer of given weights (`inputs × outputs`, the weights of one input side by side) and biases.
    pub fn new(inputs: usize, weights: Vec<f64>, biases: Vec<f64>) -> Result<Self, NetworkError> {
        let outputs = biases.len();
        if inputs.checked_mul(outputs) != Some(weights.len()) {
            return Err(NetworkError::Weights { inputs, outputs, weights: weights.len() });
        }
        Ok(Self { inputs, outputs, weights, biases })
    }

    /// Values it takes.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Values it gives.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Adds what the layer makes of `input` to nothing: `output` is overwritten.
    pub(super) fn apply(&self, input: &[f64], output: &mut [f64]) {
        output.copy_from_slice(&self.biases);
        for (value, weights) in input.iter().zip(self.weights.chunks_exact(self.outputs.max(1))) {
            // After a rectifier about half the values are zero.
            if *value != 0.0 {
                output.iter_mut().zip(weights).for_each(|(sum, weight)| *sum += value * weight);
            }
        }
    }
}

impl Network {
    /// A network of layers that fit each other.
    pub fn new(layers: Vec<Layer>) -> Result<Self, NetworkError> {
        if layers.is_empty() || layers.len() > MAX_HIDDEN + 1 {
            return Err(NetworkError::Shape);
        }
        let mut given = None;
        for (position, layer) in layers.iter().enumerate() {
            if !(1..=MAX_LAYER).contains(&layer.inputs) || !(1..=MAX_LAYER).contains(&layer.outputs) {
                return Err(NetworkError::Shape);
            }
            if let Some(given) = given.filter(|given| *given != layer.inputs) {
                return Err(NetworkError::Chain { layer: position, inputs: layer.inputs, given });
            }
            if !layer.weights.iter().chain(&layer.biases).all(|value| value.is_finite()) {
                return Err(NetworkError::NotFinite { layer: position });
            }
            given = Some(layer.outputs);
        }
        Ok(Self { layers })
    }

    /// The layers, first to last.
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// Values it takes.
    pub fn inputs(&self) -> usize {
        self.layers.first().map_or(0, Layer::inputs)
    }

    /// Probabilities it gives.
    pub fn outputs(&self) -> usize {
        self.layers.last().map_or(0, Layer::outputs)
    }

    /// Probability of every class; empty if the input has another width or a value that is no number.
    pub fn probabilities(&self, input: &[f64]) -> Vec<f64> {
        if input.len() != self.inputs() || input.iter().any(|value| !value.is_finite()) {
            return Vec::new();
        }
        let mut values = input.to_vec();
        for (position, layer) in self.layers.iter().enumerate() {
            let mut next = vec![0.0; layer.outputs];
            layer.apply(&values, &mut next);
            if position + 1 < self.layers.len() {
                rectify(&mut next);
            }
            values = next;
        }
        softmax(&mut values);
        values
    }
}

pub(super) fn rectify(values: &mut [f64]) {
    values.iter_mut().for_each(|value| *value = value.max(0.0));
}

/// Turns scores into probabilities. Scores beyond numbers give equal probabilities rather than NaN.
pub(super) fn softmax(values: &mut [f64]) {
    let highest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    values.iter_mut().for_each(|value| *value = (*value - highest).exp());
    let total: f64 = values.iter().sum();
    if total.is_finite() && total > 0.0 {
        values.iter_mut().for_each(|value| *value /= total);
    } else {
        let equal = 1.0 / values.len().max(1) as f64;
        values.fill(equal);
    }
}
