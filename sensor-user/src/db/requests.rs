//! `requests.db`: the authority's requests, their approvals and notices, and the ledger of costs.

use std::path::Path;

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, params};

use super::{
    Database, Error,
    case_rows::{COLUMNS, Raw},
    handover::{Cost, Handover, write_cost, write_handover},
    requests_mark::write_mark,
};
use crate::model::{
    RequestTerms, RequestType,
    request::{ApprovalRow, Capacity, CaseRow},
};

/// `requests.db`.
pub struct Requests {
    pub(super) database: Database,
    /// Entries of the journal, as far as is known.
    pub(super) size: Option<u64>,
}

/// A request as it stands in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// Its number.
    pub number: i64,
    /// All of it.
    pub row: CaseRow,
    /// SHA-256 of the last export file, hexadecimal.
    pub digest: Option<String>,
    /// Categories of the data in it.
    pub categories: Vec<String>,
    /// It may have been disclosed before.
    pub repeat: bool,
    /// SHA-256 of the key that the last answer is encrypted to, hexadecimal.
    pub recipient: Option<String>,
    /// Events that the last answer was for.
    pub quantity: Option<u64>,
}

/// A request that is accepted.
#[derive(Clone, Copy, Debug)]
pub struct NewCase<'a> {
    /// What it says.
    pub terms: &'a RequestTerms,
    /// Who signed it.
    pub issuer: &'a str,
    /// Serial of its envelope.
    pub serial: u64,
    /// Digest of its envelope.
    pub digest: [u8; 32],
    /// The envelope itself.
    pub envelope: &'a [u8],
    /// Its first stage.
    pub stage: &'a str,
    /// When it came.
    pub received: Timestamp,
    /// Index of the journal entry.
    pub receipt: u64,
}

/// What one step writes, whole or not at all.
#[derive(Clone, Copy, Debug, Default)]
pub struct CaseStep<'a> {
    /// The stage afterwards.
    pub stage: &'a str,
    /// Index of the journal entry; as before where there is none.
    pub receipt: Option<u64>,
    /// An approval that is new.
    pub approval: Option<(Capacity, u32, Timestamp)>,
    /// Approvals of before count no more.
    pub forget_approvals: bool,
    /// A handover that begins.
    pub handover: Option<Handover<'a>>,
    /// What was disclosed: records, and its line in the ledger.
    pub done: Option<(u64, Cost<'a>)>,
    /// Every task of it is handed over, at this time.
    pub handed_tasks: Option<Timestamp>,
    /// Why it came to nothing.
    pub code: Option<&'a str>,
}

/// A serial, and the digest of the envelope that had it, where it is known.
pub type LastSerial = (u64, Option<[u8; 32]>);

impl Requests {
    /// Opens or creates the file in a directory.
    ///
    /// # Errors
    /// [`Error`].
    pub fn open(directory: &Path) -> Result<Self, Error> {
        let path = directory.join("requests.db");
        let database = Database::open(&path, &super::exports::MIGRATIONS)?;
        Ok(Self {
            database,
            size: None,
        })
    }

    /// Serial and digest of the last request of an issuer and type; no digest where the serial came from
    /// the journal.
    ///
    /// # Errors
    /// [`Error`].
    pub fn serial(&mut self, issuer: &str, kind: RequestType) -> Result<Option<LastSerial>, Error> {
        self.database.run(|connection| {
            connection
                .prepare_cached(
                    "SELECT serial, digest FROM serial WHERE issuer = ?1 AND kind = ?2",
                )?
                .query_row([issuer, kind.name()], |row| {
                    let digest: [u8; 32] = row.get(1)?;
                    let known = Some(digest).filter(|digest| *digest != [0; 32]);
                    Ok((row.get::<_, i64>(0)?.cast_unsigned(), known))
                })
                .optional()
        })
    }

