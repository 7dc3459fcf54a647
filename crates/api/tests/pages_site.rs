//! The frame, accuracy, sync, wall and search pages, and pictures for other pages.

mod support;

use api::{ChainClock, Credential, PrivateAccess, Settings};
use consensus::{Gwei, Slot};
use fingerprint::{Client, DataOrigin, LabelSource, Model, ModelScores};
use store::{AttestationRow, Attestations, BlockRow, Gap, GapCause, GapNote, RowShape};
use support::chain::{block, fill, model_of, small_model};
use support::{Answer, Server};

const CLOCK: ChainClock = ChainClock { genesis_time: 1_000_000, seconds_per_slot: 12 };

fn live() -> Settings {
    Settings { clock: Some(CLOCK), ..Settings::default() }
}

/// Four seconds after the start of slot 2,000.
fn now() -> u64 {
    CLOCK.start_of(2_000) + 4
}

async fn server(settings: Settings) -> Server {
    let server = Server::start_at(Some(small_model(DataOrigin::GENERATED)), settings, now).await;
    fill(&server.store, 1_999, 45).await;
    server
}

fn guarded() -> Settings {
    Settings { private: PrivateAccess::Guarded(vec![Credential::bearer("secret")]), ..live() }
}

fn is_page(answer: &Answer, status: u16) {
    assert_eq!(answer.status.as_u16(), status, "{}", answer.text);
    assert!(answer.text.starts_with("<!doctype html>"), "{}", answer.text);
    let policy = answer.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    assert!(!answer.text.contains(" style=") && !answer.text.contains("<style"), "a style is inline");
    for foreign in ["src=\"http", "href=\"http", "url(http", "//cdn"] {
        assert!(!answer.text.contains(foreign), "{foreign}");
    }
    let loose = (0..10).map(|digit| format!("{digit} %")).find(|text| answer.text.contains(text));
    assert_eq!(loose, None, "a number is not tied to its unit");
}

#[tokio::test]
async fn every_page_has_the_frame_and_says_how_fresh_it_is() {
    let server = server(live()).await;
    for path in ["/", "/model", "/sync", "/find", "/model/features/norm_reward"] {
        let page = server.get(path).await;
        is_page(&page, 200);
        assert!(page.text.contains("Skip to content"), "{path}");
        assert!(page.text.contains("● Live") && page.text.contains(">16\u{a0}s ago</time>"), "{path}");
        assert!(page.text.contains("role=\"search\""), "{path}");
        let current = page.text.matches("aria-current=\"page\"").count();
        assert_eq!(current, usize::from(path != "/find"), "{path}");
    }
}

fn title(page: &str) -> String {
    page.split("<h1>").nth(1).unwrap().split("</h1>").next().unwrap().replace("&#38;", "&")
}

#[tokio::test]
async fn shares_are_estimated_where_the_model_was_tested_and_all_pages_agree() {
    let server = server(live()).await;
    let estimated = server.get("/").await;
    is_page(&estimated, 200);
    let answer = title(&estimated.text);
    assert!(answer.starts_with("Lighthouse builds an estimated "), "{answer}");
    assert!(estimated.text.contains("corrected for confusion as the model’s test blocks tell it"));
    assert!(estimated.text.contains("no block is left unnamed"), "the unnamed share is not stated");
    assert!(!estimated.text.contains("counted by likeliest client"));
    for link in
        ["/?period=30d&#38;history=", "method=counted\">Counted", "aria-current=\"true\">Estimated</a>"]
    {
        assert!(estimated.text.contains(link), "{link}");
    }
    assert_eq!(title(&server.get("/?method=estimated").await.text), answer);
    assert_eq!(title(&server.get("/wall").await.text), answer);
    let picture = server.get("/embed/shares.svg").await.text;
    assert!(picture.contains("Estimated share of blocks"), "{picture}");
    let counted = server.get("/?method=counted").await;
    is_page(&counted, 200);
    assert!(counted.text.contains("counted by likeliest client") && !counted.text.contains("stimated share"));
    let answer = title(&counted.text);
    assert!(!answer.contains("estimated"), "{answer}");
    assert_eq!(title(&server.get("/wall?method=counted").await.text), answer);
    let picture = server.get("/embed/shares.svg?method=counted").await.text;
    assert!(picture.contains("counted by likeliest client"), "{picture}");
    is_page(&server.get("/wall?method=guessed").await, 400);
}

