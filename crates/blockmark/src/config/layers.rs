//! One layer over the other, the origin of each value kept.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};
use toml::de::{DeTable, DeValue};

use super::table::{self, SETTINGS, Setting};
use super::value::{Origin, Value};
use crate::failure::usage;

/// The file that is read where none is named, if it is there.
pub(crate) const DEFAULT_FILE: &str = "blockmark.toml";

/// A file of settings is small.
const FILE_BYTES: u64 = 1 << 20;

/// Where settings come from, beside the defaults.
#[derive(Clone, Debug, std::default::Default)]
pub(crate) struct Source {
    /// The file that was named.
    pub(crate) file: Option<PathBuf>,
    /// Values on the command line: setting, flag, text.
    pub(crate) flags: Vec<(&'static str, &'static str, String)>,
    /// `section.key=value` on the command line.
    pub(crate) set: Vec<String>,
}

/// All settings with their origins.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    values: BTreeMap<&'static str, (Value, Origin)>,
    /// The file that was read.
    pub(crate) file: Option<PathBuf>,
    /// Variables of the environment that begin as settings do and name no section.
    pub(crate) strangers: Vec<String>,
}

impl Config {
    /// Reads all layers. `environment` are the variables of the process.
    pub(crate) fn read(
        source: &Source,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self> {
        let defaults =
            SETTINGS.iter().map(|setting| (setting.key, (Value::from(setting.default), Origin::Default)));
        let mut config = Self { values: defaults.collect(), file: None, strangers: Vec::new() };
        let named = source.file.clone();
        let default = || Some(PathBuf::from(DEFAULT_FILE)).filter(|path| path.exists());
        if let Some(path) = named.or_else(default) {
            config.read_file(&path)?;
            config.file = Some(path);
        }
        config.read_environment(environment)?;
        for (key, flag, text) in &source.flags {
            let setting = table::find(key).ok_or_else(|| anyhow!("there is no setting {key}"))?;
            let value = Value::of_text(setting.kind, text)
                .map_err(|expected| usage(format!("{flag} {text}: {expected}"), "blockmark config show"))?;
            config.values.insert(setting.key, (value, Origin::Flag(flag)));
        }
        for word in &source.set {
            let (key, text) = word.split_once('=').ok_or_else(|| {
                usage(
                    format!("--set {word:?} is not KEY=VALUE"),
                    "blockmark config show --set network.name=hoodi",
                )
            })?;
            let setting = table::find(key.trim()).ok_or_else(|| {
                usage(format!("--set {key}: there is no such setting{}", near(key)), "blockmark config show")
            })?;
            let value = Value::of_text(setting.kind, text.trim()).map_err(|expected| {
                usage(format!("--set {}: {expected}", setting.key), "blockmark config show")
            })?;
            config.values.insert(setting.key, (value, Origin::Flag("--set")));
        }
        Ok(config)
    }

    /// All settings with their values and origins, in the order of the table.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&'static Setting, &Value, &Origin)> {
        SETTINGS.iter().filter_map(|setting| {
            let (value, origin) = self.values.get(setting.key)?;
            Some((setting, value, origin))
        })
    }

