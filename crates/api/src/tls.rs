//! TLS with certificate and key from files, which are read again when they change.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::serve::Listener;
use rustls::ServerConfig;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// Where certificate and key are, in PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The server's certificate, then those that lead to the root.
    pub certificates: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

/// Why there can be no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file can't be read, or is no PEM.
    #[error("{path} can't be read as PEM, because {reason}", path = .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// No certificate.
    #[error("{path} holds no certificate in PEM", path = .path.display())]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// No key that can be read.
    #[error("{path} holds no private key in PEM that can be read without a password", path = .path.display())]
    NoKey {
        /// The file.
        path: PathBuf,
    },
    /// The key belongs to something else.
    #[error("the key {key} is not that of the certificate {certificates}; name two that belong together, the server's certificate first in its file", certificates = .certificates.display(), key = .key.display())]
    Mismatch {
        /// The file of certificates.
        certificates: PathBuf,
        /// The file of the key.
        key: PathBuf,
    },
    /// Certificate or key are not supported.
    #[error("certificate {certificates} and key {key} can't be used: {reason}", certificates = .certificates.display(), key = .key.display())]
    Unusable {
        /// The file of certificates.
        certificates: PathBuf,
        /// The file of the key.
        key: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

/// How often it is looked whether the files changed.
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// A peer that has not finished its handshake by then is let go.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Handshakes at the same time; further peers wait.
const HANDSHAKES: usize = 256;

impl TlsFiles {
    /// Whether they can be used.
    pub fn check(&self) -> Result<(), TlsError> {
        self.load().map(drop)
    }

    /// Reads both.
    fn load(&self) -> Result<ServerConfig, TlsError> {
        let unreadable = |path: &Path, error: pem::Error| TlsError::File {
            path: path.to_owned(),
            reason: match error {
                pem::Error::Io(error) => error.to_string(),
                error => error.to_string(),
            },
        };
        let certificates = CertificateDer::pem_file_iter(&self.certificates)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| unreadable(&self.certificates, error))?;
        if certificates.is_empty() {
            return Err(TlsError::NoCertificate { path: self.certificates.clone() });
        }
        let key = PrivateKeyDer::from_pem_file(&self.key).map_err(|error| match error {
            pem::Error::NoItemsFound => TlsError::NoKey { path: self.key.clone() },
            error => unreadable(&self.key, error),
        })?;
        let unusable = |error: rustls::Error| {
            let (certificates, key) = (self.certificates.clone(), self.key.clone());
            match error {
                rustls::Error::InconsistentKeys(_) => TlsError::Mismatch { certificates, key },
                error => TlsError::Unusable { certificates, key, reason: error.to_string() },
            }
        };
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(unusable)?
            .with_no_client_auth()
            .with_single_cert(certificates, key)
            .map_err(unusable)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    }

    /// When the files changed last.
    fn changed(&self) -> [Option<SystemTime>; 2] {
        [&self.certificates, &self.key]
            .map(|path| std::fs::metadata(path).and_then(|data| data.modified()).ok())
    }
}

/// A listener that speaks TLS.
pub(crate) struct TlsListener {
    local: SocketAddr,
    ready: mpsc::Receiver<(TlsStream<TcpStream>, SocketAddr)>,
    /// Ends with the listener.
    _tasks: JoinSet<()>,
}

impl TlsListener {
    /// Begins to accept.
    pub(crate) fn start(listener: TcpListener, files: TlsFiles) -> Result<Self, io::Error> {
        let local = listener.local_addr()?;
        let config = files.load().map_err(io::Error::other)?;
        let (sender, current) = watch::channel(TlsAcceptor::from(Arc::new(config)));
        let (shaken, ready) = mpsc::channel(1);
        let mut tasks = JoinSet::new();
        tasks.spawn(reload(files, sender));
        tasks.spawn(accept(listener, current, shaken));
        Ok(Self { local, ready, _tasks: tasks })
    }
}

/// Reads the files again when they change. What can't be used is told and left.
async fn reload(files: TlsFiles, sender: watch::Sender<TlsAcceptor>) {
    let mut seen = files.changed();
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let changed = files.changed();
        if changed == seen {
            continue;
        }
        match files.load() {
            Ok(config) => {
                sender.send_replace(TlsAcceptor::from(Arc::new(config)));
                seen = changed;
                tracing::info!(path = %files.certificates.display(), "The certificate was read again");
            }
            // Certificate and key may be written one after the other: they are looked at again.
            Err(error) => tracing::warn!(%error, "The new certificate can't be used, the old one stays"),
        }
    }
}

async fn accept(
    mut listener: TcpListener,
    current: watch::Receiver<TlsAcceptor>,
    shaken: mpsc::Sender<(TlsStream<TcpStream>, SocketAddr)>,
) {
    let mut handshakes = JoinSet::new();
    loop {
        if handshakes.len() >= HANDSHAKES {
            handshakes.join_next().await;
        }
        while handshakes.try_join_next().is_some() {}
        let (stream, peer) = Listener::accept(&mut listener).await;
        let (acceptor, shaken) = (current.borrow().clone(), shaken.clone());
        handshakes.spawn(async move {
            match tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await {
                // Who listens no more is stopping.
                Ok(Ok(stream)) => drop(shaken.send((stream, peer)).await),
                Ok(Err(error)) => tracing::debug!(%peer, %error, "A TLS handshake failed"),
                Err(_) => tracing::debug!(%peer, "A TLS handshake took too long"),
            }
        });
    }
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.ready.recv().await {
            Some(accepted) => accepted,
            // The task that accepts never ends before the listener.
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        Ok(self.local)
    }
}
