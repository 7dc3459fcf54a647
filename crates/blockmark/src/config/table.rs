//! Every setting, once: name, kind, default, other names in the environment, and what it is for.

/// What a setting can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Any text.
    Text,
    /// A list of texts; in the environment and on the command line separated by commas.
    List,
    /// true or false.
    Switch,
    /// A whole number, at least the one given.
    Number(u64),
}

/// What a setting is where nobody says anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Default {
    /// There is none.
    Unset,
    /// A text.
    Text(&'static str),
    /// A list.
    List(&'static [&'static str]),
    /// A switch.
    Switch(bool),
    /// A number.
    Number(u64),
}

/// Whether a value may be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    /// As it is.
    Plain,
    /// Without user and password.
    Url,
    /// Not at all.
    Secret,
}

/// One setting.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting {
    /// Section and key.
    pub(crate) key: &'static str,
    pub(crate) kind: Kind,
    pub(crate) default: Default,
    pub(crate) shown: Shown,
    /// A variable that other commands know, too.
    pub(crate) alias: Option<&'static str>,
    /// One sentence.
    pub(crate) about: &'static str,
}

const fn setting(key: &'static str, kind: Kind, default: Default, about: &'static str) -> Setting {
    Setting { key, kind, default, shown: Shown::Plain, alias: None, about }
}

const fn known_as(alias: &'static str, setting: Setting) -> Setting {
    Setting { alias: Some(alias), ..setting }
}

const fn shown(shown: Shown, setting: Setting) -> Setting {
    Setting { shown, ..setting }
}

