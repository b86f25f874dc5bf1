//! A request as a row.

use rusqlite::Row;

/// Columns of [`Raw::read`].
pub(super) const COLUMNS: &str = "number, reference, kind, issuer, serial, terms, stage, received, receipt, \
                       handovers, file, digest, categories, records, repeat, code, signed, \
                       recipient, quantity";

/// A row whose words are still text.
pub(super) struct Raw {
    pub(super) number: i64,
    pub(super) reference: String,
    pub(super) kind: String,
    pub(super) issuer: String,
    pub(super) serial: i64,
    pub(super) terms: String,
    pub(super) stage: String,
    pub(super) received: i64,
    pub(super) receipt: i64,
    pub(super) handovers: u32,
    pub(super) file: Option<String>,
    pub(super) digest: Option<String>,
    pub(super) categories: Option<String>,
    pub(super) records: Option<i64>,
    pub(super) repeat: bool,
    pub(super) code: Option<String>,
    pub(super) signed: Option<String>,
    pub(super) recipient: Option<String>,
    pub(super) quantity: Option<i64>,
}

impl Raw {
    pub(super) fn read(row: &Row<'_>) -> Result<Self, rusqlite::Error> {
        Ok(Self {
            number: row.get(0)?,
            reference: row.get(1)?,
            kind: row.get(2)?,
            issuer: row.get(3)?,
            serial: row.get(4)?,
            terms: row.get(5)?,
            stage: row.get(6)?,
            received: row.get(7)?,
            receipt: row.get(8)?,
            handovers: row.get(9)?,
            file: row.get(10)?,
            digest: row.get(11)?,
            categories: row.get(12)?,
            records: row.get(13)?,
            repeat: row.get(14)?,
            code: row.get(15)?,
            signed: row.get(16)?,
            recipient: row.get(17)?,
            quantity: row.get(18)?,
        })
    }
}
