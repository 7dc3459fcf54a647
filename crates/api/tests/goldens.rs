//! Replays the recorded exchanges of the original server: equal where it was right, the documented difference
//! elsewhere (`docs/compatibility.md`).

mod support;

use api::Settings;
use private_postgres::PrivatePostgres;
use serde_json::{Value, json};
use support::{Answer, Server, data, json as read_json, model, test_blocks};

/// What a recorded exchange is compared with.
enum Expected {
    /// The recorded answer, byte for byte but for the last digits of fractions.
    Same,
    /// The recorded answer, when the request says that gaps may be there.
    SameIfPartial,
    /// Another status and a body with this text in its error.
    Refused(u16, &'static str),
    /// Another body.
    Body(String),
    /// The recorded gaps, merged, without slot 0 and stored blocks.
    MergedGaps,
    /// A page.
    Page,
}

fn expected(number: usize, proposer_blocks: &str) -> Expected {
    use Expected::{Body, MergedGaps, Page, Refused, Same, SameIfPartial};
    match number {
        // A repeated batch changes nothing.
        3 => Body("OK".to_owned()),
        // What is wrong is said with 400, not 200.
        5 => Refused(400, "array of block rewards"),
        6 => Refused(400, "invalid JSON"),
        7 => Refused(400, "block 0"),
        9 => Refused(400, "invalid JSON"),
        // The range touches a gap.
        11..=13 => SameIfPartial,
        // Counting begins at 0.
        16 => Refused(400, "start_epoch is -1"),
        // The bulk route works, and takes lists only.
        22 => Body(format!("{{\"211837\": {proposer_blocks}}}")),
        23..=25 => Refused(400, "request must be a list of integers"),
        26 => Refused(400, "invalid JSON"),
        27 => Body(format!("{{\"211837\": {proposer_blocks}}}")),
        33 => MergedGaps,
        34..=36 => SameIfPartial,
        37 => Refused(404, "is not a client"),
        39 => Page,
        _ => Same,
    }
}

fn body_of(number: usize, exchange: &Value, blocks: &[Value]) -> String {
    if let Some(text) = exchange["request_text"].as_str() {
        return text.to_owned();
    }
    let body = match (number, &exchange["request_json"]) {
        (2, _) => json!(blocks),
        (3, _) => json!(blocks[..2]),
        (5, _) => blocks[0].clone(),
        (8, _) => json!(blocks[..6]),
        (_, Value::Null) => return String::new(),
        (_, body) => body.clone(),
    };
    body.to_string()
}

#[tokio::test]
async fn the_recorded_exchanges_of_the_original_server() {
    let server = Server::start(model(), Settings::default()).await;
    replay(&server).await;
}

#[tokio::test]
async fn the_recorded_exchanges_of_the_original_server_over_postgres() {
    let Some(postgres) = PrivatePostgres::shared() else { return };
    let server = Server::start_over_postgres(postgres, model(), Settings::default()).await;
    replay(&server).await;
}

async fn replay(server: &Server) {
    let Some(path) = data("http_goldens.json") else { return };
    let exchanges = read_json(&path);
    let exchanges = exchanges.as_array().unwrap();
    assert_eq!(exchanges.len(), 42, "every recorded exchange must have an expectation here");
    let blocks = test_blocks().unwrap();
    let proposer_blocks = exchanges[18]["text"].as_str().unwrap();
    for (number, exchange) in exchanges.iter().enumerate() {
        let method = exchange["method"].as_str().unwrap();
        let path = exchange["path"].as_str().unwrap();
        let body = body_of(number, exchange, &blocks);
        let answer = server.send(method, path, body.clone()).await;
        let name = format!("exchange {number}, {method} {path}");
        match expected(number, proposer_blocks) {
            Expected::Same => assert_same(&name, &answer, exchange),
            Expected::SameIfPartial => {
                assert_eq!(answer.status.as_u16(), 404, "{name}: {}", answer.text);
                let gap = &answer.json()["gap"];
                assert!(gap["start"].as_u64() <= gap["end"].as_u64() && gap["end"].is_u64(), "{name}: {gap}");
                let answer = server.send(method, &format!("{path}?partial=true"), body).await;
                assert_same(&name, &answer, exchange);
            }
            Expected::Refused(status, text) => {
                assert_eq!(answer.status.as_u16(), status, "{name}: {}", answer.text);
                let body = answer.json();
                assert!(body["error"].as_str().unwrap().contains(text), "{name}: {body}");
                assert_eq!(answer.content_type(), "application/json", "{name}");
            }
            Expected::Body(expected) => {
                assert_eq!(answer.status.as_u16(), 200, "{name}: {}", answer.text);
                assert_text(&name, &answer.text, &expected);
            }
            Expected::MergedGaps => {
                assert_eq!(answer.json(), merged(exchange["text"].as_str().unwrap(), &blocks), "{name}");
            }
            Expected::Page => {
                assert_eq!(answer.status.as_u16(), 200, "{name}");
                assert!(answer.content_type().starts_with("text/html"), "{name}");
            }
        }
    }
}

/// blockprint's gaps overlap, begin at slot 0, which no node answers for, and may end on a block that is stored.
fn merged(text: &str, blocks: &[Value]) -> Value {
    let stored: Vec<u64> =
        blocks.iter().map(|block| block["meta"]["slot"].as_str().unwrap().parse().unwrap()).collect();
    let gaps: Vec<Value> = serde_json::from_str(text).unwrap();
    let mut merged: Vec<(u64, u64)> = Vec::new();
    for gap in gaps {
        let (start, end) = (gap["start"].as_u64().unwrap().max(1), gap["end"].as_u64().unwrap());
        match merged.last_mut() {
            Some(last) if start <= last.1 + 1 => last.1 = last.1.max(end),
            _ => merged.push((start, end)),
        }
    }
    for gap in &mut merged {
        while stored.contains(&gap.1) {
            gap.1 -= 1;
        }
    }
    merged.into_iter().map(|(start, end)| json!({ "start": start, "end": end })).collect()
}

fn assert_same(name: &str, answer: &Answer, exchange: &Value) {
    assert_eq!(u64::from(answer.status.as_u16()), exchange["status"], "{name}: {}", answer.text);
    assert_eq!(answer.content_type(), exchange["content_type"], "{name}");
    assert_text(name, &answer.text, exchange["text"].as_str().unwrap());
}

/// Texts are equal, spaces aside, and their fractions to nine digits.
fn assert_text(name: &str, found: &str, expected: &str) {
    let (found_words, expected_words) = (words(found), words(expected));
    assert_eq!(found_words.len(), expected_words.len(), "{name}:\n{found}\n{expected}");
    for (found_word, expected_word) in found_words.iter().zip(&expected_words) {
        if found_word == expected_word {
            continue;
        }
        let numbers = (found_word.parse::<f64>(), expected_word.parse::<f64>());
        match numbers {
            (Ok(a), Ok(b)) => assert!((a - b).abs() <= 1e-9 * b.abs().max(1e-3), "{name}: {a} and {b}"),
            _ => panic!("{name}: {found_word:?} and {expected_word:?} in\n{found}\n{expected}"),
        }
    }
}

/// Numbers, and the text between them without spaces.
fn words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut in_number = false;
    for c in text.chars().filter(|c| *c != ' ') {
        let is_number = c.is_ascii_digit() || (in_number && matches!(c, '.' | 'e' | '-' | '+'));
        if is_number != in_number {
            words.push(String::new());
            in_number = is_number;
        }
        if let Some(word) = words.last_mut() {
            word.push(c);
        }
    }
    words
}

#[tokio::test]
async fn answers_have_the_spaces_of_the_original() {
    let server = Server::start(None, Settings::default()).await;
    let answer = server.get("/sync/status").await;
    assert_eq!(answer.text, r#"{"greatest_block_slot": 0, "synced": true}"#);
}
