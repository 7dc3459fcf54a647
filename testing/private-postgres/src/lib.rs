//! A PostgreSQL server of its own for a test program: on a unix socket in a temporary directory, gone with the program.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};

/// A server. When it is dropped, or its program ends in whatever way, server and data are gone.
#[derive(Debug)]
pub struct PrivatePostgres {
    directory: PathBuf,
    keeper: Mutex<Keeper>,
}

/// The shell that holds the server, and goes when its input ends.
#[derive(Debug)]
struct Keeper {
    child: Child,
    answers: BufReader<std::process::ChildStdout>,
}

impl PrivatePostgres {
    /// The server that all tests of the program share. `None`, said on standard output, where PostgreSQL is not
    /// installed; with `CI` set that is an error.
    pub fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<Option<PrivatePostgres>> = OnceLock::new();
        let server = SHARED.get_or_init(Self::start).as_ref();
        if server.is_none() {
            println!("skipped: no PostgreSQL server");
        }
        server
    }

    /// A server for one test. `None` as in [`PrivatePostgres::shared`].
    pub fn start() -> Option<Self> {
        let Some(programs) = programs() else {
            assert!(std::env::var_os("CI").is_none(), "PostgreSQL is not installed");
            println!("skipped: no PostgreSQL server");
            return None;
        };
        let directory =
            tempfile::Builder::new().prefix("blockmark-pg-").tempdir().expect("a directory").keep();
        let mut child = Command::new("sh")
            .args(["-c", include_str!("server.sh"), "server"])
            .args([&programs, &directory])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a shell");
        let answers = BufReader::new(child.stdout.take().expect("its output"));
        let server = Self { directory, keeper: Mutex::new(Keeper { child, answers }) };
        server.expect("ready");
        server.psql("CREATE DATABASE blockmark");
        Some(server)
    }

    fn expect(&self, word: &str) {
        let mut keeper = self.keeper.lock().unwrap_or_else(PoisonError::into_inner);
        let mut line = String::new();
        keeper.answers.read_line(&mut line).expect("an answer of the server's keeper");
        assert_eq!(line.trim(), word, "the PostgreSQL server");
    }

    fn tell(&self, word: &str) {
        let mut keeper = self.keeper.lock().unwrap_or_else(PoisonError::into_inner);
        let input = keeper.child.stdin.as_mut().expect("the keeper's input");
        writeln!(input, "{word}").expect("the keeper's ear");
    }

    /// Kills all processes of the server at once, as a failing machine would.
    pub fn crash(&self) {
        self.tell("crash");
        self.expect("crashed");
    }

    /// Starts the server again after [`PrivatePostgres::crash`].
    pub fn restart(&self) {
        self.tell("start");
        self.expect("ready");
    }

    /// The URL of the server's database; tables are in the schema `public`.
    pub fn url(&self) -> String {
        format!("postgres://blockmark@localhost/blockmark?host={}", self.directory.display())
    }

    /// The URL of a schema that nothing else is in.
    pub fn fresh_schema(&self) -> String {
        static NUMBER: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let url = format!("{}&options=-csearch_path%3Dtest_{number}", self.url());
        self.run(&self.url(), &format!("CREATE SCHEMA test_{number}"));
        url
    }

    /// Runs SQL by `psql` in the database of a URL, and gives what it prints, without a frame.
    pub fn run(&self, url: &str, sql: &str) -> String {
        let programs = programs().expect("the server's programs");
        let output = Command::new(programs.join("psql"))
            .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", sql])
            .output()
            .expect("psql");
        assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    fn psql(&self, sql: &str) {
        self.run(&format!("postgres://blockmark@localhost/postgres?host={}", self.directory.display()), sql);
    }
}

impl Drop for PrivatePostgres {
    fn drop(&mut self) {
        let keeper = self.keeper.get_mut().unwrap_or_else(PoisonError::into_inner);
        drop(keeper.child.stdin.take());
        let _ = keeper.child.wait();
    }
}

/// Where `postgres`, `initdb`, `pg_ctl` and `psql` are: the newest of Debian's versions, else on the path.
fn programs() -> Option<PathBuf> {
    let has_all = |folder: &Path| {
        ["postgres", "initdb", "pg_ctl", "psql"].iter().all(|name| folder.join(name).is_file())
    };
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut debian: Vec<(u32, PathBuf)> = versions
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .filter(|(_, folder)| has_all(folder))
        .collect();
    debian.sort();
    let path = std::env::var_os("PATH").unwrap_or_default();
    debian.pop().map(|(_, folder)| folder).or_else(|| std::env::split_paths(&path).find(|each| has_all(each)))
}
