//! Tables, queries and migrations of verdicts; SQLite embedded
