//! `/api/v1/models`: which models gave the verdicts.

use axum::extract::State;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::answer::{Answer, ListForm, Validity};
use super::shapes::{FormQuery, hex};
use super::table::{Cell, Kind, Table};
use crate::error::ApiError;
use crate::query::Params;
use crate::state::AppState;

/// The models that the database knows.
#[derive(Serialize, ToSchema)]
pub(crate) struct Models {
    models: Vec<ModelEntry>,
}

/// One model.
#[derive(Serialize, ToSchema)]
pub(crate) struct ModelEntry {
    /// BLAKE3 digest of the model file.
    hash: String,
    /// Null where only the digest came with a block.
    name: Option<String>,
    /// Whether new blocks are judged by it.
    loaded: bool,
    /// What is known of it: training rows, scores, origin.
    #[schema(value_type = Object)]
    info: Value,
}

/// The models that gave the stored verdicts, and the one that is loaded.
#[utoipa::path(
    get,
    path = "/api/v1/models",
    tag = "v1",
    params(FormQuery),
    responses((status = 200, description = "All models.", content(
        (Models = "application/json"), (String = "text/csv"), (Vec<u8> = "application/vnd.apache.parquet")
    )))
)]
pub(crate) async fn models(
    State(state): State<AppState>,
    ListForm(form): ListForm,
    _: Params<FormQuery>,
) -> Result<Answer, ApiError> {
    let loaded = state.model().map(|model| model.hash());
    let mut models: Vec<_> = state
        .store()
        .models()
        .await?
        .into_iter()
        .map(|model| ModelEntry {
            loaded: loaded == Some(model.hash),
            hash: hex(&model.hash),
            name: (!model.name.is_empty()).then_some(model.name),
            info: serde_json::from_str(&model.info_json).unwrap_or_default(),
        })
        .collect();
    if let Some(hash) = loaded {
        match models.iter_mut().find(|model| model.loaded) {
            Some(model) => {
                model.name.get_or_insert_with(|| state.model_name().to_owned());
            }
            None => models.push(ModelEntry {
                hash: hex(&hash),
                name: Some(state.model_name().to_owned()),
                loaded: true,
                info: Value::Object(serde_json::Map::new()),
            }),
        }
    }
    Answer::list(form, &Models { models }, table, Validity::Changing)
}

fn table(models: &Models) -> Table {
    let mut table = Table::new([
        ("hash", Kind::Text),
        ("name", Kind::Text),
        ("loaded", Kind::Text),
        ("info", Kind::Text),
    ]);
    for model in &models.models {
        table.row([
            Cell::from(model.hash.clone()),
            model.name.clone().into(),
            model.loaded.into(),
            model.info.to_string().into(),
        ]);
    }
    table
}
