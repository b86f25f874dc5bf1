//! What tests of other parts do to the files behind the door.

use std::path::Path;

use rusqlite::{Connection, params};

use super::{Error, Events};
use crate::model::Event;

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
