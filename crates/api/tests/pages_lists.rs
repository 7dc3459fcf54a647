//! The lists: blocks with filters, validators, entities, reorgs; each without script and under private settings.

mod support;

use std::sync::Arc;

use api::{ChainClock, Credential, Entities, PrivateAccess, Settings};
use consensus::ValidatorIndex;
use fingerprint::{Classification, Client, DataOrigin};
use store::{BlockRow, CanonicalState};
use support::chain::{block, fill, root, small_model};
use support::{Answer, Server};

const CLOCK: ChainClock = ChainClock { genesis_time: 1_000_000, seconds_per_slot: 12 };

fn now() -> u64 {
    CLOCK.start_of(2_000) + 4
}

fn settings() -> Settings {
    let names = "entity,first_index,last_index\n\"Kiln & Sons\",0,24\n<i>Slanted</i>,25,25\n";
    Settings {
        clock: Some(CLOCK),
        entities: Arc::new(Entities::parse("entities.csv", names).unwrap()),
        ..Settings::default()
    }
}

/// Two thousand slots with a block left behind, an unsure and an unnamed one near the end.
async fn server(settings: Settings) -> Server {
    let server = Server::start_at(Some(small_model(DataOrigin::GENERATED)), settings, now).await;
    fill(&server.store, 1_995, 45).await;
    let left = BlockRow {
        canonical: CanonicalState::Orphaned,
        first_seen_ms: Some(CLOCK.start_of(1_996) * 1_000 + 6_240),
        ..block(1_996, 1_995, Client::Nimbus, 0.97)
    };
    let unsure = BlockRow {
        graffiti: Some("Teku/v25 \u{202e}<img src=x>".to_owned()),
        ..block(1_997, 1_995, Client::Teku, 0.55)
    };
    let mut unsure = unsure;
    unsure.classification.graffiti_guess = Some(Client::Lodestar);
    let unnamed = BlockRow {
        classification: Classification {
            probabilities: vec![(Client::Lighthouse, 0.41), (Client::Prysm, 0.40)],
            ..Classification::uncertain(None)
        },
        ..block(1_999, 1_997, Client::Prysm, 0.9)
    };
    server.store.insert_blocks(&[left, unsure, unnamed]).await.unwrap();
    server
}

fn is_page(answer: &Answer, status: u16) {
    assert_eq!(answer.status.as_u16(), status, "{}", answer.text);
    assert!(answer.text.starts_with("<!doctype html>"), "{}", answer.text);
    assert!(!answer.text.contains(" style=") && !answer.text.contains("<style"), "a style is inline");
    assert!(
        !answer.text.contains("<img ") && !answer.text.contains("<i>Slanted"),
        "foreign text became markup"
    );
    assert!(!answer.text.contains('\u{202e}'), "a direction mark came through");
    let mut ids: Vec<&str> =
        answer.text.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all, "an id is repeated");
}

fn title(answer: &Answer) -> String {
    answer.text.split("<h1>").nth(1).unwrap().split("</h1>").next().unwrap().replace("&#38;", "&")
}

fn slots(answer: &Answer) -> Vec<u64> {
    answer
        .text
        .split("data-slot=\"")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap().parse().unwrap())
        .collect()
}

/// Every link of a page leads somewhere.
async fn links_lead_somewhere(server: &Server, page: &Answer) {
    let mut hrefs: Vec<&str> =
        page.text.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    hrefs.sort_unstable();
    hrefs.dedup();
    for href in hrefs.into_iter().filter(|href| href.starts_with('/')) {
        let href = href.replace("&#38;", "&").replace("&amp;", "&");
        let status = server.get(&href).await.status.as_u16();
        assert_eq!(status, 200, "{href}");
    }
}

