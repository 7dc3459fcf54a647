//! Addresses, statuses, bounds and access of the whole router over a temporary database.

mod support;

use api::{ChainClock, Credential, GapPolicy, Limits, PrivateAccess, Settings};
use serde_json::{Value, json};
use support::{Server, model, test_blocks};

/// A server with the 24 test blocks; `None` without conformance data.
async fn filled(settings: Settings) -> Option<Server> {
    let server = Server::start(Some(model()?), settings).await;
    let answer = server.store_blocks(&test_blocks()?).await;
    assert_eq!(answer.status.as_u16(), 200, "{}", answer.text);
    Some(server)
}

impl Server {
    async fn store_blocks(&self, blocks: &[Value]) -> support::Answer {
        self.send("POST", "/classify", json!(blocks).to_string()).await
    }
}

#[tokio::test]
async fn nothing_is_stored_from_a_refused_batch() {
    let (Some(model), Some(blocks)) = (model(), test_blocks()) else { return };
    let server = Server::start(Some(model), Settings::default()).await;
    let mut broken = blocks.clone();
    broken[7]["meta"]["slot"] = json!("not a slot");
    let answer = server.store_blocks(&broken).await;
    assert_eq!(answer.status.as_u16(), 400);
    let body = answer.json();
    assert_eq!((&body["index"], &body["field"]), (&json!(7), &json!("meta.slot")), "{body}");
    assert_eq!(server.get("/sync/status").await.json()["greatest_block_slot"], 0);
    assert_eq!(server.get("/blocks/0?partial=true").await.json(), json!([]));
}

#[tokio::test]
async fn a_repeated_batch_changes_nothing() {
    let Some(server) = filled(Settings::default()).await else { return };
    let before = server.get("/blocks/0?partial=true").await.text;
    let answer = server.store_blocks(&test_blocks().unwrap()).await;
    assert_eq!((answer.status.as_u16(), answer.text.as_str()), (200, "OK"));
    assert_eq!(server.get("/blocks/0?partial=true").await.text, before);
}

#[tokio::test]
async fn lists_are_ordered_and_bulk_keeps_the_order_asked_for() {
    let Some(server) = filled(Settings::default()).await else { return };
    let blocks = server.get("/blocks/0?partial=true").await.json();
    let slots: Vec<u64> =
        blocks.as_array().unwrap().iter().map(|block| block["slot"].as_u64().unwrap()).collect();
    assert_eq!(slots.len(), 24);
    assert!(slots.is_sorted());
    let latest = server.get("/validator/blocks/latest").await.json();
    let indices: Vec<u64> =
        latest.as_array().unwrap().iter().map(|row| row["proposer_index"].as_u64().unwrap()).collect();
    assert!(indices.is_sorted());
    let answer = server.send("POST", "/validator/blocks", "[999, 211837, 999]").await;
    assert!(answer.text.starts_with("{\"999\": [], \"211837\": [{\"slot\": 9000124"), "{}", answer.text);
    let answer = server.send("POST", "/validator/blocks/9000125", "[211837.0]").await;
    assert_eq!(answer.text, "{\"211837\": []}");
}

#[tokio::test]
async fn ranges_that_touch_a_gap_name_it() {
    let Some(server) = filled(Settings::default()).await else { return };
    let answer = server.get("/blocks/9000120/9000127").await;
    assert_eq!(answer.status.as_u16(), 404);
    assert_eq!(answer.json()["gap"], json!({ "start": 1, "end": 9000123 }));
    assert_eq!(server.get("/blocks/9000120/9000127?partial=true").await.status.as_u16(), 200);
    assert_eq!(server.get("/blocks/9000120/9000127?partial=maybe").await.status.as_u16(), 400);
    let old = Settings { gaps: GapPolicy::Partial, ..Settings::default() };
    let Some(server) = filled(old).await else { return };
    assert_eq!(server.get("/blocks/9000120/9000127").await.status.as_u16(), 200);
    assert_eq!(server.get("/blocks/9000120/9000127?partial=false").await.status.as_u16(), 404);
}