#[tokio::test]
async fn shares_that_can_not_be_estimated_are_counted_and_say_why() {
    // A model that kept no confusion has nothing to correct with.
    let bare = Server::start_at(None, live(), now).await;
    fill(&bare.store, 400, 45).await;
    let counted = bare.get("/").await;
    is_page(&counted, 200);
    assert!(
        counted.text.contains("not corrected for confusion, because no model is loaded"),
        "{}",
        counted.text
    );
    assert!(!counted.text.contains("aria-label=\"Method\""), "a choice is offered where there is none");
    let refused = bare.get("/?method=estimated").await;
    is_page(&refused, 404);
    assert!(refused.text.contains("they can be counted"), "{}", refused.text);
    // The test knows nothing of Nimbus.
    let server = server(live()).await;
    server.store.insert_blocks(&[block(2_000, 1_999, fingerprint::Client::Nimbus, 0.9)]).await.unwrap();
    let counted = server.get("/").await.text;
    assert!(
        counted.contains("not corrected for confusion, because Nimbus has 0 labelled blocks"),
        "{counted}"
    );
}

#[tokio::test]
async fn a_period_between_two_ends_is_one_of_the_links() {
    let server = server(live()).await;
    let page = server.get("/?period=10..19&history=0..61&method=counted").await;
    is_page(&page, 200);
    assert!(page.text.contains("314\u{a0}blocks in 64\u{a0}min (slots 320 to 639)"), "{}", title(&page.text));
    for link in [
        "period=10..19&#38;history=0..61&#38;method=counted\" aria-current=\"true\">epochs\u{a0}10–19</a>",
        "aria-current=\"true\">epochs\u{a0}0–61</a>",
        "start_epoch=10&#38;end_epoch=20",
    ] {
        assert!(page.text.contains(link), "{link}");
    }
    // The clock of these tests begins on 12 January 1970 at 13:46:40.
    let day = server.get("/?period=1970-01-12..1970-01-12").await;
    is_page(&day, 200);
    assert!(day.text.contains("aria-current=\"true\">12\u{a0}Jan\u{a0}1970</a>"), "{}", title(&day.text));
    for path in ["/wall", "/sync", "/reorgs", "/entities", "/embed/shares.svg", "/embed/timeline.svg"] {
        let page = server.get(&format!("{path}?period=10..19")).await;
        assert_eq!(page.status.as_u16(), 200, "{path}: {}", page.text);
        for nonsense in
            ["19..10", "10..", "x..y", "2026-02-31..2026-03-01", "1970-01-12..1970-01-11", "..", "10..19..20"]
        {
            let refused = server.get(&format!("{path}?period={nonsense}")).await;
            assert_eq!(refused.status.as_u16(), 400, "{path} {nonsense}");
            assert!(refused.text.contains("385000..385802"), "{path} {nonsense}: {}", refused.text);
        }
        let none = server.get(&format!("{path}?period=5000..6000")).await;
        assert_eq!(none.status.as_u16(), 404, "{path}");
        assert!(none.text.contains("the blocks here are of epochs 0 to 62"), "{path}: {}", none.text);
    }
    let picture = server.get("/embed/shares.svg?period=10..19").await.text;
    assert!(
        picture.contains("Blockmark · epochs\u{a0}10–19, as known on 12\u{a0}Jan\u{a0}1970"),
        "{picture}"
    );
    let picture = server.get("/embed/shares.svg?period=7d").await.text;
    assert!(picture.contains("Blockmark · 7\u{a0}days to 12\u{a0}Jan\u{a0}1970"), "{picture}");
    assert!(server.get("/sync?period=10..19").await.text.contains("aria-current=\"true\">epochs"));
    let recorded = Server::start_at(None, Settings::default(), now).await;
    fill(&recorded.store, 400, 45).await;
    let refused = recorded.get("/?period=2026-11-01..2026-11-20").await;
    is_page(&refused, 400);
    assert!(refused.text.contains("name epochs, such as 100..200"), "{}", refused.text);
}

