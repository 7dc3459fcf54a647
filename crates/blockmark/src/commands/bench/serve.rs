//! Requests at a fixed rate to the real router over loopback, timed from the instant they were due, and before them the
//! processor time that each kind takes.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use api::{AppState, PrivateAccess, Settings};
use consensus::Epoch;
use consensus::primitives::SLOTS_PER_EPOCH;
use reqwest::{Client, RequestBuilder};
use rustix::time::{ClockId, clock_gettime};
use store::Store;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};

use super::verdicts::{gapless_from, slot_of, validator};
use super::{Print, percentile, root};

/// How many requests, and for how long. They come at the rate whether or not earlier ones are answered.
#[derive(Clone, Copy)]
pub(super) struct Load {
    pub(super) rate: u32,
    pub(super) seconds: u32,
}

/// A kind of request.
struct Address {
    name: &'static str,
    ask: fn(&Whole, u64) -> Ask,
}

/// A request.
enum Ask {
    Get(String),
    Post(String, String),
}

impl Address {
    fn request(&self, client: &Client, base: &str, whole: &Whole, random: u64) -> RequestBuilder {
        match (self.ask)(whole, random) {
            Ask::Get(path) => client.get(format!("{base}{path}")),
            Ask::Post(path, body) => client.post(format!("{base}{path}")).body(body),
        }
    }
}

/// Requests of each kind whose processor time is taken.
const ASKED: u64 = 300;

/// Validators in one request for several.
const SEVERAL: u64 = 10;

const ADDRESSES: [Address; 11] = [
    Address {
        name: "/blocks_per_client/{epoch}",
        ask: |whole, random| Ask::Get(format!("/blocks_per_client/{}", whole.epoch(random))),
    },
    Address {
        name: "/blocks_per_client/{start}/{end}",
        ask: |whole, random| {
            let (one, other) = (whole.epoch(random), whole.epoch(random >> 32));
            Ask::Get(format!("/blocks_per_client/{}/{}", one.min(other), one.max(other) + 1))
        },
    },
    Address { name: "/sync/gaps", ask: |_, _| Ask::Get("/sync/gaps".to_owned()) },
    Address { name: "/sync/status", ask: |_, _| Ask::Get("/sync/status".to_owned()) },
    Address {
        name: "/validator/{index}/blocks",
        ask: |_, random| Ask::Get(format!("/validator/{}/blocks", validator(random))),
    },
    Address {
        name: "/validator/{index}/blocks/{since}",
        ask: |whole, random| {
            let since = whole.epoch(random >> 32) * SLOTS_PER_EPOCH;
            Ask::Get(format!("/validator/{}/blocks/{since}", validator(random)))
        },
    },
    Address {
        name: "/validator/blocks/{since}, 10",
        ask: |whole, random| {
            let since = whole.epoch(random) * SLOTS_PER_EPOCH;
            let several: Vec<_> = (0..SEVERAL).map(|turn| validator(random >> turn).0).collect();
            Ask::Post(format!("/validator/blocks/{since}"), format!("{several:?}"))
        },
    },
    Address {
        name: "/api/v1/blocks, 100 of 4 epochs",
        ask: |whole, random| {
            let end = whole.epoch(random) + 1;
            let start = end.saturating_sub(4).max(whole.first.0);
            Ask::Get(format!("/api/v1/blocks?start_epoch={start}&end_epoch={end}"))
        },
    },
    Address {
        name: "/api/v1/blocks of a client, 50",
        ask: |whole, random| {
            let end = whole.epoch(random) + 1;
            let start = end.saturating_sub(225).max(whole.first.0);
            let range = format!("start_epoch={start}&end_epoch={end}");
            Ask::Get(format!("/api/v1/blocks?client=teku&min_probability=0.9&limit=50&{range}"))
        },
    },
    Address {
        name: "/api/v1/shares by day, 7 days",
        ask: |whole, random| {
            let end = whole.epoch(random) + 1;
            let start = end.saturating_sub(1_575).max(whole.first.0);
            Ask::Get(format!("/api/v1/shares?by=day&start_epoch={start}&end_epoch={end}"))
        },
    },
    Address { name: "/ (overview)", ask: |_, _| Ask::Get("/".to_owned()) },
];

/// The whole epochs without a gap.
struct Whole {
    first: Epoch,
    count: u64,
}

impl Whole {
    fn of(rows: u64) -> Result<Self> {
        let first = gapless_from().div_ceil(SLOTS_PER_EPOCH);
        match (slot_of(rows.saturating_sub(1)) / SLOTS_PER_EPOCH).checked_sub(first) {
            Some(count) if count > 0 => Ok(Self { first: Epoch(first), count }),
            _ => bail!("{rows} rows are too few for this measurement; it takes 20000"),
        }
    }

