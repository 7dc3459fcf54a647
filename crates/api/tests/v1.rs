//! `/api/v1` over made-up blocks: filters, pages, forms, caches, gaps, entities, and the live stream.

mod support;

use std::sync::Arc;

use api::{ChainClock, Credential, Entities, Limits, PrivateAccess, Settings};
use consensus::{Gwei, Root, Slot, ValidatorIndex};
use fingerprint::{Classification, Client, Sign, Signs};
use serde_json::{Value, json};
use store::{
    AttestationRow, Attestations, BlockPlace, BlockRow, CanonicalState, ChainUpdate, Gap, GapCause, GapNote,
    RootOrigin, RowShape,
};
use support::{Answer, Server};

const ENTITIES: &str = "entity,first_index,last_index\nOne Pool,0,4\nTwo & Co.,5,6\n";

fn root(slot: u64, branch: u8) -> Root {
    let mut bytes = [branch; 32];
    bytes[..8].copy_from_slice(&slot.to_be_bytes());
    Root(bytes)
}

/// A block of validator `slot mod 10`, whose client goes by the validator.
fn block(slot: u64, parent: u64, branch: u8) -> BlockRow {
    let proposer = slot % 10;
    let client = Client::NAMED[(proposer % 3) as usize];
    let probability = 0.5 + (slot % 50) as f64 / 100.0;
    let classification = Classification {
        best_guess_single: Some(client),
        best_guess_multi: client.name().to_owned(),
        probabilities: vec![(client, probability)],
        graffiti_guess: slot.is_multiple_of(4).then_some(Client::NAMED[(proposer % 2) as usize]),
    };
    BlockRow {
        block_root: root(slot, branch),
        root_known: RootOrigin::Reported,
        parent_root: Some(root(parent, 0)),
        slot: Slot(slot),
        parent_slot: Slot(parent),
        proposer_index: ValidatorIndex(proposer),
        graffiti: Some(if slot.is_multiple_of(5) { "Hello, \"World\"".to_owned() } else { String::new() }),
        classification,
        model_hash: None,
        canonical: CanonicalState::Unknown,
        features: None,
        attestations: Attestations::Listed(vec![AttestationRow {
            slot: Slot(slot - 1),
            new: 300,
            shape: Some(RowShape {
                committees: 0b1011,
                committees_of_slot: 4,
                repeated: 20,
                paid: Gwei(9_000),
            }),
        }]),
        signs: None,
        first_seen_ms: None,
    }
}

fn settings() -> Settings {
    let entities = Entities::parse("entities.csv", ENTITIES).unwrap();
    Settings { entities: Arc::new(entities), clock: Some(ChainClock::MAINNET), ..Settings::default() }
}

/// Slots 100 to 399, of which 150 was missed and 200 has an orphaned block beside its own; final up to 319.
async fn filled(settings: Settings) -> Server {
    let server = Server::start(None, settings).await;
    let mut rows = vec![block(100, 99, 0)];
    for slot in (101..400).filter(|slot| *slot != 150) {
        rows.push(block(slot, if slot == 151 { 149 } else { slot - 1 }, 0));
    }
    rows.push(block(200, 199, 7));
    let place = |slot: u64| BlockPlace { root: root(slot, 0), slot: Slot(slot) };
    let update = ChainUpdate { rows: &rows, head: place(399), finalized: place(319) };
    assert!(server.store.apply_chain_update(&update).await.unwrap().settled);
    server
}

fn slots(list: &Value) -> Vec<u64> {
    list.as_array().unwrap().iter().map(|block| block["slot"].as_u64().unwrap()).collect()
}

async fn page(server: &Server, address: &str) -> Value {
    let answer = server.get(address).await;
    assert_eq!(answer.status.as_u16(), 200, "{address}: {}", answer.text);
    answer.json()
}

fn header(answer: &Answer, name: &str) -> String {
    answer.headers.get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
}