#[tokio::test]
async fn blocks_are_listed_with_missed_slots_and_say_what_was_searched() {
    let server = server(settings()).await;
    let page = server.get("/blocks").await;
    is_page(&page, 200);
    assert!(title(&page).starts_with("50\u{a0}blocks in slots "), "{}", title(&page));
    assert!(title(&page).contains("–1,999 ("), "{}", title(&page));
    let listed = slots(&page);
    assert_eq!(&listed[..5], [1_999, 1_998, 1_997, 1_996, 1_995]);
    assert!(page.text.contains("no block in this slot") && page.text.contains(">missed</span>"));
    assert!(page.text.contains("nearest Lighthouse\u{a0}0.41"), "Unknown does not name the nearest client");
    assert!(page.text.contains(">orphaned</span>"));
    assert!(page.text.contains("Kiln &#38; Sons") || page.text.contains("Kiln &amp; Sons"));
    let hidden = server.get("/blocks?missed=hide").await;
    assert!(!slots(&hidden).contains(&1_998), "a missed slot is not hidden");
    links_lead_somewhere(&server, &page).await;
}

#[tokio::test]
async fn paging_goes_through_every_block_once_and_back() {
    let server = server(settings()).await;
    let mut seen = Vec::new();
    let mut address = "/blocks?client=lighthouse&missed=hide".to_owned();
    let mut pages = 0;
    loop {
        let page = server.get(&address).await;
        is_page(&page, 200);
        seen.extend(slots(&page));
        pages += 1;
        let next = page.text.split("rel=\"next\" href=\"").nth(1).map(|rest| rest.split('"').next().unwrap());
        match next {
            Some(next) => address = next.replace("&#38;", "&"),
            None => break,
        }
    }
    assert!(pages > 5 && seen.windows(2).all(|pair| pair[0] > pair[1]), "{pages} pages");
    let all = (1..=1_995u64).filter(|slot| slot % 50 != 0 && slot * 37 % 100 < 45).count();
    assert_eq!(seen.len(), all);
    let last = server.get(&address).await;
    let newer = last.text.split("rel=\"prev\" href=\"").nth(1).unwrap().split('"').next().unwrap();
    let back = server.get(&newer.replace("&#38;", "&")).await;
    assert_eq!(slots(&back).len(), 50);
}

#[tokio::test]
async fn filters_work_as_a_form_sends_them_and_can_be_taken_away() {
    let server = server(settings()).await;
    let empty = "client=any&state=any&p_min=&p_max=&proposer=&entity=&graffiti=&slots=";
    let whole = server.get(&format!("/blocks?{empty}")).await;
    assert_eq!(slots(&whole), slots(&server.get("/blocks").await));
    let only = |query: &str| {
        let address = format!("/blocks?{query}");
        let server = &server;
        async move {
            let page = server.get(&address).await;
            is_page(&page, 200);
            slots(&page)
        }
    };
    assert_eq!(only("client=unknown").await, [1_999]);
    assert_eq!(only("client=teku&p_max=0.6").await, [1_997]);
    assert_eq!(only("state=orphaned").await, [1_996]);
    assert_eq!(only("graffiti=tEkU%2Fv").await, [1_997]);
    assert_eq!(only("conflict=1").await, [1_997]);
    assert_eq!(only("slots=1,990..1992&missed=hide").await, [1_992, 1_991, 1_990]);
    assert!(only("proposer=7").await.iter().all(|slot| slot % 50 == 7));
    assert!(only("entity=Kiln%20%26%20Sons").await.iter().all(|slot| slot % 50 < 25));
    let day = server.get("/blocks?slots=1970-01-12&missed=hide").await;
    is_page(&day, 200);
    assert!(slots(&day).iter().all(|slot| CLOCK.start_of(*slot) / 86_400 == 11), "{}", title(&day));
    let page = server.get("/blocks?client=teku&p_max=0.5").await;
    assert!(page.text.contains("No blocks match Teku, p\u{a0}≤\u{a0}0.5 in slots 0–1,999."), "{}", page.text);
    assert!(
        page.text.contains("href=\"/blocks?p_max=0.5\"")
            && page.text.contains("href=\"/blocks?client=teku\"")
    );
    for bad in [
        "client=geth",
        "p_min=2",
        "p_min=a",
        "state=lost",
        "proposer=x",
        "entity=nobody",
        "conflict=yes",
        "slots=9..1",
        "slots=x",
        "missed=some",
        "cursor=older-x",
        "theme=pink",
        "page=2",
        "proposer=1&entity=kiln-sons",
    ] {
        let answer = server.get(&format!("/blocks?{bad}")).await;
        assert_eq!(answer.status.as_u16(), 400, "{bad}");
        assert!(answer.text.starts_with("<!doctype html>"), "{bad}");
    }
}

