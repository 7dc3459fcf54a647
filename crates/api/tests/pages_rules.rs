//! What pages say of the rules of clients: of a block, and week by week.

mod support;

use api::{ChainClock, PrivateAccess, Settings};
use consensus::{Gwei, Slot};
use fingerprint::{Client, Sign, Signs};
use store::{AttestationRow, Attestations, BlockRow, RowShape};
use support::chain::block;
use support::{Answer, Server};

const CLOCK: ChainClock = ChainClock::MAINNET;

fn live() -> Settings {
    Settings { clock: Some(CLOCK), ..Settings::default() }
}

/// A Thursday.
fn now() -> u64 {
    1_763_640_000
}

fn is_page(answer: &Answer, status: u16) {
    assert_eq!(answer.status.as_u16(), status, "{}", answer.text);
    assert!(answer.text.starts_with("<!doctype html>"), "{}", answer.text);
    assert!(!answer.text.contains(" style=") && !answer.text.contains("<style"), "a style is inline");
    let loose = (0..10).map(|digit| format!("{digit} %")).find(|text| answer.text.contains(text));
    assert_eq!(loose, None, "a number is not tied to its unit");
}

#[tokio::test]
async fn a_block_tells_whom_rules_exclude_when_it_was_seen_and_what_it_was_paid() {
    let server = Server::start_at(None, live(), now).await;
    let paid = AttestationRow {
        slot: Slot(9),
        new: 30_000,
        shape: Some(RowShape {
            committees: u64::MAX,
            committees_of_slot: 64,
            repeated: 0,
            paid: Gwei(31_204_118),
        }),
    };
    let start = CLOCK.start_of(10) * 1_000;
    let own = Signs::NONE.with(Sign::PreviousEpochFirst).with(Sign::NeitherOrder);
    let rows = [
        BlockRow {
            signs: Some(own),
            first_seen_ms: Some(start + 1_912),
            attestations: Attestations::Listed(vec![paid; 2]),
            graffiti: Some("GEabcdTK1234".to_owned()),
            ..block(10, 9, Client::Prysm, 0.9)
        },
        BlockRow { signs: Some(Signs::NONE), ..block(11, 10, Client::Prysm, 0.9) },
        BlockRow { signs: Some(Sign::ALL.into_iter().collect()), ..block(12, 11, Client::Prysm, 0.9) },
        block(13, 12, Client::Prysm, 0.9),
    ];
    let mut rows = rows.to_vec();
    rows[0].classification.graffiti_guess = Some(Client::Teku);
    server.store.insert_blocks(&rows).await.unwrap();
    let page = server.get("/block/10").await.text;
    is_page(&server.get("/block/10").await, 200);
    for said in [
        ": a previous-epoch attestation stands before a current-epoch one.<br>",
        "<code>previous_epoch_first</code>",
        "This block breaks a rule of Prysm, the client it is judged as.",
        "<dt>First seen</dt><dd>1.9\u{a0}s into the slot</dd>",
        "<dt>Reward</dt><dd>0.0624\u{a0}ETH, 62,408,236\u{a0}gwei for its attestations</dd>",
        "Gold: a version code that the beacon node adds.",
    ] {
        assert!(page.contains(said), "{said}: {page}");
    }
    let (prysm, grandine) = (page.find("neither_order").unwrap(), page.find("previous_epoch_first").unwrap());
    assert!(prysm < grandine, "the verdict's own client stands first");
    let page = server.get("/block/11").await.text;
    assert!(page.contains("No rule speaks against any client."), "{page}");
    assert!(!page.contains("First seen") && !page.contains("<dt>Reward"), "{page}");
    let page = server.get("/block/12").await.text;
    assert!(page.contains("This block breaks the rules of every client."), "{page}");
    let page = server.get("/block/13").await.text;
    assert!(!page.contains("No rule speaks") && !page.contains("class=\"why rules\""), "{page}");
}

/// Blocks of six weeks, of which so many in a thousand of the last one break the rules of every client.
async fn weeks_of_blocks(server: &Server, last_permille: u64) {
    let newest = CLOCK.slot_at(now());
    let start = newest - 6 * 50_400;
    let mut rows = Vec::new();
    for slot in (start..=newest).step_by(100) {
        let permille = if slot + 50_400 > newest { last_permille } else { 10 };
        let is_broken = slot / 100 * 7 % 1_000 < permille;
        let signs = if is_broken { Sign::ALL.into_iter().collect() } else { Signs::NONE };
        rows.push(BlockRow { signs: Some(signs), ..block(slot, slot - 100, Client::Prysm, 0.9) });
    }
    server.store.insert_blocks(&rows).await.unwrap();
}

#[tokio::test]
async fn a_rise_of_blocks_that_break_all_rules_is_told() {
    let calm = Server::start_at(None, live(), now).await;
    weeks_of_blocks(&calm, 10).await;
    let risen = Server::start_at(None, live(), now).await;
    weeks_of_blocks(&risen, 200).await;
    for path in ["/", "/model"] {
        let page = calm.get(path).await;
        is_page(&page, 200);
        assert!(!page.text.contains("A client may have changed how it packs."), "{path}");
        let page = risen.get(path).await;
        is_page(&page, 200);
        assert!(
            page.text.contains("<p class=\"notice\">Blocks that break the rules of every client rose from")
        );
        assert!(
            page.text.contains("A client may have changed how it packs. Treat shares since then with care.")
        );
    }
    let page = calm.get("/model").await.text;
    assert!(page.contains("The newest weeks are within their limits."), "{page}");
    assert!(Sign::ALL.iter().all(|sign| page.contains(&format!("<code>{}</code>", sign.code()))), "{page}");
    let page = risen.get("/model").await.text;
    assert!(page.contains("The newest weeks are above their limits"), "{page}");
    assert!(page.contains("%, above it</td>"), "{page}");
    let blocks = risen.get("/blocks").await.text;
    assert!(!blocks.contains("A client may have changed"), "{blocks}");
    // Shares are open where single blocks are not.
    let settings = Settings { private: PrivateAccess::Closed, ..live() };
    let closed = Server::start_at(None, settings, now).await;
    weeks_of_blocks(&closed, 200).await;
    assert!(closed.get("/model").await.text.contains("The newest weeks are above their limits"));
    let empty = Server::start_at(None, live(), now).await;
    let page = empty.get("/model").await;
    is_page(&page, 200);
    assert!(page.text.contains("is not known of any stored block of the last weeks"), "{}", page.text);
}
