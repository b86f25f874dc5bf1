//! `sensorctl journal`: reading it, and holding it to what it signed, with or without any daemon.

use std::{fs, io, path::Path};

use serde_json::{Value, json};

use super::{
    args::{Journal, Verify},
    commands::Session,
    failure::Error,
    print::{self, Out},
};
use crate::{
    crypto::{VerifierKey, hex, unhex},
    journal::{Checkpoint, Hash, Head, Held, Report, Verifier, merkle, verify_copy},
    model::request::{JournalCheckpoint, JournalPage, JournalProof, JournalRow, Page},
};

/// Most silences in the text of an answer; the JSON has a hundred.
const TOLD: usize = 5;

/// Does one command.
///
/// # Errors
/// Why it could not be done.
pub async fn run(session: &Session, command: Journal) -> Result<(), Error> {
    match command {
        Journal::Show { from, limit } => {
            let target = format!("/v1/journal?from={from}&limit={limit}");
            let table = |page: &JournalPage, out: &Out| print::journal(page, out);
            session.show(&target, table).await.map(drop)
        }
        Journal::Follow { from } => follow(session, from).await,
        Journal::Checkpoint { key } => {
            let text = |it: &JournalCheckpoint, _: &Out| match key {
                true => it.key.clone(),
                false => it.checkpoint.clone(),
            };
            session.show("/v1/journal/checkpoint", text).await.map(drop)
        }
        Journal::Proof { index, from, size } => proof(session, index, from, size).await,
        Journal::Verify(what) => verify(session, &what).await,
    }
}

async fn follow(session: &Session, from: u64) -> Result<(), Error> {
    let each = |line: &[u8]| {
        if session.out.json {
            return session.out.line(line);
        }
        let row: JournalRow = super::client::read(line)?;
        session.out.line(print::journal_row(&row).as_bytes())
    };
    let target = format!("/v1/journal/follow?from={from}");
    session.client.lines(&target, each).await?;
    Err(Error::Ended)
}

/// Fetches a proof and checks it: what is shown holds.
async fn proof(
    session: &Session,
    index: Option<u64>,
    from: Option<u64>,
    size: Option<u64>,
) -> Result<(), Error> {
    let what = match (index, from) {
        (Some(index), _) => format!("index={index}"),
        (None, from) => format!("from={}", from.unwrap_or(0)),
    };
    let size = size.map(|size| format!("&size={size}")).unwrap_or_default();
    let target = format!("/v1/journal/proof?{what}{size}");
    let (proof, bytes) = session.client.get::<JournalProof>(&target).await?;
    if !holds(&proof, index.is_some()) {
        return Err(Error::Journal {
            code: "edited",
            sentence: "the proof that the sensor gives does not hold".into(),
        });
    }
    session.out.answer(&bytes, || {
        let JournalProof {
            size,
            root,
            of,
            hash,
            proof,
        } = &proof;
        let path = proof.join("\n");
        let what = if index.is_some() {
            "holds entry"
        } else {
            "continues size"
        };
        format!("the journal of {size} entries, root {root}\n{what} {of}, hash {hash}\n{path}")
    })
}

fn holds(proof: &JournalProof, includes: bool) -> bool {
    let hash = |text: &String| unhex(text).ok().and_then(|hash| Hash::try_from(hash).ok());
    let path: Option<Vec<Hash>> = proof.proof.iter().map(hash).collect();
    let (Some(path), Some(root), Some(of)) = (path, hash(&proof.root), hash(&proof.hash)) else {
        return false;
    };
    if includes {
        merkle::verify_inclusion(&of, proof.of, proof.size, &path, &root)
    } else {
        merkle::verify_consistency((proof.of, &of), (proof.size, &root), &path)
    }
}

/// Verifies and tells what it found; what does not prove itself is an error.
async fn verify(session: &Session, what: &Verify) -> Result<(), Error> {
    let key = what.key.as_deref().map(pinned).transpose()?;
    let against = what.against.as_deref();
    let against = against.map(|text| held(text, key.as_ref())).transpose()?;
    let found = match &what.dir {
        Some(dir) => verify_copy(dir, &Held { key, against }).map_err(|error| Error::Journal {
            code: error.code(),
            sentence: error.to_string(),
        }),
        None => over_socket(session, against).await,
    };
    match found {
        Ok(report) => {
            let json = document(&report).to_string();
            session.out.answer(json.as_bytes(), || text(&report))
        }
        Err(error) => {
            if let (Error::Journal { code, sentence }, true) = (&error, session.out.json) {
                let json = json!({"intact": false, "code": code, "error": sentence});
                session.out.line(json.to_string().as_bytes())?;
            }
            Err(error)
        }
    }
}

