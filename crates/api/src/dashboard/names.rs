//! Validators and those who run them, as pages name them.

use consensus::ValidatorIndex;

use super::format;
use crate::entities::Entity;
use crate::error::ApiError;
use crate::state::AppState;

/// Who runs a validator, if that is listed.
pub(super) fn entity_of(state: &AppState, validator: ValidatorIndex) -> Option<&Entity> {
    state.entities().of(validator)
}

/// The entity of a slug or name; one that is not listed is refused.
pub(super) fn entity_named<'a>(state: &'a AppState, name: &str) -> Result<&'a Entity, ApiError> {
    let found = state
        .entities()
        .list()
        .iter()
        .find(|entity| entity.slug == name || entity.name.eq_ignore_ascii_case(name));
    found.ok_or_else(|| {
        let name: String = name.chars().take(100).collect();
        ApiError::BadParameter(format!("entity is {name:?}, which is not listed here"))
    })
}

/// A proposer with links, as HTML: `Kiln · 412,233`.
pub(super) fn proposer(state: &AppState, validator: ValidatorIndex) -> String {
    let number = format!("<a href=\"/validators/{validator}\">{}</a>", format::count(validator.0));
    match entity_of(state, validator) {
        Some(entity) => format!(
            "<a class=\"entity\" href=\"/entities/{}\">{}</a> · {number}",
            entity.slug,
            format::escape(&format::visible(&entity.name))
        ),
        None => number,
    }
}
