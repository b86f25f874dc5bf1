//! Notices, one by one, and the ledger of costs.

use jiff::{Timestamp, civil::Date};
use rusqlite::params;

use super::{Error, Requests, requests_mark::write_mark};
use crate::model::{
    RequestType,
    request::{CostRow, Impossible, TaskRow},
};

/// A notice as the file has it: event, state, since, date, proof, reason.
type RawTask = (
    String,
    String,
    i64,
    Option<String>,
    Option<String>,
    Option<String>,
);

impl Requests {
    /// Notices of a request.
    ///
    /// # Errors
    /// [`Error`].
    pub fn tasks(&mut self, number: i64) -> Result<Vec<TaskRow>, Error> {
        let rows: Vec<RawTask> = self.database.run(|connection| {
            connection
                .prepare_cached(
                    "SELECT event, state, since, date, proof, reason FROM task \
                     WHERE request = ?1 ORDER BY event",
                )?
                .query_map([number], |row| {
                    Ok((
                        row.get(0)?,
                        row.get(1)?,
                        row.get(2)?,
                        row.get(3)?,
                        row.get(4)?,
                        row.get(5)?,
                    ))
                })?
                .collect()
        })?;
        let corrupt = || self.database.corrupt("a notice", "an unknown word or time");
        let row = |(event, state, since, date, proof, reason): RawTask| {
            let date = date.map(|date| date.parse::<Date>()).transpose();
            let reason = reason.map(|name| {
                let mut all = Impossible::ALL.into_iter();
                all.find(|one| one.name() == name).ok_or_else(corrupt)
            });
            Ok(TaskRow {
                event,
                state,
                since: Timestamp::from_microsecond(since).map_err(|_| corrupt())?,
                date: date.map_err(|_| corrupt())?,
                proof,
                reason: reason.transpose()?,
            })
        };
        rows.into_iter().map(row).collect()
    }

    /// Writes what became of a notice, and the stage of its request.
    ///
    /// # Errors
    /// [`Error`]; nothing was written.
    pub fn settle_task(
        &mut self,
        number: i64,
        task: &TaskRow,
        (stage, receipt): (&str, u64),
    ) -> Result<(), Error> {
        let size = self.size;
        self.database.run(|connection| {
            let transaction = connection.transaction()?;
            transaction.execute(
                "UPDATE task SET state = ?3, since = ?4, date = ?5, proof = ?6, reason = ?7 \
                 WHERE request = ?1 AND event = ?2",
                params![
                    number,
                    task.event,
                    task.state,
                    task.since.as_microsecond(),
                    task.date.map(|date| date.to_string()),
                    task.proof,
                    task.reason.map(Impossible::name),
                ],
            )?;
            transaction.execute(
                "UPDATE request SET stage = ?2, receipt = ?3 WHERE number = ?1",
                params![number, stage, receipt.cast_signed()],
            )?;
            write_mark(&transaction, size)?;
            transaction.commit()
        })
    }

    /// Up to `limit` lines of the ledger with numbers above `after`, lowest first.
    ///
    /// # Errors
    /// [`Error`].
    pub fn costs(&mut self, after: u64, limit: u32) -> Result<Vec<CostRow>, Error> {
        let rows = self.database.run(|connection| {
            connection
                .prepare_cached(
                    "SELECT line, time, reference, kind, ground, tariff_code, tariff_version, \
                     cost.quantity, cost.receipt FROM cost JOIN request ON number = request \
                     WHERE line > ?1 ORDER BY line LIMIT ?2",
                )?
                .query_map(params![after.cast_signed(), limit], |row| {
                    let kind = RequestType::parse(row.get_ref(3)?.as_str()?);
                    let time = Timestamp::from_microsecond(row.get(1)?).ok();
                    let line = CostRow {
                        line: row.get::<_, i64>(0)?.cast_unsigned(),
                        time: time.unwrap_or_default(),
                        reference: row.get(2)?,
                        kind: kind.unwrap_or(RequestType::B),
                        ground: row.get(4)?,
                        tariff_code: row.get(5)?,
                        tariff_version: row.get(6)?,
                        quantity: row.get::<_, i64>(7)?.cast_unsigned(),
                        receipt: row.get::<_, i64>(8)?.cast_unsigned(),
                    };
                    Ok((line, kind.is_some() && time.is_some()))
                })?
                .collect::<Result<Vec<_>, _>>()
        })?;
        if rows.iter().any(|(_, whole)| !whole) {
            return Err(self
                .database
                .corrupt("a line of costs", "an unknown word or time"));
        }
        Ok(rows.into_iter().map(|(line, _)| line).collect())
    }
}