/// A key, or the file that holds one.
fn pinned(text: &str) -> Result<VerifierKey, Error> {
    let bad = |reason: &dyn ToString| Error::Key {
        path: "--key".into(),
        reason: reason.to_string(),
    };
    let parsed = VerifierKey::parse(text);
    if parsed.is_ok() || !Path::new(text).exists() {
        return parsed.map_err(|error| bad(&error));
    }
    VerifierKey::parse(read(text)?.trim()).map_err(|error| bad(&error))
}

/// An earlier state: `SIZE:ROOT`, or the file of a checkpoint, which the pinned key must have signed.
fn held(text: &str, key: Option<&VerifierKey>) -> Result<Head, Error> {
    if let Some((size, root)) = text.split_once(':')
        && let (Ok(size), Some(root)) = (size.parse(), unhex(root).ok())
    {
        let usage = |_| Error::Usage("--against takes SIZE:ROOT with a root of 32 bytes".into());
        let root = Hash::try_from(root).map_err(usage)?;
        return Ok(Head { size, root });
    }
    let read = Checkpoint::read(&read(text)?, key).map_err(|error| Error::Key {
        path: text.to_owned(),
        reason: error.to_string(),
    });
    read.map(|checkpoint| checkpoint.head)
}

fn read(path: &str) -> Result<String, Error> {
    fs::read_to_string(path).map_err(|source: io::Error| Error::Input {
        path: path.to_owned(),
        source,
    })
}

fn document(report: &Report) -> Value {
    let silences = report.silences.iter().map(|one| {
        json!({
            "after": one.after,
            "from": one.from.to_string(),
            "until": one.until.to_string(),
            "crash": one.crash,
        })
    });
    let steps_back = report.steps_back.iter().map(|one| {
        json!({
            "index": one.index,
            "from": one.from.to_string(),
            "until": one.until.to_string(),
        })
    });
    json!({
        "intact": true,
        "size": report.head.size,
        "root": hex(&report.head.root),
        "signed": report.signed,
        "last_entry": report.end.map(|(time, _)| time.to_string()),
        "stopped": report.end.map(|(_, stopped)| stopped),
        "silences": silences.collect::<Vec<_>>(),
        "silent": report.silent,
        "steps_back": steps_back.collect::<Vec<_>>(),
        "back": report.back,
    })
}

fn text(report: &Report) -> String {
    let Head { size, root } = report.head;
    let mut text = format!("journal intact: {size} entries, root {}", hex(&root));
    if let Some(signed) = report.signed {
        text += &format!("\nsigned by the pinned key up to {signed} entries");
        if signed < size {
            text += &format!("; the {} behind them are not signed yet", size - signed);
        }
    }
    if let Some((time, stopped)) = report.end {
        let how = if stopped {
            "behind an orderly stop"
        } else {
            "no stop is said behind it"
        };
        text += &format!("\nlast entry {time}, {how}");
    }
    for one in report.silences.iter().take(TOLD) {
        let why = match one.crash {
            true => "the agent did not say that it stops",
            false => "no heartbeat came",
        };
        text += &format!(
            "\nsilence behind entry {}, {} to {}: {why}",
            one.after, one.from, one.until
        );
    }
    for one in report.steps_back.iter().take(TOLD) {
        text += &format!(
            "\ntime goes back at entry {}, from {} to {}",
            one.index, one.from, one.until
        );
    }
    let more = report.back.saturating_sub(TOLD as u64);
    if more > 0 {
        text += &format!("\n{more} more steps back; --json lists them");
    }
    let more = report.silent.saturating_sub(TOLD as u64);
    if more > 0 {
        text += &format!("\n{more} more silences; --json lists them");
    }
    text
}

/// Fetches every entry and holds them against the head that the sensor told first: reading adds
/// entries, which come after it. An entry outside one's scopes counts by its leaf hash.
async fn over_socket(session: &Session, against: Option<Head>) -> Result<Report, Error> {
    let wrong = |code, sentence: String| Error::Journal { code, sentence };
    let mut verifier = Verifier::new(against.map(|head| (head.size, head.root)));
    let mut told: Option<(u64, String)> = None;
    let mut next = 0;
    loop {
        let target = format!("/v1/journal?from={next}&limit={}", Page::MOST);
        let (page, _) = session.client.get::<JournalPage>(&target).await?;
        let (size, root) = told.get_or_insert((page.size, page.root)).clone();
        for row in &page.rows {
            if next == size {
                break;
            }
            let taken = verifier.row(row);
            taken.map_err(|fault| wrong(fault.code(), format!("entry {next}: {fault}")))?;
            next += 1;
        }
        if next < size && !page.rows.is_empty() {
            continue;
        }
        let report = verifier.report();
        let head = verifier.finish();
        let head = head.map_err(|fault| wrong(fault.code(), fault.to_string()))?;
        if head.size != size || hex(&head.root) != root {
            let sentence = "the entries do not make the root that the sensor told";
            return Err(wrong("edited", sentence.into()));
        }
        return Ok(report);
    }
}
