//! Answers are kept for a second, and never given to whom or when they are not right.

mod support;

use std::sync::atomic::{AtomicU64, Ordering};

use api::{ChainClock, Credential, PrivateAccess, Settings};
use axum::body::Body;
use store::{OpenMode, Store};
use support::Server;
use support::chain::fill;

const CLOCK: ChainClock = ChainClock { genesis_time: 1_000_000, seconds_per_slot: 12 };

fn settings() -> Settings {
    Settings { clock: Some(CLOCK), ..Settings::default() }
}

#[tokio::test]
async fn what_another_process_stores_is_seen_a_second_later_and_what_this_one_stores_at_once() {
    static SECONDS: AtomicU64 = AtomicU64::new(0);
    let now = || CLOCK.start_of(2_000) + SECONDS.load(Ordering::SeqCst);
    let server = Server::start_at(None, settings(), now).await;
    let greatest = async || server.get("/sync/status").await.json()["greatest_block_slot"].clone();
    fill(&server.store, 101, 10).await;
    assert_eq!(greatest().await, 101);
    let other = Store::open(server.store.url().clone(), OpenMode::Create).await.unwrap();
    fill(&other, 201, 10).await;
    assert_eq!(greatest().await, 101, "the answer of this second is kept");
    SECONDS.fetch_add(1, Ordering::SeqCst);
    assert_eq!(greatest().await, 201);
    fill(&server.store, 301, 10).await;
    assert_eq!(greatest().await, 301);
}

#[tokio::test]
async fn nothing_is_kept_where_the_settings_leave_no_room() {
    let now = || CLOCK.start_of(2_000);
    let mut settings = settings();
    settings.limits.kept_bytes = 0;
    let server = Server::start_at(None, settings, now).await;
    fill(&server.store, 101, 10).await;
    assert_eq!(server.get("/sync/status").await.json()["greatest_block_slot"], 101);
    let other = Store::open(server.store.url().clone(), OpenMode::Create).await.unwrap();
    fill(&other, 201, 10).await;
    assert_eq!(server.get("/sync/status").await.json()["greatest_block_slot"], 201);
}

#[tokio::test]
async fn readers_with_and_without_a_token_never_get_each_others_answers() {
    let private = PrivateAccess::Guarded(vec![Credential::bearer("secret")]);
    let server = Server::start_at(None, Settings { private, ..settings() }, || CLOCK.start_of(2_000)).await;
    fill(&server.store, 1_999, 45).await;
    let token = [("authorization", "Bearer secret")];
    let wrong = [("authorization", "Bearer other")];
    for _ in 0..2 {
        let open = server.get("/").await;
        let shown = server.send_with("GET", "/", Body::empty(), &token).await;
        let refused = server.send_with("GET", "/", Body::empty(), &wrong).await;
        let statuses = [open.status, shown.status, refused.status].map(|status| status.as_u16());
        assert_eq!(statuses, [200; 3]);
        assert!(shown.text.contains("/block/") && !open.text.contains("/block/"));
        assert_eq!(open.text, refused.text);
        for path in ["/blocks", "/api/v1/blocks"] {
            let shown = server.send_with("GET", path, Body::empty(), &token).await;
            assert_eq!((server.get(path).await.status.as_u16(), shown.status.as_u16()), (401, 200), "{path}");
        }
    }
}

#[tokio::test]
async fn kept_answers_come_in_the_form_asked_for_or_not_at_all_where_they_are_known() {
    let server = Server::start_at(None, settings(), || CLOCK.start_of(2_000)).await;
    fill(&server.store, 1_999, 45).await;
    let ask = async |headers: &[(&str, &str)]| {
        server.send_with("GET", "/api/v1/shares?by=epoch&partial=true", Body::empty(), headers).await
    };
    for _ in 0..2 {
        let plain = ask(&[]).await;
        let packed = ask(&[("accept-encoding", "gzip")]).await;
        let rows = ask(&[("accept", "text/csv")]).await;
        assert_eq!(plain.content_type(), "application/json");
        assert_eq!(packed.headers["content-encoding"], "gzip");
        assert_eq!(rows.content_type(), "text/csv; charset=utf-8");
        assert_eq!(rows.headers.get("content-encoding"), None);
        for (answer, accept) in [(&plain, "application/json"), (&rows, "text/csv")] {
            let tag = answer.headers["etag"].to_str().unwrap();
            let again = ask(&[("accept", accept), ("if-none-match", tag)]).await;
            assert_eq!((again.status.as_u16(), again.text.as_str()), (304, ""), "{accept}");
            let other = ask(&[("accept", accept), ("if-none-match", "\"other\"")]).await;
            assert_eq!((other.status.as_u16(), &other.text), (200, &answer.text), "{accept}");
        }
    }
}

#[tokio::test]
async fn everybody_who_asks_at_once_gets_the_answer() {
    let server = Server::start_at(None, settings(), || CLOCK.start_of(2_000)).await;
    fill(&server.store, 1_999, 45).await;
    let asked = (0..40).map(|turn| server.get(if turn % 4 == 0 { "/no/such/place" } else { "/" }));
    let answers = futures::future::join_all(asked).await;
    for (turn, answer) in answers.iter().enumerate() {
        assert_eq!(answer.status.as_u16(), if turn % 4 == 0 { 404 } else { 200 });
        assert!(turn % 4 == 0 || answer.text == answers[1].text);
    }
}
