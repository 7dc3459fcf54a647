//! Every command on good inputs.

use serde_json::Value;

use crate::node::{Answer, Node};
use crate::place::{BLOCKS, Place};

#[test]
fn features_are_printed_as_a_table_and_as_json() {
    let place = Place::with_blocks();
    let table = place.run(&["features", "raw"]).exits(0);
    let lines: Vec<&str> = table.stdout.lines().collect();
    assert!(lines[0].starts_with("block_root\tslot\tnum_attestations\t"), "{table}");
    assert_eq!(lines.len(), 1 + BLOCKS.len());
    let rows = place.run(&["features", "raw", "--set", "default", "--json"]).exits(0).json();
    assert_eq!(rows.len(), BLOCKS.len());
    for (row, block) in rows.iter().zip(BLOCKS.iter()) {
        assert_eq!(row["slot"], block.reward.meta.slot, "in the order of the input");
        assert_eq!(row["block_root"], block.reward.block_root.to_string());
        assert_eq!(row["features"].as_object().expect("features").len(), 4);
    }
    let one = place.run(&["features", "raw", "--set", "mean_density,num_attestations", "--json"]).exits(0);
    assert_eq!(one.json()[0]["features"].as_object().expect("features").len(), 2);
}

#[test]
fn blocks_are_labelled_trained_on_evaluated_drawn_and_judged() {
    let place = Place::with_blocks();
    let report = &place.run(&["label", "raw", "set.parquet", "--json"]).exits(0).json()[0];
    assert_eq!(report["blocks"], 48);
    place.run(&["label", "raw", "set"]).exits(0).prints("48 of 48 blocks name their client");
    assert!(place.names("set").contains(&"Teku".to_owned()));
    for data in ["set", "set.parquet"] {
        let trained = place.run(&["train", data, "--model", &format!("{data}.bmm"), "--json"]).exits(0);
        assert_eq!(trained.json()[0]["info"]["rows"], 48);
    }
    let bytes = |name: &str| std::fs::read(place.path(name)).expect("a model");
    let judged = |model: &str| place.run(&["classify", "raw", "--model", model, "--json"]).exits(0).stdout;
    assert!(!bytes("set.bmm").is_empty());
    assert_eq!(judged("set.bmm"), judged("set.parquet.bmm"), "both forms hold the same rows");
    place
        .run(&["evaluate", "set.parquet", "--cv", "3", "--report", "report"])
        .exits(0)
        .prints("Balanced accuracy");
    assert!(place.names("report").contains(&"evaluation.json".to_owned()));
    let searched = place.run(&["evaluate", "set.parquet", "--cv", "2", "--search", "14"]).exits(0);
    let widest = searched.stdout.lines().map(|line| line.chars().count()).max();
    assert!(widest <= Some(80), "{searched}");
    place.run(&["plot", "set.parquet", "plots"]).exits(0).prints("pictures to plots");
}

#[test]
fn a_model_follows_from_the_data_alone_and_says_where_they_come_from() {
    let place = Place::with_blocks();
    // The same blocks, cut and ordered otherwise, under other names.
    let texts: Vec<String> = (0..BLOCKS.len()).rev().map(crate::place::block_json).collect();
    for (number, part) in texts.chunks(7).enumerate() {
        place.write(&format!("shuffled/{}.json", 9 - number), format!("[{}]", part.join(",")));
    }
    let read = |name: &str| std::fs::read(place.path(name)).expect("a file");
    let label = |raw: &str, out: &str| {
        place.run(&["label", "--network", "hoodi", raw, out]).exits(0);
    };
    label("raw", "mainnet.parquet");
    label("shuffled", "other.parquet");
    assert!(read("mainnet.parquet") == read("other.parquet"), "the order of reading changes the set");
    let train = |data: &str, model: &str| {
        let words = ["train", data, "--model", model, "--cv", "3", "--json"];
        place.run(&words).exits(0).json()[0]["info"].clone()
    };
    let info = train("mainnet.parquet", "one.bmm");
    assert_eq!(info, train("other.parquet", "two.bmm"));
    assert!(read("one.bmm") == read("two.bmm"), "the name of the set changes the model");
    let hoodi = serde_json::json!({"network": "hoodi", "labels": "graffiti"});
    assert_eq!(info["origin"], serde_json::json!({"trained_on": hoodi, "evaluated_on": [hoodi]}));
    assert_eq!(info["scores"]["balanced_accuracy"].as_array().map(Vec::len), Some(3));
    place
        .run(&["classify", "raw", "--model", "one.bmm"])
        .exits(0)
        .says("trained on hoodi blocks labelled by graffiti and has not been checked on mainnet");
    label_without_network(&place);
}

