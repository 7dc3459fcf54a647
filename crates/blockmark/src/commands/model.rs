//! Opening model files: one for all slots, or a directory of them chosen by slot.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use consensus::Slot;
use fingerprint::classifier::Model;

use crate::failure::hinted;

/// The models of a command, by the first slot each is for.
pub(crate) struct Models(Vec<(Slot, Model)>);

impl Models {
    /// Opens a model file, or a directory of `slots_A_to_B.bmm` files.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        if !path.is_dir() {
            return Ok(Self(vec![(Slot(0), open(path)?)]));
        }
        let mut models = Vec::new();
        for entry in std::fs::read_dir(path).with_context(|| format!("can't list {}", path.display()))? {
            let file = entry?.path();
            let Some(start) = file.file_name().and_then(|name| name.to_str()).and_then(first_slot) else {
                continue;
            };
            models.push((start, open(&file)?));
        }
        models.sort_by_key(|(start, _)| *start);
        if models.is_empty() {
            return Err(hinted(
                format!("\"{}\" holds no model file named slots_A_to_B.bmm", path.display()),
                "blockmark train DATA --model slots_A_to_B.bmm",
            ));
        }
        Ok(Self(models))
    }

    /// The model for a slot: that of the last range beginning at or before it; the last one is open-ended.
    pub(crate) fn at(&self, slot: Slot) -> Result<&Model> {
        match self.0.iter().rev().find(|(start, _)| *start <= slot) {
            Some((_, model)) => Ok(model),
            None => bail!("no model is for slot {slot}: the first one begins at slot {}", self.first_start()),
        }
    }

    /// All models.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Model> {
        self.0.iter().map(|(_, model)| model)
    }

    fn first_start(&self) -> Slot {
        self.0.first().map_or(Slot(0), |(start, _)| *start)
    }
}

fn first_slot(name: &str) -> Option<Slot> {
    let (first, _) = name.strip_suffix(".bmm")?.strip_prefix("slots_")?.split_once("_to_")?;
    first.parse().ok()
}

/// Opens one model file.
pub(crate) fn open(path: &Path) -> Result<Model> {
    let bytes = std::fs::read(path).map_err(|error| {
        hinted(
            format!("the model file {} can't be read, because {error}", path.display()),
            format!("blockmark train DATA --model {}", path.display()),
        )
    })?;
    Model::from_bytes(&bytes).with_context(|| format!("{} can't be used as a model", path.display()))
}
