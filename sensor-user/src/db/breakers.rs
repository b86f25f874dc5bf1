//! Circuit breakers that are open: they outlive the agent.

use jiff::Timestamp;
use rusqlite::params;

use super::{Catalog, Error, Mark, serials::write_mark};
use crate::model::PatternId;

/// An open circuit breaker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breaker {
    /// The pattern whose hits go no further.
    pub pattern: PatternId,
    /// Id of one of its markers, when it was opened.
    pub marker: String,
    /// Since when.
    pub since: Timestamp,
    /// Opened by the agent, not by an operator.
    pub automatic: bool,
    /// Index of the journal entry, which names neither marker nor pattern.
    pub receipt: u64,
}

impl Catalog {
    /// All that are open.
    ///
    /// # Errors
    /// [`Error`].
    pub fn breakers(&mut self) -> Result<Vec<Breaker>, Error> {
        let rows: Vec<([u8; 8], String, i64, bool, i64)> = self.database.run(|connection| {
            connection
                .prepare_cached("SELECT pattern, marker, since, automatic, receipt FROM breaker")?
                .query_map([], |row| {
                    Ok((
                        row.get(0)?,
                        row.get(1)?,
                        row.get(2)?,
                        row.get(3)?,
                        row.get(4)?,
                    ))
                })?
                .collect()
        })?;
        rows.into_iter()
            .map(|(pattern, marker, since, automatic, receipt)| {
                let since = Timestamp::from_microsecond(since)
                    .map_err(|error| self.database.corrupt("a breaker", error))?;
                Ok(Breaker {
                    pattern: PatternId(u64::from_be_bytes(pattern)),
                    marker,
                    since,
                    automatic,
                    receipt: receipt.cast_unsigned(),
                })
            })
            .collect()
    }

    /// Keeps one that was opened, with how far the journal is.
    ///
    /// # Errors
    /// [`Error`].
    pub fn keep_breaker(&mut self, breaker: &Breaker, mark: Mark) -> Result<(), Error> {
        self.database.run(|connection| {
            let transaction = connection.transaction()?;
            transaction.execute(
                "INSERT OR REPLACE INTO breaker (pattern, marker, since, automatic, receipt) \
                 VALUES (?1, ?2, ?3, ?4, ?5)",
                params![
                    breaker.pattern.0.to_be_bytes(),
                    breaker.marker,
                    breaker.since.as_microsecond(),
                    breaker.automatic,
                    breaker.receipt.cast_signed()
                ],
            )?;
            write_mark(&transaction, mark)?;
            transaction.commit()
        })
    }

    /// Forgets one that was closed, with how far the journal is.
    ///
    /// # Errors
    /// [`Error`].
    pub fn forget_breaker(&mut self, pattern: PatternId, mark: Mark) -> Result<(), Error> {
        self.database.run(|connection| {
            let transaction = connection.transaction()?;
            transaction.execute(
                "DELETE FROM breaker WHERE pattern = ?1",
                [pattern.0.to_be_bytes()],
            )?;
            write_mark(&transaction, mark)?;
            transaction.commit()
        })
    }
}
