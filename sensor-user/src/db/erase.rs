//! Removing events: which, and without a trace in the file.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension as _, Transaction, params};

use super::{
    Error, Events,
    events::{RUN, add, head, unsigned},
    labels::Labels,
};
use crate::model::Destroyed;

/// Name of the mark of destructions that the journal announced: one more than the index of the entry.
pub const ANNOUNCED: &str = "mark.announced";
/// Name of the mark of counts that are settled, likewise.
pub const TOLD: &str = "mark.told";

/// Sets a mark forward.
pub(super) fn mark(connection: &Connection, name: &str, value: u64) -> Result<(), rusqlite::Error> {
    connection
        .prepare_cached(
            "INSERT INTO tally (name, count) VALUES (?1, ?2) \
             ON CONFLICT (name) DO UPDATE SET count = max(count, excluded.count)",
        )?
        .execute(params![name, value.cast_signed()])
        .map(drop)
}

/// Pages that are given back to the file system at once.
const PAGES: u32 = 4_096;

impl Events {
    /// Notes that the destruction of these events begins: whoever opens the store next goes on with
    /// it. `announced` is the index of the journal's entry about it, where there is one.
    ///
    /// # Errors
    /// [`Error`]; nothing was noted.
    pub fn doom(
        &mut self,
        seqs: &[i64],
        reason: Destroyed,
        announced: Option<u64>,
    ) -> Result<(), Error> {
        self.database.run(|connection| {
            let transaction = connection.transaction()?;
            let mut note = transaction
                .prepare_cached("INSERT OR IGNORE INTO doomed (seq, reason) VALUES (?1, ?2)")?;
            for seq in seqs {
                note.execute(params![seq, reason.number()])?;
            }
            drop(note);
            if let Some(index) = announced {
                mark(&transaction, ANNOUNCED, index + 1)?;
            }
            transaction.commit()
        })
    }

    /// Notes that a journal of this size leaves nothing to be settled.
    ///
    /// # Errors
    /// [`Error`].
    pub fn keep_told(&mut self, size: u64) -> Result<(), Error> {
        self.database.run(|connection| {
            let transaction = connection.transaction()?;
            for name in [ANNOUNCED, TOLD] {
                // Of another journal, shorter than the former one, it may go back.
                transaction.execute("DELETE FROM tally WHERE name = ?1", [name])?;
                mark(&transaction, name, size)?;
            }
            transaction.commit()
        })
    }

    /// Events whose destruction has begun, lowest numbers first.
    ///
    /// # Errors
    /// [`Error`].
    pub fn doomed(&mut self, limit: u32) -> Result<Vec<i64>, Error> {
        self.seqs(
            "SELECT seq FROM doomed ORDER BY seq LIMIT ?1",
            &[limit.into()],
        )
    }

    /// Events whose day has come, by the UTC day of now.
    ///
    /// # Errors
    /// [`Error`].
    pub fn due(&mut self, today: i32, limit: u32) -> Result<Vec<i64>, Error> {
        self.seqs(
            "SELECT seq FROM event WHERE expires <= ?1 ORDER BY expires, seq LIMIT ?2",
            &[today.into(), limit.into()],
        )
    }

    /// The oldest events that are closed and that no sink has still to take.
    ///
    /// # Errors
    /// [`Error`].
    pub fn spare(&mut self, limit: u32) -> Result<Vec<i64>, Error> {
        let waits: String = self
            .sinks
            .iter()
            .map(|sink| {
                format!(
                    "AND NOT EXISTS (SELECT 1 FROM delivery WHERE sink = {sink} \
                     AND seq = event.seq AND dead IS NULL) "
                )
            })
            .collect();
        let sql = format!(
            "SELECT seq FROM event WHERE seq NOT IN (SELECT seq FROM open_event) {waits}\
             ORDER BY seq LIMIT ?1"
        );
        self.seqs(&sql, &[limit.into()])
    }

    /// Brings forward the end of events that a wrong clock has dated into the future.
    ///
    /// # Errors
    /// [`Error`].
    pub fn redate(&mut self, today: i32, latest: i32) -> Result<(), Error> {
        self.database.run(|connection| {
            connection
                .prepare_cached(
                    "UPDATE event SET expires = ?2 WHERE day > ?1 + 1 AND expires > ?2",
                )?
                .execute([today, latest])
                .map(drop)
        })
    }

    /// Whether an event has its first packet on one of these UTC days, the last one left out.
    ///
    /// # Errors
    /// [`Error`].
    pub fn any_between(&mut self, first: i32, end: i32) -> Result<bool, Error> {
        self.database.run(|connection| {
            connection
                .prepare_cached("SELECT EXISTS (SELECT 1 FROM event WHERE day >= ?1 AND day < ?2)")?
                .query_row([first, end], |row| row.get(0))
        })
    }

