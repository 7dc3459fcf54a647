//! Secrets that open the private addresses, of which only digests are kept.
//!
//! A configuration may hold a secret itself or its SHA-256 digest. Digests need no salt here: tokens and passwords that
//! `blockmark token` makes are 32 random bytes, which nobody guesses.

use std::fmt;
use std::net::SocketAddr;

use sha2::{Digest, Sha256};

/// Who may use the private addresses (single blocks and validators, and storing verdicts).
#[derive(Clone, Debug)]
pub enum PrivateAccess {
    /// Everybody. Only for servers that listen on loopback.
    Open,
    /// Those who present one of the credentials.
    Guarded(Vec<Credential>),
    /// Nobody, because no credential is configured and the server can be reached from outside.
    Closed,
}

impl PrivateAccess {
    /// The rule: with credentials they are needed; without, private addresses are open on loopback and closed
    /// elsewhere.
    pub fn for_listener(listen: SocketAddr, credentials: Vec<Credential>) -> Self {
        if !credentials.is_empty() {
            Self::Guarded(credentials)
        } else if listen.ip().is_loopback() {
            Self::Open
        } else {
            Self::Closed
        }
    }
}

/// What is presented, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scheme {
    Bearer,
    Basic,
}

/// A secret that opens the private addresses. Only its digest is kept.
#[derive(Clone)]
pub struct Credential {
    scheme: Scheme,
    /// SHA-256 of the token, or of name, colon and password. In a type that compares in constant time.
    digest: blake3::Hash,
}

/// What stands before a digest.
const PREFIX: &str = "sha256:";

/// Why a text is no credential. Never repeats the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CredentialError {
    /// Nothing is there.
    #[error("a token is empty")]
    Empty,
    /// No colon.
    #[error(
        "a user needs a name and a password: NAME:PASSWORD, or NAME:sha256:DIGEST as `blockmark token` prints it"
    )]
    NoName,
    /// A digest of another length, or with other letters.
    #[error("a digest is written sha256: and 64 hexadecimal digits, as `blockmark token` prints it")]
    BadDigest,
}

impl Credential {
    /// A bearer token.
    pub fn bearer(token: &str) -> Self {
        Self { scheme: Scheme::Bearer, digest: sha256(token.as_bytes()) }
    }

    /// A name and password for basic authentication.
    pub fn basic(name: &str, password: &str) -> Self {
        Self::basic_pair(format!("{name}:{password}").as_bytes())
    }

    pub(crate) fn basic_pair(pair: &[u8]) -> Self {
        Self { scheme: Scheme::Basic, digest: sha256(pair) }
    }

    /// Tokens as an operator writes them: with commas, each the token itself or `sha256:` and its digest.
    pub fn tokens(text: &str) -> Result<Vec<Self>, CredentialError> {
        let token = |text: &str| match text.strip_prefix(PREFIX) {
            Some(digest) => Ok(Self { scheme: Scheme::Bearer, digest: parse(digest)? }),
            None if text.is_empty() => Err(CredentialError::Empty),
            None => Ok(Self::bearer(text)),
        };
        text.split(',').map(|text| token(text.trim())).collect()
    }

    /// Users as an operator writes them: `NAME:PASSWORD`, or any number of `NAME:sha256:DIGEST` with commas.
    pub fn users(text: &str) -> Result<Vec<Self>, CredentialError> {
        let hashed = |text: &str| text.split_once(':').is_some_and(|(_, secret)| secret.starts_with(PREFIX));
        if !text.split(',').all(|user| hashed(user.trim())) {
            let (name, password) = text.split_once(':').ok_or(CredentialError::NoName)?;
            return Ok(vec![Self::basic(name, password)]);
        }
        let user = |text: &str| {
            let digest = text.rsplit(':').next().unwrap_or_default();
            Ok(Self { scheme: Scheme::Basic, digest: parse(digest)? })
        };
        text.split(',').map(|text| user(text.trim())).collect()
    }

    /// The digest as a configuration may hold it in the secret's place; for a user its name is put before it.
    pub fn digest(&self) -> String {
        format!("{PREFIX}{}", self.digest.to_hex())
    }

    /// Whether both stand for the same secret. Takes the same time wherever they differ.
    pub(crate) fn matches(&self, other: &Self) -> bool {
        (self.digest == other.digest) & (self.scheme == other.scheme)
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credential(hidden)")
    }
}

fn sha256(secret: &[u8]) -> blake3::Hash {
    let digest: [u8; 32] = Sha256::digest(secret).into();
    blake3::Hash::from_bytes(digest)
}

fn parse(digest: &str) -> Result<blake3::Hash, CredentialError> {
    blake3::Hash::from_hex(digest).map_err(|_| CredentialError::BadDigest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_addresses_are_open_on_loopback_only() {
        let loopback: SocketAddr = ([127, 0, 0, 1], 8000).into();
        let outside: SocketAddr = ([0, 0, 0, 0], 8000).into();
        assert!(matches!(PrivateAccess::for_listener(loopback, vec![]), PrivateAccess::Open));
        assert!(matches!(PrivateAccess::for_listener(outside, vec![]), PrivateAccess::Closed));
        let guarded = PrivateAccess::for_listener(loopback, vec![Credential::bearer("secret")]);
        assert!(matches!(guarded, PrivateAccess::Guarded(_)));
        assert!(!format!("{guarded:?}").contains("secret"));
    }

    #[test]
    fn credentials_of_different_schemes_differ() {
        assert!(Credential::basic("a", "b").matches(&Credential::basic_pair(b"a:b")));
        assert!(!Credential::bearer("a:b").matches(&Credential::basic("a", "b")));
    }

    #[test]
    fn a_digest_stands_for_its_secret() {
        // printf %s token | sha256sum
        let digest = "sha256:3c469e9d6c5875d37a43f353d4f88e61fcf812c66eee3457465a40b0da4153e0";
        assert_eq!(Credential::bearer("token").digest(), digest);
        let tokens = Credential::tokens(&format!("other, {digest}")).unwrap();
        assert!(
            tokens[1].matches(&Credential::bearer("token"))
                && tokens[0].matches(&Credential::bearer("other"))
        );
        let user = Credential::basic("ann", "pass:word,x");
        let hashed = Credential::users(&format!("ann:{},bob:{digest}", user.digest())).unwrap();
        assert!(hashed.len() == 2 && hashed[0].matches(&user));
        assert!(Credential::users("ann:pass:word,x").unwrap()[0].matches(&user));
        for (found, error) in [
            (Credential::tokens(""), CredentialError::Empty),
            (Credential::tokens("sha256:12"), CredentialError::BadDigest),
            (Credential::users("ann"), CredentialError::NoName),
            (Credential::users("ann:sha256:xyz"), CredentialError::BadDigest),
        ] {
            assert_eq!(found.unwrap_err(), error);
        }
    }
}