#[tokio::test]
async fn the_accuracy_page_names_its_data_before_any_number_is_believed() {
    let server = server(live()).await;
    let page = server.get("/model").await;
    is_page(&page, 200);
    let title = page.text.split("<h1>").nth(1).unwrap().split("</h1>").next().unwrap();
    assert!(title.contains("balanced accuracy on generated blocks."), "{title}");
    assert!(title.contains("Not yet measured on mainnet blocks."), "{title}");
    assert!(page.text.contains("n\u{a0}=\u{a0}90\u{a0}blocks"), "the number of test blocks is missing");
    assert!(page.text.contains("Rows: built by. Columns: taken for. Cells: percent of the row"));
    for said in [
        "no calibration step",
        "Expected calibration error 0.",
        "Pages name a block from 0.50 on",
        "Slot in its epoch: first slot",
        "<caption><span>Verdicts by their stated probability</span></caption>",
        "&#60;img src=&#34;/embed/calibration.svg&#34; alt=&#34;How often verdicts",
    ] {
        assert!(page.text.contains(said), "{said} is missing: {}", page.text);
    }
    let named = page.text.matches("role=\"img\" aria-labelledby=").count();
    assert!(named >= 10 && named == page.text.matches("<title id=").count(), "{named} pictures");
    assert!(page.text.len() < 150_000, "{} bytes", page.text.len());
    let counts = server.get("/model?view=counts").await;
    assert!(counts.text.contains("Cells: blocks"), "{}", counts.text);
    is_page(&server.get("/model?view=shares").await, 400);
}

#[tokio::test]
async fn agreement_with_graffiti_is_told_week_by_week() {
    let server = server(live()).await;
    let none = server.get("/model").await.text;
    assert!(none.contains("No stored block of the last 5\u{a0}weeks is signed"), "{none}");
    let weeks =
        [(3_000, Client::Prysm), (3_001, Client::Prysm), (60_000, Client::Prysm), (60_001, Client::Teku)];
    let rows = weeks.map(|(slot, verdict)| {
        let mut row = block(slot, slot - 1, verdict, 0.9);
        row.classification.graffiti_guess = Some(Client::Prysm);
        row
    });
    server.store.insert_blocks(&rows).await.unwrap();
    let page = server.get("/model").await;
    is_page(&page, 200);
    let table = page.text.split("<span>Agreement of verdicts with graffiti</span>").nth(1).unwrap();
    let table = table.split("</table>").next().unwrap();
    // The weeks end with slots 50,399 and 60,001.
    let rows = [
        "<th scope=\"row\">to 19\u{a0}Jan</th><td class=\"num\">2</td><td class=\"num\">2</td>",
        "<th scope=\"row\">to 20\u{a0}Jan</th><td class=\"num\">2</td><td class=\"num\">1</td>",
    ];
    for row in rows {
        assert!(table.contains(row), "{row}: {table}");
    }
    let closed = Server::start_at(Some(small_model(DataOrigin::GENERATED)), guarded(), now).await;
    let page = closed.get("/model").await.text;
    assert!(page.contains("Comparing verdicts with graffiti needs a token"), "{page}");
}

