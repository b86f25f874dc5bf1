//! The statements of one batch.

use rusqlite::{OptionalExtension as _, Transaction, params};

use super::{
    Marks, Sealed,
    events::{RUN, head},
    labels::Labels,
};

/// Writes new events.
pub(super) fn insert(
    transaction: &Transaction<'_>,
    events: &[Sealed],
    labels: &mut Labels,
) -> Result<(), rusqlite::Error> {
    let mut event = transaction.prepare_cached(
        "INSERT INTO event (seq, id, rev, markers, orders, day, expires, sealed) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?;
    let mut open = transaction.prepare_cached("INSERT INTO open_event (seq) VALUES (?1)")?;
    let mut marker = transaction
        .prepare_cached("INSERT INTO event_marker (day, marker, seq) VALUES (?1, ?2, ?3)")?;
    for row in events {
        let markers = labels.numbers(transaction, Labels::MARKER, &row.markers)?;
        let orders = labels.numbers(transaction, Labels::ORDER, &row.orders)?;
        event.execute(params![
            row.seq,
            row.id,
            row.rev,
            Labels::column(&markers),
            Labels::column(&orders),
            row.day,
            row.expires,
            row.sealed,
        ])?;
        if row.open {
            open.execute([row.seq])?;
        }
        for number in markers {
            marker.execute(params![row.day, number, row.seq])?;
        }
    }
    Ok(())
}

/// Writes new states; the revisions that grew. Markers only ever go from an event.
pub(super) fn update(
    transaction: &Transaction<'_>,
    events: &[Sealed],
    labels: &mut Labels,
) -> Result<Vec<(i64, u32)>, rusqlite::Error> {
    // Most events have grown and have the markers that they had.
    let mut grow = transaction.prepare_cached(
        "UPDATE event SET rev = ?2, sealed = ?4 WHERE seq = ?1 AND rev < ?2 AND markers = ?3",
    )?;
    let mut before = transaction.prepare_cached("SELECT rev, markers FROM event WHERE seq = ?1")?;
    let mut write = transaction
        .prepare_cached("UPDATE event SET rev = ?2, markers = ?3, sealed = ?4 WHERE seq = ?1")?;
    let mut close = transaction.prepare_cached("DELETE FROM open_event WHERE seq = ?1")?;
    let mut strike = transaction
        .prepare_cached("DELETE FROM event_marker WHERE day = ?1 AND marker = ?2 AND seq = ?3")?;
    let (mut revised, mut struck) = (Vec::new(), Vec::new());
    for row in events {
        let markers = labels.numbers(transaction, Labels::MARKER, &row.markers)?;
        let column = Labels::column(&markers);
        let mut grown = grow.execute(params![row.seq, row.rev, column, row.sealed])? > 0;
        if !grown {
            let found = before
                .query_row([row.seq], |row| {
                    Ok((row.get::<_, u32>(0)?, row.get::<_, String>(1)?))
                })
                .optional()?;
            let Some((rev, was)) = found else {
                // It was destroyed while it was on its way here.
                struck.extend(markers);
                continue;
            };
            for gone in Labels::of_column(&was).filter(|number| !markers.contains(number)) {
                strike.execute(params![row.day, gone, row.seq])?;
                struck.push(gone);
            }
            write.execute(params![row.seq, row.rev, column, row.sealed])?;
            grown = row.rev > rev;
        }
        if !row.open {
            close.execute([row.seq])?;
        }
        if grown {
            revised.push((row.seq, row.rev));
        }
    }
    labels.drop_unused(transaction, struck.into_iter())?;
    Ok(revised)
}

/// Gives revisions to every sink; of an event that waits already, the last one is left.
pub(super) fn enqueue(
    transaction: &Transaction<'_>,
    sinks: &[i64],
    revisions: impl Iterator<Item = (i64, u32)> + Clone,
    now: i64,
) -> Result<(), rusqlite::Error> {
    let mut put = transaction.prepare_cached(
        "INSERT INTO delivery (sink, seq, rev, attempts, due, lease, stored) \
         VALUES (?1, ?2, ?3, 0, 0, 0, ?4) ON CONFLICT (sink, seq) \
         DO UPDATE SET rev = excluded.rev, attempts = 0, due = 0, dead = NULL",
    )?;
    for sink in sinks {
        for (seq, rev) in revisions.clone() {
            put.execute(params![sink, seq, rev, now])?;
        }
    }
    Ok(())
}

/// Indexes the ids of the runs that are whole.
pub(super) fn index_runs(transaction: &Transaction<'_>, next: i64) -> Result<(), rusqlite::Error> {
    let first: i64 = transaction
        .prepare_cached("SELECT run FROM store")?
        .query_row([], |row| row.get(0))?;
    for run in first..next / RUN {
        let mut heads: Vec<(i64, i64)> = transaction
            .prepare_cached("SELECT id, seq FROM event WHERE seq >= ?1 AND seq < ?2")?
            .query_map([run * RUN, (run + 1) * RUN], |row| {
                Ok((head(&row.get(0)?), row.get(1)?))
            })?
            .collect::<Result<_, _>>()?;
        heads.sort_unstable();
        let mut put = transaction
            .prepare_cached("INSERT INTO event_id (run, head, seq) VALUES (?1, ?2, ?3)")?;
        for (head, seq) in heads {
            put.execute([run, head, seq])?;
        }
        transaction.execute("UPDATE store SET run = ?1", [run + 1])?;
    }
    Ok(())
}

/// Writes what the events account for.
pub(super) fn write_marks(
    transaction: &Transaction<'_>,
    marks: &Marks,
) -> Result<(), rusqlite::Error> {
    // Marks of another set of shared maps say nothing about this one.
    for table in ["account", "sequence"] {
        transaction.execute(
            &format!("DELETE FROM {table} WHERE (SELECT number FROM epoch) IS NOT ?1"),
            [marks.epoch.cast_signed()],
        )?;
    }
    transaction
        .prepare_cached(
            "INSERT INTO epoch (id, number, drained) VALUES (0, ?1, ?2) \
             ON CONFLICT (id) DO UPDATE SET number = excluded.number, drained = excluded.drained",
        )?
        .execute(params![
            marks.epoch.cast_signed(),
            marks.drained.cast_signed()
        ])?;
    let mut account = transaction.prepare_cached(
        "INSERT INTO account (term, count) VALUES (?1, ?2) \
         ON CONFLICT (term) DO UPDATE SET count = excluded.count",
    )?;
    for (term, count) in &marks.accounts {
        account.execute(params![term, count.cast_signed()])?;
    }
    let mut sequence = transaction.prepare_cached(
        "INSERT INTO sequence (cpu, last) VALUES (?1, ?2) \
         ON CONFLICT (cpu) DO UPDATE SET last = excluded.last",
    )?;
    for (cpu, last) in &marks.sequences {
        sequence.execute(params![cpu, last.cast_signed()])?;
    }
    Ok(())
}