#[tokio::test]
async fn without_a_model_everything_stored_can_be_read_and_nothing_classified() {
    let server = Server::start(None, Settings::default()).await;
    let answer = server.send("POST", "/classify", "[]").await;
    assert_eq!(answer.status.as_u16(), 503);
    assert!(answer.json()["error"].as_str().unwrap().contains("no model"));
    assert_eq!(server.get("/health/ready").await.status.as_u16(), 200);
}

#[tokio::test]
async fn bodies_are_bounded() {
    let limits = Limits {
        classify_body_bytes: 2_000_000,
        classify_blocks: 2,
        validators_body_bytes: 100,
        validators: 3,
        ..Limits::default()
    };
    let (Some(model), Some(blocks)) = (model(), test_blocks()) else { return };
    let server = Server::start(Some(model), Settings { limits, ..Settings::default() }).await;
    let status = |answer: &support::Answer| (answer.status.as_u16(), answer.json()["error"].is_string());
    assert_eq!(status(&server.store_blocks(&blocks[..3]).await), (413, true));
    let large = format!("[{}]", " ".repeat(2_000_001));
    assert_eq!(status(&server.send("POST", "/classify", large).await), (413, true));
    assert_eq!(status(&server.send("POST", "/validator/blocks", "[1,2,3,4]").await), (413, true));
    let large = format!("[1{}]", " ".repeat(100));
    assert_eq!(status(&server.send("POST", "/validator/blocks", large).await), (413, true));
    let deep = "[".repeat(1_000_000);
    assert_eq!(status(&server.send("POST", "/classify", deep).await), (400, true));
}

#[tokio::test]
async fn wrong_methods_and_addresses_are_json() {
    let server = Server::start(None, Settings::default()).await;
    for (method, path, status) in [
        ("DELETE", "/sync/gaps", 405),
        ("GET", "/classify", 405),
        ("GET", "/validator/blocks", 405),
        ("POST", "/api/v1/sync", 405),
        ("GET", "/nowhere", 404),
        ("GET", "/sync/status/", 404),
        ("GET", "/blocks_per_client/1.5", 404),
        ("GET", "/blocks/10/x", 404),
        ("GET", "/validator/one/blocks", 404),
    ] {
        let answer = server.send(method, path, "").await;
        let title = answer.json()["title"].as_str().unwrap_or_default().to_owned();
        assert_eq!(answer.status.as_u16(), status, "{method} {path}");
        assert!(title.starts_with(&status.to_string()), "{method} {path}: {}", answer.text);
    }
}

#[tokio::test]
async fn private_addresses_need_a_credential_and_public_ones_do_not() {
    let credentials = vec![Credential::bearer("t0ken"), Credential::basic("ann", "pass")];
    let settings = Settings { private: PrivateAccess::Guarded(credentials), ..Settings::default() };
    let server = Server::start(None, settings).await;
    let private = [
        ("GET", "/validator/1/blocks"),
        ("GET", "/validator/1/blocks/5"),
        ("POST", "/validator/blocks"),
        ("POST", "/validator/blocks/5"),
        ("GET", "/validator/blocks/latest"),
        ("GET", "/blocks/1"),
        ("GET", "/blocks/1/2"),
        ("GET", "/confusion/Teku/1/2"),
        ("POST", "/classify"),
        ("POST", "/classify/no_store"),
        ("GET", "/api/v1/blocks/1"),
        ("GET", "/api/v1/validators/1/blocks"),
        ("GET", "/api/v1/validators/1/affinity"),
        ("GET", "/api/v1/confusion"),
        ("GET", "/block/1"),
    ];
    for (method, path) in private {
        let answer = server.send(method, path, "[]").await;
        assert_eq!(answer.status.as_u16(), 401, "{method} {path}");
        assert!(answer.headers.contains_key("www-authenticate"), "{method} {path}");
        for secret in ["Bearer t0ken", "Basic YW5uOnBhc3M="] {
            let answer = server.send_with(method, path, "[]", &[("authorization", secret)]).await;
            assert_ne!(answer.status.as_u16(), 401, "{method} {path}");
        }
        let answer = server.send_with(method, path, "[]", &[("authorization", "Bearer token")]).await;
        assert_eq!(answer.status.as_u16(), 401, "{method} {path}");
    }
    for path in [
        "/sync/status",
        "/sync/gaps",
        "/blocks_per_client/1",
        "/api/v1/shares",
        "/api/v1/sync",
        "/api/v1/models",
        "/openapi.json",
        "/metrics",
        "/health/live",
        "/health/ready",
        "/",
    ] {
        assert_eq!(server.get(path).await.status.as_u16(), 200, "{path}");
    }
    let page = server.get("/").await.text;
    assert!(page.contains("Latest epochs") && !page.contains("Latest blocks"));
}