/// The small model as an earlier version would have written it: with a confusion and no reliability.
fn older_model() -> Model {
    let model = small_model(DataOrigin::GENERATED);
    let scores = model.info().scores.clone().unwrap();
    model.with_scores(ModelScores { reliability: None, ..scores }, DataOrigin::GENERATED)
}

#[tokio::test]
async fn a_model_without_test_results_says_so() {
    let server = Server::start_at(Some(older_model()), live(), now).await;
    fill(&server.store, 400, 45).await;
    let page = server.get("/model").await;
    is_page(&page, 200);
    assert!(page.text.contains("there is no calibration chart"), "what is absent is not said");
    assert!(!page.text.contains("Expected calibration error"), "{}", page.text);
    let picture = server.get("/embed/calibration.svg").await;
    assert_eq!(picture.status.as_u16(), 404);
    assert!(picture.text.contains("holds no calibration to draw"), "{}", picture.text);
}

#[tokio::test]
async fn a_block_says_how_often_such_a_probability_was_right_in_tests() {
    let model = model_of(240, DataOrigin::GENERATED);
    let hash = model.hash();
    let measured = model.info().scores.clone().unwrap().reliability.unwrap();
    let bins = measured.bins();
    let usual = bins.iter().max_by_key(|bin| bin.blocks).unwrap();
    let rare = bins.iter().min_by_key(|bin| bin.blocks).unwrap();
    assert!(usual.blocks >= 30 && rare.blocks < 30 && measured.bin_of(0.62).is_none(), "{bins:?}");
    let server = Server::start_at(Some(model), live(), now).await;
    let rows = [(10, usual.stated), (11, 0.62), (13, rare.stated)].map(|(slot, probability)| BlockRow {
        model_hash: Some(hash),
        ..block(slot, slot - 1, Client::Prysm, probability)
    });
    let of_another_model = BlockRow { model_hash: Some([7; 32]), ..block(12, 11, Client::Prysm, 0.999) };
    server.store.insert_blocks(&rows).await.unwrap();
    server.store.insert_blocks(&[of_another_model]).await.unwrap();
    let sure = server.get("/block/10").await.text;
    let n = format!("\u{a0}% of the time (n\u{a0}=\u{a0}{}, generated blocks).", usual.blocks);
    assert!(sure.contains("In tests, blocks given 0.") && sure.contains(&n), "{n}: {sure}");
    let few = server.get("/block/13").await.text;
    assert!(few.contains(": too few to say how often that is right."), "{few}");
    let doubtful = server.get("/block/11").await.text;
    assert!(doubtful.contains("In tests no block was given such a probability."), "{doubtful}");
    assert!(!server.get("/block/12").await.text.contains("In tests"));
}

#[tokio::test]
async fn a_model_measured_on_the_network_loses_both_notices() {
    let origin =
        DataOrigin { network: Some("mainnet".to_owned()), labels: LabelSource::Graffiti, about: None };
    let server = Server::start_at(Some(small_model(origin)), live(), now).await;
    fill(&server.store, 400, 45).await;
    let page = server.get("/model").await.text;
    assert!(!page.contains("Not yet measured") && !page.contains("has not been checked"), "{page}");
}

#[tokio::test]
async fn without_model_or_blocks_pages_say_why_they_are_empty() {
    let server = Server::start_at(None, live(), now).await;
    let page = server.get("/model").await;
    is_page(&page, 200);
    assert!(page.text.contains("No model is loaded."));
    let page = server.get("/sync").await;
    is_page(&page, 200);
    assert!(page.text.contains("No blocks yet."));
    let wall = server.get("/wall").await;
    is_page(&wall, 200);
    assert!(wall.text.contains("No blocks yet."));
    let picture = server.get("/embed/shares.svg").await;
    assert_eq!(picture.status.as_u16(), 200);
    assert!(picture.text.contains("No blocks yet"));
}