#[tokio::test]
async fn blocks_are_listed_by_filters_and_pages() {
    let server = filled(settings()).await;
    let first = page(&server, "/api/v1/blocks?limit=3").await;
    assert_eq!(slots(&first["blocks"]), [399, 398, 397]);
    assert_eq!((&first["searched"]["end_slot"], &first["prev"]), (&json!(400), &Value::Null));
    let second = page(&server, first["next"].as_str().unwrap()).await;
    assert_eq!(slots(&second["blocks"]), [396, 395, 394]);
    let back = page(&server, second["prev"].as_str().unwrap()).await;
    assert_eq!(back["blocks"], first["blocks"]);
    for (query, expected) in [
        ("start_slot=198&end_slot=202", vec![201, 200, 200, 199, 198]),
        ("start%5Fslot=198&end_slot=202", vec![201, 200, 200, 199, 198]),
        ("state=orphaned", vec![200]),
        ("start_epoch=6&end_slot=195", vec![194, 193, 192]),
        ("start_slot=390&entity=two-co", vec![396, 395]),
        ("start_slot=380&proposer=3,7&entity=one-pool", vec![393, 383]),
        ("start_slot=390&client=lodestar", vec![398, 395, 392]),
        ("start_slot=390&client=unknown", vec![]),
        ("start_slot=300&min_probability=0.985", vec![399, 349]),
        ("start_slot=300&max_probability=0.505", vec![350, 300]),
        ("start_slot=385&graffiti=hello", vec![395, 390, 385]),
        ("start_slot=390&conflict=true", vec![392]),
        ("state=finalized&limit=2", vec![319, 318]),
        ("since=2020-12-01T13:18:47Z&until=2020-12-01T13:19:11Z", vec![393, 392]),
    ] {
        let list = page(&server, &format!("/api/v1/blocks?{query}")).await;
        assert_eq!(slots(&list["blocks"]), expected, "{query}");
    }
    for (query, status) in [
        ("start_slot=50", 404),
        ("start_slot=50&partial=true", 200),
        ("entity=nobody", 404),
        ("limit=0", 400),
        ("limit=1001", 400),
        ("cursor=later", 400),
        ("min_probability=1.5", 400),
        ("client=geth", 400),
        ("colour=red", 400),
        ("since=yesterday", 400),
        ("proposer=1,x", 400),
        ("start_slot=9&end_slot=3", 200),
    ] {
        let answer = server.get(&format!("/api/v1/blocks?{query}")).await;
        assert_eq!(answer.status.as_u16(), status, "{query}: {}", answer.text);
    }
    let long = "9".repeat(50);
    for (query, said) in [
        ("start_slot=-1", r#"start_slot is "-1"; a whole number from 0 on is expected"#),
        ("limit=%1b5", r#"limit is "\u{1b}5"; a whole number from 0 on is expected"#),
        ("end_epoch=", r#"end_epoch is ""; a whole number from 0 on is expected"#),
        (
            &format!("end_slot={long}"),
            &format!("end_slot is \"{}\"…; a smaller number is expected", &long[..40]),
        ),
        ("min_probability=much", r#"min_probability is "much"; a number is expected"#),
    ] {
        let answer = server.get(&format!("/api/v1/blocks?{query}")).await;
        assert_eq!(answer.status.as_u16(), 400, "{query}");
        assert!(
            answer.json().to_string().contains(json!(said).to_string().trim_matches('"')),
            "{}",
            answer.text
        );
    }
    let gap = server.get("/api/v1/blocks?start_slot=50").await.json();
    assert_eq!(gap["gap"], json!({ "start": 1, "end": 99 }));
}

#[tokio::test]
async fn lists_come_as_json_csv_and_parquet() {
    let server = filled(settings()).await;
    for address in [
        "/api/v1/blocks?limit=5",
        "/api/v1/shares?by=epoch",
        "/api/v1/validators",
        "/api/v1/validators/3/blocks",
        "/api/v1/entities",
        "/api/v1/reorgs",
        "/api/v1/orphans",
        "/api/v1/missed",
        "/api/v1/gaps",
        "/api/v1/models",
        "/api/v1/confusion",
    ] {
        let as_type = async |accept: &str| server.send_with("GET", address, "", &[("accept", accept)]).await;
        let csv = as_type("text/csv").await;
        assert_eq!(csv.status.as_u16(), 200, "{address}: {}", csv.text);
        assert!(header(&csv, "content-type").starts_with("text/csv"), "{address}");
        let columns = csv.text.lines().next().unwrap().split(',').count();
        assert!(columns >= 1 && csv.text.lines().count() >= 1, "{address}: {}", csv.text);
        let parquet = as_type("application/vnd.apache.parquet").await;
        assert_eq!(header(&parquet, "content-type"), "application/vnd.apache.parquet", "{address}");
        assert!(parquet.text.starts_with("PAR1") && parquet.text.ends_with("PAR1"), "{address}");
        assert!(header(&as_type("text/html, */*").await, "content-type").starts_with("application/json"));
        assert_eq!(as_type("image/png").await.status.as_u16(), 406, "{address}");
    }
    let csv = server.get("/api/v1/blocks?limit=2&start_slot=395&end_slot=396&format=csv").await;
    let expected = "slot,block_root,parent_slot,parent_root,proposer_index,entity,client,probability,label,p_grandine,\
                    p_lighthouse,p_lodestar,p_nimbus,p_other,p_prysm,p_teku,graffiti,graffiti_client,state,model,\
                    attestation_count,signs,ruled_out,first_seen_ms";
    let lines: Vec<&str> = csv.text.lines().collect();
    assert_eq!((lines.len(), lines[0]), (2, expected), "{}", csv.text);
    let root = root(395, 0);
    let (parent, end) = (crate::root(394, 0), "\"Hello, \"\"World\"\"\",,canonical,,1,,,");
    let start = format!("395,{root},394,{parent},5,two-co,lodestar,0.95,Lodestar,,,0.95,,,,,{end}");
    assert_eq!(lines[1], start);
    let next = server.get("/api/v1/blocks?limit=2&format=csv").await;
    assert!(header(&next, "link").contains("rel=\"next\""), "{:?}", next.headers);
    assert_eq!(server.get("/api/v1/blocks?format=xml").await.status.as_u16(), 400);
    assert_eq!(
        server.send_with("GET", "/api/v1/sync", "", &[("accept", "text/csv")]).await.status.as_u16(),
        406
    );
}

#[tokio::test]
async fn what_is_final_may_be_kept_and_nothing_is_sent_twice() {
    let server = filled(settings()).await;
    let address = "/api/v1/shares?start_slot=128&end_slot=320";
    let last = server.get(address).await;
    assert_eq!(header(&last, "cache-control"), "public, max-age=31536000, immutable");
    let tag = header(&last, "etag");
    let again = server.send_with("GET", address, "", &[("if-none-match", &tag)]).await;
    assert_eq!((again.status.as_u16(), again.text.as_str(), header(&again, "etag")), (304, "", tag.clone()));
    let other = server.send_with("GET", address, "", &[("if-none-match", "\"other\"")]).await;
    assert_eq!(other.status.as_u16(), 200);
    for (address, expected) in [
        ("/api/v1/shares?start_slot=128&end_slot=321", "public, no-cache"),
        ("/api/v1/shares", "public, no-cache"),
        ("/api/v1/shares?start_slot=0&end_slot=320&partial=true", "public, no-cache"),
        ("/api/v1/blocks?start_slot=128&end_slot=320", "private, max-age=31536000, immutable"),
        ("/api/v1/blocks", "private, no-cache"),
        ("/api/v1/reorgs?start_slot=128&end_slot=320", "private, max-age=31536000, immutable"),
        ("/api/v1/sync", "public, no-cache"),
    ] {
        assert_eq!(header(&server.get(address).await, "cache-control"), expected, "{address}");
    }
    assert_eq!(header(&server.get("/api/v1/shares?start_slot=1").await, "cache-control"), "no-store");
}

#[tokio::test]
async fn shares_over_time() {
    let server = filled(settings()).await;
    let all = page(&server, "/api/v1/shares").await;
    assert_eq!((&all["start_slot"], &all["end_slot"]), (&json!(100), &json!(400)));
    assert_eq!((&all["complete"], &all["buckets"][0]["n"]), (&json!(true), &json!(299)));
    let epochs = page(&server, "/api/v1/shares?start_slot=100&end_slot=200&by=epoch").await;
    let buckets: Vec<(u64, u64, u64)> = epochs["buckets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|bucket| {
            let number = |name: &str| bucket[name].as_u64().unwrap();
            (number("start_slot"), number("end_slot"), number("n"))
        })
        .collect();
    assert_eq!(buckets, [(100, 128, 28), (128, 160, 31), (160, 192, 32), (192, 200, 8)]);
    let start = ChainClock::MAINNET.start_of(128);
    assert_eq!(epochs["buckets"][1]["start_time"], json!(start));
    let slots = page(&server, "/api/v1/shares?start_slot=195&end_slot=203&by=slot&every=3").await;
    let counted: Vec<u64> =
        slots["buckets"].as_array().unwrap().iter().map(|bucket| bucket["n"].as_u64().unwrap()).collect();
    assert_eq!(counted, [3, 3, 2]);
    assert_eq!(page(&server, "/api/v1/shares?by=day&start_slot=100").await["buckets"][0]["n"], 299);
    assert_eq!(
        server.get("/api/v1/shares?start_slot=50").await.json()["gap"],
        json!({ "start": 1, "end": 99 })
    );
    let partial = page(&server, "/api/v1/shares?start_slot=50&partial=true").await;
    assert_eq!((&partial["complete"], &partial["missing_slots"]), (&json!(false), &json!(50)));
    // One bucket, wherever in its epoch a range begins and ends.
    for (start, end, n) in [(111, 305, 193), (127, 129, 2), (100, 999, 299), (368, 390, 22)] {
        let one = page(&server, &format!("/api/v1/shares?start_slot={start}&end_slot={end}")).await;
        let buckets = one["buckets"].as_array().unwrap();
        assert_eq!(buckets.len(), 1, "{start} {end}: {one}");
        let known = if end > 400 { 400 } else { end };
        let bucket = &buckets[0];
        assert_eq!((&bucket["start_slot"], &bucket["end_slot"]), (&json!(start), &json!(known)));
        assert_eq!(bucket["n"], n);
    }
    // Lighthouse has blocks, but none with graffiti that name it.
    let refused = server.get("/api/v1/shares?method=estimated").await;
    assert_eq!(refused.status.as_u16(), 404);
    assert!(refused.text.contains("Lighthouse has 0 labelled blocks"), "{}", refused.text);
    let some = page(&server, "/api/v1/shares?start_slot=396&method=counted").await;
    assert_eq!(some["confusion"], Value::Null);
}

#[tokio::test]
async fn estimated_shares_are_corrected_for_confusion() {
    let server = Server::start(None, settings()).await;
    // Of the blocks that Teku signs one in four is taken for Prysm; of Prysm's none. Both sign the same number.
    let mut rows = Vec::new();
    for slot in 1..=2_000_u64 {
        let mut row = block(slot, slot - 1, 0);
        let (signed, verdict) = match slot % 8 {
            0..=2 => (Some(Client::Teku), Client::Teku),
            3 => (Some(Client::Teku), Client::Prysm),
            _ => (Some(Client::Prysm), Client::Prysm),
        };
        row.classification.graffiti_guess = signed;
        row.classification.best_guess_single = Some(verdict);
        rows.push(row);
    }
    server.store.insert_blocks(&rows).await.unwrap();
    let share = |answer: &Value, client: &str| {
        let shares = answer["buckets"][0]["shares"].as_array().unwrap();
        let found = shares.iter().find(|share| share["client"] == client).unwrap();
        ["share_low", "share", "share_high"].map(|name| found[name].as_f64().unwrap())
    };
    let counted = page(&server, "/api/v1/shares?start_slot=0").await;
    assert!((share(&counted, "teku")[1] - 0.375).abs() < 1e-9);
    let estimated = page(&server, "/api/v1/shares?start_slot=0&method=estimated").await;
    let [low, value, high] = share(&estimated, "teku");
    assert!((value - 0.5).abs() < 0.01 && low < 0.48 && high > 0.52, "{low} {value} {high}");
    assert_eq!(estimated["confusion"], json!({ "labels": "graffiti", "blocks": 2_000 }));
}

#[tokio::test]
async fn validators_and_entities() {
    let server = filled(settings()).await;
    let first = page(&server, "/api/v1/validators?limit=4").await;
    assert_eq!(first["validators"].as_array().unwrap().len(), 4);
    let one = &first["validators"][3];
    assert_eq!((&one["validator_index"], &one["entity"]), (&json!(3), &json!("one-pool")));
    assert_eq!(
        (&one["client"], &one["latest_slot"], &one["changes"]),
        (&json!("grandine"), &json!(393), &json!(0))
    );
    assert!(one["probability"].as_f64().unwrap() > 0.99);
    let second = page(&server, first["next"].as_str().unwrap()).await;
    assert_eq!(second["validators"][0]["validator_index"], 4);
    let some = page(&server, "/api/v1/validators?entity=two-co&client=lodestar").await;
    assert_eq!(some["validators"].as_array().unwrap().len(), 1);
    assert_eq!((&some["validators"][0]["validator_index"], &some["next"]), (&json!(5), &Value::Null));
    let history = page(&server, "/api/v1/validators/7").await;
    assert_eq!((history["course"].as_array().unwrap().len(), &history["client"]), (30, &json!("lighthouse")));
    assert_eq!(server.get("/api/v1/validators/77").await.status.as_u16(), 404);

    let entities = page(&server, "/api/v1/entities").await;
    assert_eq!(entities["source"], "entities.csv");
    let (one, two) = (&entities["entities"][0], &entities["entities"][1]);
    assert_eq!((&one["name"], &one["validators"], &one["n"]), (&json!("One Pool"), &json!(5), &json!(149)));
    assert_eq!(
        (&two["entity"], &two["n"], &entities["others"]["n"]),
        (&json!("two-co"), &json!(60), &json!(90))
    );
    let two = page(&server, "/api/v1/entities/two-co?start_slot=300").await;
    assert_eq!((&two["n"], &two["share_of_all"]), (&json!(20), &json!(0.2)));
    assert_eq!(server.get("/api/v1/entities/three").await.status.as_u16(), 404);
    assert_eq!(server.get("/api/v1/entities?start_slot=50").await.json()["gap"]["end"], 99);
}

#[tokio::test]
async fn every_address_that_counts_a_range_with_a_gap_names_it() {
    let server = filled(settings()).await;
    let gap = json!({ "start": 1, "end": 99 });
    let counting = [
        "/blocks_per_client/1/12",
        "/blocks/50/300",
        "/confusion/Teku/50/300",
        "/api/v1/blocks?start_slot=50&end_slot=300",
        "/api/v1/shares?start_slot=50&end_slot=300",
        "/api/v1/shares?start_slot=50&end_slot=300&by=slot",
        "/api/v1/shares?start_slot=50&end_slot=300&by=day",
        "/api/v1/entities?start_slot=50&end_slot=300",
        "/api/v1/entities/one-pool?start_slot=50&end_slot=300",
        "/api/v1/confusion?start_slot=50&end_slot=300",
        "/api/v1/confusion?start_epoch=1",
        "/api/v1/missed?start_slot=50&end_slot=300",
        "/api/v1/missed?start_epoch=1&end_epoch=5",
        "/api/v1/orphans?start_epoch=1&end_epoch=9",
        "/api/v1/reorgs?start_slot=50&end_slot=300",
    ];
    for address in counting {
        let refused = server.get(address).await;
        assert_eq!((refused.status.as_u16(), &refused.json()["gap"]), (404, &gap), "{address}");
        let more = if address.contains('?') { "&partial=true" } else { "?partial=true" };
        assert_eq!(server.get(&format!("{address}{more}")).await.status.as_u16(), 200, "{address}");
    }
    let refused = server.get("/api/v1/entities/one-pool?format=csv").await;
    assert_eq!(refused.status.as_u16(), 400);
    assert!(
        refused.text.contains("no parameter format; allowed are start_slot, end_slot"),
        "{}",
        refused.text
    );
    // Without a start, what is above the gap is counted.
    let confusion = page(&server, "/api/v1/confusion").await;
    assert_eq!(confusion["counted"], json!({ "start_slot": 100, "end_slot": 400 }));
    let all = page(&server, "/api/v1/confusion?partial=true").await;
    assert_eq!(all["counted"], json!({ "start_slot": 0, "end_slot": 400 }));
}

#[tokio::test]
async fn reorgs_orphans_missed_slots_and_gaps() {
    let credentials = vec![Credential::bearer("s3cret")];
    let server = filled(Settings { private: PrivateAccess::Guarded(credentials), ..settings() }).await;
    let public = page(&server, "/api/v1/reorgs").await;
    let reorg = &public["reorgs"][0];
    assert_eq!((&reorg["depth"], &reorg["ancestor_slot"]), (&json!(1), &json!(199)));
    assert_eq!(reorg["left"][0]["block_root"], json!(root(200, 7).to_string()));
    assert_eq!(reorg["replaced_by"][0]["block_root"], json!(root(200, 0).to_string()));
    assert!(reorg["left"][0].get("verdict").is_none(), "{reorg}");
    let bearer = [("authorization", "Bearer s3cret")];
    let private = server.send_with("GET", "/api/v1/reorgs", "", &bearer).await.json();
    assert_eq!(private["reorgs"][0]["left"][0]["verdict"]["client"], "grandine");
    for address in ["/api/v1/blocks", "/api/v1/validators", "/api/v1/stream", "/api/v1/validators/3"] {
        assert_eq!(server.get(address).await.status.as_u16(), 401, "{address}");
    }
    let orphans = page(&server, "/api/v1/orphans?start_epoch=4").await;
    let grandine = &orphans["clients"][0];
    assert_eq!((&grandine["orphaned"], &grandine["client"]), (&json!(1), &json!("grandine")));
    let missed = page(&server, "/api/v1/missed").await;
    assert_eq!((&missed["slots"], &missed["next"]), (&json!([150]), &Value::Null));
    let note = GapNote {
        gap: Gap { start: Slot(1), end: Slot(60) },
        cause: GapCause::NotWanted,
        detail: "history is wanted from slot 61 on".to_owned(),
        tries: 0,
        last_try: 0,
        next_try: None,
    };
    server.store.note_gaps(&[note]).await.unwrap();
    let gaps = page(&server, "/api/v1/gaps?limit=1").await;
    let first = &gaps["gaps"][0];
    assert_eq!(
        (&first["cause"], &first["next_step"], &first["slots"]),
        (&json!("not_wanted"), &json!("never"), &json!(60))
    );
    let rest = page(&server, gaps["next"].as_str().unwrap()).await;
    assert_eq!(
        (&rest["gaps"][0]["start_slot"], &rest["gaps"][0]["next_step"]),
        (&json!(61), &json!("waiting"))
    );
    assert_eq!(rest["next"], Value::Null);
}

#[tokio::test]
async fn verdicts_come_as_they_are_stored() {
    let limits = Limits { event_streams: 2, ..Limits::default() };
    let server = filled(Settings { limits, ..settings() }).await;
    let id = format!("397-{}", root(397, 0));
    let mut late = server.stream("/api/v1/stream", &[("last-event-id", &id)]).await;
    assert_eq!(late.headers["content-type"], "text/event-stream");
    assert!(late.until("retry: 3000").await.contains("verdicts follow"));
    let told = late.until("event: verdict\nid: 399-").await;
    assert!(told.contains("event: verdict\nid: 398-") && !told.contains("397-0x"), "{told}");
    let mut live = server.stream("/api/v1/stream", &[]).await;
    live.until("verdicts follow").await;
    assert_eq!(server.get("/api/v1/stream").await.status.as_u16(), 503);
    // The first look at the database is over once something was told. Until then blocks are stored one by one.
    let mut slot = 400;
    let mut text = String::new();
    while !text.contains("event: verdict") {
        server.store.insert_blocks(&[block(slot, slot - 1, 0)]).await.unwrap();
        slot += 1;
        text = live.within(std::time::Duration::from_secs(2)).await;
    }
    let place = |slot: u64| BlockPlace { root: root(slot, 0), slot: Slot(slot) };
    let last = slot - 1;
    let update = ChainUpdate { rows: &[], head: place(last), finalized: place(319) };
    assert!(server.store.apply_chain_update(&update).await.unwrap().settled);
    let told = live.until(&format!("event: state\nid: {last}-")).await;
    assert!(told.contains("\"state\":\"canonical\""), "{told}");
    late.until(&format!("event: state\nid: {last}-")).await;
    let refused = server.get("/api/v1/stream?seconds=0").await;
    assert_eq!(refused.status.as_u16(), 400, "{}", refused.text);
    // A server that stops ends its streams.
    server.state.end_streams();
    live.until_end().await;
    late.until_end().await;
}

/// The names of all fields, those of the first item of lists included.
fn fields(value: &Value, prefix: &str, into: &mut std::collections::BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                // What these hold goes by the model and by who signs.
                into.insert(format!("{prefix}.{name}"));
                if !["probabilities", "features", "info", "freshness"].contains(&name.as_str()) {
                    fields(value, &format!("{prefix}.{name}"), into);
                }
            }
        }
        Value::Array(items) => items.iter().take(1).for_each(|item| fields(item, prefix, into)),
        _ => {}
    }
}