    /// Keeps a new request, and its serial.
    ///
    /// # Errors
    /// [`Error`]; nothing was kept.
    pub fn insert(&mut self, case: &NewCase<'_>) -> Result<(), Error> {
        let terms = serde_json::to_string(case.terms).expect("terms are plain JSON");
        let kind = case.terms.kind.name();
        let received = case.received.as_microsecond();
        let size = self.size;
        self.database.run(|connection| {
            let transaction = connection.transaction()?;
            transaction.execute(
                "INSERT INTO request (reference, kind, issuer, serial, terms, stage, received, \
                 receipt, handovers, envelope, signed) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 0, ?9, lower(hex(?10)))",
                params![
                    case.terms.reference,
                    kind,
                    case.issuer,
                    case.serial.cast_signed(),
                    terms,
                    case.stage,
                    received,
                    case.receipt.cast_signed(),
                    case.envelope,
                    case.digest,
                ],
            )?;
            let number = transaction.last_insert_rowid();
            for event in &case.terms.events {
                transaction.execute(
                    "INSERT INTO task (request, event, state, since) \
                     VALUES (?1, ?2, 'requested', ?3)",
                    params![number, event, received],
                )?;
            }
            transaction.execute(
                "INSERT OR REPLACE INTO serial (issuer, kind, serial, digest) \
                 VALUES (?1, ?2, ?3, ?4)",
                params![case.issuer, kind, case.serial.cast_signed(), case.digest],
            )?;
            write_mark(&transaction, size)?;
            transaction.commit()
        })
    }

    /// A request by its reference.
    ///
    /// # Errors
    /// [`Error`].
    pub fn case(&mut self, reference: &str) -> Result<Option<Case>, Error> {
        let sql = format!("SELECT {COLUMNS} FROM request WHERE reference = ?1");
        let raw = self.database.run(|connection| {
            connection
                .prepare_cached(&sql)?
                .query_row([reference], Raw::read)
                .optional()
        })?;
        raw.map(|raw| self.whole(raw)).transpose()
    }

    /// The envelope of a request, as it came; none where a former version did not keep it.
    ///
    /// # Errors
    /// [`Error`].
    pub fn envelope(&mut self, number: i64) -> Result<Option<Vec<u8>>, Error> {
        self.database.run(|connection| {
            connection.query_row(
                "SELECT envelope FROM request WHERE number = ?1",
                [number],
                |row| row.get(0),
            )
        })
    }

    /// Up to `limit` requests with numbers above `after`, lowest first.
    ///
    /// # Errors
    /// [`Error`].
    pub fn cases(&mut self, after: i64, limit: u32) -> Result<Vec<Case>, Error> {
        self.cases_of(&RequestType::ALL, after, limit)
    }

    /// The same of these types only.
    ///
    /// # Errors
    /// [`Error`].
    pub fn cases_of(
        &mut self,
        kinds: &[RequestType],
        after: i64,
        limit: u32,
    ) -> Result<Vec<Case>, Error> {
        let names: Vec<String> = kinds
            .iter()
            .map(|one| format!("'{}'", one.name()))
            .collect();
        let names = names.join(", ");
        let sql = format!(
            "SELECT {COLUMNS} FROM request WHERE number > ?1 AND kind IN ({names}) \
             ORDER BY number LIMIT ?2"
        );
        let raw: Vec<Raw> = self.database.run(|connection| {
            connection
                .prepare_cached(&sql)?
                .query_map(params![after, limit], Raw::read)?
                .collect()
        })?;
        raw.into_iter().map(|raw| self.whole(raw)).collect()
    }

    /// Writes a step, whole or not at all.
    ///
    /// # Errors
    /// [`Error`]; nothing was written.
    pub fn step(&mut self, number: i64, step: &CaseStep<'_>) -> Result<(), Error> {
        let size = self.size;
        self.database.run(|connection| {
            let transaction = connection.transaction()?;
            transaction.execute(
                "UPDATE request SET stage = ?2, receipt = coalesce(?3, receipt), code = ?4 \
                 WHERE number = ?1",
                params![
                    number,
                    step.stage,
                    step.receipt.map(u64::cast_signed),
                    step.code
                ],
            )?;
            if step.forget_approvals {
                transaction.execute("DELETE FROM approval WHERE request = ?1", [number])?;
            }
            if let Some((capacity, uid, at)) = step.approval {
                transaction.execute(
                    "INSERT INTO approval (request, capacity, uid, at) VALUES (?1, ?2, ?3, ?4)",
                    params![number, capacity.name(), uid, at.as_microsecond()],
                )?;
            }
            if let Some(handover) = &step.handover {
                write_handover(&transaction, number, handover)?;
            }
            if let Some(at) = step.handed_tasks {
                transaction.execute(
                    "UPDATE task SET state = 'handed_over', since = ?2 WHERE request = ?1",
                    params![number, at.as_microsecond()],
                )?;
            }
            if let Some((records, cost)) = &step.done {
                write_cost(&transaction, number, *records, cost, step.receipt)?;
            }
            write_mark(&transaction, size)?;
            transaction.commit()
        })
    }

