//! A value of a setting, and where it was said.

use std::fmt;
use std::path::PathBuf;

use serde_json::json;

use super::table::{Default, Kind, Setting, Shown};

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    /// Nothing.
    Unset,
    /// A text.
    Text(String),
    /// Texts.
    List(Vec<String>),
    /// A switch.
    Switch(bool),
    /// A number.
    Number(u64),
}

/// Where a value was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Nowhere.
    Default,
    /// In the file.
    File {
        /// Which.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// In the environment.
    Environment(String),
    /// On the command line.
    Flag(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Environment(name) => f.write_str(name),
            Self::Flag(flag) => f.write_str(flag),
        }
    }
}

impl From<Default> for Value {
    fn from(default: Default) -> Self {
        match default {
            Default::Unset => Self::Unset,
            Default::Text(text) => Self::Text(text.to_owned()),
            Default::List(items) => Self::List(items.iter().map(|item| (*item).to_owned()).collect()),
            Default::Switch(is_on) => Self::Switch(is_on),
            Default::Number(number) => Self::Number(number),
        }
    }
}

impl Value {
    /// A value from words, as in the environment. An error says what was expected.
    pub(crate) fn of_text(kind: Kind, text: &str) -> Result<Self, String> {
        match kind {
            Kind::Text if text.is_empty() => Ok(Self::Unset),
            Kind::Text => Ok(Self::Text(text.to_owned())),
            Kind::List => Ok(Self::List(
                text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect(),
            )),
            Kind::Switch => match text {
                "true" => Ok(Self::Switch(true)),
                "false" => Ok(Self::Switch(false)),
                _ => Err("true or false was expected".to_owned()),
            },
            Kind::Number(least) => match text.parse() {
                Ok(number) if number >= least => Ok(Self::Number(number)),
                _ => Err(format!("a whole number from {least} on was expected")),
            },
        }
    }

    /// A value of a TOML file. An error says what was expected.
    pub(crate) fn of_toml(kind: Kind, value: &toml::de::DeValue<'_>) -> Result<Self, String> {
        use toml::de::DeValue;
        match (kind, value) {
            (Kind::Text, DeValue::String(text)) => Self::of_text(kind, text),
            (Kind::Text, DeValue::Integer(number)) if number.radix() == 10 => {
                Ok(Self::Text(number.as_str().to_owned()))
            }
            (Kind::Text, _) => Err("a text in quotes was expected".to_owned()),
            (Kind::List, DeValue::String(text)) => Ok(Self::List(vec![text.to_string()])),
            (Kind::List, DeValue::Array(items)) => {
                let text = |item: &toml::Spanned<DeValue<'_>>| match item.get_ref() {
                    DeValue::String(text) => Ok(text.to_string()),
                    _ => Err("a list of texts in quotes was expected".to_owned()),
                };
                items.iter().map(text).collect::<Result<_, _>>().map(Self::List)
            }
            (Kind::List, _) => Err("a list of texts, such as [\"a\", \"b\"], was expected".to_owned()),
            (Kind::Switch, DeValue::Boolean(is_on)) => Ok(Self::Switch(*is_on)),
            (Kind::Switch, _) => Err("true or false was expected".to_owned()),
            (Kind::Number(_), DeValue::Integer(number)) if number.radix() == 10 => {
                Self::of_text(kind, number.as_str())
            }
            (Kind::Number(least), _) => Err(format!("a whole number from {least} on was expected")),
        }
    }

    /// As it may be shown.
    pub(crate) fn shown(&self, setting: &Setting) -> Self {
        match (setting.shown, self) {
            (Shown::Plain, value) | (_, value @ Self::Unset) => value.clone(),
            (Shown::Secret, _) => Self::Text("(hidden)".to_owned()),
            (Shown::Url, Self::Text(text)) => Self::Text(without_secrets(text)),
            (Shown::Url, Self::List(items)) => {
                Self::List(items.iter().map(|item| without_secrets(item)).collect())
            }
            (Shown::Url, value) => value.clone(),
        }
    }

    /// As JSON.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Unset => serde_json::Value::Null,
            Self::Text(text) => json!(text),
            Self::List(items) => json!(items),
            Self::Switch(is_on) => json!(is_on),
            Self::Number(number) => json!(number),
        }
    }
}

impl fmt::Display for Value {
    /// As TOML.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unset => f.write_str("(not set)"),
            value => value.to_json().fmt(f),
        }
    }
}

/// A URL without user, password and query; of a host without a scheme what follows the last `@`; anything else as it is.
pub(crate) fn without_secrets(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else {
        return text.rsplit_once('@').map_or(text, |(_, host)| host).to_owned();
    };
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let (host, path) = rest.split_once('/').map_or((rest, None), |(host, path)| (host, Some(path)));
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    path.map_or_else(|| format!("{scheme}://{host}"), |path| format!("{scheme}://{host}/{path}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_of_urls_are_not_shown() {
        for (url, shown) in [
            ("http://user:pass@node:5052/x?key=1", "http://node:5052/x"),
            ("https://node", "https://node"),
            ("era/mainnet", "era/mainnet"),
            ("user:pass@node:5052", "node:5052"),
            ("postgres://u:p@h/db", "postgres://h/db"),
        ] {
            assert_eq!(without_secrets(url), shown);
        }
    }
}