#[tokio::test]
async fn the_description_is_complete_and_its_examples_are_like_answers() {
    let server = filled(settings()).await;
    let document: Value = serde_json::from_str(&api::description_json()).unwrap();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"), "{}", document["openapi"]);
    let mut names = std::collections::BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            assert!(names.insert(operation["operationId"].as_str().unwrap().to_owned()), "{method} {path}");
            assert!(
                operation["responses"].get("429").is_some() && operation["summary"].is_string(),
                "{path}"
            );
        }
        if !path.starts_with("/api/v1/") || path.ends_with("/stream") {
            continue;
        }
        let example = &item["get"]["responses"]["200"]["content"]["application/json"]["example"];
        assert!(example.is_object(), "{path} has no example");
        let address = path.replace("{id}", "200").replace("{index}", "7").replace("{entity}", "two-co");
        let (mut wanted, mut found) = (std::collections::BTreeSet::new(), std::collections::BTreeSet::new());
        fields(example, "", &mut wanted);
        fields(&page(&server, &address).await, "", &mut found);
        // Lists that are empty here have no fields to compare.
        for list in [".models", ".changes", ".clients.recall", ".clients.precision"] {
            wanted.retain(|name| !name.starts_with(&format!("{list}.")));
            found.retain(|name| !name.starts_with(&format!("{list}.")));
        }
        assert_eq!(wanted, found, "{path}");
    }
}

