//! Who may use the private addresses: a bearer token or basic authentication, compared in constant time.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::credential::{Credential, PrivateAccess};
use crate::error::ApiError;
use crate::state::AppState;

/// Longest `Authorization` header looked at.
const MAX_HEADER_BYTES: usize = 4_096;

/// Whether the request may see single blocks and validators.
pub(crate) fn is_allowed(access: &PrivateAccess, headers: &HeaderMap) -> bool {
    match access {
        PrivateAccess::Open => true,
        PrivateAccess::Closed => false,
        PrivateAccess::Guarded(credentials) => presented(headers).is_some_and(|presented| {
            // Every credential is compared, so that the time does not tell which one matched.
            credentials.iter().fold(false, |found, known| found | known.matches(&presented))
        }),
    }
}

fn presented(headers: &HeaderMap) -> Option<Credential> {
    let value = headers.get(header::AUTHORIZATION)?;
    if value.len() > MAX_HEADER_BYTES {
        return None;
    }
    let (scheme, secret) = value.to_str().ok()?.split_once(' ')?;
    let secret = secret.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        Some(Credential::bearer(secret))
    } else if scheme.eq_ignore_ascii_case("basic") {
        Some(Credential::basic_pair(&STANDARD.decode(secret).ok()?))
    } else {
        None
    }
}

/// What those without a credential are told.
pub(crate) fn refusal(access: &PrivateAccess) -> ApiError {
    ApiError::Unauthorized(match access {
        PrivateAccess::Closed => {
            "single blocks and validators are closed on this server, because no token is configured for them"
        }
        _ => "single blocks and validators need a bearer token or basic authentication on this server",
    })
}

/// Lets a request to a private address pass, or answers 401.
pub(crate) async fn require(
    State(state): State<AppState>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let access = &state.settings().private;
    // Browsers send credentials, and reach loopback, on behalf of any page; they say so in this header.
    let is_cross_site = request.headers().get("sec-fetch-site").is_some_and(|site| site == "cross-site");
    if is_cross_site && request.method() == Method::POST {
        return Err(ApiError::CrossSite);
    }
    if !is_allowed(access, request.headers()) {
        return Err(refusal(access));
    }
    let mut response = next.run(request).await;
    if !matches!(access, PrivateAccess::Open) {
        keep_private(response.headers_mut());
    }
    Ok(response)
}

/// Tells caches that others share to keep nothing of what a credential opened.
fn keep_private(headers: &mut HeaderMap) {
    let kept = headers.get(header::CACHE_CONTROL).and_then(|value| value.to_str().ok());
    let private = kept.and_then(|kept| kept.strip_prefix("public")).map(|rest| format!("private{rest}"));
    if let Some(value) = private.and_then(|text| HeaderValue::from_str(&text).ok()) {
        headers.insert(header::CACHE_CONTROL, value);
    }
    headers.append(header::VARY, HeaderValue::from_static("Authorization"));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, HeaderValue::from_str(value).unwrap());
        headers
    }

    #[test]
    fn what_a_credential_opened_is_kept_by_nobody_else() {
        for (kept, private) in [
            ("public, max-age=31536000, immutable", "private, max-age=31536000, immutable"),
            ("public, no-cache", "private, no-cache"),
            ("no-store", "no-store"),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(kept));
            headers.insert(header::VARY, HeaderValue::from_static("Accept"));
            keep_private(&mut headers);
            assert_eq!(headers[header::CACHE_CONTROL], private);
            let vary: Vec<_> = headers.get_all(header::VARY).iter().collect();
            assert_eq!(vary, ["Accept", "Authorization"]);
        }
    }

    #[test]
    fn credentials_open_and_others_do_not() {
        let access =
            PrivateAccess::Guarded(vec![Credential::bearer("s3cret"), Credential::basic("ann", "pass:word")]);
        let basic = format!("Basic {}", STANDARD.encode("ann:pass:word"));
        assert!(is_allowed(&access, &headers("Bearer s3cret")));
        assert!(is_allowed(&access, &headers("bearer s3cret")));
        assert!(is_allowed(&access, &headers(&basic)));
        for wrong in ["Bearer s3cre", "Bearer", "Basic !!!", "Basic YQ==", "Digest s3cret"] {
            assert!(!is_allowed(&access, &headers(wrong)), "{wrong} opened the door");
        }
        assert!(!is_allowed(&access, &HeaderMap::new()));
        assert!(!is_allowed(&PrivateAccess::Closed, &headers("Bearer s3cret")));
        assert!(is_allowed(&PrivateAccess::Open, &HeaderMap::new()));
    }
}