#[tokio::test]
async fn missing_slots_are_listed_with_their_cause_and_what_comes_next() {
    let server = server(live()).await;
    server.store.insert_blocks(&[block(2_600, 2_599, fingerprint::Client::Teku, 0.8)]).await.unwrap();
    let note = |start, end, cause, detail: &str, next_try| GapNote {
        gap: Gap { start: Slot(start), end: Slot(end) },
        cause,
        detail: detail.to_owned(),
        tries: 4,
        last_try: now() - 60,
        next_try,
    };
    let notes = [
        note(2_000, 2_099, GapCause::Pruned, "No node has <these> slots.", None),
        note(2_100, 2_199, GapCause::Unreachable, "", Some(now() + 3_600)),
    ];
    server.store.note_gaps(&notes).await.unwrap();
    let page = server.get("/sync").await;
    is_page(&page, 200);
    let missing = 2_599 - 2_000 + 1;
    assert!(page.text.contains(&format!("{missing}\u{a0}slots are missing in 1\u{a0}gap.")), "{}", page.text);
    assert!(page.text.contains("pruned: the sources no longer have it"));
    assert!(page.text.contains("No node has &#60;these&#62; slots.") || page.text.contains("&lt;these&gt;"));
    assert!(page.text.contains("cannot be filled: no source has it"));
    assert!(page.text.contains("tried again at ") && page.text.contains("not known yet"));
    let growth = "<dt>Growth in a day</dt><dd>not measured by this process</dd>";
    assert!(page.text.contains(growth), "{}", page.text);
    assert!(page.text.contains("<dt>From event to verdict</dt><dd>not measured by this process</dd>"));
    assert!(page.text.contains("No beacon node is followed by this process."));
    let gap = server.store.gaps().await.unwrap().pop().unwrap();
    server.store.offer_work(&[gap]).await.unwrap();
    let page = server.get("/sync").await;
    assert!(page.text.contains("Time left: not measured by this process."), "{}", page.text);
    let complete = Server::start_at(None, live(), now).await;
    fill(&complete.store, 1_999, 40).await;
    let page = complete.get("/sync").await.text;
    assert!(page.contains("Complete: every slot since") && page.contains("No slot is missing."), "{page}");
}

#[tokio::test]
async fn the_wall_needs_no_script_to_stay_up_to_date() {
    let server = server(live()).await;
    let page = server.get("/wall").await;
    is_page(&page, 200);
    assert!(page.text.contains("data-theme=\"dark\""));
    assert!(page.text.contains("<noscript><meta http-equiv=\"refresh\" content=\"60\"></noscript>"));
    assert!(page.text.contains("above one third") && !page.text.contains("<nav"), "{}", page.text);
    let turning = server.get("/wall?rotate=overview,model,sync&every=30").await.text;
    assert!(
        turning.contains("content=\"30;url=/wall?view=model&#38;rotate=overview,model,sync"),
        "{turning}"
    );
    let last = server.get("/wall?rotate=overview,model,sync&view=sync").await.text;
    assert!(last.contains("url=/wall?view=overview"), "{last}");
    is_page(&server.get("/wall?rotate=nothing").await, 400);
}

#[tokio::test]
async fn stale_data_say_since_when() {
    let server = Server::start_at(None, live(), || CLOCK.start_of(2_100)).await;
    fill(&server.store, 1_999, 45).await;
    for path in ["/", "/wall"] {
        let page = server.get(path).await.text;
        let title = page.split("<h1>").nth(1).unwrap().split("</h1>").next().unwrap();
        assert!(title.starts_with("As of "), "{path}: {title}");
        assert!(page.contains("○ Stale since"), "{path}");
    }
    assert!(server.get("/").await.text.contains("slots ago. Shares below are as of that time."));
    for path in ["/sync", "/blocks", "/block/12"] {
        let page = server.get(path).await.text;
        assert!(page.contains("slots ago. What is shown is as of that time."), "{path}: {page}");
    }
}

