//! Opening the models that were named, with a next step where there is none.

use std::io::ErrorKind;
use std::path::Path;

use anyhow::Result;
use fingerprint::classifier::{Model, TrainingOptions};
use pipeline::{BadInput, ModelByRange, ModelFileError, Progress, RangeError, load_model};

use crate::failure::{hinted, quoted};

/// Opens a model file, or a directory of models and training sets named after slots.
pub(crate) fn open_range(path: &Path, progress: &dyn Progress) -> Result<(ModelByRange, Vec<BadInput>)> {
    ModelByRange::open(path, &TrainingOptions::default(), progress).map_err(|error| match error {
        RangeError::Io { source, .. } if source.kind() == ErrorKind::NotFound => absent(path),
        RangeError::Model(ModelFileError::Model { .. }) => hinted(&error, training(Path::new(NEW_MODEL))),
        RangeError::Empty { .. } => hinted(&error, training(&path.join("slots_0_to_1000.bmm"))),
        error => error.into(),
    })
}

/// Opens one model file.
pub(crate) fn open(path: &Path) -> Result<Model> {
    load_model(path).map_err(|error| match error {
        ModelFileError::Io { source, .. } if source.kind() == ErrorKind::NotFound => absent(path),
        // A file that is there may be precious: the hint does not write over it.
        ModelFileError::Model { .. } => hinted(&error, training(Path::new(NEW_MODEL))),
        error => error.into(),
    })
}

/// Where the hint puts a new model.
const NEW_MODEL: &str = "model.bmm";

fn absent(path: &Path) -> anyhow::Error {
    hinted(format!("the model {} does not exist", path.display()), training(path))
}

fn training(path: &Path) -> String {
    format!("blockmark train DATA --model {}", quoted(path.display()))
}
