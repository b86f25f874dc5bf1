//! What is submitted as an order: a line of JSON, then the marker file; or the terms in a signed
//! envelope.

use std::io::{self, BufRead as _, BufReader, Read as _};

use jiff::{Span, Timestamp, tz::TimeZone};

use super::super::Error;
use crate::envelope;
use crate::model::{
    Moment, Order, OrderNumber, OrderTerms, Pap, Spool, Tlp,
    request::{Format, OrderManifest, Refusal},
};

/// Longest reference, bytes.
const LONGEST: usize = OrderTerms::LONGEST_REFERENCE;
/// Longest first line, bytes.
const LONGEST_LINE: u64 = 4 << 20;

/// An order as submitted, checked.
#[derive(Debug)]
pub(super) struct Manifest {
    pub reference: String,
    pub format: Format,
    /// Ids of markers already held.
    pub names: Vec<String>,
    /// Serial of the signed envelope that it came in.
    pub serial: Option<u64>,
    issuer: String,
    threat_reference: Option<String>,
    start: Moment,
    end: Moment,
    tlp: Tlp,
    pub pap: Pap,
}

impl Manifest {
    /// The terms of an order in a verified envelope.
    pub fn of(
        terms: &OrderTerms,
        envelope: &envelope::Manifest,
        now: Timestamp,
    ) -> Result<Self, Error> {
        let end = terms.end().filter(|end| now < *end).ok_or_else(over)?;
        let mut names: Vec<String> = terms.markers.iter().map(ToString::to_string).collect();
        names.sort_unstable();
        names.dedup();
        Ok(Self {
            reference: terms.reference.clone(),
            format: envelope.format.unwrap_or_default(),
            names,
            serial: Some(envelope.serial),
            issuer: envelope.issuer.clone(),
            threat_reference: terms.threat_reference.clone(),
            start: terms.start.into(),
            end: end.into(),
            tlp: terms.tlp.unwrap_or_default(),
            pap: terms.pap.unwrap_or_default(),
        })
    }

    /// The first line of what is submitted by hand.
    pub fn read(line: &[u8], now: Timestamp) -> Result<Self, Error> {
        let manifest: OrderManifest = serde_json::from_slice(line).map_err(|error| {
            // The message of a data error may repeat a value.
            let what = format!("column {}: not what is expected there", error.column());
            refused(
                "manifest",
                "bad_manifest",
                &format!("the first line is no manifest of an order, {what}"),
            )
        })?;
        text("reference", &manifest.reference)?;
        text("issuer", &manifest.issuer)?;
        if let Some(threat) = &manifest.threat_reference {
            text("threat_reference", threat)?;
        }
        let start = manifest.start.unwrap_or(now);
        let end = end_of(start, &manifest.duration)?;
        if end <= now {
            return Err(over());
        }
        let tlp = manifest.tlp.as_deref().map(|name| {
            let reason = "none of CLEAR, GREEN, AMBER, AMBER+STRICT, RED";
            Tlp::parse(name).ok_or_else(|| refused("tlp", "bad_tlp", reason))
        });
        let pap = manifest.pap.as_deref().map(|name| {
            let reason = "none of CLEAR, GREEN, AMBER, RED";
            Pap::parse(name).ok_or_else(|| refused("pap", "bad_pap", reason))
        });
        let mut names = manifest.markers;
        names.sort_unstable();
        names.dedup();
        Ok(Self {
            reference: manifest.reference,
            format: manifest.format,
            names,
            serial: None,
            issuer: manifest.issuer,
            threat_reference: manifest.threat_reference,
            start: start.into(),
            end: end.into(),
            tlp: tlp.transpose()?.unwrap_or_default(),
            pap: pap.transpose()?.unwrap_or_default(),
        })
    }

    /// The order, not yet acknowledged.
    pub fn order(&self) -> Order {
        Order {
            number: OrderNumber::OWN,
            reference: self.reference.clone(),
            issuer: self.issuer.clone(),
            threat_reference: self.threat_reference.clone(),
            start: self.start,
            end: self.end,
            tlp: self.tlp,
            pap: self.pap,
            acknowledged: self.start,
            receipt: 0,
            serial: self.serial,
            withdrawn: None,
            over: false,
        }
    }
}

fn over() -> Error {
    let reason = "start and duration lie in the past";
    refused("duration", "order_over", reason)
}

/// The first line of a body, and where its marker file begins, if it has one.
pub(super) fn split(body: &Spool) -> Result<(Vec<u8>, Option<u64>), Error> {
    let mut line = Vec::new();
    let mut input = BufReader::new(body.reader());
    let read = |error: io::Error| Error::Internal(format!("the body cannot be read back: {error}"));
    (&mut input)
        .take(LONGEST_LINE + 1)
        .read_until(b'\n', &mut line)
        .map_err(read)?;
    if line.len() as u64 > LONGEST_LINE {
        let reason = "the first line is longer than 4 MiB";
        return Err(refused("manifest", "bad_manifest", reason));
    }
    let at = line.len() as u64;
    loop {
        let ready = input.fill_buf().map_err(read)?;
        if ready.is_empty() {
            return Ok((line, None));
        }
        if !ready.iter().all(u8::is_ascii_whitespace) {
            return Ok((line, Some(at)));
        }
        let count = ready.len();
        input.consume(count);
    }
}