/// A network that nobody stated is not made up.
fn label_without_network(place: &Place) {
    place.run(&["label", "raw", "silent.parquet"]).exits(0);
    let trained = place.run(&["train", "silent.parquet", "--model", "silent.bmm", "--json"]).exits(0);
    assert_eq!(trained.json()[0]["info"]["origin"]["trained_on"]["network"], Value::Null);
    place
        .run(&["label", "raw", "x.parquet", "--network", "nope"])
        .exits(2)
        .says("known are gnosis, holesky, hoodi, mainnet, sepolia");
}

#[test]
fn verdicts_come_as_json_lines_and_as_the_client_table() {
    let place = Place::with_blocks();
    let lines = place.run(&["classify", "raw", "--model", "model.bmm", "--json"]).exits(0).json();
    assert_eq!(lines.len(), BLOCKS.len());
    for line in &lines {
        let probabilities = line["probability_map"].as_object().expect("probabilities");
        let sum: f64 = probabilities.values().filter_map(Value::as_f64).sum();
        assert!((sum - 1.0).abs() < 1e-9, "{line}");
        for key in ["block_root", "slot", "best_guess_single", "best_guess_multi", "graffiti_guess"] {
            assert!(line.get(key).is_some(), "{key} is missing in {line}");
        }
        assert!(line.get("explanation").is_none());
    }
    let explained = place.run(&["classify", "raw", "--model", "model.bmm", "--json", "--explain"]).exits(0);
    let explanation = &explained.json()[0]["explanation"];
    assert!(explanation["features"].is_array());
    // Rewards do not tell what attestations are made of.
    assert_eq!(explanation["signs"], Value::Null);
    let odds = explanation["odds"].as_array().expect("log odds");
    assert!(odds.iter().all(|odds| odds["log_odds"].is_number() && odds["client"].is_string()), "{odds:?}");
    assert_eq!(odds.len() % explanation["features"].as_array().map_or(0, Vec::len), 0);
    let table =
        place.run(&["classify", "raw", "--model", "model.bmm"]).exits(0).prints("48 blocks are too few");
    assert!(table.stdout.contains("Lighthouse") && table.stderr.contains("trained on"), "{table}");
    place
        .run(&["classify", "raw", "--model", "model.bmm", "--explain"])
        .exits(0)
        .prints("in the middle 80 % of")
        .prints("No rule was looked at: that takes the block itself, of Electra or later.")
        .prints("against Teku")
        .says("doubles the odds");
}

#[test]
fn a_database_is_made_filled_checked_and_asked() {
    let place = Place::with_blocks();
    place.run(&["db", "init", "--db", "new.sqlite"]).exits(0).prints("is ready");
    let build = ["db", "build", "raw", "--model", "model.bmm", "--json", "--data-dir", "data"];
    let first = &place.run(&build).exits(0).json()[0];
    assert_eq!((&first["inserted"], &first["unchanged"]), (&48.into(), &0.into()));
    let again = &place.run(&build).exits(0).json()[0];
    assert_eq!(
        (&again["inserted"], &again["updated"], &again["unchanged"]),
        (&0.into(), &0.into(), &48.into())
    );
    let db = ["--db", "data/blockmark.sqlite"];
    let check = place.run(&[&["db", "check", "--gaps"], &db[..]].concat()).exits(0);
    assert!(check.stdout.contains("48 blocks up to slot"), "{check}");
    let check = &place.run(&[&["db", "check", "--json"], &db[..]].concat()).exits(0).json()[0];
    assert_eq!(check["blocks"], 48);
    let exported = place.run(&[&["db", "export", "-"], &db[..]].concat()).exits(0);
    assert!(exported.stdout.contains(&BLOCKS[0].reward.block_root.to_string()[2..]), "{exported}");
    let exported = place.run(&[&["db", "export", "all.csv", "--json"], &db[..]].concat()).exits(0).json();
    assert_eq!((&exported[0]["file"], &exported[0]["blocks"]), (&"all.csv".into(), &48.into()));
    let proposer = BLOCKS[0].reward.meta.proposer_index.to_string();
    let affinity = place.run(&[&["db", "affinity", &proposer, "--json"], &db[..]].concat()).exits(0);
    assert_eq!(affinity.json()[0]["latest"], BLOCKS[0].client.name());
    place.run(&[&["db", "migrate"], &db[..]].concat()).exits(0).prints("schema version");
    for (command, database) in [("migrate", "data/blockmark.sqlite"), ("init", "data/new.sqlite")] {
        place.run(&["db", command, "--db", database]).exits(0);
        let log = std::fs::metadata(place.path(&format!("{database}-wal"))).map_or(0, |log| log.len());
        assert_eq!(log, 0, "the file is not whole without its log after db {command}");
    }
}