    fn epoch(&self, random: u64) -> u64 {
        self.first.0 + random % self.count
    }
}

/// Serves the database and prints how long its answers took.
pub(super) fn measure(
    server: &Runtime,
    store: &Store,
    rows: u64,
    load: Load,
    print: Print<'_>,
) -> Result<()> {
    let whole = Whole::of(rows)?;
    let settings = Settings { private: PrivateAccess::Open, ..Settings::default() };
    let router = api::router(AppState::new(store.clone(), None, settings));
    let listener = server.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
    let base = format!("http://{}", listener.local_addr()?);
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = server.spawn(async move {
        let stopped = async move {
            let _ = stopped.await;
        };
        axum::serve(listener, router).with_graceful_shutdown(stopped).await
    });
    // The client has a runtime of its own, so that its tasks do not queue behind the server's.
    let sender = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let client = Client::builder().no_proxy().http1_only().build().context("the client can't be made")?;
    let warm_up = Load { seconds: 1, ..load };
    fire(&sender, &client, &base, &whole, warm_up)?;
    cost(&sender, &client, &base, &whole, rows, print)?;
    let mut times = fire(&sender, &client, &base, &whole, load)?;
    drop((client, sender));
    let _ = stop.send(());
    server.block_on(serving)??;
    let all = times.values().flatten().copied().collect();
    times.insert("all", all);
    let input = format!("{rows} rows, {} requests/s for {} s, loopback", load.rate, load.seconds);
    for (name, times) in &mut times {
        for (share, word) in [(0.5, "p50"), (0.9, "p90"), (0.99, "p99"), (1.0, "max")] {
            print(&format!("{name}, {word}"), "ms", percentile(times, share), &input);
        }
    }
    Ok(())
}

/// Sends requests of each kind one after another, and prints the processor time of one, of server and client together.
fn cost(
    sender: &Runtime,
    client: &Client,
    base: &str,
    whole: &Whole,
    rows: u64,
    print: Print<'_>,
) -> Result<()> {
    let input = format!("{rows} rows, {ASKED} requests, one at a time");
    for address in &ADDRESSES {
        let before = clock_gettime(ClockId::ProcessCPUTime);
        for turn in 0..ASKED {
            let [a, b, c, d, e, f, g, h, ..] = root(turn.wrapping_add(1 << 40)).0;
            let request = address.request(client, base, whole, u64::from_le_bytes([a, b, c, d, e, f, g, h]));
            sender
                .block_on(async { request.send().await?.error_for_status()?.bytes().await })
                .with_context(|| format!("a request to {} failed", address.name))?;
        }
        let after = clock_gettime(ClockId::ProcessCPUTime);
        let milliseconds =
            (after.tv_sec - before.tv_sec) as f64 * 1e3 + (after.tv_nsec - before.tv_nsec) as f64 / 1e6;
        print(&format!("{}, processor time", address.name), "ms", milliseconds / ASKED as f64, &input);
    }
    Ok(())
}

/// Sends every request when it is due; gives the milliseconds from then to the end of the answer, by address.
fn fire(
    sender: &Runtime,
    client: &Client,
    base: &str,
    whole: &Whole,
    load: Load,
) -> Result<BTreeMap<&'static str, Vec<f64>>> {
    let (answered, answers) = mpsc::channel();
    let begun = Instant::now();
    for turn in 0..u64::from(load.rate) * u64::from(load.seconds) {
        let due = begun + Duration::from_secs_f64(turn as f64 / f64::from(load.rate));
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let [first, rest @ ..] = root(turn).0;
        let Some(address) = ADDRESSES.get(usize::from(first) % ADDRESSES.len()) else { continue };
        let [a, b, c, d, e, f, g, h, ..] = rest;
        let request = address.request(client, base, whole, u64::from_le_bytes([a, b, c, d, e, f, g, h]));
        let answered = answered.clone();
        sender.spawn(async move {
            let outcome = async { request.send().await?.error_for_status()?.bytes().await }.await;
            // The receiver waits for all senders.
            let _ = answered.send((address.name, due.elapsed(), outcome));
        });
    }
    drop(answered);
    let mut times: BTreeMap<&'static str, Vec<f64>> = BTreeMap::new();
    for (name, took, outcome) in answers {
        outcome.with_context(|| format!("a request to {name} failed"))?;
        times.entry(name).or_default().push(took.as_secs_f64() * 1000.0);
    }
    Ok(times)
}