#[tokio::test]
async fn gaps_stand_between_the_blocks_around_them() {
    let server = server(settings()).await;
    server.store.insert_blocks(&[block(2_020, 2_010, Client::Prysm, 0.9)]).await.unwrap();
    let page = server.get("/blocks").await;
    is_page(&page, 200);
    assert!(page.text.contains("no blocks in 9\u{a0}slots"), "{}", page.text);
    assert!(page.text.contains("2,000–2,010") && page.text.contains("11\u{a0}slots missing from the record"));
}

#[tokio::test]
async fn validators_are_judged_by_all_their_blocks() {
    let server = server(settings()).await;
    let page = server.get("/validators").await;
    is_page(&page, 200);
    assert!(title(&page).starts_with("49\u{a0}validators from 1 to 49"), "{}", title(&page));
    links_lead_somewhere(&server, &page).await;
    let later = server.get("/validators?from=40&client=any&entity=").await;
    assert!(title(&later).starts_with("10\u{a0}validators from 40"), "{}", title(&later));
    let changed: Vec<BlockRow> = (0..16u64)
        .map(|number| {
            let client = if number < 8 { Client::Prysm } else { Client::Teku };
            let slot = 2_001 + number;
            BlockRow { proposer_index: ValidatorIndex(777), ..block(slot, slot - 1, client, 0.95) }
        })
        .collect();
    server.store.insert_blocks(&changed).await.unwrap();
    let page = server.get("/validators/777").await;
    is_page(&page, 200);
    assert!(
        title(&page).starts_with("Validator 777 ") && title(&page).contains(" runs Teku: "),
        "{}",
        title(&page)
    );
    assert!(page.text.contains("Changed from Prysm to Teku between "), "{}", page.text);
    links_lead_somewhere(&server, &page).await;
    let changed = server.get("/validators?q=&client=teku&p_min=&p_max=&changed=all&from=").await;
    is_page(&changed, 200);
    assert_eq!(title(&changed), "Validator 777", "{}", changed.text);
    assert!(
        changed.text.contains("The blocks of 2\u{a0}validators were weighed, in all."),
        "{}",
        changed.text
    );
    assert!(changed.text.contains(">changed 12\u{a0}Jan\u{a0}1970</span>"), "{}", changed.text);
    links_lead_somewhere(&server, &changed).await;
    let sure = server.get("/validators?client=teku&p_min=0.9&changed=7d").await;
    assert_eq!(title(&sure), "Validator 777");
    assert!(sure.text.contains("<option value=\"7d\" selected>in 7\u{a0}days</option>"), "{}", sure.text);
    assert_eq!(title(&server.get("/validators?changed=0..10").await), "No validator matches.");
    assert_eq!(title(&server.get("/validators?q=777").await), "Validator 777");
    assert_eq!(title(&server.get("/validators?q=kil").await), "24\u{a0}validators from 1 to 24");
    for bad in ["q=nobody", "q=kiln&entity=kiln-sons", "p_min=2", "changed=2w", "changed=9..5", "q=99x"] {
        is_page(&server.get(&format!("/validators?{bad}")).await, 400);
    }
    let few = BlockRow { proposer_index: ValidatorIndex(778), ..block(2_030, 2_029, Client::Teku, 0.95) };
    server.store.insert_blocks(&[few]).await.unwrap();
    let page = server.get("/validators/778").await;
    assert_eq!(title(&page), "Validator 778 was seen once.");
    assert!(page.text.contains("Too little for a history"));
    is_page(&server.get("/validators/999999").await, 404);
    is_page(&server.get("/validators/x").await, 404);
    is_page(&server.get("/validators?from=x").await, 400);
}

