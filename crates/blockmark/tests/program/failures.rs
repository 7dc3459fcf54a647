//! What the program says of bad inputs and wrong words, and how it exits.

use serde_json::{Value, json};

use crate::place::{Place, block_json};

/// The first block, changed.
fn changed(change: impl FnOnce(&mut Value)) -> String {
    let mut block: Value = serde_json::from_str(&block_json(0)).expect("JSON");
    change(&mut block);
    block.to_string()
}

#[test]
fn bad_blocks_are_listed_and_name_the_field() {
    let place = Place::with_blocks();
    let block = block_json(0);
    let repeated = block.replacen('{', "{\"block_root\":\"0x00\",", 1);
    let cases: &[(&str, String, &str)] = &[
        ("cut", block[..block.len() - 40].to_owned(), "ends in the middle"),
        ("type", changed(|block| block["meta"]["slot"] = json!([1])), "\"meta.slot\" must be"),
        ("negative", changed(|block| block["meta"]["slot"] = json!(-1)), "\"meta.slot\" must be"),
        ("fraction", changed(|block| block["meta"]["slot"] = json!(1.5)), "\"meta.slot\" must be"),
        ("word", changed(|block| block["meta"]["slot"] = json!("many")), "\"meta.slot\" must be"),
        ("not-a-number", block.replacen("\"slot\":\"1000\"", "\"slot\":NaN", 1), "NaN"),
        ("too-large", changed(|block| block["total"] = json!(1e30)), "\"total\" must be"),
        ("number", changed(|block| block["block_root"] = json!(5)), "\"block_root\" must be"),
        ("short-root", changed(|block| block["block_root"] = json!("0x12")), "\"block_root\" must be"),
        ("graffiti", changed(|block| block["meta"]["graffiti"] = json!(7)), "\"meta.graffiti\" must be"),
        (
            "missing",
            changed(|block| drop(block.as_object_mut().expect("an object").remove("meta"))),
            "\"meta\"",
        ),
        ("repeated", repeated, "\"block_root\""),
        ("deep", "{\"a\":".repeat(10_000), "nested more than"),
        ("brackets", "[".repeat(10_000), "must be an object"),
        ("empty-object", "{}".to_owned(), "is missing"),
        ("words", "{\"a\" \"b\"}".to_owned(), "not JSON"),
        (
            "many",
            changed(|block| {
                block["attestation_rewards"]["per_attestation_rewards"] = json!(vec![json!({}); 10_000]);
            }),
            "has more than 8192 attestations",
        ),
    ];
    for (name, text, words) in cases {
        let file = format!("{name}.json");
        place.write(&file, text);
        let ran = place.run(&["features", &file]).exits(3).says(words).says(&file);
        assert_eq!(ran.stdout, "", "{ran}");
        let listed = place.run(&["features", &file, "--json"]).exits(3).error_json();
        assert_eq!(listed["bad_inputs"]["inputs"][0]["path"], file.as_str());
        place.write(&format!("many/{file}"), text);
    }
    place.write("many/good.json", block_json(1));
    place.write("many/cut.json.gz", &std::fs::read(gzip_of(&place)).expect("a file")[..200]);
    let ran = place.run(&["features", "many", "--json"]).exits(3);
    assert_eq!(ran.json().len(), 1, "the good block is not lost: {ran}");
    assert_eq!(ran.error_json()["bad_inputs"]["count"], cases.len() + 1);
    place.run(&["features", "many"]).exits(3).says("… and 8 more");
    let ran = place.run(&["classify", "many", "--model", "model.bmm", "--json"]).exits(3);
    assert_eq!((ran.json().len(), &ran.error_json()["bad_inputs"]["of"]), (1, &(cases.len() + 2).into()));
    let ran = place.run(&["db", "build", "many", "--model", "model.bmm", "--json"]).exits(3);
    assert_eq!(ran.json()[0]["inserted"], 1);
    assert_eq!(ran.json()[0]["bad"].as_array().expect("a list").len(), cases.len() + 1);
    let ran = place.run(&["label", "many", "set", "--json"]).exits(3);
    assert_eq!(ran.json()[0]["bad"].as_array().expect("a list").len(), cases.len() + 1);
    let folders = place.names("set");
    assert_eq!(folders.len(), 1, "no folder without a block");
    assert_eq!(place.names(&format!("set/{}", folders[0])).len(), 1);
}

fn gzip_of(place: &Place) -> std::path::PathBuf {
    let names = place.names("raw");
    place.path("raw").join(names.iter().find(|name| name.ends_with(".gz")).expect("one is gzip"))
}