#[tokio::test]
async fn pictures_of_final_slots_between_two_ends_may_be_kept() {
    let server = filled(settings()).await;
    for (address, expected) in [
        ("/embed/shares.svg?period=4..9&method=counted", "public, max-age=31536000, immutable"),
        ("/embed/timeline.svg?period=4..9&method=counted", "public, max-age=31536000, immutable"),
        ("/embed/badge.svg?period=4..9&method=counted", "public, max-age=31536000, immutable"),
        // The last epoch is not final, the first has a gap.
        ("/embed/shares.svg?period=4..10&method=counted", "public, max-age=60"),
        ("/embed/shares.svg?period=3..9&method=counted", "public, max-age=60"),
        ("/embed/shares.svg", "public, max-age=60"),
    ] {
        let answer = server.get(address).await;
        assert_eq!(answer.status.as_u16(), 200, "{address}: {}", answer.text);
        assert_eq!(header(&answer, "cache-control"), expected, "{address}");
    }
}

#[tokio::test]
async fn addresses_without_parameters_refuse_all() {
    let server = filled(settings()).await;
    for address in ["/api/v1/sync", "/api/v1/validators/7", "/api/v1/blocks/300"] {
        assert_eq!(server.get(address).await.status.as_u16(), 200, "{address}");
        let answer = server.get(&format!("{address}?slots=5")).await;
        assert_eq!(answer.status.as_u16(), 400, "{address}");
        let said = answer.json()["error"].as_str().unwrap().to_owned();
        assert_eq!(said, "there is no parameter slots; this address takes none", "{address}");
    }
}