#[tokio::test]
async fn entities_below_two_hundred_blocks_are_too_few_to_say() {
    let server = server(settings()).await;
    let page = server.get("/entities").await;
    is_page(&page, 200);
    assert!(title(&page).contains("of 1 entity"), "{}", title(&page));
    assert!(page.text.contains("too few to say: n\u{a0}=\u{a0}40"), "{}", page.text);
    assert!(page.text.contains("Names come from entities.csv."));
    links_lead_somewhere(&server, &page).await;
    let one = server.get("/entities/kiln-sons").await;
    is_page(&one, 200);
    assert!(title(&one).starts_with("Kiln & Sons builds "), "{}", title(&one));
    assert!(title(&one).contains("\u{a0}%, n\u{a0}=\u{a0}"), "{}", title(&one));
    links_lead_somewhere(&server, &one).await;
    is_page(&server.get("/entities/nobody").await, 404);
    is_page(&server.get("/entities?period=1y").await, 400);
    let nameless = Server::start_at(None, Settings { entities: Arc::default(), ..settings() }, now).await;
    let page = nameless.get("/entities").await;
    is_page(&page, 200);
    assert_eq!(title(&page), "No entities are listed on this server.");
}

/// Blocks of one entity, one in every so many slots of forty days.
async fn sparse(every: u64) -> Server {
    let now = || CLOCK.start_of(288_000) + 4;
    let server = Server::start_at(Some(small_model(DataOrigin::GENERATED)), settings(), now).await;
    let rows: Vec<BlockRow> = (1..=288_000 / every)
        .map(|number| {
            let client = if number % 3 == 0 { Client::Prysm } else { Client::Lighthouse };
            let row = block(number * every, (number - 1) * every, client, 0.9);
            BlockRow { proposer_index: ValidatorIndex(number % 25), ..row }
        })
        .collect();
    server.store.insert_blocks(&rows).await.unwrap();
    server
}

#[tokio::test]
async fn an_entity_of_few_blocks_is_drawn_by_week_and_one_of_more_by_day() {
    for (every, steps, stretches) in [(200, "By week", 4), (100, "By day", 30)] {
        let server = sparse(every).await;
        let page = server.get("/entities/kiln-sons").await;
        is_page(&page, 200);
        assert!(title(&page).starts_with("Kiln & Sons builds an estimated "), "{}", title(&page));
        let chart =
            page.text.split("Share over time</h2>").nth(1).unwrap().split("</section>").next().unwrap();
        assert!(chart.contains(steps), "{chart}");
        assert_eq!(chart.matches("<tr><th scope=\"row\"").count(), stretches, "{chart}");
        // The period does not change what is drawn over time; ends that are named do.
        let day = server.get("/entities/kiln-sons?period=1d&method=counted").await;
        let n = 7_200 / every;
        assert!(day.text.contains(&format!("From {n}\u{a0}blocks in ")), "{}", day.text);
        assert!(day.text.contains(&format!("Too few blocks of Kiln &#38; Sons to say: n\u{a0}=\u{a0}{n}.")));
        assert_eq!(day.text.matches("<th scope=\"row\" class=\"nowrap\">").count(), stretches);
        let named = server.get("/entities/kiln-sons?period=7000..8574").await.text;
        assert!(named.contains("aria-current=\"true\">epochs\u{a0}7,000–8,574</a>"), "{named}");
        is_page(&server.get("/entities/kiln-sons?period=10..8000").await, 400);
        links_lead_somewhere(&server, &page).await;
    }
}

#[tokio::test]
async fn reorgs_name_what_was_left_and_what_took_its_place() {
    let server = server(settings()).await;
    let page = server.get("/reorgs").await;
    is_page(&page, 200);
    assert!(title(&page).starts_with("1\u{a0}reorg in 7\u{a0}days, deepest 1\u{a0}slot"), "{}", title(&page));
    assert!(page.text.contains(&format!("/block/{}", root(1_996))), "the block left behind is missing");
    assert!(page.text.contains(&format!("/block/{}", root(1_997))), "what replaced it is missing");
    assert!(page.text.contains("chance explains"), "the rates say nothing");
    assert!(
        page.text.contains("<td class=\"num late\">6.2\u{a0}s</td>"),
        "how late it was is missing: {}",
        page.text
    );
    links_lead_somewhere(&server, &page).await;
    let calm = Server::start_at(None, settings(), now).await;
    fill(&calm.store, 1_995, 45).await;
    let page = calm.get("/reorgs?period=30d").await;
    assert_eq!(title(&page), "No reorgs in 30\u{a0}days.");
    is_page(&calm.get("/reorgs?period=2w").await, 400);
}

