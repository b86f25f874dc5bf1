//! `sensorctl declaration`: what the authority is told of the device, and that it was.

use std::fmt::Write as _;

use bytes::Bytes;
use hyper::Method;
use jiff::civil::Date;

use super::{
    args::Declaration,
    client::read,
    commands::Session,
    failure::Error,
    print::{self, Out, clean, short},
};
use crate::{
    legal,
    model::declaration::{DeclarationRecord, DeclarationReport, Declared},
};

const TARGET: &str = "/v1/declaration";

/// Does one command.
///
/// # Errors
/// Why it could not be done.
pub(super) async fn run(session: &Session, command: Declaration) -> Result<(), Error> {
    match command {
        Declaration::Export => session.show(TARGET, document).await.map(drop),
        Declaration::Show => session.show(TARGET, sentence).await.map(drop),
        Declaration::Record {
            reference,
            date,
            digest,
        } => record(session, reference, date, digest).await,
    }
}

/// The document that the authority gets.
#[must_use]
pub fn document(report: &DeclarationReport, _: &Out) -> String {
    legal::markdown(&report.facts, &report.digest)
}

/// Where the declaration stands.
#[must_use]
pub fn sentence(report: &DeclarationReport, _: &Out) -> String {
    let state = match report.declared {
        Declared::Current => "the device is declared as it is",
        Declared::Outdated => {
            "the configuration is no longer what was declared: nothing is attached anew, no marker is in force"
        }
        Declared::Missing => {
            "no declaration is recorded: nothing is attached anew, no marker is in force"
        }
    };
    let mut text = format!(
        "{state}\ndigest of the facts of now: {}",
        clean(&report.digest)
    );
    if let Some(record) = &report.record {
        // Writing to a string does not fail.
        let _ = write!(
            text,
            "\n{}",
            print::fields(&[
                ("reference", clean(&record.reference)),
                ("date", record.date.to_string()),
                (
                    "recorded",
                    format!("{:.0} by user {}", record.recorded, record.uid)
                ),
                ("digest", short(&record.digest)),
                ("journal entry", record.receipt.to_string()),
            ])
        );
    }
    if report.declared != Declared::Current {
        text.push_str(
            "\nsend the authority what `sensorctl declaration export` prints, then `sensorctl declaration record`",
        );
    }
    text
}

async fn record(
    session: &Session,
    reference: String,
    date: Date,
    digest: Option<String>,
) -> Result<(), Error> {
    let record = DeclarationRecord {
        reference,
        date,
        digest,
    };
    let body = serde_json::to_vec(&record).map_err(|error| Error::Usage(error.to_string()))?;
    let body = Bytes::from(body);
    let bytes = session.client.call(Method::POST, TARGET, body).await?;
    let report: DeclarationReport = read(&bytes)?;
    session
        .out
        .answer(&bytes, || sentence(&report, &session.out))
}