#[tokio::test]
async fn a_block_tells_what_its_attestations_are_made_of() {
    let server = filled(settings()).await;
    let listed = server.get("/api/v1/blocks?limit=1").await.json()["blocks"][0].clone();
    assert_eq!((&listed["attestation_count"], &listed["attestations"]), (&json!(1), &Value::Null));
    let slot = listed["slot"].as_u64().unwrap();
    let single = server.get(&format!("/api/v1/blocks/{slot}")).await.json()["blocks"][0].clone();
    let expected = json!([{
        "slot": slot - 1, "delay": 1, "committees": 3, "committees_of_slot": 4,
        "votes": 320, "new": 300, "repeated": 20, "paid_gwei": 9_000
    }]);
    assert_eq!((&single["attestation_count"], &single["attestations"]), (&json!(1), &expected));
    let table = server.get("/api/v1/blocks?limit=1&format=csv").await.text;
    assert!(
        table.lines().next().unwrap().ends_with(",attestation_count,signs,ruled_out,first_seen_ms"),
        "{table}"
    );
    // From block rewards that name no votes only the number is known; from such that do, the votes beside it.
    let row = AttestationRow { slot: Slot(slot + 8), new: 7, shape: None };
    let told = BlockRow { attestations: Attestations::Listed(vec![row]), ..block(slot + 9, slot, 1) };
    let counted = BlockRow { attestations: Attestations::Counted(5), ..block(slot + 10, slot + 9, 1) };
    server.store.insert_blocks(&[told, counted]).await.unwrap();
    let single = server.get(&format!("/api/v1/blocks/{}", slot + 9)).await.json()["blocks"][0].clone();
    let expected = json!([{
        "slot": slot + 8, "delay": 1, "committees": null, "committees_of_slot": null,
        "votes": null, "new": 7, "repeated": null, "paid_gwei": null
    }]);
    assert_eq!(single["attestations"], expected);
    let single = server.get(&format!("/api/v1/blocks/{}", slot + 10)).await.json()["blocks"][0].clone();
    assert_eq!((&single["attestation_count"], &single["attestations"]), (&json!(5), &Value::Null));
}

