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

/// The one entity whose name holds a text, if there is exactly one, or one of just this name.
pub(super) fn entity_like<'a>(state: &'a AppState, text: &str) -> Result<&'a Entity, ApiError> {
    if let Ok(entity) = entity_named(state, text) {
        return Ok(entity);
    }
    let wanted = text.to_lowercase();
    let mut found =
        state.entities().list().iter().filter(|entity| entity.name.to_lowercase().contains(&wanted));
    match (found.next(), found.next()) {
        (Some(entity), None) => Ok(entity),
        (first, second) => {
            let text: String = text.chars().take(100).collect();
            let names = first.into_iter().chain(second).map(|entity| format::visible(&entity.name));
            let names = names.collect::<Vec<_>>().join(" and ");
            let why = if names.is_empty() {
                "no entity has that in its name".to_owned()
            } else {
                format!("{names} have that in their names")
            };
            Err(ApiError::BadParameter(format!("the search is for {text:?}, which is no index, and {why}")))
        }
    }
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