#[tokio::test]
async fn single_blocks_stay_private_while_shares_accuracy_and_sync_are_open() {
    let server = server(guarded()).await;
    for path in ["/", "/model", "/sync", "/wall", "/embed/shares.svg", "/embed/badge.svg"] {
        let page = server.get(path).await;
        assert_eq!(page.status.as_u16(), 200, "{path}");
        assert!(!page.text.contains("/block/0x"), "{path} names a block");
    }
    for path in ["/latest", "/find?q=12", "/block/12"] {
        let page = server.get(path).await;
        is_page(&page, 401);
        assert!(page.text.contains("Shares, accuracy and sync are open."), "{path}");
        assert!(page.headers.contains_key("www-authenticate"), "{path}");
        let with = [("authorization", "Bearer secret")];
        let page = server.send_with("GET", path, "", &with).await;
        assert_ne!(page.status.as_u16(), 401, "{path}");
    }
}

#[tokio::test]
async fn search_leads_to_what_it_finds() {
    let server = server(live()).await;
    let to = |answer: Answer| {
        assert_eq!(answer.status.as_u16(), 303, "{}", answer.text);
        answer.headers["location"].to_str().unwrap().to_owned()
    };
    assert_eq!(to(server.get("/find?q=1,234").await), "/block/1234");
    let root = support::chain::root(77);
    assert_eq!(to(server.get(&format!("/find?q={root}")).await), format!("/block/{root}"));
    let none = server.get("/find?q=%3Cb%3Enonsense").await;
    is_page(&none, 404);
    assert!(none.text.contains("Nothing for “") && none.text.contains("slots 0 to 1,999"), "{}", none.text);
    assert!(!none.text.contains("<b>nonsense"));
}

#[tokio::test]
async fn pictures_stand_alone_and_say_where_they_come_from() {
    let server = server(live()).await;
    for file in ["shares", "timeline", "confusion", "calibration", "badge"] {
        let picture = server.get(&format!("/embed/{file}.svg")).await;
        assert_eq!(picture.status.as_u16(), 200, "{file}: {}", picture.text);
        assert_eq!(picture.content_type(), "image/svg+xml; charset=utf-8");
        assert_eq!(picture.headers["access-control-allow-origin"], "*");
        let svg = &picture.text;
        assert!(svg.starts_with("<svg xmlns="), "{file}");
        assert!(svg.contains("trained on generated blocks"), "{file} does not name its model");
        assert!(svg.contains("<title") && svg.contains("<desc"), "{file}");
        let names = svg.replace("http://www.w3.org/2000/svg", "");
        assert!(!names.contains("http") && !names.contains("<script") && !names.contains("href="), "{file}");
        let opened = svg.matches("<svg").count();
        assert_eq!(opened, svg.matches("</svg>").count(), "{file}");
        assert!(svg.contains("--c-prysm: #3B7CBD") && svg.contains("--c-prysm: #58A5F8"), "{file}");
        let tag = picture.headers["etag"].to_str().unwrap().to_owned();
        let again =
            server.send_with("GET", &format!("/embed/{file}.svg"), "", &[("if-none-match", &tag)]).await;
        assert_eq!((again.status.as_u16(), again.text.as_str()), (304, ""), "{file}");
    }
    let short =
        server.get("/embed/shares.svg?notes=0&title=0&clients=prysm&w=300&theme=dark&bg=none").await.text;
    assert!(short.contains("Blockmark · ") && short.contains("width=\"300\""), "{short}");
    assert!(short.contains("data-theme=\"dark\"") && !short.contains("class=\"ground\""));
    for bad in
        ["w=10", "h=9999", "theme=pink", "clients=geth", "network=holesky", "period=2w", "lang=de", "x=1"]
    {
        let answer = server.get(&format!("/embed/shares.svg?{bad}")).await;
        assert_eq!(answer.status.as_u16(), 400, "{bad}");
        assert!(answer.json()["error"].is_string(), "{bad}");
    }
    assert_eq!(server.get("/embed/pie.svg").await.status.as_u16(), 404);
}

