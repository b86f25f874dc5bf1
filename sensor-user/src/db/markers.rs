//! The markers in the catalogue, those out of force included.

use std::path::Path;

use rusqlite::{OptionalExtension as _, Row, Transaction, params};

use super::{
    Catalog, Edit, Error, Over,
    approvals::forget_stale,
    catalog::write_generation,
    condemned::condemn,
    orders,
    serials::{write_mark, write_serial},
};
use crate::model::{
    Direction, Held, Marker, MarkerId, Moment, OrderNumber, Pap, Signed, Standing, Tlp,
};

const COLUMNS: &str = "id, pattern, until, tlp, pap, standing, since, direction, source, capped, over, modified, \
     issuer, serial";

/// Rows between two tellings of progress.
const STEP: usize = 8192;

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

    /// Gives an end to every marker of the operator's own that has none; how many.
    ///
    /// # Errors
    /// [`Error`].
    pub fn cap(&mut self, until: Moment) -> Result<usize, Error> {
        self.database.run(|connection| {
            connection.execute(
                "UPDATE marker SET until = ?1, capped = 1 WHERE until IS NULL AND source IS NULL",
                [until.as_microsecond()],
            )
        })
    }

    /// Notes whose end was reached.
    ///
    /// # Errors
    /// [`Error`].
    pub fn set_over(&mut self, over: &Over) -> Result<(), Error> {
        let Over {
            markers,
            brought,
            orders,
        } = over;
        if markers.is_empty() && brought.is_empty() && orders.is_empty() {
            return Ok(());
        }
        self.database.run(|connection| {
            let transaction = connection.transaction()?;
            for id in markers {
                transaction
                    .prepare_cached("UPDATE marker SET over = 1 WHERE id = ?1")?
                    .execute([id.as_str()])?;
            }
            for (id, order) in brought {
                transaction
                    .prepare_cached("UPDATE named SET over = 1 WHERE marker = ?1 AND number = ?2")?
                    .execute(params![id.as_str(), order.0])?;
            }
            for order in orders {
                transaction.execute(
                    "UPDATE marker_order SET over = 1 WHERE number = ?1",
                    [order.0],
                )?;
            }
            transaction.commit()
        })
    }

    /// The markers that an order brought, in the order of their ids, one after the other.
    ///
    /// # Errors
    /// [`Error`].
    pub fn brought_by(&mut self, order: OrderNumber) -> Result<Vec<Held>, Error> {
        let path = self.database.path.clone();
        let rows: Vec<Result<Held, Error>> = self.database.run(|connection| {
            connection
                .prepare(&format!(
                    "SELECT {COLUMNS} FROM marker WHERE source = ?1 ORDER BY id"
                ))?
                .query_map([order.0], |row| decode(&path, row))?
                .collect()
        })?;
        rows.into_iter().collect()
    }

    /// A marker and those with a dot and more behind its id, in the order of their ids.
    ///
    /// # Errors
    /// [`Error`].
    pub fn family(&mut self, id: &str) -> Result<Vec<Held>, Error> {
        let path = self.database.path.clone();
        let rows: Vec<Result<Held, Error>> = self.database.run(|connection| {
            // `/` is the character behind the dot.
            connection
                .prepare_cached(&format!(
                    "SELECT {COLUMNS} FROM marker \
                     WHERE id = ?1 OR (id > ?1 || '.' AND id < ?1 || '/') ORDER BY id"
                ))?
                .query_map([id], |row| decode(&path, row))?
                .collect()
        })?;
        rows.into_iter().collect()
    }

    /// Every marker whose version is known, in the order of their ids: id, when it was made, and how
    /// it is marked.
    ///
    /// # Errors
    /// [`Error`].
    pub fn each_version(
        &mut self,
        mut visit: impl FnMut(&str, Moment, Tlp, Pap),
    ) -> Result<(), Error> {
        let read = self.database.run(|connection| {
            let mut statement = connection.prepare(
                "SELECT id, modified, tlp, pap FROM marker WHERE modified IS NOT NULL ORDER BY id",
            )?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                let modified = Moment::from_microsecond(row.get(1)?);
                let tlp = Tlp::parse(row.get_ref(2)?.as_str()?);
                let pap = Pap::parse(row.get_ref(3)?.as_str()?);
                let ((Some(modified), Some(tlp)), Some(pap)) = ((modified, tlp), pap) else {
                    return Ok(false);
                };
                visit(row.get_ref(0)?.as_str()?, modified, tlp, pap);
            }
            Ok(true)
        })?;
        match read {
            true => Ok(()),
            false => Err(self.database.corrupt("a marker", "its version or marking")),
        }
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
    if let Some(issuer) = edit.clear_own {
        transaction.execute(
            "DELETE FROM marker WHERE source IS NULL AND issuer IS ?1",
            [issuer],
        )?;
    }
    let mut delete = transaction.prepare_cached("DELETE FROM marker WHERE id = ?1")?;
    let mut unname = transaction.prepare_cached("DELETE FROM named WHERE marker = ?1")?;
    for (count, id) in edit.remove.iter().enumerate() {
        delete.execute([id])?;
        unname.execute([id])?;
        if count % STEP == 0 {
            progress(count);
        }
    }
    let mut insert = transaction.prepare_cached(
        "INSERT INTO marker \
         (id, pattern, until, tlp, pap, standing, since, direction, source, capped, over, modified, \
         issuer, serial) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 0, ?11, ?12, ?13) \
         ON CONFLICT (id) DO UPDATE SET pattern = excluded.pattern, until = excluded.until, \
         tlp = excluded.tlp, pap = excluded.pap, standing = excluded.standing, \
         since = excluded.since, direction = excluded.direction, source = excluded.source, \
         capped = excluded.capped, over = 0, modified = excluded.modified, \
         issuer = excluded.issuer, serial = excluded.serial",
    )?;
    for (count, put) in edit.put.iter().enumerate() {
        let marker = put.marker;
        let direction = marker.direction;
        insert.execute(params![
            marker.id.as_str(),
            marker.pattern.to_string(),
            marker.until.map(Moment::as_microsecond),
            marker.tlp.name(),
            marker.pap.name(),
            put.standing.code(),
            marker.from.map(Moment::as_microsecond),
            (direction != Direction::Either).then_some(direction.name()),
            (put.source != OrderNumber::OWN).then_some(put.source.0),
            put.capped,
            put.modified.map(Moment::as_microsecond),
            put.signed.map(|signed| signed.issuer.as_str()),
            put.signed.map(|signed| signed.serial.cast_signed()),
        ])?;
        if count % STEP == 0 {
            progress(edit.remove.len() + count);
        }
    }
    condemn(transaction, edit.condemned, edit.receipt)?;
    forget_stale(transaction)?;
    if let Some(serial) = edit.serial {
        write_serial(transaction, serial)?;
    }
    if let Some(mark) = edit.mark {
        write_mark(transaction, mark)?;
    }
    orders::write(transaction, edit)
}