    /// Removes events that are doomed and whose keys are gone, with everything that leads to them;
    /// how many there were.
    ///
    /// # Errors
    /// [`Error`]; nothing was removed.
    pub fn erase(&mut self, seqs: &[i64]) -> Result<u64, Error> {
        let labels = &mut self.labels;
        self.database.run(|connection| {
            let transaction = connection.transaction()?;
            let sinks: Vec<(i64, String)> = transaction
                .prepare_cached("SELECT number, name FROM sink")?
                .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect::<Result<_, _>>()?;
            let mut counts = [0_u64; Destroyed::ALL.len()];
            let mut undelivered = vec![0_u64; sinks.len()];
            let mut markers = BTreeSet::new();
            for seq in seqs {
                let reason = transaction
                    .prepare_cached("DELETE FROM doomed WHERE seq = ?1 RETURNING reason")?
                    .query_row([seq], |row| row.get(0))
                    .optional()?;
                if remove(&transaction, *seq, &mut markers)?
                    && let Some(reason) = reason.and_then(Destroyed::of)
                {
                    counts[reason as usize] += 1;
                }
                for (at, (sink, _)) in sinks.iter().enumerate() {
                    undelivered[at] += transaction
                        .prepare_cached("DELETE FROM delivery WHERE sink = ?1 AND seq = ?2")?
                        .execute([sink, seq])? as u64;
                }
            }
            labels.drop_unused(&transaction, markers.into_iter())?;
            let gone: u64 = counts.iter().sum();
            transaction
                .prepare_cached(
                    "UPDATE tally SET count = max(count - ?1, 0) WHERE name = 'stored'",
                )?
                .execute([gone.cast_signed()])?;
            for (reason, count) in Destroyed::ALL.into_iter().zip(counts) {
                count_destroyed(&transaction, reason, count)?;
            }
            for ((_, sink), count) in sinks.iter().zip(undelivered) {
                add(&transaction, &format!("undelivered.{sink}"), count)?;
            }
            transaction.commit()?;
            Ok(gone)
        })
    }

    /// Removes every event at once: their keys are gone.
    ///
    /// # Errors
    /// [`Error`]; nothing was removed.
    pub fn erase_all(&mut self, reason: Destroyed) -> Result<u64, Error> {
        self.labels = Labels::default();
        self.database.run(|connection| {
            let transaction = connection.transaction()?;
            let gone =
                transaction.query_row("SELECT count(*) FROM event", [], |row| unsigned(row, 0))?;
            let waiting: Vec<(String, u64)> = transaction
                .prepare(
                    "SELECT name, count(*) FROM delivery JOIN sink ON number = sink GROUP BY name",
                )?
                .query_map([], |row| Ok((row.get(0)?, unsigned(row, 1)?)))?
                .collect::<Result<_, _>>()?;
            for (sink, count) in waiting {
                add(&transaction, &format!("undelivered.{sink}"), count)?;
            }
            for table in [
                "event",
                "open_event",
                "event_id",
                "event_marker",
                "label",
                "delivery",
                "doomed",
                "acknowledged",
            ] {
                transaction.execute(&format!("DELETE FROM {table}"), [])?;
            }
            transaction.execute("DELETE FROM tally WHERE name = 'stored'", [])?;
            count_destroyed(&transaction, reason, gone)?;
            transaction.commit()?;
            Ok(gone)
        })
    }

    /// Gives free pages back and empties the write-ahead log, which holds former contents; whether
    /// nothing is left in it. A reader that is slow keeps it until the next time.
    ///
    /// # Errors
    /// [`Error`].
    pub fn give_back(&mut self) -> Result<bool, Error> {
        self.database.run(|connection| {
            let mut vacuum = connection.prepare(&format!("PRAGMA incremental_vacuum({PAGES})"))?;
            let mut steps = vacuum.query([])?;
            while steps.next()?.is_some() {}
            drop(steps);
            drop(vacuum);
            connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| {
                row.get::<_, i64>(0).map(|busy| busy == 0)
            })
        })
    }

    fn seqs(&mut self, sql: &str, values: &[i64]) -> Result<Vec<i64>, Error> {
        self.database.run(|connection| {
            connection
                .prepare_cached(sql)?
                .query_map(rusqlite::params_from_iter(values), |row| row.get(0))?
                .collect()
        })
    }
}

fn count_destroyed(
    transaction: &Transaction<'_>,
    reason: Destroyed,
    count: u64,
) -> Result<(), rusqlite::Error> {
    for name in ["destroyed", "owed"] {
        add(transaction, &format!("{name}.{}", reason.name()), count)?;
    }
    Ok(())
}

/// Removes one event; whether it was there.
fn remove(
    transaction: &Transaction<'_>,
    seq: i64,
    labels: &mut BTreeSet<i64>,
) -> Result<bool, rusqlite::Error> {
    let found = transaction
        .prepare_cached("DELETE FROM event WHERE seq = ?1 RETURNING id, day, markers")?
        .query_row([seq], |row| {
            Ok((
                row.get::<_, [u8; 16]>(0)?,
                row.get::<_, i64>(1)?,
                row.get::<_, String>(2)?,
            ))
        })
        .optional()?;
    let Some((id, day, markers)) = found else {
        return Ok(false);
    };
    for marker in Labels::of_column(&markers) {
        transaction
            .prepare_cached("DELETE FROM event_marker WHERE day = ?1 AND marker = ?2 AND seq = ?3")?
            .execute([day, marker, seq])?;
        labels.insert(marker);
    }
    transaction
        .prepare_cached("DELETE FROM event_id WHERE run = ?1 AND head = ?2 AND seq = ?3")?
        .execute([seq / RUN, head(&id), seq])?;
    transaction
        .prepare_cached("DELETE FROM open_event WHERE seq = ?1")?
        .execute([seq])?;
    transaction
        .prepare_cached("DELETE FROM acknowledged WHERE seq = ?1")?
        .execute([seq])?;
    Ok(true)
}