#[tokio::test]
async fn refusals_from_outside_of_pages_are_pages_for_browsers() {
    let limits = api::Limits { requests_in_flight: 1, ..api::Limits::default() };
    let server = server(Settings { limits, ..live() }).await;
    let browser = [("accept", "text/html"), ("content-encoding", "gzip")];
    let page = server.send_with("GET", "/model", "", &browser).await;
    is_page(&page, 415);
    assert!(page.text.contains("Content-Encoding"), "{}", page.text);
    let program = server.send_with("GET", "/model", "", &[("content-encoding", "gzip")]).await;
    assert!(program.json()["error"].is_string());
    let page = server.send_with("GET", "/nothing/here", "", &[("accept", "text/html")]).await;
    is_page(&page, 404);
    let page = server.send_with("POST", "/model", "", &[("accept", "text/html")]).await;
    is_page(&page, 405);
}

#[tokio::test]
async fn the_script_is_small_and_asks_this_server_only() {
    let server = server(live()).await;
    let script = server.get("/assets/live.js").await;
    assert_eq!(script.content_type(), "text/javascript; charset=utf-8");
    assert!(script.text.len() < 20_000, "{} bytes", script.text.len());
    assert!(!script.text.contains("http://") && !script.text.contains("https://"));
    let rows = server.get("/latest").await;
    assert!(rows.text.contains("data-rows") && rows.text.contains("data-slot=\"1999\""), "{}", rows.text);
}

#[tokio::test]
async fn readers_without_a_token_see_epochs_where_others_see_blocks() {
    let server = server(guarded()).await;
    for path in ["/", "/wall"] {
        let closed = server.get(path).await.text;
        assert!(closed.contains("Latest epochs") && !closed.contains("Latest blocks"), "{path}");
        // Slots 1,984 to 1,999 are of epoch 62; none of them was missed.
        assert!(
            closed.contains("<th scope=\"row\">62</th><td class=\"num\">16</td>")
                || closed.contains("<th scope=\"row\" class=\"nowrap\">62</th><td class=\"num\">16</td>"),
            "{path}: {closed}"
        );
        let open = server.send_with("GET", path, "", &[("authorization", "Bearer secret")]).await.text;
        assert!(open.contains("Latest blocks") && !open.contains("Latest epochs"), "{path}");
    }
}

#[tokio::test]
async fn clients_are_chosen_by_the_address_and_stay_chosen() {
    let server = server(live()).await;
    let page = server.get("/?clients=prysm&method=counted&history=7d").await;
    is_page(&page, 200);
    assert!(page.text.contains("</span>Only Prysm <span"), "{}", page.text);
    assert!(
        page.text.contains("href=\"/?period=7d&#38;history=7d&#38;method=counted\""),
        "nothing shows all again"
    );
    let now = page.text.split("id=\"now-heading\"").nth(1).unwrap().split("</section>").next().unwrap();
    assert!(now.contains("Prysm") && !now.contains("Lighthouse"), "{now}");
    assert!(now.contains("/embed/shares.svg?period=7d&#38;method=counted&#38;clients=prysm"), "{now}");
    for link in [
        "/?period=1d&#38;history=7d&#38;method=counted&#38;clients=prysm",
        "method=estimated&#38;clients=prysm",
    ] {
        assert!(page.text.contains(link), "{link} is not kept: {}", page.text);
    }
    // The answer is about all of them.
    assert_eq!(title(&page.text), title(&server.get("/?method=counted").await.text));
    is_page(&server.get("/?clients=geth").await, 400);
}

#[tokio::test]
async fn names_of_clients_lead_to_their_blocks_for_those_who_may_see_them() {
    let link = "<a href=\"/blocks?client=lighthouse\">Lighthouse</a>";
    assert!(server(live()).await.get("/").await.text.contains(link));
    assert!(!server(guarded()).await.get("/").await.text.contains("/blocks?client="));
}