#[test]
fn blocks_that_come_twice_count_once() {
    let place = Place::with_blocks();
    place.write(
        "raw/again.json",
        format!("[{},{}]", crate::place::block_json(0), crate::place::block_json(40)),
    );
    let judged = place.run(&["classify", "raw", "--model", "model.bmm", "--json"]).exits(0);
    assert_eq!(judged.says("2 blocks came more than once").json().len(), BLOCKS.len());
    assert_eq!(place.run(&["features", "raw", "--json"]).exits(0).json().len(), BLOCKS.len());
    let build = ["db", "build", "raw", "--model", "model.bmm", "--db", "d.sqlite", "--json"];
    let report = &place.run(&build).exits(0).json()[0];
    assert_eq!((&report["inserted"], &report["unchanged"]), (&48.into(), &2.into()));
}

#[test]
fn a_feature_without_a_value_is_null() {
    let place = Place::with_blocks();
    let mut block: Value = serde_json::from_str(&crate::place::block_json(0)).expect("JSON");
    // As old versions of Lighthouse wrote blocks: without the votes of the attestations.
    block["attestation_rewards"]["attestations"] = Value::Array(Vec::new());
    place.write("old.json", block.to_string());
    for set in ["everything", "spearman_correlation_lodestar"] {
        let row =
            &place.run(&["features", "old.json", "--set", set, "--json"]).exits(0).json()[0]["features"];
        assert_eq!(row["spearman_correlation_lodestar"], Value::Null);
    }
    place.write(
        "raw/old.json",
        block.to_string().replace(&BLOCKS[0].reward.block_root.to_string(), OTHER_ROOT),
    );
    place
        .run(&["label", "raw", "set.parquet"])
        .exits(0)
        .says("1 blocks have no value of spearman_correlation_lodestar");
    let rows = |features: &str| {
        let words = ["train", "set.parquet", "--model", "m.bmm", "--features", features, "--json"];
        place.run(&words).exits(0).json()[0]["info"]["rows"].as_u64().expect("a count")
    };
    assert_eq!((rows("default"), rows("everything")), (49, 48));
}

/// The root of no generated block.
const OTHER_ROOT: &str = "0x1111111111111111111111111111111111111111111111111111111111111111";

#[test]
fn models_may_be_chosen_by_slot() {
    let place = Place::with_blocks();
    let model = std::fs::read(place.path("model.bmm")).expect("a model");
    place.write("models/slots_0_to_1010.bmm", &model);
    place.write("models/slots_1011_to_1020.bmm", &model);
    assert_eq!(place.run(&["classify", "raw", "--model", "models", "--json"]).exits(0).json().len(), 48);
    std::fs::remove_file(place.path("models/slots_0_to_1010.bmm")).expect("it is there");
    let ran = place.run(&["classify", "raw", "--model", "models", "--json"]).exits(3);
    let bad = &ran.error_json()["bad_inputs"];
    assert!(
        bad["inputs"][0]["reason"].as_str().expect("a reason").contains("no model is for slot 10"),
        "{ran}"
    );
    assert_eq!(ran.json().len() as u64 + bad["count"].as_u64().expect("a count"), 48);
}

#[test]
fn a_node_is_an_input_like_files() {
    let place = Place::with_blocks();
    let node = Node::start(|_| Answer::Blocks);
    let range = ["--start", "0", "--end", "1100"];
    let of_files = place.run(&["features", "raw", "--json"]).exits(0);
    let of_node = place.run(&[&["features", &node.url, "--json"], &range[..]].concat()).exits(0);
    assert_eq!(of_files.stdout, of_node.stdout);
    let model = ["--model", "model.bmm", "--json"];
    let of_files = place.run(&[&["classify", "raw"], &model[..]].concat()).exits(0);
    let of_node = place.run(&[&["classify", &node.url], &model[..], &range[..]].concat()).exits(0);
    assert_eq!(of_files.stdout, of_node.stdout);
    let built = place.run(&[&["db", "build", &node.url], &model[..], &range[..]].concat()).exits(0);
    assert_eq!(built.json()[0]["inserted"], 48);
}

