//! What goes out for a request: the handover, what is kept of it for oversight, its line in the ledger.

use jiff::Timestamp;
use rusqlite::{Transaction, params};

use super::{Error, Requests};

/// A handover that begins: all that is needed to tell later what was in it.
#[derive(Clone, Copy, Debug)]
pub struct Handover<'a> {
    /// Name of the file.
    pub file: &'a str,
    /// Its SHA-256, hexadecimal.
    pub digest: &'a str,
    /// Categories of the data.
    pub categories: &'a [String],
    /// Records.
    pub records: u64,
    /// It may have been disclosed before.
    pub repeat: bool,
    /// What is kept of it for oversight: a signed note.
    pub manifest: Option<&'a str>,
    /// SHA-256 of the key that it is encrypted to, hexadecimal; a work list is not.
    pub recipient: Option<&'a str>,
    /// Events that are answered for.
    pub quantity: u64,
}

/// A line of the ledger.
#[derive(Clone, Copy, Debug)]
pub struct Cost<'a> {
    /// When.
    pub time: Timestamp,
    /// Code in the tariff.
    pub tariff_code: &'a str,
    /// Version of the tariff.
    pub tariff_version: &'a str,
    /// Events that were answered for.
    pub quantity: u64,
}

impl Requests {
    /// What is kept for oversight of each handover of a request, in their order: number and signed
    /// note.
    ///
    /// # Errors
    /// [`Error`].
    pub fn manifests(&mut self, number: i64) -> Result<Vec<(u32, String)>, Error> {
        self.database.run(|connection| {
            connection
                .prepare_cached(
                    "SELECT handover, note FROM manifest WHERE request = ?1 ORDER BY handover",
                )?
                .query_map([number], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect()
        })
    }
}

pub(super) fn write_handover(
    transaction: &Transaction<'_>,
    number: i64,
    handover: &Handover<'_>,
) -> Result<(), rusqlite::Error> {
    if let Some(note) = handover.manifest {
        transaction.execute(
            "INSERT OR REPLACE INTO manifest (request, handover, note) \
             SELECT number, handovers + 1, ?2 FROM request WHERE number = ?1",
            params![number, note],
        )?;
    }
    transaction
        .execute(
            "UPDATE request SET handovers = handovers + 1, file = ?2, digest = ?3, \
             categories = ?4, records = ?5, repeat = ?6, recipient = ?7, quantity = ?8 \
             WHERE number = ?1",
            params![
                number,
                handover.file,
                handover.digest,
                handover.categories.join(" "),
                handover.records.cast_signed(),
                handover.repeat,
                handover.recipient,
                handover.quantity.cast_signed(),
            ],
        )
        .map(drop)
}

pub(super) fn write_cost(
    transaction: &Transaction<'_>,
    number: i64,
    records: u64,
    cost: &Cost<'_>,
    receipt: Option<u64>,
) -> Result<(), rusqlite::Error> {
    transaction.execute(
        "UPDATE request SET records = ?2 WHERE number = ?1",
        [number, records.cast_signed()],
    )?;
    transaction
        .execute(
            "INSERT INTO cost (time, request, ground, tariff_code, tariff_version, quantity, \
             receipt) SELECT ?2, number, json_extract(terms, '$.ground'), ?3, ?4, ?5, ?6 \
             FROM request WHERE number = ?1",
            params![
                number,
                cost.time.as_microsecond(),
                cost.tariff_code,
                cost.tariff_version,
                cost.quantity.cast_signed(),
                receipt.unwrap_or_default().cast_signed(),
            ],
        )
        .map(drop)
}
