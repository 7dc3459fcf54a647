//! The pages: escaping, the notice, the content policy, and the colours of the style sheet.

mod support;

use std::collections::BTreeMap;

use api::Settings;
use serde_json::json;
use support::{Server, model, test_blocks};

#[tokio::test]
async fn hostile_graffiti_stays_text() {
    let (Some(model), Some(mut blocks)) = (model(), test_blocks()) else { return };
    let server = Server::start(Some(model), Settings::default()).await;
    blocks[0]["meta"]["graffiti"] = "\"><script>alert(1)</script>\u{202e}' onload=x".into();
    let slot = blocks[0]["meta"]["slot"].as_str().unwrap().to_owned();
    let answer = server.send("POST", "/classify", json!(blocks).to_string()).await;
    assert_eq!(answer.status.as_u16(), 200, "{}", answer.text);
    let page = server.get(&format!("/block/{slot}")).await;
    assert_eq!(page.status.as_u16(), 200);
    assert!(!page.text.contains("<script>alert"), "the graffiti became a script");
    assert!(page.text.contains("&#60;script&#62;alert(1)") || page.text.contains("&lt;script&gt;alert(1)"));
    assert!(!page.text.contains('\u{202e}'), "a direction mark came through");
}

#[tokio::test]
async fn pages_keep_the_content_policy_and_state_the_origin_of_the_model() {
    let (Some(model), Some(blocks)) = (model(), test_blocks()) else { return };
    let server = Server::start(Some(model), Settings::default()).await;
    server.send("POST", "/classify", json!(blocks).to_string()).await;
    for path in ["/", "/?period=all&history=1y&theme=dark", "/block/9000124", "/block/9000125"] {
        let page = server.get(path).await;
        assert_eq!(page.status.as_u16(), 200, "{path}: {}", page.text);
        assert!(page.text.contains("Trained on generated blocks."), "{path}");
        assert!(!page.text.contains(" style=") && !page.text.contains("<style"), "{path}");
        assert!(!page.text.contains("src=\"http") && !page.text.contains("href=\"http"), "{path}");
        assert!(page.text.len() < 150_000, "{path} has {} bytes", page.text.len());
        let loose = (0..10).map(|digit| format!("{digit} %")).find(|text| page.text.contains(text));
        assert_eq!(loose, None, "{path}: a number is not tied to its unit");
        ids_are_unique(path, &page.text);
        every_picture_has_a_name(path, &page.text);
        every_link_exists(&server, &page.text).await;
    }
}

fn ids_are_unique(path: &str, page: &str) {
    let mut ids: Vec<&str> = page.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all, "{path} repeats an id");
}

fn every_picture_has_a_name(path: &str, page: &str) {
    for picture in page.split("<svg ").skip(1) {
        let tag = picture.split('>').next().unwrap();
        let named = tag.contains("aria-labelledby") && picture.contains("<title");
        assert!(named || tag.contains("aria-hidden"), "{path}: {tag}");
    }
}

async fn every_link_exists(server: &Server, page: &str) {
    for href in page.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()) {
        if href.starts_with('/') {
            let href = href.replace("&amp;", "&").replace("&#38;", "&");
            let status = server.get(&href).await.status.as_u16();
            assert_eq!(status, 200, "{href}");
        }
    }
}

#[tokio::test]
async fn bad_addresses_of_pages_are_pages() {
    let server = Server::start(None, Settings::default()).await;
    let browser = [("accept", "text/html,application/xhtml+xml")];
    for (path, status) in [
        ("/?period=2w", 400),
        ("/?theme=pink", 400),
        ("/?method=guessed", 400),
        ("/?perod=7d", 400),
        ("/block/77?them=dark", 400),
        ("/block/77", 404),
        ("/block/0xzz", 400),
        ("/blocks?client=geth", 400),
    ] {
        let page = server.send_with("GET", path, "", &browser).await;
        assert_eq!(page.status.as_u16(), status, "{path}");
        assert!(page.text.starts_with("<!doctype html>"), "{path}: {}", page.text);
    }
    assert!(server.get("/?method=counted").await.text.contains("No blocks yet."));
    let twice = server.send_with("GET", "/?theme=dark&theme=light", "", &browser).await;
    assert!(twice.text.contains("The parameter theme is given twice; give it once."), "{}", twice.text);
    let unknown = server.send_with("GET", "/?perod=7d", "", &browser).await;
    assert!(
        unknown.text.contains("There is no parameter perod; allowed are method, period"),
        "{}",
        unknown.text
    );
}

/// The relative luminance of WCAG 2.
fn luminance(color: &str) -> f64 {
    let channel = |from: usize| {
        let value = f64::from(u8::from_str_radix(&color[from..from + 2], 16).unwrap()) / 255.0;
        if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
}

fn contrast(a: &str, b: &str) -> f64 {
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

/// The tokens of the rule that begins with a selector.
fn tokens(css: &str, selector: &str) -> BTreeMap<String, String> {
    let rule = css.split_once(selector).unwrap().1.split('}').next().unwrap();
    rule.lines()
        .filter_map(|line| line.trim().trim_end_matches(';').split_once(": "))
        .filter(|(name, value)| name.starts_with("--") && value.starts_with('#'))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

#[test]
fn colours_keep_their_contrast() {
    let css = include_str!("../static/style.css");
    let light = tokens(css, ":root {");
    let dark = tokens(css, ":root:not([data-theme=\"light\"]) {");
    assert_eq!(dark, tokens(css, ":root[data-theme=\"dark\"] {"), "the two dark themes differ");
    for (name, theme) in [("light", &light), ("dark", &dark)] {
        for client in ["lighthouse", "prysm", "nimbus", "teku", "lodestar", "grandine", "unknown"] {
            let color = &theme[&format!("--c-{client}")];
            for ground in ["--page", "--surface", "--sunken"] {
                let found = contrast(color, &theme[ground]);
                assert!(found >= 3.0, "{client} on {ground}, {name}: {found:.2}");
            }
        }
        for text in ["--ink", "--ink-2", "--link", "--ok", "--bad"] {
            for ground in ["--page", "--surface"] {
                let found = contrast(&theme[text], &theme[ground]);
                assert!(found >= 4.5, "{text} on {ground}, {name}: {found:.2}");
            }
        }
        assert!(contrast(&theme["--warn"], &theme["--warn-bg"]) >= 4.5, "{name}");
    }
    for client in fingerprint::Client::NAMED {
        let token = format!("--c-{}", client.name().to_lowercase());
        assert_eq!(light[&token], client.color_light());
        assert_eq!(dark[&token], client.color_dark());
    }
}
