//! Finding events: by number, id, day, marker and state. There is no way to look for a subscriber.

use std::collections::{HashMap, HashSet};

use rusqlite::{Connection, OptionalExtension as _, Row, ToSql, params, params_from_iter};

use super::{
    Error, Events, Sealed,
    events::{RUN, head},
    labels::Labels,
};

/// Which events of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Which {
    /// Open ones, or closed ones.
    pub open: Option<bool>,
    /// Of one UTC day.
    pub day: Option<i32>,
    /// Of one marker; a day must be given with it.
    pub marker: Option<String>,
}

/// Columns of [`read`].
const COLUMNS: &str = "event.seq, id, rev, markers, orders, day, expires, sealed, \
                       EXISTS (SELECT 1 FROM open_event WHERE open_event.seq = event.seq)";

/// The UTC days on which there are events, one look each.
pub(super) fn days(connection: &Connection) -> Result<Vec<i32>, rusqlite::Error> {
    let mut next = connection
        .prepare_cached("SELECT day FROM event_marker WHERE day > ?1 ORDER BY day LIMIT 1")?;
    let mut days = Vec::new();
    let mut last = i32::MIN;
    while let Some(day) = next.query_row([last], |row| row.get(0)).optional()? {
        days.push(day);
        last = day;
    }
    Ok(days)
}

/// A row whose labels are still numbers.
type Raw = (Sealed, String, String);

fn read(row: &Row<'_>) -> Result<Raw, rusqlite::Error> {
    let sealed = Sealed {
        seq: row.get(0)?,
        id: row.get(1)?,
        rev: row.get(2)?,
        open: row.get(8)?,
        markers: Vec::new(),
        orders: Vec::new(),
        day: row.get(5)?,
        expires: row.get(6)?,
        sealed: row.get(7)?,
    };
    Ok((sealed, row.get(3)?, row.get(4)?))
}

impl Events {
    /// Up to `limit` events with numbers below `before`, the highest first.
    ///
    /// # Errors
    /// [`Error`].
    pub fn page(&mut self, before: i64, limit: u32, which: &Which) -> Result<Vec<Sealed>, Error> {
        let state = match which.open {
            None => "",
            Some(true) => "AND event.seq IN (SELECT seq FROM open_event)",
            Some(false) => "AND event.seq NOT IN (SELECT seq FROM open_event)",
        };
        let tail = "ORDER BY event.seq DESC LIMIT ?2";
        let (from, given): (String, Vec<Box<dyn ToSql>>) = match (&which.marker, which.day) {
            (None, None) if which.open == Some(true) => (
                "open_event JOIN event USING (seq) WHERE open_event.seq < ?1 \
                 ORDER BY open_event.seq DESC LIMIT ?2"
                    .into(),
                Vec::new(),
            ),
            (None, None) => (format!("event WHERE seq < ?1 {state} {tail}"), Vec::new()),
            (None, Some(day)) => (
                format!("event WHERE day = ?3 AND seq < ?1 {state} {tail}"),
                vec![Box::new(day)],
            ),
            (Some(marker), day) => {
                let labels = &mut self.labels;
                let number = self
                    .database
                    .run(|connection| labels.find(connection, Labels::MARKER, marker))?;
                // No event names it.
                let Some(number) = number else {
                    return Ok(Vec::new());
                };
                (
                    format!(
                        "event_marker JOIN event ON event.seq = event_marker.seq \
                         WHERE event_marker.marker = ?3 AND event_marker.day = ?4 \
                         AND event_marker.seq < ?1 {state} \
                         ORDER BY event_marker.seq DESC LIMIT ?2"
                    ),
                    vec![Box::new(number), Box::new(day)],
                )
            }
        };
        let columns = COLUMNS.replace(" day,", " event.day,");
        let sql = format!("SELECT {columns} FROM {from}");
        let mut values: Vec<Box<dyn ToSql>> = vec![Box::new(before), Box::new(limit)];
        values.extend(given);
        self.select(&sql, &values)
    }

    /// The events of these numbers that are there, in this order.
    ///
    /// # Errors
    /// [`Error`].
    pub fn rows(&mut self, seqs: &[i64]) -> Result<Vec<Sealed>, Error> {
        let sql = format!("SELECT {COLUMNS} FROM event WHERE seq = ?1");
        let raw: Vec<Raw> = self.database.run(|connection| {
            let mut select = connection.prepare_cached(&sql)?;
            let mut rows = Vec::with_capacity(seqs.len());
            for seq in seqs {
                rows.extend(select.query_row([seq], read).optional()?);
            }
            Ok(rows)
        })?;
        self.label(raw)
    }

