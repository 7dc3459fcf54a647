//! Serving over real sockets: TLS, rate limits, stopping; and what pages of other sites may read.

mod support;

use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::time::Duration;

use api::{AppState, Cors, RateLimit, Settings, TlsFiles};
use reqwest::{Certificate, Client};
use store::{OpenMode, Store, StoreUrl};
use support::Server;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A server on a port of its own.
struct Served {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<std::io::Result<()>>,
    _directory: TempDir,
}

async fn serve(settings: Settings) -> Served {
    let directory = TempDir::new().unwrap();
    let url = StoreUrl::from(directory.path().join("blocks.sqlite"));
    let store = Store::open(url, OpenMode::Create).await.unwrap();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let until = async move {
        let _ = stopped.await;
    };
    let task = tokio::spawn(api::serve(listener, AppState::new(store, None, settings), until));
    Served { address, stop, task, _directory: directory }
}

/// What must happen soon, and does even on a busy machine.
async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), what).await.expect("it takes too long")
}

#[tokio::test]
async fn tls_is_spoken_with_a_certificate_from_files_and_a_stop_ends_streams() {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let directory = TempDir::new().unwrap();
    let files =
        TlsFiles { certificates: directory.path().join("cert.pem"), key: directory.path().join("key.pem") };
    std::fs::write(&files.certificates, made.cert.pem()).unwrap();
    std::fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
    let served = serve(Settings { tls: Some(files.clone()), ..Settings::default() }).await;
    let root = Certificate::from_pem(made.cert.pem().as_bytes()).unwrap();
    let client = Client::builder()
        .no_proxy()
        .tls_certs_only([root])
        .resolve("localhost", served.address)
        .build()
        .unwrap();
    let address = |path: &str| format!("https://localhost:{}{path}", served.address.port());
    let live = soon(client.get(address("/health/live")).send()).await.unwrap();
    assert_eq!(live.status(), 200);
    // A peer that speaks no TLS holds nobody up.
    let mute = tokio::net::TcpStream::connect(served.address).await.unwrap();
    let mut stream = soon(client.get(address("/api/v1/stream")).send()).await.unwrap();
    assert!(soon(stream.chunk()).await.unwrap().is_some());
    served.stop.send(()).unwrap();
    soon(served.task).await.unwrap().unwrap();
    while let Ok(Some(_)) = soon(stream.chunk()).await {}
    drop(mute);

    files.check().unwrap();
    let other = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    std::fs::write(&files.key, other.signing_key.serialize_pem()).unwrap();
    let error = files.check().unwrap_err().to_string();
    assert!(error.contains("key.pem is not that of the certificate "), "{error}");
    std::fs::write(&files.key, "no key").unwrap();
    let served = serve(Settings { tls: Some(files), ..Settings::default() }).await;
    let error = soon(served.task).await.unwrap().unwrap_err().to_string();
    assert!(error.contains("key.pem holds no private key"), "{error}");
}

#[tokio::test]
async fn an_address_that_asks_too_often_waits() {
    let number = |number| NonZeroU32::new(number).unwrap();
    let rate = Some(RateLimit { per_minute: number(1), burst: number(2) });
    let served = serve(Settings { rate, ..Settings::default() }).await;
    let client = Client::builder().no_proxy().build().unwrap();
    let get =
        async |path: &str| soon(client.get(format!("http://{}{path}", served.address)).send()).await.unwrap();
    for _ in 0..2 {
        assert_eq!(get("/sync/status").await.status(), 200);
    }
    let refused = get("/sync/status").await;
    assert_eq!(refused.status(), 429);
    let wait: u64 = refused.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    assert!(refused.text().await.unwrap().contains("more than 1 requests in a minute"));
    assert_eq!(get("/health/live").await.status(), 200);
    assert_eq!(get("/metrics").await.status(), 200);
}

#[tokio::test]
async fn pages_of_other_sites_read_what_the_operator_lets_them() {
    let origin = ("origin", "https://a.example");
    let allowed = |answer: &support::Answer| {
        answer.headers.get("access-control-allow-origin").map(|value| value.to_str().unwrap().to_owned())
    };
    for (cors, expected) in [
        (Cors::Off, None),
        (Cors::Any, Some("*")),
        (Cors::Origins(vec!["https://a.example".to_owned()]), Some("https://a.example")),
        (Cors::Origins(vec!["https://b.example".to_owned()]), None),
    ] {
        let server = Server::start(None, Settings { cors: cors.clone(), ..Settings::default() }).await;
        let answer = server.send_with("GET", "/api/v1/sync", "", &[origin]).await;
        assert_eq!((answer.status.as_u16(), allowed(&answer).as_deref()), (200, expected), "{cors:?}");
        let preflight = [origin, ("access-control-request-method", "GET")];
        let answer = server.send_with("OPTIONS", "/api/v1/sync", "", &preflight).await;
        let status = if cors == Cors::Off { 405 } else { 200 };
        assert_eq!((answer.status.as_u16(), allowed(&answer).as_deref()), (status, expected), "{cors:?}");
    }
}