/// Start and duration; months are those of the calendar, in UTC.
fn end_of(start: Timestamp, duration: &str) -> Result<Timestamp, Error> {
    let bad = || {
        refused(
            "duration",
            "bad_duration",
            "not a duration from one second on, such as P30D, 72h or 6 months",
        )
    };
    let span: Span = duration.parse().map_err(|_| bad())?;
    let end = start.to_zoned(TimeZone::UTC).checked_add(span);
    let end = end.map_err(|_| bad())?.timestamp();
    if end.duration_since(start).as_secs() < 1 {
        return Err(bad());
    }
    Ok(end)
}

fn text(field: &'static str, text: &str) -> Result<(), Error> {
    let fits = (1..=LONGEST).contains(&text.len())
        && text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
        && text.trim() == text;
    if fits {
        return Ok(());
    }
    let reason = format!("it is 1 to {LONGEST} printable characters of ASCII");
    Err(refused(field, "bad_text", &reason))
}

/// A refusal of the first line.
pub(super) fn refused(field: &str, code: &str, reason: &str) -> Error {
    refusal(None, field, code, reason)
}

/// A marker that the order names is not held.
pub(super) fn unknown(at: usize) -> Error {
    refusal(
        Some(at as u64),
        "markers",
        "unknown_id",
        "no marker has this id",
    )
}

fn refusal(item: Option<u64>, field: &str, code: &str, reason: &str) -> Error {
    let refusal = Refusal {
        line: Some(1),
        item,
        object: None,
        field: field.into(),
        code: code.into(),
        reason: reason.into(),
    };
    Error::Refused {
        codes: [(refusal.code.clone(), 1)].into(),
        refusals: vec![refusal],
        total: 1,
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        io::Write as _,
        sync::atomic::{AtomicU32, Ordering::Relaxed},
    };

    use super::*;

    fn now() -> Timestamp {
        "2026-01-31T00:00:00Z".parse().expect("a time")
    }

    fn spool(text: &str) -> Spool {
        let mut file = tempfile();
        file.write_all(text.as_bytes()).expect("it writes");
        Spool::new(file, text.len() as u64)
    }

    /// A file without a name.
    fn tempfile() -> fs::File {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Relaxed);
        let name = format!("marker-sensor-order-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let file = fs::File::options()
            .read(true)
            .write(true)
            .create_new(true)
            .open(&path);
        fs::remove_file(&path).expect("the file is ours");
        file.expect("a fresh file")
    }

    fn code(line: &str) -> String {
        match Manifest::read(line.as_bytes(), now()) {
            Err(Error::Refused { refusals, .. }) => refusals[0].code.clone(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_first_line_is_the_order_and_the_rest_its_markers() {
        let body = "{\"reference\": \"2026/7\", \"issuer\": \"ANSSI\", \"duration\": \"P1M\", \
                    \"format\": \"stix\", \"tlp\": \"red\", \"markers\": [\"b\", \"a\", \"b\"]}\n{}\n";
        let (line, at) = split(&spool(body)).expect("it reads");
        assert_eq!(&body[at.expect("a file") as usize..], "{}\n");
        let manifest = Manifest::read(&line, now()).expect("it reads");
        let (_, none) = split(&spool("{}\n \r\n\t")).expect("it reads");
        assert_eq!(none, None);
        let order = manifest.order();
        assert_eq!(order.start, now().into());
        assert_eq!(order.end.to_string(), "2026-02-28T00:00:00Z");
        assert_eq!((order.tlp, order.pap), (Tlp::Red, Pap::Amber));
        assert_eq!(manifest.format, Format::Stix);
        assert_eq!(manifest.names, ["a", "b"]);
    }

    #[test]
    fn what_is_wrong_is_told_by_code() {
        let line = |more: &str| format!("{{\"reference\": \"r\", \"issuer\": \"i\", {more}}}");
        assert_eq!(code(""), "bad_manifest");
        assert_eq!(code("ip 203.0.113.5\n"), "bad_manifest");
        assert_eq!(
            code(&line("\"duration\": \"1h\", \"why\": 1")),
            "bad_manifest"
        );
        assert_eq!(code(&line("\"duration\": \"soon\"")), "bad_duration");
        assert_eq!(code(&line("\"duration\": \"-1h\"")), "bad_duration");
        assert_eq!(code(&line("\"duration\": \"P9999Y\"")), "bad_duration");
        let past = "\"duration\": \"1h\", \"start\": \"2026-01-30T00:00:00Z\"";
        assert_eq!(code(&line(past)), "order_over");
        assert_eq!(
            code(&line("\"duration\": \"1h\", \"tlp\": \"pink\"")),
            "bad_tlp"
        );
        let blank = "{\"reference\": \"\", \"issuer\": \"i\", \"duration\": \"1h\"}";
        assert_eq!(code(blank), "bad_text");
    }
}