#[tokio::test]
async fn facts_of_a_block_name_its_fork_and_can_be_copied_as_machines_write_them() {
    let server = server(live()).await;
    let page = server.get("/block/1234").await.text;
    assert!(page.contains("<dt>Fork</dt><dd>Phase0</dd>"), "{page}");
    assert!(page.contains("<span data-copy=\"1234\">1,234</span>"), "{page}");
    assert!(page.contains(&format!("<code data-copy>{}</code>", support::chain::root(1_234))), "{page}");
    let elsewhere = self::server(Settings { network: "devnet-7".to_owned(), ..live() }).await;
    assert!(!elsewhere.get("/block/1234").await.text.contains("<dt>Fork</dt>"));
}

#[tokio::test]
async fn no_history_is_certain() {
    let server = server(live()).await;
    let rows: Vec<_> = (2_001..2_600).map(|slot| block(slot, slot - 1, Client::Prysm, 0.99)).collect();
    server.store.insert_blocks(&rows).await.unwrap();
    let page = server.get("/validators/7").await.text;
    assert_eq!(title(&page), "Validator 7 almost certainly runs Prysm: &#62;\u{a0}0.99");
}

#[tokio::test]
async fn a_block_shows_its_attestations() {
    let server = Server::start_at(None, live(), now).await;
    let row = |delay: u64, committees: u64, new: u32| AttestationRow {
        slot: Slot(10 - delay),
        new,
        shape: Some(RowShape { committees, committees_of_slot: 64, repeated: 17, paid: Gwei(new.into()) }),
    };
    let unshaped = AttestationRow { shape: None, ..row(1, 0, 400) };
    let of = |slot: u64, attestations: Attestations| BlockRow {
        attestations,
        ..block(slot, slot - 1, Client::Prysm, 0.9)
    };
    let rows = [
        of(10, Attestations::Listed(vec![row(1, u64::MAX, 30_000), row(3, 5, 1_200)])),
        of(11, Attestations::Listed(vec![unshaped])),
        of(12, Attestations::Counted(8)),
        of(13, Attestations::NotRecorded),
    ];
    server.store.insert_blocks(&rows).await.unwrap();
    let whole = server.get("/block/10").await.text;
    let cells = |text: &str| -> Vec<String> {
        let table =
            text.split("<table class=\"attestations\">").nth(1).unwrap().split("</table>").next().unwrap();
        let cells =
            table.split("<tbody>").nth(1).unwrap().split("</t").filter_map(|cell| cell.rsplit('>').next());
        cells.map(str::trim).filter(|cell| !cell.is_empty()).map(str::to_owned).collect()
    };
    let expected =
        "1|9|1|64 / 64|30,017|30,000|17|30,000|2|7|3|2 / 64|1,217|1,200|17|1,200|All|31,234|31,200|34|31,200";
    assert_eq!(cells(&whole).join("|"), expected);
    assert!(whole.contains("Judged from how the block packs its 2\u{a0}attestations."), "{whole}");
    assert!(!whole.contains("One attestation only") && !whole.contains("not recorded"), "{whole}");
    let rewards = server.get("/block/11").await.text;
    assert_eq!(cells(&rewards).join("|"), "1|9|2|–|–|400|–|–");
    assert!(
        rewards.contains("–: not recorded.") && rewards.contains("One attestation only. Several"),
        "{rewards}"
    );
    let counted = server.get("/block/12").await.text;
    assert!(counted.contains("8\u{a0}attestations. What they are made of was not recorded"), "{counted}");
    assert!(server.get("/block/13").await.text.contains("<p class=\"empty\">Not recorded.</p>"));
    let list = server.get("/blocks").await.text;
    assert!(list.contains("<td class=\"num widest-only\">8</td>"), "{list}");
}
