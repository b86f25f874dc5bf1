//! Short numbers for the ids of markers and the references of orders, which many events share.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension as _, params};

use super::lookup::days;

/// Most labels that a connection remembers.
const MOST: usize = 100_000;

/// What a connection remembers of the table `label`. Numbers are never used twice, so what is
/// remembered stays true of every event that is there.
#[derive(Debug, Default)]
pub(super) struct Labels {
    numbers: HashMap<(i64, String), i64>,
    texts: HashMap<i64, String>,
}

impl Labels {
    /// Ids of markers.
    pub(super) const MARKER: i64 = 0;
    /// References of orders.
    pub(super) const ORDER: i64 = 1;

    /// The number of each text, given now where it has none.
    pub(super) fn numbers(
        &mut self,
        connection: &Connection,
        kind: i64,
        texts: &[String],
    ) -> Result<Vec<i64>, rusqlite::Error> {
        let one = |text: &String| {
            if let Some(number) = self.find(connection, kind, text)? {
                return Ok(number);
            }
            connection
                .prepare_cached("INSERT INTO label (kind, text) VALUES (?1, ?2)")?
                .execute(params![kind, text])?;
            let number = connection.last_insert_rowid();
            self.numbers.insert((kind, text.clone()), number);
            Ok(number)
        };
        texts.iter().map(one).collect()
    }

    /// The number of a text, where it has one.
    pub(super) fn find(
        &mut self,
        connection: &Connection,
        kind: i64,
        text: &str,
    ) -> Result<Option<i64>, rusqlite::Error> {
        let key = (kind, text.to_owned());
        if let Some(number) = self.numbers.get(&key) {
            return Ok(Some(*number));
        }
        let found = connection
            .prepare_cached("SELECT number FROM label WHERE kind = ?1 AND text = ?2")?
            .query_row(params![kind, text], |row| row.get(0))
            .optional()?;
        if let Some(number) = found {
            if self.numbers.len() >= MOST {
                self.numbers.clear();
            }
            self.numbers.insert(key, number);
        }
        Ok(found)
    }

    /// The texts of a column.
    pub(super) fn texts(
        &mut self,
        connection: &Connection,
        column: &str,
    ) -> Result<Vec<String>, rusqlite::Error> {
        let one = |number: i64| {
            if let Some(text) = self.texts.get(&number) {
                return Ok(text.clone());
            }
            let text: Option<String> = connection
                .prepare_cached("SELECT text FROM label WHERE number = ?1")?
                .query_row([number], |row| row.get(0))
                .optional()?;
            // Its last event went between two looks at the store: so did the one that asks.
            let text = text.unwrap_or_default();
            if self.texts.len() >= MOST {
                self.texts.clear();
            }
            self.texts.insert(number, text.clone());
            Ok(text)
        };
        Self::of_column(column).map(one).collect()
    }

    /// Removes the labels of markers that no event names any more.
    pub(super) fn drop_unused(
        &mut self,
        connection: &Connection,
        markers: impl Iterator<Item = i64>,
    ) -> Result<(), rusqlite::Error> {
        let mut markers = markers.peekable();
        if markers.peek().is_none() {
            return Ok(());
        }
        let days = days(connection)?;
        let mut used = connection.prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM event_marker WHERE day = ?1 AND marker = ?2)",
        )?;
        let mut drop = connection.prepare_cached("DELETE FROM label WHERE number = ?1")?;
        'markers: for number in markers {
            // The last day first: a marker that is in use has events of today.
            for day in days.iter().rev() {
                if used.query_row(params![day, number], |row| row.get(0))? {
                    continue 'markers;
                }
            }
            drop.execute([number])?;
            self.numbers.clear();
        }
        Ok(())
    }

    /// Numbers as a column holds them.
    pub(super) fn column(numbers: &[i64]) -> String {
        let texts: Vec<String> = numbers.iter().map(i64::to_string).collect();
        texts.join(" ")
    }

    /// The numbers in a column.
    pub(super) fn of_column(column: &str) -> impl Iterator<Item = i64> + '_ {
        column.split(' ').filter_map(|number| number.parse().ok())
    }
}