#[tokio::test]
async fn lists_of_blocks_and_validators_are_private_and_counts_are_open() {
    let guarded =
        Settings { private: PrivateAccess::Guarded(vec![Credential::bearer("secret")]), ..settings() };
    let server = server(guarded).await;
    for path in ["/blocks", "/validators", "/validators/7", "/block/7"] {
        let page = server.get(path).await;
        is_page(&page, 401);
        assert!(page.text.contains("Shares, accuracy and sync are open."), "{path}");
        let allowed = server.send_with("GET", path, "", &[("authorization", "Bearer secret")]).await;
        assert_eq!(allowed.status.as_u16(), 200, "{path}");
    }
    for path in ["/entities", "/entities/kiln-sons", "/reorgs"] {
        let page = server.get(path).await;
        is_page(&page, 200);
        assert!(
            !page.text.contains("/block/0x") && !page.text.contains("/validators/"),
            "{path} names single ones"
        );
    }
    let reorgs = server.get("/reorgs").await.text;
    assert!(reorgs.contains("<code>0x"), "roots of orphaned blocks are public");
    assert!(!reorgs.contains("<td><span class=\"nowrap\"><a"), "verdicts of single blocks are not");
}

#[tokio::test]
async fn search_knows_entities_graffiti_and_the_beginning_of_roots() {
    let server = server(settings()).await;
    let to = |answer: Answer| {
        assert_eq!(answer.status.as_u16(), 303, "{}", answer.text);
        answer.headers["location"].to_str().unwrap().to_owned()
    };
    assert_eq!(to(server.get("/find?q=kiln").await), "/entities/kiln-sons");
    assert_eq!(to(server.get("/find?q=Teku/v25").await), "/blocks?graffiti=Teku%2Fv25&slots=..1997");
    assert_eq!(to(server.get("/find?q=e:3").await), "/blocks?slots=96..127");
    assert_eq!(to(server.get("/find?q=v:7").await), "/validators/7");
    let beginning = root(1_234).to_string();
    let beginning = &beginning[..18];
    assert_eq!(to(server.get(&format!("/find?q={beginning}")).await), format!("/block/{}", root(1_234)));
    // Slots of one byte share the first four bytes of these roots.
    let several = server.get("/find?q=0x00000000").await;
    is_page(&several, 200);
    assert!(title(&several).starts_with("20\u{a0}places for "), "{}", title(&several));
    let both = server.get("/find?q=7").await;
    is_page(&both, 200);
    assert!(both.text.contains("href=\"/block/7\"") && both.text.contains("href=\"/validators/7\""));
    is_page(&server.get("/find?q=0xabcdef").await, 404);
}

#[tokio::test]
async fn filling_is_told_while_it_goes_on() {
    let server = server(settings()).await;
    assert!(!server.get("/").await.text.contains("History is being filled"));
    server.store.insert_blocks(&[block(2_200, 2_199, Client::Prysm, 0.9)]).await.unwrap();
    let gap = server.store.gaps().await.unwrap().pop().unwrap();
    server.store.offer_work(&[gap]).await.unwrap();
    let page = server.get("/").await;
    is_page(&page, 200);
    assert!(
        page.text.contains("History is being filled: 2,001 of 2,201\u{a0}slots are there."),
        "{}",
        page.text
    );
    for path in ["/", "/blocks", "/sync", "/entities", "/validators", "/latest", "/wall"] {
        let page = server.get(path).await.text;
        assert!(page.contains("<span class=\"state\">↻ Filling, 90\u{a0}%</span>"), "{path}: {page}");
    }
    let lists = server.get("/blocks").await.text;
    assert!(lists.contains("2,001 of 2,201\u{a0}slots are there. <a"), "{lists}");
}