    /// Where a setting was said, as it is named in a sentence.
    pub(crate) fn said(&self, key: &str) -> String {
        self.values.get(key).map_or_else(|| key.to_owned(), |(_, origin)| format!("{key} ({origin})"))
    }

    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        match self.values.get(key) {
            Some((Value::Text(text), _)) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn list(&self, key: &str) -> &[String] {
        match self.values.get(key) {
            Some((Value::List(items), _)) => items,
            _ => &[],
        }
    }

    pub(crate) fn is_on(&self, key: &str) -> bool {
        matches!(self.values.get(key), Some((Value::Switch(true), _)))
    }

    pub(crate) fn number(&self, key: &str) -> u64 {
        match self.values.get(key) {
            Some((Value::Number(number), _)) => *number,
            _ => 0,
        }
    }

    fn read_file(&mut self, path: &Path) -> Result<()> {
        let shown = path.display();
        let cannot =
            |error: &dyn std::fmt::Display| anyhow!("the settings {shown} can't be read, because {error}");
        let size = std::fs::metadata(path).map_err(|error| cannot(&error))?.len();
        if size > FILE_BYTES {
            return Err(anyhow!("{shown} has {size} bytes; a file of settings has at most {FILE_BYTES}"));
        }
        let text = std::fs::read_to_string(path).map_err(|error| cannot(&error))?;
        let parsed = DeTable::parse(&text).map_err(|error| {
            let line = error.span().map_or(1, |span| line_of(&text, span.start));
            anyhow!("{shown}:{line}: {}", error.message())
        })?;
        for (section, value) in parsed.get_ref() {
            let line = line_of(&text, section.span().start);
            let name = section.get_ref();
            if !SETTINGS.iter().any(|setting| setting.section() == name) {
                return Err(anyhow!("{shown}:{line}: there is no section [{name}]; {}", sections()));
            }
            let DeValue::Table(keys) = value.get_ref() else {
                return Err(anyhow!(
                    "{shown}:{line}: {name} is a section; write [{name}] and its keys below"
                ));
            };
            for (key, value) in keys {
                let line = line_of(&text, key.span().start);
                let full = format!("{name}.{}", key.get_ref());
                let setting = table::find(&full)
                    .ok_or_else(|| anyhow!("{shown}:{line}: there is no setting {full}{}", near(&full)))?;
                let value = Value::of_toml(setting.kind, value.get_ref())
                    .map_err(|expected| anyhow!("{shown}:{line}: {full}: {expected}"))?;
                self.values.insert(setting.key, (value, Origin::File { path: path.to_owned(), line }));
            }
        }
        Ok(())
    }

    fn read_environment(&mut self, environment: impl IntoIterator<Item = (String, String)>) -> Result<()> {
        let variables: BTreeMap<String, String> =
            environment.into_iter().filter(|(name, _)| name.starts_with("BLOCKMARK_")).collect();
        let sections: Vec<String> = SETTINGS
            .iter()
            .map(|setting| format!("BLOCKMARK_{}_", setting.section().to_ascii_uppercase()))
            .collect();
        for setting in &SETTINGS {
            let own = setting.variable();
            let names = setting.alias.map(str::to_owned).into_iter().chain([own]);
            for name in names {
                if let Some(text) = variables.get(&name) {
                    let value = Value::of_text(setting.kind, text)
                        .map_err(|expected| anyhow!("the environment variable {name}: {expected}"))?;
                    self.values.insert(setting.key, (value, Origin::Environment(name)));
                }
            }
        }
        let known = |name: &str| {
            SETTINGS.iter().any(|setting| setting.variable() == name || setting.alias == Some(name))
        };
        let is_of_section = |name: &str| sections.iter().any(|section| name.starts_with(section));
        for name in variables.into_keys().filter(|name| !known(name)) {
            if is_of_section(&name) {
                return Err(anyhow!(
                    "the environment variable {name} names no setting; see blockmark config show"
                ));
            }
            self.strangers.push(name);
        }
        Ok(())
    }
}

/// The line of a place in a text, from 1.
fn line_of(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}

fn sections() -> String {
    let mut names: Vec<&str> = SETTINGS.iter().map(Setting::section).collect();
    names.dedup();
    format!("there are {}", names.join(", "))
}

/// Settings of the same section, or those with the same key, as the end of a sentence.
fn near(key: &str) -> String {
    let (section, name) = key.split_once('.').unwrap_or(("", key));
    let alike: Vec<&str> = SETTINGS
        .iter()
        .filter(|setting| setting.section() == section || setting.name() == name)
        .map(|setting| setting.key)
        .collect();
    if alike.is_empty() { format!("; {}", sections()) } else { format!("; there are {}", alike.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(file: Option<&Path>, environment: &[(&str, &str)], set: &[&str]) -> Result<Config> {
        let source = Source {
            file: Some(file.map_or_else(|| PathBuf::from("/dev/null"), Path::to_path_buf)),
            set: set.iter().map(|word| (*word).to_owned()).collect(),
            ..Source::default()
        };
        Config::read(&source, environment.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())))
    }

    #[test]
    fn each_layer_covers_the_one_before_and_its_origin_is_kept() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.toml");
        std::fs::write(
            &path,
            "[network]\nname = \"hoodi\"\n\n[backfill]\nhistory = 700\nsources = [\"a\", \"b\"]\n",
        )
        .unwrap();
        let environment = [("BLOCKMARK_BACKFILL_HISTORY", "genesis"), ("BLOCKMARK_LISTEN", "0.0.0.0:1")];
        let config = read(Some(&path), &environment, &["serve.listen=127.0.0.1:2"]).unwrap();
        assert_eq!(config.text("network.name"), Some("hoodi"));
        assert_eq!(config.said("network.name"), format!("network.name ({}:2)", path.display()));
        assert_eq!(config.list("backfill.sources"), ["a", "b"]);
        assert_eq!(config.said("backfill.history"), "backfill.history (BLOCKMARK_BACKFILL_HISTORY)");
        assert_eq!(
            (config.text("backfill.history"), config.text("serve.listen")),
            (Some("genesis"), Some("127.0.0.1:2"))
        );
        assert_eq!(config.said("serve.listen"), "serve.listen (--set)");
        assert_eq!(config.said("nodes.parallel"), "nodes.parallel (default)");
        assert_eq!(read(Some(&path), &[], &[]).unwrap().text("backfill.history"), Some("700"));
    }

    #[test]
    fn what_is_unknown_or_of_another_kind_is_named_with_file_and_line() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.toml");
        for (text, wanted) in [
            ("\n[nodes]\nurl = \"x\"\n", ":3: there is no setting nodes.url; there are nodes.urls"),
            ("[node]\nurls = []\n", ":1: there is no section [node]; there are network"),
            ("network = 1\n", ":1: network is a section"),
            ("[nodes]\npoll_seconds = 0\n", ":2: nodes.poll_seconds: a whole number from 1 on"),
            ("[follow]\nenabled = \"yes\"\n", ":2: follow.enabled: true or false"),
            ("[nodes]\nurls = [1]\n", ":2: nodes.urls: a list of texts"),
            ("[nodes\n", ":1: "),
        ] {
            std::fs::write(&path, text).unwrap();
            let error = read(Some(&path), &[], &[]).unwrap_err().to_string();
            assert!(error.contains(&format!("{}{wanted}", path.display())), "{error}");
        }
        for environment in [("BLOCKMARK_NODES_URL", "x"), ("BLOCKMARK_NODES_PARALLEL", "none")] {
            let error = read(None, &[environment], &[]).unwrap_err().to_string();
            assert!(error.contains(environment.0), "{error}");
        }
        // Variables of other commands, of tests and of container platforms are not ours: they are no error.
        let environment = [("BLOCKMARK_DATA", "x"), ("BLOCKMARK_SERVER_TOKEN", "x"), ("BLOCKMARK_DB", "x")];
        let config = read(None, &environment, &[]).unwrap();
        assert_eq!(config.strangers, ["BLOCKMARK_DATA", "BLOCKMARK_SERVER_TOKEN"]);
        assert!(read(None, &[], &["x=1"]).is_err() && read(None, &[], &["serve.open"]).is_err());
        assert!(read(Some(&directory.path().join("none.toml")), &[], &[]).is_err());
    }
}
