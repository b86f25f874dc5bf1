//! What tests of other parts do to the files behind the door.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU32, Ordering},
};

use rusqlite::{Connection, params};

use super::{Error, Events};
use crate::model::Event;

/// A directory of its own, which goes when the test ends.
pub(crate) struct Scratch(pub PathBuf);

impl Scratch {
    pub(crate) fn new(name: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("marker-sensor-{name}-{}-{number}", process::id());
        let path = env::temp_dir().join(name);
        fs::create_dir(&path).expect("a fresh directory");
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed is left to the system.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Writes a store of the first schema.
pub(crate) fn former(directory: &Path, events: &[(i64, &Event)], keys: &[(&str, [u8; 32])]) {
    let connection = Connection::open(directory.join("events.db")).expect("a new file");
    let schema = include_str!("events.sql");
    connection
        .execute_batch(&format!(
            "PRAGMA journal_mode = WAL; {schema} PRAGMA user_version = 1;"
        ))
        .expect("the first schema");
    for (seq, event) in events {
        let body = serde_json::to_string(event).expect("JSON");
        connection
            .execute(
                "INSERT INTO event (seq, id, rev, open, pattern, tunnel, body) \
                 VALUES (?1, ?2, ?3, 0, 1, 2, ?4)",
                params![seq, event.id, event.rev, body],
            )
            .expect("a row");
    }
    for (month, key) in keys {
        connection
            .execute("INSERT INTO event_key VALUES (?1, ?2)", params![month, key])
            .expect("a key");
    }
}

/// Holds the write lock while something is done.
pub(crate) fn hold<T>(events: &mut Events, work: impl FnOnce() -> T) -> T {
    let held = events.database.run(|connection| {
        let transaction = connection.transaction()?;
        transaction.execute("DELETE FROM doomed", [])?;
        Ok(work())
    });
    held.map_err(|error: Error| error.to_string())
        .expect("it is free")
}

/// Exchanges what is sealed of two events.
pub(crate) fn swap(events: &mut Events, one: i64, other: i64) {
    let swapped = events.database.run(|connection| {
        let sealed = |seq| -> rusqlite::Result<Vec<u8>> {
            connection.query_row("SELECT sealed FROM event WHERE seq = ?1", [seq], |row| {
                row.get(0)
            })
        };
        let (first, second) = (sealed(one)?, sealed(other)?);
        let put = "UPDATE event SET sealed = ?2 WHERE seq = ?1";
        connection.execute(put, params![one, second])?;
        connection.execute(put, params![other, first])
    });
    assert_eq!(swapped.expect("they are there"), 1);
}
