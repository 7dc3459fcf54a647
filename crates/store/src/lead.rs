//! One leader among the processes that share a database: who follows the chain.

use std::fs::{self, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::{Connection, PgConnection};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::db::{Backend, Database};
use crate::error::StoreError;
use crate::postgres::Server;

/// How often the leader asks the server whether it is still there.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// How long the server may take to answer. Together with the keep-alive of the connection, by which the server notices
/// a leader that is gone, two leaders are never there for longer than a few seconds.
const HEARTBEAT_PATIENCE: Duration = Duration::from_secs(4);

/// Being the leader, until this is dropped, the process ends, or the connection to the server is lost.
///
/// On a server the lead is a lock of a session, which ends with its connection: another process takes over within
/// seconds. In a file it is a lock of the file `NAME-leader` beside it, and never lost.
#[derive(Debug)]
pub struct Lead {
    lost: watch::Receiver<bool>,
    hold: Hold,
}

#[derive(Debug)]
enum Hold {
    /// Locked as long as it is open. Nobody says that the lead is lost.
    File { _locked: fs::File, _never: watch::Sender<bool> },
    /// The task that holds the session.
    Session { task: JoinHandle<()>, release: watch::Sender<bool> },
}

impl Lead {
    /// Whether this process is still the leader, as far as it knows.
    pub fn is_held(&self) -> bool {
        !*self.lost.borrow()
    }

    /// Waits until the lead is lost, for ever if it never is.
    pub async fn lost(&mut self) {
        if self.lost.wait_for(|lost| *lost).await.is_err() {
            // The task was ended with its runtime.
            std::future::pending::<()>().await;
        }
    }

    /// Gives the lead up, and waits until another process can have it.
    pub async fn release(self) {
        match self.hold {
            Hold::File { .. } => {}
            Hold::Session { task, release } => {
                let _ = release.send(true);
                let _ = task.await;
            }
        }
    }
}

pub(crate) async fn try_lead(database: &Database) -> Result<Option<Lead>, StoreError> {
    match &database.backend {
        Backend::File(file) if file.is_read_only() => Err(StoreError::ReadOnly),
        Backend::File(file) => of_file(file.path()),
        Backend::Server(server) => of_server(server).await,
    }
}

fn of_file(database: &Path) -> Result<Option<Lead>, StoreError> {
    let mut name = database.as_os_str().to_owned();
    name.push("-leader");
    let path = PathBuf::from(name);
    let cannot =
        |error: std::io::Error| StoreError::CannotOpen { path: path.clone(), detail: error.to_string() };
    let file = fs::File::options().create(true).truncate(false).write(true).open(&path).map_err(cannot)?;
    match file.try_lock() {
        Ok(()) => {
            let (sender, lost) = watch::channel(false);
            Ok(Some(Lead { lost, hold: Hold::File { _locked: file, _never: sender } }))
        }
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(cannot(error)),
    }
}

async fn of_server(server: &Server) -> Result<Option<Lead>, StoreError> {
    let mut session = server.connect().await?;
    if !server.lock().try_lead(&mut session).await? {
        session.close().await?;
        return Ok(None);
    }
    let (sender, lost) = watch::channel(false);
    let (release, released) = watch::channel(false);
    let task = tokio::spawn(async move {
        // Ends as well when the lead is dropped, which drops the sender.
        let mut released = released;
        let end = async { drop(released.wait_for(|released| *released).await) };
        let lost = tokio::select! {
            () = end => false,
            () = beat(&mut session) => true,
        };
        if lost {
            let _ = sender.send(true);
        } else {
            let _ = session.close().await;
        }
    });
    Ok(Some(Lead { lost, hold: Hold::Session { task, release } }))
}

/// Returns when the session is lost.
async fn beat(session: &mut PgConnection) {
    loop {
        tokio::time::sleep(HEARTBEAT).await;
        match tokio::time::timeout(HEARTBEAT_PATIENCE, session.ping()).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) | Err(_) => return,
        }
    }
}
