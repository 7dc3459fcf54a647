//! A folder of its own for each test, with generated blocks where wanted, and the program to run in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::LazyLock;

use clap::Parser;
use consensus::Slot;
use consensus::rewards::BlockReward;
use fingerprint::classifier::{Model, TrainingOptions};
use fingerprint::training::TrainingRow;
use fingerprint::{Client, ClientSet, FeatureSet, TrainingSet};
use serde_json::Value;
use simulate::{GraffitiHabit, LabelledReward, RewardPlan, Shape};

use crate::cli::Cli;

/// Slot of the first generated block.
pub(crate) const FIRST_SLOT: u64 = 1_000;

/// Generated blocks, all of them signed. Made once: in a debug build that takes a while.
pub(crate) static BLOCKS: LazyLock<Vec<LabelledReward>> = LazyLock::new(|| {
    simulate::generate(&RewardPlan {
        blocks: 48,
        start_slot: Slot(FIRST_SLOT),
        seed: 11,
        mix: [Client::Lighthouse, Client::Prysm, Client::Teku].map(|client| (client, 1.0)).into(),
        shape: Shape::ElectraLike,
        graffiti: GraffitiHabit::Signed { share: 1.0 },
    })
});

static MODEL: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let features = FeatureSet::default_four();
    let mut set = TrainingSet::new(features.clone());
    for LabelledReward { client, reward } in BLOCKS.iter() {
        let block = source::parse_block_reward(&serde_json::to_vec(reward).expect("JSON")).expect("a block");
        let mut row = Vec::new();
        features.compute(&block, &mut row).expect("a row");
        set.push(TrainingRow {
            block_root: block.block_root,
            slot: block.slot,
            label: *client,
            features: row,
        })
        .expect("it fits");
    }
    let options = TrainingOptions { features, graffiti_only: ClientSet::EMPTY, ..TrainingOptions::default() };
    Model::train(&set, options).expect("a model").to_bytes()
});

/// The text of one generated block.
pub(crate) fn block_json(index: usize) -> String {
    serde_json::to_string(&BLOCKS[index].reward).expect("JSON")
}

/// A folder that is removed at the end.
pub(crate) struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary directory") }
    }

    /// With `raw/` (48 blocks in three files, one of them gzip) and `model.bmm`.
    pub(crate) fn with_blocks() -> Self {
        let place = Self::new();
        for (number, blocks) in BLOCKS.chunks(16).enumerate() {
            let rewards: Vec<&BlockReward> = blocks.iter().map(|block| &block.reward).collect();
            let (first, last) = (rewards[0].meta.slot, rewards[rewards.len() - 1].meta.slot);
            let mut json = Vec::new();
            simulate::write_json(rewards, &mut json).expect("memory takes it");
            if number == 1 {
                let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                std::io::Write::write_all(&mut gzip, &json).expect("memory takes it");
                let json = gzip.finish().expect("memory takes it");
                place.write(&format!("raw/slot_{first}_to_{last}.json.gz"), json);
            } else {
                place.write(&format!("raw/slot_{first}_to_{last}.json"), json);
            }
        }
        place.write("model.bmm", &*MODEL);
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs::write(path, bytes).expect("a file");
    }

    /// The program, in this folder and without the settings of whoever runs the tests.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_blockmark"));
        command.args(words).current_dir(self.folder.path()).stdin(Stdio::null());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("BLOCKMARK_") {
                command.env_remove(name);
            }
        }
        command.env_remove("DEFAULT_BATCH_SIZE").env("NO_COLOR", "1").env("LC_ALL", "C.UTF-8");
        command
    }

    pub(crate) fn run(&self, words: &[&str]) -> Ran {
        Ran::of(words, self.command(words).output().expect("the program starts"))
    }

    /// Runs the words of a line, quoted as for a shell.
    pub(crate) fn line(&self, line: &str) -> Ran {
        let words = shell_words(line);
        self.run(&words.iter().map(String::as_str).collect::<Vec<_>>())
    }

    pub(crate) fn names(&self, folder: &str) -> Vec<String> {
        names(&self.path(folder))
    }
}

/// What a folder holds.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder");
    let mut names: Vec<_> =
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// How a run of the program ended.
pub(crate) struct Ran {
    pub(crate) words: String,
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    pub(crate) fn of(words: &[&str], output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("the program writes text");
        let ran = Self {
            words: words.join(" "),
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        };
        assert!(!ran.stderr.contains("panicked"), "{ran}");
        ran.check_hints();
        ran
    }

    /// Asserts the exit code.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self}");
        self
    }

    /// Asserts that standard error has these words.
    #[track_caller]
    pub(crate) fn says(self, words: &str) -> Self {
        assert!(self.stderr.contains(words), "\"{words}\" is missing: {self}");
        self
    }

    /// Asserts that the result has these words.
    #[track_caller]
    pub(crate) fn prints(self, words: &str) -> Self {
        assert!(self.stdout.contains(words), "\"{words}\" is missing: {self}");
        self
    }

    /// The result, a value per line.
    #[track_caller]
    pub(crate) fn json(&self) -> Vec<Value> {
        self.stdout.lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect()
    }

    /// The last line of standard error as JSON.
    #[track_caller]
    pub(crate) fn error_json(&self) -> Value {
        let last = self.stderr.lines().next_back().unwrap_or_else(|| panic!("nothing was said: {self}"));
        serde_json::from_str(last).unwrap_or_else(|error| panic!("{error}: {self}"))
    }

    /// The next step that a failure offers, without `blockmark`.
    #[track_caller]
    pub(crate) fn hint(&self) -> &str {
        let hint = self.stderr.lines().find_map(|line| line.strip_prefix("  try: blockmark "));
        hint.unwrap_or_else(|| panic!("no hint: {self}"))
    }

    /// Every hint of every run is a command line that the program takes.
    fn check_hints(&self) {
        let as_text = self.stderr.lines().filter_map(|line| line.strip_prefix("  try: ").map(str::to_owned));
        let as_json = self.stderr.lines().filter_map(|line| {
            let value: Value = serde_json::from_str(line).ok()?;
            value["error"]["hint"].as_str().map(str::to_owned)
        });
        for hint in as_text.chain(as_json) {
            let words = shell_words(&hint);
            assert_eq!(words.first().map(String::as_str), Some("blockmark"), "\"{hint}\" of {self}");
            if let Err(error) = Cli::try_parse_from(&words) {
                panic!("the hint \"{hint}\" is no command line: {error}\n{self}");
            }
        }
    }
}

impl std::fmt::Display for Ran {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { words, code, stdout, stderr } = self;
        write!(f, "blockmark {words}\nexit code {code:?}\n--- stdout\n{stdout}\n--- stderr\n{stderr}")
    }
}

/// Cuts a line into words as a shell does: single quotes, and backslashes outside of them.
fn shell_words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        match character {
            ' ' => words.extend(word.take()),
            '\'' => word.get_or_insert_default().extend(characters.by_ref().take_while(|c| *c != '\'')),
            '\\' => word.get_or_insert_default().extend(characters.next()),
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    words
}