#[test]
fn fetched_files_are_what_the_node_has() {
    let place = Place::with_blocks();
    let node = Node::start(|_| Answer::Blocks);
    let fetch = ["fetch", "1000", "1060", "got", "--batch", "16", "--beacon-node", &node.url];
    place.run(&fetch).exits(0).prints("48 blocks");
    assert_eq!(place.names("got").len(), 4);
    let again = &place.run(&[&fetch[..], &["--json"]].concat()).exits(0).json()[0];
    assert_eq!((&again["fetched_slots"], &again["kept_slots"]), (&0.into(), &61.into()));
    let fetched = place.run(&["features", "got", "--json"]).exits(0);
    assert_eq!(fetched.stdout, place.run(&["features", "raw", "--json"]).exits(0).stdout);
}

#[test]
fn the_demonstration_ends_with_a_table() {
    let place = Place::new();
    let ran = place.run(&["demo", "--once"]).exits(0).says("database blockmark-data");
    let ran = ran.prints("recorded from a running Lodestar v1.5.1 node").prints("simulated, of no network");
    let blocks = 48 + 376;
    place
        .run(&["db", "check", "--db", "blockmark-data/demo.sqlite"])
        .exits(0)
        .prints(&format!("{blocks} blocks"));
    // All of the devnet is Lodestar's; of the simulated blocks most verdicts are right.
    let (right, _) =
        ran.stdout.split_once(" of 376 verdicts on simulated blocks name the packer").expect("a count");
    let right: u64 =
        right.rsplit(char::is_whitespace).next().and_then(|word| word.parse().ok()).expect("a number");
    assert!(right > 190, "{right} of 376, where guessing Lighthouse gives about 100");
    let few = ["demo", "--once", "--blocks", "20", "--json"];
    let shares = &place.run(&few).exits(0).says("a running Lodestar").says("of no network").json()[0];
    assert_eq!(shares[0]["n"], 40);
}

#[test]
fn the_recordings_of_the_demonstration_follow_the_rules() {
    let place = Place::new();
    place.run(&["demo", "--once"]).exits(0);
    let replay = ["debug", "replay", "blockmark-data/demo/lodestar-devnet"];
    place
        .run(&replay)
        .exits(0)
        .prints("96 blocks follow the rules, every state root is right; finalized epoch 10");
    let replay = ["debug", "replay", "blockmark-data/demo/simulated", "--no-signatures"];
    place
        .run(&replay)
        .exits(0)
        .prints("752 blocks follow the rules, every state root is right; finalized epoch 94");
    let lines = place.run(&[&replay[..], &["--json"]].concat()).exits(0).json();
    assert_eq!(lines.len(), 752);
    assert!(lines[0]["state_root"].as_str().is_some_and(|root| root.len() == 66), "{}", lines[0]);
}