/// A row; the outer error is SQLite's, the inner one a row that does not decode.
fn decode(path: &Path, row: &Row<'_>) -> Result<Result<Held, Error>, rusqlite::Error> {
    let corrupt = |reason: &dyn ToString| Error::Corrupt {
        path: path.into(),
        what: "a marker",
        reason: reason.to_string(),
    };
    let pattern = row.get_ref(1)?.as_str()?;
    let (until, since) = (row.get::<_, Option<i64>>(2)?, row.get::<_, Option<i64>>(6)?);
    let (tlp, pap) = (row.get_ref(3)?.as_str()?, row.get_ref(4)?.as_str()?);
    let id = row.get_ref(0)?.as_str()?.into();
    let standing = row.get_ref(5)?.as_str_or_null()?;
    let direction = row.get_ref(7)?.as_str_or_null()?;
    let source = row.get::<_, Option<u32>>(8)?.unwrap_or_default();
    let (capped, over) = (row.get(9)?, row.get(10)?);
    let modified = row.get::<_, Option<i64>>(11)?;
    let issuer = row.get_ref(12)?.as_str_or_null()?.map(MarkerId::from);
    let serial = row.get::<_, Option<i64>>(13)?.map(i64::cast_unsigned);
    let moment = |time: Option<i64>| {
        time.map(|time| Moment::from_microsecond(time).ok_or_else(|| corrupt(&"a time of it")))
            .transpose()
    };
    let read = || {
        Ok(Held {
            marker: Marker {
                id,
                pattern: pattern.parse().map_err(|error| corrupt(&error))?,
                from: moment(since)?,
                until: moment(until)?,
                direction: match direction {
                    None => Direction::Either,
                    Some(name) => {
                        Direction::parse(name).ok_or_else(|| corrupt(&"its direction"))?
                    }
                },
                tlp: Tlp::parse(tlp).ok_or_else(|| corrupt(&"its TLP"))?,
                pap: Pap::parse(pap).ok_or_else(|| corrupt(&"its PAP"))?,
            },
            standing: Standing::from_code(standing),
            source: OrderNumber(source),
            capped,
            over,
            modified: moment(modified)?,
            signed: issuer
                .zip(serial)
                .map(|(issuer, serial)| Signed { issuer, serial }),
        })
    };
    Ok(read())
}
