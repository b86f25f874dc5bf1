//! Records of declarations. All are kept; the last one counts.

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, params};

use super::{Catalog, Error, Mark, serials::write_mark};
use crate::model::declaration::Declaration;

impl Catalog {
    /// The last one.
    ///
    /// # Errors
    /// [`Error`].
    pub fn declaration(&mut self) -> Result<Option<Declaration>, Error> {
        let row: Option<(String, String, String, i64, u32, i64)> =
            self.database.run(|connection| {
                connection
                    .query_row(
                        "SELECT reference, date, digest, recorded, uid, receipt FROM declaration \
                         ORDER BY number DESC LIMIT 1",
                        [],
                        |row| {
                            Ok((
                                row.get(0)?,
                                row.get(1)?,
                                row.get(2)?,
                                row.get(3)?,
                                row.get(4)?,
                                row.get(5)?,
                            ))
                        },
                    )
                    .optional()
            })?;
        let Some((reference, date, digest, recorded, uid, receipt)) = row else {
            return Ok(None);
        };
        let corrupt = |error: jiff::Error| self.database.corrupt("a declaration", error);
        Ok(Some(Declaration {
            reference,
            date: date.parse().map_err(corrupt)?,
            digest,
            recorded: Timestamp::from_microsecond(recorded).map_err(corrupt)?,
            uid,
            receipt: receipt.cast_unsigned(),
        }))
    }

    /// Keeps one, with how far the journal is.
    ///
    /// # Errors
    /// [`Error`].
    pub fn keep_declaration(&mut self, declaration: &Declaration, mark: Mark) -> Result<(), Error> {
        self.database.run(|connection| {
            let transaction = connection.transaction()?;
            transaction.execute(
                "INSERT INTO declaration (reference, date, digest, recorded, uid, receipt) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                params![
                    declaration.reference,
                    declaration.date.to_string(),
                    declaration.digest,
                    declaration.recorded.as_microsecond(),
                    declaration.uid,
                    declaration.receipt.cast_signed(),
                ],
            )?;
            write_mark(&transaction, mark)?;
            transaction.commit()
        })
    }
}