#[tokio::test]
async fn a_block_tells_whom_its_signs_rule_out_and_when_it_was_seen() {
    let server = filled(settings()).await;
    let newest = server.get("/api/v1/blocks?limit=1").await.json()["blocks"][0].clone();
    assert_eq!(
        (&newest["signs"], &newest["ruled_out"], &newest["first_seen_ms"]),
        (&Value::Null, &Value::Null, &Value::Null)
    );
    let slot = newest["slot"].as_u64().unwrap() + 9;
    let shown = Signs::NONE.with(Sign::Older32).with(Sign::RepeatedData);
    let rows = [(Some(shown), Some(1_763_800_000_123)), (Some(Signs::NONE), None)];
    let rows: Vec<_> = (slot..)
        .zip(rows)
        .map(|(slot, (signs, first_seen_ms))| BlockRow { signs, first_seen_ms, ..block(slot, slot - 1, 1) })
        .collect();
    server.store.insert_blocks(&rows).await.unwrap();
    let of =
        async |slot: u64| server.get(&format!("/api/v1/blocks/{slot}")).await.json()["blocks"][0].clone();
    let told = of(slot).await;
    assert_eq!(told["signs"], json!(["older_than_32_slots", "repeated_data"]));
    assert_eq!(told["ruled_out"], json!(["grandine", "lighthouse", "nimbus"]));
    assert_eq!(told["first_seen_ms"], json!(1_763_800_000_123_u64));
    let without = of(slot + 1).await;
    assert_eq!((&without["signs"], &without["ruled_out"]), (&json!([]), &json!([])));
    assert_eq!(without["first_seen_ms"], Value::Null);
    let table = server.get("/api/v1/blocks?limit=2&format=csv").await.text;
    let lines: Vec<&str> = table.lines().collect();
    assert!(lines[1].ends_with(",1,none,none,"), "{table}");
    let end = ",1,older_than_32_slots repeated_data,grandine lighthouse nimbus,1763800000123";
    assert!(lines[2].ends_with(end), "{table}");
}