    /// Notes how many handovers a journal knows of, where it knows of more.
    ///
    /// # Errors
    /// [`Error`].
    pub fn at_least_handovers(&mut self, number: i64, handovers: u32) -> Result<(), Error> {
        self.database.run(|connection| {
            connection
                .execute(
                    "UPDATE request SET handovers = max(handovers, ?2) WHERE number = ?1",
                    params![number, handovers],
                )
                .map(drop)
        })
    }

    /// Whether another request may have disclosed the same of one of these events before: B or C, or A.
    ///
    /// # Errors
    /// [`Error`].
    pub fn disclosed_before(
        &mut self,
        number: i64,
        kind: RequestType,
        events: &[String],
    ) -> Result<bool, Error> {
        self.database.run(|connection| {
            let mut select = connection.prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM task JOIN request ON number = request \
                 WHERE event = ?1 AND number <> ?3 AND handovers > 0 \
                 AND replace(kind, '-c', '-b') = replace(?2, '-c', '-b'))",
            )?;
            for event in events {
                if select.query_row(params![event, kind.name(), number], |row| row.get(0))? {
                    return Ok(true);
                }
            }
            Ok(false)
        })
    }

    fn whole(&mut self, raw: Raw) -> Result<Case, Error> {
        let corrupt = || {
            self.database
                .corrupt("a request", "an unknown word or time")
        };
        let kind = RequestType::parse(&raw.kind).ok_or_else(corrupt)?;
        let terms = serde_json::from_str(&raw.terms).map_err(|_| corrupt())?;
        let received = Timestamp::from_microsecond(raw.received).map_err(|_| corrupt())?;
        let approvals = self.approvals(raw.number)?;
        let tasks = match kind {
            RequestType::Notice => self.tasks(raw.number)?,
            _ => Vec::new(),
        };
        let categories = raw.categories.as_deref().unwrap_or_default();
        Ok(Case {
            number: raw.number,
            digest: raw.digest,
            categories: categories.split_whitespace().map(str::to_owned).collect(),
            repeat: raw.repeat,
            recipient: raw.recipient,
            quantity: raw.quantity.map(i64::cast_unsigned),
            row: CaseRow {
                reference: raw.reference,
                kind,
                terms,
                issuer: raw.issuer,
                serial: raw.serial.cast_unsigned(),
                envelope: raw.signed.unwrap_or_default(),
                stage: raw.stage,
                received,
                approvals,
                handovers: raw.handovers,
                file: raw.file,
                records: raw.records.map(i64::cast_unsigned),
                code: raw.code,
                receipt: raw.receipt.cast_unsigned(),
                tasks,
            },
        })
    }

    fn approvals(&mut self, number: i64) -> Result<Vec<ApprovalRow>, Error> {
        let rows: Vec<(String, u32, i64)> = self.database.run(|connection| {
            connection
                .prepare_cached(
                    "SELECT capacity, uid, at FROM approval WHERE request = ?1 ORDER BY at",
                )?
                .query_map([number], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
                .collect()
        })?;
        let corrupt = || {
            self.database
                .corrupt("an approval", "an unknown word or time")
        };
        let row = |(name, uid, at): (String, u32, i64)| {
            let mut all = Capacity::ALL.into_iter();
            Ok(ApprovalRow {
                capacity: all.find(|one| one.name() == name).ok_or_else(corrupt)?,
                uid,
                at: Timestamp::from_microsecond(at).map_err(|_| corrupt())?,
            })
        };
        rows.into_iter().map(row).collect()
    }
}