    /// Up to two events whose ids begin with these bytes and, when `half` is given, with its four
    /// bits behind them; at least four bytes.
    ///
    /// # Errors
    /// [`Error`].
    pub fn beginning(&mut self, bytes: &[u8], half: Option<u8>) -> Result<Vec<Sealed>, Error> {
        let Some((first, _)) = bytes.split_first_chunk::<4>() else {
            return Ok(Vec::new());
        };
        let mut padded = [0; 16];
        padded[..4].copy_from_slice(first);
        let wanted = head(&padded);
        let fits = |id: &[u8; 16]| {
            id.starts_with(bytes) && half.is_none_or(|half| id[bytes.len()] >> 4 == half)
        };
        let found = self.database.run(|connection| {
            let (begin, indexed) = connection.query_row(
                "SELECT coalesce((SELECT min(run) FROM event_id), run), run FROM store",
                [],
                |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)),
            )?;
            let mut of_run = connection
                .prepare_cached("SELECT seq FROM event_id WHERE run = ?1 AND head = ?2")?;
            let mut id_of = connection.prepare_cached("SELECT id FROM event WHERE seq = ?1")?;
            let mut found = Vec::new();
            for run in begin..indexed {
                for seq in of_run.query_map([run, wanted], |row| row.get::<_, i64>(0))? {
                    let seq = seq?;
                    let id: Option<[u8; 16]> =
                        id_of.query_row([seq], |row| row.get(0)).optional()?;
                    if id.is_some_and(|id| fits(&id)) {
                        found.push(seq);
                    }
                }
            }
            let mut rest =
                connection.prepare_cached("SELECT seq, id FROM event WHERE seq >= ?1")?;
            let mut rows = rest.query([indexed * RUN])?;
            while let Some(row) = rows.next()? {
                if fits(&row.get(1)?) {
                    found.push(row.get(0)?);
                }
            }
            Ok(found)
        })?;
        self.rows(&found[..found.len().min(2)])
    }

    /// Events of a marker, of its first days: `limit` of each, until there are as many.
    ///
    /// # Errors
    /// [`Error`].
    pub fn of_marker(&mut self, marker: &str, limit: u32) -> Result<Vec<Sealed>, Error> {
        let labels = &mut self.labels;
        let number = self
            .database
            .run(|connection| labels.find(connection, Labels::MARKER, marker))?;
        let Some(number) = number else {
            return Ok(Vec::new());
        };
        let seqs = self.database.run(|connection| {
            let mut found = Vec::new();
            for day in days(connection)? {
                let mut of_day = connection.prepare_cached(
                    "SELECT seq FROM event_marker WHERE day = ?1 AND marker = ?2 LIMIT ?3",
                )?;
                for seq in of_day.query_map(params![day, number, limit], |row| row.get(0))? {
                    found.push(seq?);
                }
                if found.len() >= limit as usize {
                    break;
                }
            }
            Ok(found)
        })?;
        self.rows(&seqs)
    }

    /// The ids of these events, where they are there.
    ///
    /// # Errors
    /// [`Error`].
    pub fn ids(&mut self, seqs: &[i64]) -> Result<HashMap<i64, [u8; 16]>, Error> {
        self.database.run(|connection| {
            let mut select = connection.prepare_cached("SELECT id FROM event WHERE seq = ?1")?;
            let mut ids = HashMap::with_capacity(seqs.len());
            for seq in seqs {
                let id = select.query_row([seq], |row| row.get(0)).optional()?;
                ids.extend(id.map(|id| (*seq, id)));
            }
            Ok(ids)
        })
    }

    /// Those of these events that are open.
    ///
    /// # Errors
    /// [`Error`].
    pub fn open_among(&mut self, seqs: &[i64]) -> Result<HashSet<i64>, Error> {
        self.database.run(|connection| {
            let mut open = connection
                .prepare_cached("SELECT EXISTS (SELECT 1 FROM open_event WHERE seq = ?1)")?;
            let mut found = HashSet::new();
            for seq in seqs {
                if open.query_row([seq], |row| row.get(0))? {
                    found.insert(*seq);
                }
            }
            Ok(found)
        })
    }

    fn select(&mut self, sql: &str, values: &[Box<dyn ToSql>]) -> Result<Vec<Sealed>, Error> {
        let raw = self.database.run(|connection| {
            connection
                .prepare_cached(sql)?
                .query_map(params_from_iter(values), read)?
                .collect::<Result<Vec<Raw>, _>>()
        })?;
        self.label(raw)
    }

    fn label(&mut self, raw: Vec<Raw>) -> Result<Vec<Sealed>, Error> {
        let labels = &mut self.labels;
        self.database.run(|connection| {
            let named = |(mut row, markers, orders): Raw| {
                row.markers = labels.texts(connection, &markers)?;
                row.orders = labels.texts(connection, &orders)?;
                Ok(row)
            };
            raw.into_iter().map(named).collect()
        })
    }
}
