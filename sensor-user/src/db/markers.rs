//! The markers in the catalogue, those out of force included.

use std::path::Path;

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, Row, Transaction, params};

use super::{
    Catalog, Error, Mark, Serial,
    approvals::forget_stale,
    catalog::write_generation,
    serials::{write_mark, write_serial},
};
use crate::model::{Held, Marker, Pap, Standing, Tlp};

const COLUMNS: &str = "id, pattern, until, tlp, pap, standing";

/// Rows between two tellings of progress.
const STEP: usize = 8192;

/// What becomes of the set in one step. A marker that is overwritten is put, not removed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Edit<'a> {
    /// Everything goes first.
    pub clear: bool,
    /// Ids that go.
    pub remove: &'a [String],
    /// Markers that come, best in the order of their ids.
    pub put: &'a [(&'a Marker, &'a Standing)],
    /// The envelope that it comes with.
    pub serial: Option<Serial<'a>>,
    /// How far the journal is.
    pub mark: Option<Mark>,
}

impl Catalog {
    /// Every marker, in the order of their ids, one after the other.
    ///
    /// # Errors
    /// [`Error`], or what `visit` makes of it.
    pub fn each_marker(&mut self, mut visit: impl FnMut(Held)) -> Result<(), Error> {
        let path = self.database.path.clone();
        self.database
            .run(|connection| {
                let mut statement =
                    connection.prepare(&format!("SELECT {COLUMNS} FROM marker ORDER BY id"))?;
                let mut rows = statement.query([])?;
                while let Some(row) = rows.next()? {
                    match decode(&path, row)? {
                        Ok(held) => visit(held),
                        Err(error) => return Ok(Err(error)),
                    }
                }
                Ok(Ok(()))
            })
            .and_then(|outcome| outcome)
    }

    /// Up to `limit` markers whose ids come after `after`; of a quarantined kind only, if asked.
    ///
    /// # Errors
    /// [`Error`].
    pub fn page(
        &mut self,
        after: Option<&str>,
        limit: u32,
        quarantined: bool,
    ) -> Result<Vec<Held>, Error> {
        let path = self.database.path.clone();
        let only = if quarantined {
            "AND standing IS NOT NULL AND standing <> 'released'"
        } else {
            ""
        };
        let rows: Vec<Result<Held, Error>> = self.database.run(|connection| {
            connection
                .prepare_cached(&format!(
                    "SELECT {COLUMNS} FROM marker WHERE id > ?1 {only} ORDER BY id LIMIT ?2"
                ))?
                .query_map(params![after.unwrap_or(""), limit], |row| {
                    decode(&path, row)
                })?
                .collect()
        })?;
        rows.into_iter().collect()
    }

    /// One marker.
    ///
    /// # Errors
    /// [`Error`].
    pub fn marker(&mut self, id: &str) -> Result<Option<Held>, Error> {
        let path = self.database.path.clone();
        self.database
            .run(|connection| {
                connection
                    .prepare_cached(&format!("SELECT {COLUMNS} FROM marker WHERE id = ?1"))?
                    .query_row([id], |row| decode(&path, row))
                    .optional()
            })?
            .transpose()
    }

    /// Makes an edit, calls `act` before committing it, and commits only when that went well: the
    /// set on disk and the set in force change together or not at all. `act` tells the number of
    /// the generation, which is kept with the set; `progress` is told rows.
    ///
    /// # Errors
    /// The error of the store or of `act`.
    pub fn edit<T, F: From<Error>>(
        &mut self,
        edit: Edit<'_>,
        progress: &dyn Fn(usize),
        act: impl FnOnce() -> Result<(T, u32), F>,
    ) -> Result<T, F> {
        let path = self.database.path.clone();
        let named = |source| Error::Sqlite {
            path: path.clone(),
            source,
        };
        let transaction = self.database.connection.transaction().map_err(named)?;
        write(&transaction, edit, progress).map_err(named)?;
        let (answer, generation) = act()?;
        write_generation(&transaction, generation).map_err(named)?;
        transaction.commit().map_err(named)?;
        Ok(answer)
    }
}

fn write(
    transaction: &Transaction<'_>,
    edit: Edit<'_>,
    progress: &dyn Fn(usize),
) -> Result<(), rusqlite::Error> {
    if edit.clear {
        transaction.execute("DELETE FROM marker", [])?;
    }
    let mut delete = transaction.prepare_cached("DELETE FROM marker WHERE id = ?1")?;
    for (count, id) in edit.remove.iter().enumerate() {
        delete.execute([id])?;
        if count % STEP == 0 {
            progress(count);
        }
    }
    let mut insert = transaction.prepare_cached(
        "INSERT INTO marker (id, pattern, until, tlp, pap, standing) VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
         ON CONFLICT (id) DO UPDATE SET pattern = excluded.pattern, until = excluded.until, \
         tlp = excluded.tlp, pap = excluded.pap, standing = excluded.standing",
    )?;
    for (count, (marker, standing)) in edit.put.iter().enumerate() {
        insert.execute(params![
            marker.id.as_str(),
            marker.pattern.to_string(),
            marker.until.map(Timestamp::as_microsecond),
            marker.tlp.name(),
            marker.pap.name(),
            standing.code(),
        ])?;
        if count % STEP == 0 {
            progress(edit.remove.len() + count);
        }
    }
    forget_stale(transaction)?;
    if let Some(serial) = edit.serial {
        write_serial(transaction, serial)?;
    }
    edit.mark
        .map_or(Ok(()), |mark| write_mark(transaction, mark))
}

/// A row; the outer error is SQLite's, the inner one a row that does not decode.
fn decode(path: &Path, row: &Row<'_>) -> Result<Result<Held, Error>, rusqlite::Error> {
    let (pattern, until) = (row.get_ref(1)?.as_str()?, row.get::<_, Option<i64>>(2)?);
    let corrupt = |reason: &dyn ToString| Error::Corrupt {
        path: path.into(),
        what: "a marker",
        reason: reason.to_string(),
    };
    let (tlp, pap) = (row.get_ref(3)?.as_str()?, row.get_ref(4)?.as_str()?);
    let id = row.get_ref(0)?.as_str()?.into();
    let standing = row.get_ref(5)?.as_str_or_null()?;
    let read = || {
        Ok(Held {
            marker: Marker {
                id,
                pattern: pattern.parse().map_err(|error| corrupt(&error))?,
                until: until
                    .map(Timestamp::from_microsecond)
                    .transpose()
                    .map_err(|error| corrupt(&error))?,
                tlp: Tlp::parse(tlp).ok_or_else(|| corrupt(&"its TLP"))?,
                pap: Pap::parse(pap).ok_or_else(|| corrupt(&"its PAP"))?,
            },
            standing: Standing::from_code(standing),
        })
    };
    Ok(read())
}