#[test]
fn single_steps_take_files_as_recordings_have_them() {
    let place = Place::new();
    let simulate =
        ["simulate", "--validators", "64", "--slots", "2", "--preset", "minimal", "--missed-permille", "0"];
    let mut answers = Vec::new();
    for (form, end) in [("none", ""), ("snappy", ".snappy"), ("zst", ".zst"), ("gz", ".gz")] {
        let out = format!("chain-{form}");
        place.run(&[&simulate[..], &["--out", &out, "--compression", form]].concat()).exits(0);
        let (state, block) = (format!("{out}/states/0.ssz{end}"), format!("{out}/blocks/1.ssz{end}"));
        let config = format!("{out}/config.yaml");
        let network = ["--config", &config, "--json"];
        let transition = ["debug", "transition", &state, &block, "--no-signatures"];
        let applied = place.run(&[&transition[..], &network].concat()).exits(0).json().remove(0);
        let ssz = ["debug", "ssz", "SignedBeaconBlock", &block, "--fork", "electra"];
        let read = place.run(&[&ssz[..], &network].concat()).exits(0).json().remove(0);
        assert_eq!(applied["state_root"], read["value"]["message"]["state_root"], "{form}");
        answers.push((applied, read));
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{answers:?}");
    place.run(&["debug", "ssz", "Fork", "chain-none", "--fork", "electra"]).exits(1).says("can't be read");
    // An offset that lies: in the body of the block, and in the state.
    let mut block = std::fs::read(place.path("chain-none/blocks/1.ssz")).expect("a block");
    block[384 + 8..384 + 12].fill(0xff);
    place.write("bad.ssz", &block);
    let network = ["--config", "chain-none/config.yaml"];
    let ssz = ["debug", "ssz", "SignedBeaconBlock", "bad.ssz", "--fork", "electra"];
    place.run(&[&ssz[..], &network].concat()).exits(1).says(
        "\"bad.ssz\": SignedBeaconBlock of electra, slot 1: message.body.attestations: the offset 4294967295",
    );
    let transition = ["debug", "transition", "chain-none/states/0.ssz", "bad.ssz", "--no-signatures"];
    place
        .run(&[&transition[..], &network].concat())
        .exits(1)
        .says("\"bad.ssz\": the block of slot 1 is not one of the fork electra: message.body.attestations: the offset");
    let manifest = std::fs::read_to_string(place.path("chain-none/manifest.json")).expect("a manifest");
    assert!(manifest.contains("--missed-permille 0 --payload-bytes 0"), "{manifest}");
    for command in ["rewards", "features"] {
        let of = |words: &[&str]| place.run(words).exits(0).stdout;
        assert_eq!(of(&["debug", command, "chain-zst"]), of(&[command, "chain-zst"]));
    }
}

#[test]
fn a_recording_that_is_not_whole_is_refused() {
    let place = Place::new();
    let simulate =
        ["simulate", "--validators", "64", "--slots", "6", "--preset", "minimal", "--missed-permille", "0"];
    place.run(&[&simulate[..], &["--out", "chain", "--compression", "none"]].concat()).exits(0);
    std::fs::remove_file(place.path("chain/blocks/1.ssz")).expect("removed");
    place.run(&["rewards", "chain"]).exits(1).says("blocks/1.ssz is missing");
    std::fs::remove_file(place.path("chain/manifest.json")).expect("removed");
    place.run(&["rewards", "chain"]).exits(3).says("the latest block of the state of slot 0 is");
}

#[test]
fn official_tests_are_run_and_what_is_left_over_is_named() {
    let place = Place::new();
    let case = "vectors/tests/general/phase0/ssz_generic/uints/valid/uint_8_seven";
    let root = b"root: '0x0700000000000000000000000000000000000000000000000000000000000000'";
    place.write(&format!("{case}/meta.yaml"), root);
    place.write(&format!("{case}/serialized.ssz_snappy"), [1, 0, 7]);
    place.write(&format!("{case}/value.yaml"), b"7");
    place.write("vectors/README.md", b"What this is.");
    let run = |json: &str| place.run(&["debug", "spec-test", "vectors", json]);
    let lines = run("--json").exits(0).json();
    assert_eq!((lines.len(), &lines[0]["result"], &lines[1]["passed"]), (2, &"pass".into(), &1.into()));
    place.write(&format!("{case}/more.yaml"), b"1");
    let ran = run("--json").exits(1).says("more.yaml was not opened");
    assert_eq!(ran.json()[1]["unopened"], 1);
    std::fs::remove_file(place.path(&format!("{case}/more.yaml"))).expect("removed");
    place.write("vectors/stray.yaml", b"1");
    run("--json").exits(1).says("stray.yaml belongs to no case");
    std::fs::remove_file(place.path("vectors/stray.yaml")).expect("removed");
    let unknown = "unknown/tests/general/phase0/dancing/slow/suite/case/value.yaml";
    place.write(unknown, b"7");
    place.run(&["debug", "spec-test", "unknown"]).exits(1).says("nothing was tested");
}

#[test]
fn a_simulated_chain_is_packed_as_clients_pack() {
    let place = Place::new();
    let simulate = ["simulate", "--validators", "64", "--slots", "16", "--preset", "minimal"];
    let with = |more: &[&'static str]| -> Vec<&str> { simulate.iter().chain(more).copied().collect() };
    place.write("mix.json", br#"{"Teku": 1, "Nimbus": 0}"#);
    place.run(&with(&["--out", "chain", "--mix", "mix.json", "--compression", "none"])).exits(0);
    let packers = std::fs::read_to_string(place.path("chain/packers.jsonl")).expect("the packers");
    assert!(packers.lines().count() > 10 && packers.lines().all(|line| line.contains("Teku")), "{packers}");
    assert!(place.path("chain/blocks/1.ssz").exists());
    for (bad, what) in [
        (&br#"{"Teku": 0}"#[..], "one must be above"),
        (br#"{"Teku": -1, "Nimbus": 2}"#, "no weight may be below 0"),
        (br#"{"Geth": 1}"#, "Geth"),
        (b"[]", "is no object of clients"),
    ] {
        place.write("mix.json", bad);
        place.run(&with(&["--out", "other", "--mix", "mix.json"])).exits(1).says("mix.json").says(what);
    }
    place.run(&with(&["--out", "other", "--mix", "absent.json"])).exits(1).says("absent.json");
}

#[test]
fn a_chain_is_labelled_as_its_rewards_are() {
    let place = Place::new();
    place.write("mix.json", br#"{"Teku": 1, "Nimbus": 1, "Lighthouse": 1}"#);
    let simulate =
        ["simulate", "--validators", "64", "--slots", "40", "--preset", "minimal", "--out", "chain"];
    place.run(&[&simulate[..], &["--mix", "mix.json", "--signed-permille", "700"]].concat()).exits(0);
    let rewards = place.run(&["rewards", "chain", "--include-attestations"]).exits(0).stdout;
    place.write("rewards.json", rewards.as_bytes());
    let report = |words: &[&str]| place.run(words).exits(0).json().remove(0);
    let chain = report(&["label", "chain", "chain.parquet", "--json"]);
    let files = report(&["label", "rewards.json", "files.parquet", "--json"]);
    assert_eq!((&chain["labelled"], &chain["blocks"]), (&files["labelled"], &files["blocks"]));
    assert!(chain["unlabelled"].as_u64().is_some_and(|blocks| blocks > 0), "{chain}");
    for name in ["chain", "files"] {
        let (set, model) = (format!("{name}.parquet"), format!("{name}.bmm"));
        place.run(&["train", &set, "--model", &model]).exits(0);
    }
    let model = |name: &str| std::fs::read(place.path(name)).expect("a model");
    assert!(model("chain.bmm") == model("files.bmm"), "the models differ");
    let part = report(&["label", "chain", "part.parquet", "--start", "1", "--end", "8", "--json"]);
    assert!(part["blocks"].as_u64().is_some_and(|blocks| (1..=8).contains(&blocks)), "{part}");
    place.run(&["label", "chain", "folder"]).exits(1).says("a name ending in .parquet");
    // Two attestations with the same data are not of Nimbus, whatever the model says.
    let explain = ["classify", "chain", "--model", "chain.bmm", "--explain"];
    let told = place.run(&explain).exits(0).prints("two attestations have the same data").stdout;
    assert!(
        told.contains("  Not Nimbus: ") || told.contains("  Not Nimbus, although it is the verdict: "),
        "{told}"
    );
    assert!(!told.contains("No rule was looked at"), "{told}");
    let lines = place.run(&[&explain[..], &["--json"]].concat()).exits(0).json();
    let signs: Vec<&Value> =
        lines.iter().flat_map(|line| line["explanation"]["signs"].as_array().expect("signs")).collect();
    let repeated = signs.iter().find(|sign| sign["sign"] == "repeated_data").expect("repeated data");
    assert_eq!(repeated["rules_out"], serde_json::json!(["Nimbus"]));
}

#[test]
fn help_version_and_completions_are_results() {
    let place = Place::new();
    for words in [&["--help"][..], &["help"], &["help", "inputs"], &["help", "train"], &["db", "--help"]] {
        assert!(place.run(words).exits(0).stdout.len() > 200);
    }
    let of_build = place.run(&["help", "db", "build"]).exits(0).prints("blockmark db build");
    // Options of all commands are among those of each.
    of_build.prints("--data-dir");
    place.run(&["--version"]).exits(0).prints("blockmark ");
    place.run(&["completions", "bash"]).exits(0).prints("complete");
}

#[test]
fn every_manual_page_names_the_version() {
    let place = Place::new();
    place.run(&["manual", "pages"]).exits(0);
    for page in ["blockmark.1", "blockmark-run.1", "blockmark-db-init.1"] {
        let text = std::fs::read_to_string(place.path("pages").join(page)).expect("a page");
        let title = text.lines().find(|line| line.starts_with(".TH")).expect("a title");
        assert!(title.contains(concat!("blockmark ", env!("CARGO_PKG_VERSION"))), "{title}");
    }
}