/// All settings, in the order of the sample.
pub(crate) const SETTINGS: [Setting; 35] = [
    setting(
        "network.name",
        Kind::Text,
        Default::Text("mainnet"),
        "The network, as nodes call it in CONFIG_NAME. A node of another network is refused.",
    ),
    shown(
        Shown::Url,
        known_as(
            "BLOCKMARK_BEACON_NODE",
            setting(
                "nodes.urls",
                Kind::List,
                Default::List(&["http://localhost:5052"]),
                "Beacon nodes of any client, the first choice first. Further ones are asked where it fails.",
            ),
        ),
    ),
    setting(
        "nodes.poll_seconds",
        Kind::Number(1),
        Default::Number(12),
        "After so long a silence the head is asked for.",
    ),
    setting("nodes.attempts", Kind::Number(1), Default::Number(6), "How often a request is made at most."),
    setting(
        "nodes.parallel",
        Kind::Number(1),
        Default::Number(4),
        "Requests at the same time while catching up or filling gaps, 64 at most.",
    ),
    shown(
        Shown::Url,
        setting(
            "checkpoint.state",
            Kind::Text,
            Default::Unset,
            "The state to begin with, where the node gives none: a file (.ssz, .gz, .zst, .snappy) or another node's URL.",
        ),
    ),
    shown(
        Shown::Url,
        known_as(
            "BLOCKMARK_DB",
            setting(
                "database.url",
                Kind::Text,
                Default::Unset,
                "The database: a file, or postgres://USER:PASSWORD@HOST/NAME; blockmark.sqlite in the data directory where nothing is said.",
            ),
        ),
    ),
    known_as(
        "BLOCKMARK_MODEL",
        setting(
            "model.path",
            Kind::Text,
            Default::Unset,
            "The model file, or a folder of models named slots_A_to_B.bmm.",
        ),
    ),
    setting(
        "model.evidence",
        Kind::Switch,
        Default::Switch(true),
        "Whether feature values and attestations behind a verdict are stored with it.",
    ),
    setting(
        "retention.evidence",
        Kind::Text,
        Default::Text("forever"),
        "How long feature values and attestations behind a verdict are kept: forever, or a time such as 90d (h, d, w, y).",
    ),
    setting("follow.enabled", Kind::Switch, Default::Switch(true), "Whether the chain is followed."),
    setting("backfill.enabled", Kind::Switch, Default::Switch(true), "Whether gaps are filled."),
    setting(
        "backfill.history",
        Kind::Text,
        Default::Text("checkpoint"),
        "How far back: checkpoint (where following began first), a time before it such as 30d (h, d, w, y), genesis, or a slot.",
    ),
    shown(
        Shown::Url,
        setting(
            "backfill.sources",
            Kind::List,
            Default::List(&[]),
            "Who is asked for missing blocks, in order: URLs of nodes, recordings, era files. Empty: the nodes.",
        ),
    ),
    setting("backfill.chunk_slots", Kind::Number(1), Default::Number(2_048), "Slots of one piece of work."),
    setting(
        "backfill.workers",
        Kind::Number(1),
        Default::Number(1),
        "Pieces that this process works on at the same time, 64 at most. Each holds a state of the chain in memory.",
    ),
    setting(
        "backfill.lease_seconds",
        Kind::Number(1),
        Default::Number(60),
        "After so long without a sign of the process that has a piece, another one takes it over.",
    ),
    setting(
        "backfill.via",
        Kind::Text,
        Default::Text("auto"),
        "How nodes give rewards: auto, state, blocks or lighthouse.",
    ),
    setting("serve.enabled", Kind::Switch, Default::Switch(true), "Whether API and dashboard are served."),
    known_as(
        "BLOCKMARK_LISTEN",
        setting("serve.listen", Kind::Text, Default::Text("127.0.0.1:8000"), "Address to listen on."),
    ),
    shown(
        Shown::Secret,
        known_as(
            "BLOCKMARK_TOKEN",
            setting(
                "serve.token",
                Kind::Text,
                Default::Unset,
                "Tokens for private addresses (bearer), with commas: each the token, or its digest as `blockmark token` prints it.",
            ),
        ),
    ),
    shown(
        Shown::Secret,
        known_as(
            "BLOCKMARK_BASIC_AUTH",
            setting(
                "serve.basic_auth",
                Kind::Text,
                Default::Unset,
                "user:password for private addresses, or user:sha256:DIGEST as `blockmark token --user` prints it, with commas.",
            ),
        ),
    ),
    setting(
        "serve.open",
        Kind::Switch,
        Default::Switch(false),
        "Whether private addresses are open to everyone, on any address.",
    ),
    known_as(
        "BLOCKMARK_RATE_LIMIT",
        setting(
            "serve.rate_limit",
            Kind::Number(0),
            Default::Number(0),
            "Requests that one address may send in a minute; more are answered with 429. 0: any number.",
        ),
    ),
    setting(
        "serve.rate_burst",
        Kind::Number(0),
        Default::Number(0),
        "Requests that one address may send at once. 0: as many as in a minute.",
    ),
    known_as(
        "BLOCKMARK_TRUSTED_PROXIES",
        setting(
            "serve.trusted_proxies",
            Kind::List,
            Default::List(&[]),
            "Addresses of proxies that say in X-Forwarded-For for whom they ask.",
        ),
    ),
    known_as(
        "BLOCKMARK_CORS",
        setting(
            "serve.cors",
            Kind::Text,
            Default::Text("off"),
            "Pages of which other sites may read answers: off, any, or origins with commas.",
        ),
    ),
    known_as(
        "BLOCKMARK_TLS_CERT",
        setting(
            "serve.tls_certificates",
            Kind::Text,
            Default::Unset,
            "The server's certificate, then those that lead to the root, in PEM. Read again when it changes.",
        ),
    ),
    known_as(
        "BLOCKMARK_TLS_KEY",
        setting("serve.tls_key", Kind::Text, Default::Unset, "The key of the certificate, in PEM."),
    ),
    setting(
        "serve.scale",
        Kind::Text,
        Default::Text("legacy"),
        "Scale of served block rewards: legacy (1/512), corrected (1/448) or spec.",
    ),
    setting(
        "serve.recording",
        Kind::Text,
        Default::Unset,
        "A recording or era files of the chain, for served block rewards that are older than what is followed.",
    ),
    known_as(
        "BLOCKMARK_ENTITIES",
        setting(
            "serve.entities",
            Kind::Text,
            Default::Unset,
            "A file that names validators: CSV whose first line is entity,first_index,last_index.",
        ),
    ),
    known_as(
        "BLOCKMARK_GAPS",
        setting(
            "serve.gaps",
            Kind::Text,
            Default::Text("strict"),
            "Ranges that touch a gap: strict answers 404 and the gap, partial what is there, as blockprint did.",
        ),
    ),
    setting(
        "metrics.listen",
        Kind::Text,
        Default::Unset,
        "Another address for /metrics and /health alone: for a process that does not serve, or metrics that are not for everyone.",
    ),
    setting(
        "stop.grace_seconds",
        Kind::Number(1),
        Default::Number(10),
        "How long parts may take to end after a signal before the process ends without them.",
    ),
];

/// A setting by its name.
pub(crate) fn find(key: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.key == key)
}

impl Setting {
    /// Its variable: `BLOCKMARK_SECTION_KEY`.
    pub(crate) fn variable(&self) -> String {
        format!("BLOCKMARK_{}", self.key.replace('.', "_").to_ascii_uppercase())
    }

    /// Its default as a sample shows it; one without a default as an empty text.
    pub(crate) fn sample(&self) -> String {
        match self.default {
            Default::Unset => "\"\"".to_owned(),
            default => super::value::Value::from(default).to_string(),
        }
    }

    /// Its section.
    pub(crate) fn section(&self) -> &'static str {
        self.key.split_once('.').map_or(self.key, |(section, _)| section)
    }

    /// Its key within the section.
    pub(crate) fn name(&self) -> &'static str {
        self.key.split_once('.').map_or(self.key, |(_, name)| name)
    }
}