/// The addresses of the data behind a page.
fn data_links(page: &Answer) -> Vec<String> {
    page.text
        .split("href=\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .filter(|href| href.starts_with("/api/v1/"))
        .map(|href| href.replace("&#38;", "&").replace("&amp;", "&"))
        .collect()
}

#[tokio::test]
async fn the_data_of_a_page_have_its_filters_and_its_place_in_the_list() {
    let server = server(settings()).await;
    for filters in [
        "",
        "client=prysm&p_min=0.5",
        "client=unknown",
        "state=orphaned",
        "state=final&slots=100..180",
        "proposer=7",
        "entity=Kiln+%26+Sons",
        "graffiti=teku",
        "conflict=1",
        "slots=1900..",
    ] {
        let mut page = server.get(&format!("/blocks?missed=hide&{filters}")).await;
        for _ in 0..2 {
            is_page(&page, 200);
            let links = data_links(&page);
            assert_eq!(links.len(), 3, "{filters}: {links:?}");
            let data = server.get(&links[0]).await;
            assert_eq!(data.status.as_u16(), 200, "{}: {}", links[0], data.text);
            let data = data.json();
            let found: Vec<u64> = data["blocks"]
                .as_array()
                .unwrap()
                .iter()
                .map(|block| block["slot"].as_u64().unwrap())
                .collect();
            assert_eq!(found, slots(&page), "{filters}: {}", links[0]);
            let csv = server.get(&links[1]).await;
            assert_eq!(csv.text.lines().count(), found.len() + 1, "{}", links[1]);
            assert_eq!(server.get(&links[2]).await.content_type(), "application/vnd.apache.parquet");
            let Some(older) = page.text.split("rel=\"next\" href=\"").nth(1) else { break };
            let older = older.split('"').next().unwrap().replace("&#38;", "&");
            page = server.get(&older).await;
        }
    }
}

#[tokio::test]
async fn every_list_leads_to_its_data_and_entities_keep_period_and_method() {
    let server = server(settings()).await;
    for (path, data) in [
        (
            "/validators?entity=kiln-sons&from=3",
            "/api/v1/validators?limit=50&entity=kiln-sons&cursor=after-2",
        ),
        ("/validators?client=prysm", "/api/v1/validators?limit=50&client=prysm"),
        ("/validators/7", "/api/v1/validators/7/blocks?since_slot=0"),
        ("/entities", "/api/v1/entities?start_slot="),
        ("/entities/kiln-sons", "/api/v1/entities/kiln-sons?start_slot="),
        ("/reorgs", "/api/v1/reorgs?start_slot="),
        ("/reorgs", "/api/v1/orphans?start_epoch="),
        ("/sync", "/api/v1/gaps?limit=1000"),
    ] {
        let page = server.get(path).await;
        is_page(&page, 200);
        let links = data_links(&page);
        assert!(links.iter().any(|link| link.starts_with(data)), "{path}: {links:?}");
        for link in links {
            let answer = server.get(&link).await;
            assert_eq!(answer.status.as_u16(), 200, "{path}: {link}: {}", answer.text);
        }
    }
    let weighed = server.get("/validators?changed=30d").await;
    assert!(data_links(&weighed).is_empty(), "the API has no such filter");
    let list = server.get("/entities?period=1d&method=counted").await;
    assert!(list.text.contains("href=\"/entities/kiln-sons?period=1d&#38;method=counted\""), "{}", list.text);
}

#[tokio::test]
async fn names_of_entities_say_how_old_they_are() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("names.csv");
    std::fs::write(&path, "entity,first_index,last_index\nKiln,0,24\n").unwrap();
    let day = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_793_491_200);
    std::fs::File::options().write(true).open(&path).unwrap().set_modified(day).unwrap();
    let entities = Arc::new(Entities::read(&path).unwrap());
    let server = server(Settings { entities, ..settings() }).await;
    let page = server.get("/entities").await.text;
    assert!(page.contains("Names come from names.csv (1\u{a0}Nov\u{a0}2026)."), "{page}");
}
