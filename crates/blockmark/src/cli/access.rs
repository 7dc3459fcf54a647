//! Flags about who may ask, how often, and over what: for commands that serve.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;

use clap::Args;

/// Flags of `blockmark serve` about access.
#[derive(Debug, Args)]
pub(crate) struct AccessArgs {
    /// Tokens for private addresses (bearer), with commas: each the token, or its digest as `blockmark token` prints
    /// it. Needed when not listening on loopback.
    #[arg(long, env = "BLOCKMARK_TOKEN", hide_env_values = true, value_name = "TOKEN|sha256:DIGEST")]
    pub(crate) token: Option<String>,
    /// user:password for private addresses (basic auth), or user:sha256:DIGEST as `blockmark token --user` prints it,
    /// with commas.
    #[arg(long, env = "BLOCKMARK_BASIC_AUTH", hide_env_values = true, value_name = "USER:PASSWORD")]
    pub(crate) basic_auth: Option<String>,
    /// Leave private addresses open to everyone, on any address.
    #[arg(long)]
    pub(crate) open: bool,
    /// Requests that one address may send in a minute; more are answered with 429.
    #[arg(long, env = "BLOCKMARK_RATE_LIMIT", value_name = "N")]
    pub(crate) rate_limit: Option<NonZeroU32>,
    /// Requests that one address may send at once; a minute's by default.
    #[arg(long, requires = "rate_limit", value_name = "N")]
    pub(crate) rate_burst: Option<NonZeroU32>,
    /// Proxies that say in X-Forwarded-For for whom they ask, with commas.
    #[arg(long, env = "BLOCKMARK_TRUSTED_PROXIES", value_delimiter = ',', value_name = "IP,…")]
    pub(crate) trusted_proxies: Vec<IpAddr>,
    /// Pages of which other sites may read answers: off, any, or origins with commas.
    #[arg(long, env = "BLOCKMARK_CORS", default_value = "off", value_name = "ORIGIN,…")]
    pub(crate) cors: String,
    /// The server's certificate, then those that lead to the root, in PEM. Read again when it changes.
    #[arg(long, env = "BLOCKMARK_TLS_CERT", requires = "tls_key", value_name = "FILE")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// The key of the certificate, in PEM.
    #[arg(long, env = "BLOCKMARK_TLS_KEY", requires = "tls_cert", value_name = "FILE")]
    pub(crate) tls_key: Option<PathBuf>,
    /// Names of validators: CSV with the line entity,first_index,last_index first.
    #[arg(long, env = "BLOCKMARK_ENTITIES", value_name = "FILE")]
    pub(crate) entities: Option<PathBuf>,
}

/// `blockmark token`.
#[derive(Debug, Args)]
pub(crate) struct TokenArgs {
    /// Make a password for this user instead of a bearer token.
    #[arg(long, value_name = "NAME")]
    pub(crate) user: Option<String>,
}
