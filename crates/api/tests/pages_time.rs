//! Time charts that script draws: what it is given to draw, the library it loads, and where.

mod support;

use api::{ChainClock, Settings};
use fingerprint::{Client, DataOrigin};
use support::Server;
use support::chain::{block, fill, small_model};

const CLOCK: ChainClock = ChainClock { genesis_time: 1_000_000, seconds_per_slot: 12 };

async fn server() -> Server {
    let settings = Settings { clock: Some(CLOCK), ..Settings::default() };
    let now = || CLOCK.start_of(6_000) + 4;
    let server = Server::start_at(Some(small_model(DataOrigin::GENERATED)), settings, now).await;
    fill(&server.store, 3_999, 45).await;
    // 1,200 slots are missing after that.
    let rows: Vec<_> = (5_200..6_000).map(|slot| block(slot, slot - 1, Client::Prysm, 0.9)).collect();
    server.store.insert_blocks(&rows).await.unwrap();
    server
}

/// What script is given of the first time chart of a page.
fn given(page: &str, name: &str) -> Option<String> {
    let figure = page.split("<figure data-plot=").nth(1)?.split('>').next()?;
    let figure = format!(" data-plot={figure}");
    let value = figure.split(&format!(" data-{name}=\"")).nth(1)?.split('"').next()?;
    Some(value.replace("&#38;", "&"))
}

#[tokio::test]
async fn script_is_given_the_chart_that_the_server_draws() {
    let server = server().await;
    let page = server.get("/?history=all&method=counted").await.text;
    let number = |name: &str| given(&page, name).unwrap().parse::<u64>().unwrap();
    let (start, end, bucket) = (number("start"), number("end"), number("bucket"));
    assert_eq!((number("epoch"), number("genesis"), number("seconds")), (32, 1_000_000, 12));
    assert_eq!((end - start) % bucket, 0);
    let answer = server.get(&given(&page, "plot").unwrap()).await.json();
    let buckets = answer["buckets"].as_array().unwrap();
    let mut places = Vec::new();
    for found in buckets {
        let from = found["start_slot"].as_u64().unwrap();
        assert!((start..end).contains(&from), "a bucket lies outside of the chart");
        places.push((from - start) / bucket);
        assert!(found["n"].as_u64().unwrap() > 0);
    }
    let mut distinct = places.clone();
    distinct.dedup();
    assert_eq!(places, distinct, "two buckets of the data lie in one of the chart");
    // What is hatched is what is missing.
    let gaps = given(&page, "gaps").unwrap();
    assert_eq!(gaps, "4000-5200");
    // Whatever counts over it says so.
    let overview = server.get("/?period=all").await.text;
    assert!(overview.contains("1,200 of them missing)"), "{overview}");
    for picture in ["shares", "timeline", "badge"] {
        let svg = server.get(&format!("/embed/{picture}.svg?period=all")).await.text;
        assert!(svg.contains("1,200\u{a0}slots missing"), "{picture}: {svg}");
    }
    // Every line has a name that script can find.
    let names: Vec<&str> = page.split("<p class=\"name\">").skip(1).collect();
    assert_eq!(names.len(), 6);
}

#[tokio::test]
async fn the_library_is_loaded_where_a_chart_is_drawn_and_nowhere_else() {
    let server = server().await;
    let page = server.get("/").await;
    assert!(page.text.contains("<script type=\"module\" src=\"/assets/time.js?v="));
    assert!(!page.text.contains("uplot"), "the library comes before its data");
    for path in ["/blocks", "/model", "/sync", "/reorgs", "/wall", "/validators"] {
        assert!(!server.get(path).await.text.contains("time.js"), "{path}");
    }
    let empty = Server::start(None, Settings::default()).await.get("/").await.text;
    assert!(!empty.contains("time.js") && !empty.contains("data-plot"), "there is nothing to draw");
    let script = server.get("/assets/time.js").await;
    assert_eq!(script.content_type(), "text/javascript; charset=utf-8");
    assert!(script.text.len() < 20_000, "{} bytes", script.text.len());
    assert!(!script.text.contains("http://") && !script.text.contains("https://"));
    assert!(!script.text.contains("innerHTML"), "foreign text could become markup");
    for (path, kind) in [
        ("/assets/uplot.js", "text/javascript; charset=utf-8"),
        ("/assets/uplot.css", "text/css; charset=utf-8"),
    ] {
        let answer = server.get(path).await;
        assert_eq!((answer.status.as_u16(), answer.content_type()), (200, kind), "{path}");
        assert_eq!(answer.headers["cache-control"], "public, max-age=31536000, immutable");
    }
}

#[test]
fn the_plotting_library_is_the_one_that_was_published() {
    let digest = |bytes: &[u8]| blake3::hash(bytes).to_hex().to_string();
    let script = include_bytes!("../static/uplot/uPlot.iife.min.js");
    assert!(script.starts_with(b"/*! https://github.com/leeoniya/uPlot (v1.6.32) */"));
    assert_eq!(digest(script), "ea2d16ff65797375a846049c0f0a17f68b47a2850b9c73f2816ecf040ec9f2ce");
    assert_eq!(
        digest(include_bytes!("../static/uplot/uPlot.min.css")),
        "70ead7542eab83ef6ff4269c1f139e3c40f5f59f98302552320b9f79188abba1"
    );
    assert!(include_str!("../static/uplot/LICENSE").starts_with("The MIT License (MIT)"));
}

#[tokio::test]
async fn paper_gets_light_colours_open_details_and_the_time() {
    let server = server().await;
    let page = server.get("/").await.text;
    // The clock of the test stands four seconds after slot 6,000.
    assert!(
        page.contains("<span class=\"on-paper\">As of 13\u{a0}Jan\u{a0}1970 09:46:44\u{a0}UTC<"),
        "{page}"
    );
    let css = server.get("/assets/style.css").await.text;
    let dark: Vec<&str> = css.split("color-scheme: dark;").collect();
    assert_eq!(dark.len(), 3);
    for before in &dark[..2] {
        let rule = before.rsplit("@media").next().unwrap();
        assert!(rule.starts_with(" screen"), "dark colours on paper: {rule}");
    }
    assert!(css.split("@media print {").nth(1).unwrap().contains("details::details-content"));
}

#[tokio::test]
async fn forks_stand_on_the_time_axis_of_networks_that_are_known() {
    // Altair began on mainnet with this slot.
    const ALTAIR: u64 = 74_240 * 32;
    for (network, is_known) in [("mainnet", true), ("devnet-7", false)] {
        let settings = Settings { network: network.to_owned(), ..Settings::default() };
        let server = Server::start(None, settings).await;
        let rows: Vec<_> =
            (ALTAIR - 1_600..ALTAIR + 1_600).map(|slot| block(slot, slot - 1, Client::Prysm, 0.9)).collect();
        server.store.insert_blocks(&rows).await.unwrap();
        let page = server.get("/?history=all").await.text;
        assert_eq!(given(&page, "forks").unwrap(), if is_known { "2375680-Altair" } else { "" });
        assert_eq!(page.contains(">Altair</text>"), is_known, "{network}");
        let later = server.get("/?history=74245..74280").await.text;
        assert!(!later.contains("Altair"), "{network}");
    }
}