#[tokio::test]
async fn the_new_addresses_answer() {
    let Some(server) = filled(Settings::default()).await else { return };
    let by_slot = server.get("/api/v1/blocks/9000124").await.json();
    let block = &by_slot["blocks"][0];
    assert_eq!((&block["client"], &block["state"]), (&json!("teku"), &json!("unknown")));
    assert_eq!(block["features"].as_object().unwrap().len(), 4);
    let root = block["block_root"].as_str().unwrap();
    assert_eq!(server.get(&format!("/api/v1/blocks/{root}")).await.json(), by_slot);
    assert_eq!(server.get("/api/v1/blocks/9000127").await.status.as_u16(), 404);
    assert_eq!(server.get("/api/v1/blocks/0x12").await.status.as_u16(), 400);
    let shares = server.get("/api/v1/shares?start_slot=0&partial=true").await.json();
    assert_eq!((&shares["complete"], &shares["buckets"][0]["n"]), (&json!(false), &json!(24)), "{shares}");
    let sum: f64 = shares["buckets"][0]["shares"]
        .as_array()
        .unwrap()
        .iter()
        .map(|share| share["share"].as_f64().unwrap())
        .sum();
    assert!((sum - 1.0).abs() < 1e-9);
    let csv = server.get("/api/v1/shares?start_slot=0&partial=true&format=csv").await.text;
    assert_eq!(csv.lines().count(), 9, "{csv}");
    assert_eq!(server.get("/api/v1/shares?bucket_epochs=0").await.status.as_u16(), 400);
    let none = server.get("/api/v1/shares?start_epoch=9&end_epoch=3").await.json();
    assert_eq!(none["buckets"], json!([]));
    assert!(server.get("/api/v1/shares?start_epoch=x").await.json()["error"].is_string());
    let affinity = server.get("/api/v1/validators/211837/affinity").await.json();
    assert_eq!(affinity["mode"], json!({ "verdict": "client", "client": "teku" }));
    assert_eq!(affinity["latest"], json!({ "verdict": "uncertain", "client": null }));
    let models = server.get("/api/v1/models").await.json();
    assert_eq!(models["models"][0]["loaded"], true, "{models}");
    let confusion = server.get("/api/v1/confusion?partial=true").await.json();
    assert_eq!(confusion["clients"][2]["true_pos"], 4, "{confusion}");
    let sync = server.get("/api/v1/sync").await.json();
    assert_eq!((&sync["synced"], &sync["freshness"]["state"]), (&json!(false), &json!("recorded")));
}

#[tokio::test]
async fn readiness_follows_the_age_of_the_newest_block() {
    let settings = || Settings { clock: Some(ChainClock::MAINNET), ..Settings::default() };
    let (Some(live), Some(late)) = (model(), model()) else { return };
    let server = Server::start_at(Some(live), settings(), || ChainClock::MAINNET.start_of(9_000_160)).await;
    server.store_blocks(&test_blocks().unwrap()).await;
    assert_eq!(server.get("/health/ready").await.json()["freshness"]["state"], "live");
    let server = Server::start_at(Some(late), settings(), || ChainClock::MAINNET.start_of(9_000_200)).await;
    server.store_blocks(&test_blocks().unwrap()).await;
    let ready = server.get("/health/ready").await;
    assert_eq!((ready.status.as_u16(), &ready.json()["freshness"]["state"]), (503, &json!("stale")));
    let page = server.get("/").await.text;
    assert!(page.contains("Stale since") && page.contains("No verdict since slot"));
}

