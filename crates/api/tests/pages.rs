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

/// CIE L*a*b* of linear sRGB, white point D65.
fn lab([r, g, b]: [f64; 3]) -> [f64; 3] {
    let xyz = [
        (0.412_456_4 * r + 0.357_576_1 * g + 0.180_437_5 * b) / 0.950_47,
        0.212_672_9 * r + 0.715_152_2 * g + 0.072_175 * b,
        (0.019_333_9 * r + 0.119_192 * g + 0.950_304_1 * b) / 1.088_83,
    ];
    let [x, y, z] =
        xyz.map(|t| if t > 216.0 / 24_389.0 { t.cbrt() } else { (24_389.0 / 27.0 * t + 16.0) / 116.0 });
    [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
}

/// The distance of two colours by CIEDE2000.
fn distance([l1, a1, b1]: [f64; 3], [l2, a2, b2]: [f64; 3]) -> f64 {
    let power = |c: f64| (c.powi(7) / (c.powi(7) + 25f64.powi(7))).sqrt();
    let mean_c = f64::midpoint(a1.hypot(b1), a2.hypot(b2));
    let g = 0.5 * (1.0 - power(mean_c));
    let (a1, a2) = (a1 * (1.0 + g), a2 * (1.0 + g));
    let (c1, c2) = (a1.hypot(b1), a2.hypot(b2));
    let hue = |a: f64, b: f64| b.atan2(a).to_degrees().rem_euclid(360.0);
    let (h1, h2) = (hue(a1, b1), hue(a2, b2));
    let turn = |h: f64| {
        if h > 180.0 {
            h - 360.0
        } else if h < -180.0 {
            h + 360.0
        } else {
            h
        }
    };
    let dh = 2.0 * (c1 * c2).sqrt() * (turn(h2 - h1) / 2.0).to_radians().sin();
    let (l, c) = (f64::midpoint(l1, l2), f64::midpoint(c1, c2));
    let h = (h1 + turn(h2 - h1) / 2.0).rem_euclid(360.0);
    let cos = |degrees: f64| degrees.to_radians().cos();
    let t = 1.0 - 0.17 * cos(h - 30.0) + 0.24 * cos(2.0 * h) + 0.32 * cos(3.0 * h + 6.0)
        - 0.20 * cos(4.0 * h - 63.0);
    let sl = 1.0 + 0.015 * (l - 50.0).powi(2) / (20.0 + (l - 50.0).powi(2)).sqrt();
    let (sc, sh) = (1.0 + 0.045 * c, 1.0 + 0.015 * c * t);
    let theta = 30.0 * (-((h - 275.0) / 25.0).powi(2)).exp();
    let rt = -2.0 * power(c) * (2.0 * theta).to_radians().sin();
    let (dl, dc, dh) = ((l2 - l1) / sl, (c2 - c1) / sc, dh / sh);
    (dl * dl + dc * dc + dh * dh + rt * dc * dh).sqrt()
}

/// Linear sRGB of `#RRGGBB`.
fn linear(color: &str) -> [f64; 3] {
    [1, 3, 5].map(|from| {
        let value = f64::from(u8::from_str_radix(&color[from..from + 2], 16).unwrap()) / 255.0;
        if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    })
}

#[test]
fn clients_are_told_apart_by_all_eyes() {
    // A pair of the published test data of CIEDE2000 (Sharma, Wu, Dalal).
    let known = distance([50.0, 2.6772, -79.7751], [50.0, 0.0, -82.7485]);
    assert!((known - 2.0425).abs() < 1e-4, "{known}");
    // Vision as it is, and without one kind of cone (Machado, Oliveira, Fernandes 2009, severity 1).
    const EYES: [(&str, [[f64; 3]; 3]); 4] = [
        ("normal", [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]),
        (
            "protan",
            [
                [0.152_286, 1.052_583, -0.204_868],
                [0.114_503, 0.786_281, 0.099_216],
                [-0.003_882, -0.048_116, 1.051_998],
            ],
        ),
        (
            "deutan",
            [
                [0.367_322, 0.860_646, -0.227_968],
                [0.280_085, 0.672_501, 0.047_413],
                [-0.011_820, 0.042_940, 0.968_881],
            ],
        ),
        (
            "tritan",
            [
                [1.255_528, -0.076_749, -0.178_779],
                [-0.078_411, 0.930_809, 0.147_602],
                [0.004_733, 0.691_367, 0.303_900],
            ],
        ),
    ];
    let css = include_str!("../static/style.css");
    for (theme, selector) in [("light", ":root {"), ("dark", ":root:not([data-theme=\"light\"]) {")] {
        let tokens = tokens(css, selector);
        let clients: Vec<_> = tokens.iter().filter(|(name, _)| name.starts_with("--c-")).collect();
        assert_eq!(clients.len(), 7);
        for (eyes, matrix) in EYES {
            let seen = |color: &str| {
                let rgb = linear(color);
                lab(matrix.map(|row| {
                    let sum: f64 = row.iter().zip(rgb).map(|(factor, value)| factor * value).sum();
                    sum.clamp(0.0, 1.0)
                }))
            };
            for (at, (one, first)) in clients.iter().enumerate() {
                for (other, second) in &clients[at + 1..] {
                    let found = distance(seen(first), seen(second));
                    assert!(found >= 14.0, "{one} and {other}, {theme}, {eyes}: {found:.1}");
                }
            }
        }
    }
}

#[test]
fn the_ramp_can_be_read_on_every_step() {
    let css = include_str!("../static/style.css");
    for selector in [":root {", ":root:not([data-theme=\"light\"]) {", ":root[data-theme=\"dark\"] {"] {
        let rule = css.split_once(selector).unwrap().1.split('}').next().unwrap();
        let token =
            |name: &str| rule.split_once(&format!("{name}: ")).unwrap().1.get(..7).unwrap().to_owned();
        for step in 0..6 {
            let found = contrast(&token(&format!("--r{step}")), &token(&format!("--x{step}")));
            assert!(found >= 4.5, "step {step} of {selector} {found:.2}");
        }
    }
}