#[test]
fn blocks_may_be_written_in_other_ways() {
    let place = Place::with_blocks();
    let good = [
        ("strings", changed(|block| block["meta"]["slot"] = json!("1000"))),
        ("numbers", block_json(0).replace("\"1000\"", "1000")),
        ("null-character", changed(|block| block["meta"]["graffiti"] = json!("Lighthouse\u{0}\u{1}v5"))),
        ("long", changed(|block| block["meta"]["graffiti"] = json!("\u{fffd}".repeat(32)))),
    ];
    for (name, text) in &good {
        place.write(&format!("{name}.json"), text);
        assert_eq!(place.run(&["features", &format!("{name}.json"), "--json"]).exits(0).json().len(), 1);
        let build = ["db", "build", &format!("{name}.json"), "--model", "model.bmm", "--db", "x.sqlite"];
        place.run(&build).exits(0);
    }
    place.write("none.json", "[]");
    assert_eq!(place.run(&["features", "none.json", "--json"]).exits(0).stdout, "");
    place.run(&["classify", "none.json", "--model", "model.bmm"]).exits(0).prints("nothing to count");
}

#[test]
fn blocks_that_a_database_cannot_hold_are_listed() {
    let place = Place::with_blocks();
    place.write("far.json", changed(|block| block["meta"]["slot"] = json!("9223372036854775808")));
    place.write("good.json", block_json(0));
    place.write("two/far.json", std::fs::read(place.path("far.json")).expect("a file"));
    place.write("two/good.json", block_json(0));
    let ran = place.run(&["db", "build", "two", "--model", "model.bmm", "--json"]).exits(3);
    let report = &ran.json()[0];
    assert_eq!(report["inserted"], 1, "the good block of the same root is kept: {ran}");
    assert_eq!(report["bad"][0]["path"], "two/far.json");
}

#[test]
fn what_is_no_input_is_refused() {
    let place = Place::with_blocks();
    let refused = |words: &[&str], said: &str| drop(place.run(words).exits(1).says(said));
    refused(&["features", "nowhere"], "\"nowhere\" does not exist");
    refused(&["features", "model.bmm"], "does not begin with an array or an object");
    std::fs::create_dir_all(place.path("folders/Teku")).expect("a folder");
    std::fs::create_dir_all(place.path("folders/Prysm")).expect("a folder");
    refused(&["features", "folders"], "2 folders without files");
    refused(&["train", "folders", "--model", "x.bmm"], "holds no labelled block");
    refused(&["evaluate", "folders"], "holds no labelled block");
    refused(&["train", "raw", "--model", "x.bmm"], "no training set");
    refused(&["train", "nowhere", "--model", "x.bmm"], "nowhere can't be read");
    refused(&["plot", "model.bmm", "plots"], "Parquet");
    place.write("set/Erigon/0x00.json", block_json(0));
    refused(&["train", "set", "--model", "x.bmm"], "Erigon");
    place.write("set2/Teku/0x00.json", block_json(0));
    refused(&["train", "set2", "--model", "x.bmm"], "at least two clients");
    place.write("unsigned/a.json", changed(|block| block["meta"]["graffiti"] = json!("")));
    refused(&["label", "unsigned", "x.parquet"], "names a known client");
    assert!(!place.names("").iter().any(|name| name.contains("partial")), "nothing is left behind");
}

#[test]
fn models_that_cannot_be_used_are_told_apart() {
    let place = Place::with_blocks();
    let model = std::fs::read(place.path("model.bmm")).expect("a model");
    let mut later = model.clone();
    later[8] = 9;
    place.write("later.bmm", later);
    place.write("cut.bmm", &model[..model.len() / 2]);
    let mut damaged = model.clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 0x10;
    place.write("damaged.bmm", damaged);
    place.write("empty.bmm", "");
    let cases = [
        ("later.bmm", "format version 9"),
        ("cut.bmm", "should have"),
        ("damaged.bmm", "damaged"),
        ("empty.bmm", "not a Blockmark model"),
        ("raw", "holds nothing named slots_A_to_B"),
        ("none.bmm", "does not exist"),
    ];
    for (model, said) in cases {
        place.run(&["classify", "raw", "--model", model]).exits(1).says(said);
        place.run(&["db", "build", "raw", "--model", model, "--db", "x.sqlite"]).exits(1).says(said);
        assert!(
            place.run(&["classify", "raw", "--model", model, "--json"]).error_json()["error"].is_object()
        );
    }
    place.run(&["serve", "--model", "cut.bmm", "--listen", "127.0.0.1:0"]).exits(1).says("should have");
    place.run(&["serve", "--model", "none.bmm", "--listen", "127.0.0.1:0"]).exits(1).says("does not exist");
}