#[tokio::test]
async fn metrics_count_requests_blocks_and_verdicts() {
    let Some(server) = filled(Settings::default()).await else { return };
    server.get("/blocks_per_client/281253").await;
    let text = server.get("/metrics").await.text;
    for line in [
        "blockmark_blocks 24",
        "blockmark_gaps 7",
        "blockmark_verdicts_total{client=\"Lodestar\"}",
        "route=\"/blocks_per_client/{start_epoch}\"",
        "blockmark_http_request_duration_seconds_bucket",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
}

#[tokio::test]
async fn every_answer_has_the_security_headers() {
    let server = Server::start(None, Settings::default()).await;
    for path in ["/", "/sync/status", "/nowhere", "/docs/"] {
        let answer = server.get(path).await;
        let policy = answer.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'"), "{path}: {policy}");
        assert!(!policy.contains("http"), "{path}: {policy}");
        assert_eq!(answer.headers["x-content-type-options"], "nosniff", "{path}");
    }
}

#[tokio::test]
async fn a_request_that_never_ends_is_told_so() {
    let limits = Limits { request_timeout: std::time::Duration::from_millis(20), ..Limits::default() };
    let server = Server::start(None, Settings { limits, ..Settings::default() }).await;
    let endless = futures::stream::pending::<Result<axum::body::Bytes, std::convert::Infallible>>();
    let answer = server.send("POST", "/validator/blocks", axum::body::Body::from_stream(endless)).await;
    assert_eq!(answer.status.as_u16(), 503);
    assert!(answer.json()["error"].as_str().unwrap().contains("longer than"));
}

#[tokio::test]
async fn pages_of_other_sites_can_not_write() {
    let Some(model) = model() else { return };
    let server = Server::start(Some(model), Settings::default()).await;
    let cross_site = [("sec-fetch-site", "cross-site")];
    let answer = server.send_with("POST", "/classify", "[]", &cross_site).await;
    assert_eq!(answer.status.as_u16(), 403);
    let same_origin = [("sec-fetch-site", "same-origin")];
    assert_eq!(server.send_with("POST", "/classify", "[]", &same_origin).await.status.as_u16(), 200);
}

#[test]
fn the_description_of_all_addresses() {
    insta::assert_snapshot!(api::description_json());
}

#[tokio::test]
async fn blocks_that_cannot_be_stored_are_refused_without_storing_too() {
    let (Some(model), Some(mut blocks)) = (model(), test_blocks()) else { return };
    let server = Server::start(Some(model), Settings::default()).await;
    blocks[1]["meta"]["slot"] = "1099511627776".into();
    let body = json!(blocks).to_string();
    for path in ["/classify", "/classify/no_store"] {
        let answer = server.send("POST", path, body.clone()).await;
        assert_eq!(answer.status.as_u16(), 400, "{path}: {}", answer.text);
        assert!(answer.text.contains("\"index\":1") && answer.text.contains("\"slot\""), "{}", answer.text);
    }
}

#[tokio::test]
async fn a_root_at_another_slot_and_a_compressed_body_are_refused() {
    let (Some(model), Some(mut blocks)) = (model(), test_blocks()) else { return };
    let server = Server::start(Some(model), Settings::default()).await;
    blocks.truncate(1);
    assert_eq!(server.send("POST", "/classify", json!(blocks).to_string()).await.status.as_u16(), 200);
    blocks[0]["meta"]["slot"] = "9999999".into();
    let answer = server.send("POST", "/classify", json!(blocks).to_string()).await;
    assert_eq!(answer.status.as_u16(), 400, "{}", answer.text);
    assert!(answer.text.contains("a root belongs to one slot"), "{}", answer.text);
    let gzip = [("content-encoding", "gzip")];
    let answer = server.send_with("POST", "/classify", "anything", &gzip).await;
    assert_eq!(answer.status.as_u16(), 415, "{}", answer.text);
    assert!(answer.text.contains("without Content-Encoding"), "{}", answer.text);
}
