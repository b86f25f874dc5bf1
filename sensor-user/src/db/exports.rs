//! Answers that wait to be taken away.

use jiff::Timestamp;
use rusqlite::params;

use super::{Error, Requests};

/// How `requests.db` came to be as it is.
pub(super) const MIGRATIONS: [&str; 4] = [
    include_str!("requests.sql"),
    include_str!("requests_2.sql"),
    include_str!("requests_bound.sql"),
    include_str!("requests_exports.sql"),
];

/// A file that waits to be taken away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Export {
    /// Its whole path.
    pub path: String,
    /// Number of its request.
    pub request: i64,
    /// Reference of its request.
    pub reference: String,
    /// When it was put there.
    pub since: Timestamp,
    /// Ids of the events in it.
    pub events: Vec<String>,
}

impl Requests {
    /// Notes a file that is about to be put into its place.
    ///
    /// # Errors
    /// [`Error`]; nothing was noted.
    pub fn note_export(&mut self, export: &Export) -> Result<(), Error> {
        let events = serde_json::to_string(&export.events).expect("ids are plain JSON");
        self.database.run(|connection| {
            connection
                .execute(
                    "INSERT OR REPLACE INTO export (path, request, since, events) \
                     VALUES (?1, ?2, ?3, ?4)",
                    params![
                        export.path,
                        export.request,
                        export.since.as_microsecond(),
                        events
                    ],
                )
                .map(drop)
        })
    }

    /// Every file that waits.
    ///
    /// # Errors
    /// [`Error`].
    pub fn exports(&mut self) -> Result<Vec<Export>, Error> {
        type Raw = (String, i64, String, i64, String);
        let rows: Vec<Raw> = self.database.run(|connection| {
            connection
                .prepare_cached(
                    "SELECT path, request, reference, since, events FROM export \
                     JOIN request ON number = request ORDER BY since, path",
                )?
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
        let corrupt = || {
            self.database
                .corrupt("an export", "an unknown time or list")
        };
        let export = |(path, request, reference, since, events): Raw| {
            Ok(Export {
                path,
                request,
                reference,
                since: Timestamp::from_microsecond(since).map_err(|_| corrupt())?,
                events: serde_json::from_str(&events).map_err(|_| corrupt())?,
            })
        };
        rows.into_iter().map(export).collect()
    }

    /// Forgets a file that is gone.
    ///
    /// # Errors
    /// [`Error`].
    pub fn forget_export(&mut self, path: &str) -> Result<(), Error> {
        self.database.run(|connection| {
            connection
                .execute("DELETE FROM export WHERE path = ?1", [path])
                .map(drop)
        })
    }
}