#[test]
fn databases_that_cannot_be_used_are_told_apart() {
    let place = Place::with_blocks();
    place.run(&["db", "build", "raw", "--model", "model.bmm", "--db", "good.sqlite"]).exits(0);
    place.run(&["db", "check", "--db", "none.sqlite"]).exits(1).says("there is no database at none.sqlite");
    place.run(&["db", "check", "--db", "raw"]).exits(1).says("it is a directory");
    place.run(&["db", "check", "--db", "model.bmm"]).exits(1).says("not an SQLite database");
    place.run(&["serve", "--db", "none.sqlite", "--listen", "127.0.0.1:0"]).exits(1).says("none.sqlite");
    place.run(&["db", "import", "none", "--db", "fresh.sqlite"]).exits(1);
    assert!(!place.path("fresh.sqlite").exists(), "a wrong name leaves no database behind");
    place.run(&["db", "import", "none", "--db", "good.sqlite"]).exits(1).says("no such file");
    place.run(&["db", "import", "model.bmm", "--db", "good.sqlite"]).exits(1).says("model.bmm");
    let mut bytes = std::fs::read(place.path("good.sqlite")).expect("a database");
    for byte in bytes.iter_mut().skip(4096).step_by(5) {
        *byte ^= 0x55;
    }
    place.write("broken.sqlite", bytes);
    place.run(&["db", "check", "--db", "broken.sqlite"]).exits(1).says("error: ");
    place
        .run(&["db", "build", "raw", "--model", "model.bmm", "--db", "broken.sqlite"])
        .exits(1)
        .says("error: ");
}

#[test]
fn wrong_words_exit_with_2_and_a_better_line() {
    let place = Place::with_blocks();
    let cases: &[(&[&str], &str)] = &[
        (&[], "Usage"),
        (&["fetsh"], "unrecognized subcommand"),
        (&["features"], "required"),
        (&["features", "raw", "--set", "nope"], "\"nope\" is not a feature"),
        (&["features", "raw", "--start", "1"], "is read whole"),
        (&["features", "raw", "--log", "=;="], "no log filter"),
        (&["classify", "raw"], "--model"),
        (&["classify", "http://u:secret@localhost", "--model", "m m"], "needs a range of slots"),
        (
            &["classify", "http://localhost", "--model", "m", "--start", "9", "--end", "3"],
            "the end is before",
        ),
        (&["db", "build", "https://", "--model", "m", "--start", "1", "--end", "3"], "URL"),
        (&["db", "build", "http://localhost", "--model", "m", "--start", "0", "--end", "0"], "genesis"),
        (&["fetch", "5", "2", "out"], "the end is before"),
        (&["fetch", "0", "0", "out"], "genesis"),
        (&["fetch", "-1", "2", "out"], "unexpected argument"),
        (&["fetch", "1", "99999999999999999999", "out"], "invalid value"),
        (&["fetch", "1", "2", "out", "--beacon-node", "node"], "URL"),
        (&["train", "raw", "--model", "m", "--features", ""], "feature"),
        (&["train", "raw", "--model", "m", "--max-imbalance", "NaN"], "not to NaN"),
        (&["train", "raw", "--model", "m", "--disable", "Erigon"], "invalid value"),
        (&["evaluate", "raw", "--cv", "1"], "invalid value"),
        (&["plot", "raw", "out", "--features", "x"], "not a feature"),
        (&["serve", "--basic-auth", "name"], "a name and a password"),
        (&["serve", "--listen", "here"], "invalid value"),
        (&["bench", "nothing"], "there is no measurement"),
        (&["help", "nothing"], "neither a command nor a topic"),
    ];
    for (words, said) in cases {
        let ran = place.run(words).exits(2).says(said);
        assert!(ran.stdout.is_empty() && !ran.stderr.contains("secret@"), "{ran}");
        let json = [words, &["--json"][..]].concat();
        if words.is_empty() {
            continue;
        }
        let error = place.run(&json).exits(2).error_json();
        assert_eq!(error["error"]["code"], "usage", "{error}");
        assert!(error["error"]["message"].as_str().is_some_and(|text| text.len() > 10), "{error}");
    }
}

#[test]
fn rule_files_are_checked() {
    let place = Place::with_blocks();
    place.write("rules.toml", "[[rule]]\nclient = 5\n");
    place.run(&["label", "raw", "x", "--patterns", "none.toml"]).exits(1).says("none.toml");
    place.run(&["label", "raw", "x", "--patterns", "rules.toml"]).exits(1).says("rules.toml is no rule file");
}
