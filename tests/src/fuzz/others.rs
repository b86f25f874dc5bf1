//! What reads bytes from outside beside the marker readers: signed envelopes, the
//! documents of requests, and warninglists.

use std::{io::Cursor, path::Path, sync::OnceLock};

use jiff::Timestamp;
use sensor_user::{
    envelope::{self, Issuers, SignerKey, Trust},
    legal::requests,
    markers::Warninglists,
    model::{Pattern, RequestTerms, RequestType},
};
use serde_json::{Value, json};

use super::Took;

/// Longest reason: it is ours, and repeats nothing.
const LONGEST_REASON: usize = 400;

/// A signer and those who trust it, made once.
fn parties() -> &'static (SignerKey, Issuers) {
    static PARTIES: OnceLock<(SignerKey, Issuers)> = OnceLock::new();
    PARTIES.get_or_init(|| {
        let key = SignerKey::generate("authority.example").expect("a key");
        let issuers = Issuers::undated(vec![key.public().clone()]);
        (key, issuers)
    })
}

/// Judges bytes as an envelope twice: as they are, which ends at the signature, and as a manifest
/// and content that a pinned issuer signed, with the right measure of the content where the manifest
/// is an object.
pub(super) fn envelope(bytes: &[u8]) -> Result<Took, String> {
    judge(bytes)?;
    let (line, content) = match bytes.iter().position(|byte| *byte == b'\n') {
        Some(at) => (&bytes[..at], &bytes[at + 1..]),
        None => (bytes, &[][..]),
    };
    let line = String::from_utf8_lossy(line);
    let manifest = match serde_json::from_str::<Value>(&line) {
        Ok(Value::Object(mut manifest)) => {
            // What is packed is refused here already.
            let Ok((length, digest)) = envelope::measure(&mut Cursor::new(content)) else {
                return Ok(took(false));
            };
            manifest.insert("content_length".into(), json!(length));
            manifest.insert("content_sha256".into(), json!(digest));
            Value::Object(manifest).to_string()
        }
        _ => line.into_owned(),
    };
    let head = parties().0.head(&manifest);
    judge(&[head.as_bytes(), content].concat())
}

fn judge(bytes: &[u8]) -> Result<Took, String> {
    let trust = Trust {
        issuers: &parties().1,
        recipient: Some("pop1"),
        now: "2027-01-16T00:00:00Z".parse::<Timestamp>().expect("a time"),
    };
    match envelope::verify(&mut Cursor::new(bytes), trust, &|_| {}) {
        Ok(envelope) if envelope.content_at > bytes.len() as u64 => {
            Err("the content begins behind the end".into())
        }
        Ok(_) => Ok(took(true)),
        Err(refused) => {
            let told = refused.to_string();
            if told.len() > LONGEST_REASON || refused.reason.code().is_empty() {
                return Err(format!("a refusal of {} bytes", told.len()));
            }
            Ok(took(false))
        }
    }
}

/// Reads bytes as the document of each type of request.
pub(super) fn request(bytes: &[u8]) -> Result<Took, String> {
    let mut good = false;
    for kind in RequestType::ALL {
        match requests::read(kind, bytes) {
            Ok(terms) => {
                if terms.kind != kind || terms.events.len() > RequestTerms::MOST_EVENTS {
                    return Err("accepted as what it is not".into());
                }
                // What is accepted reads back the same.
                let text = serde_json::to_vec(&terms).map_err(|error| error.to_string())?;
                if requests::read(kind, &text).as_ref() != Ok(&terms) {
                    return Err("it does not read back".into());
                }
                good = true;
            }
            Err(objection) => {
                let told = objection.to_string();
                if told.len() > LONGEST_REASON || objection.code().is_empty() {
                    return Err(format!("a refusal of {} bytes", told.len()));
                }
            }
        }
    }
    Ok(took(good))
}

pub(super) const REQUEST: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "\"",
    "\"type\":\"request-a\"",
    "\"type\":\"request-b\"",
    "\"type\":\"request-c\"",
    "\"type\":\"request-notice\"",
    "\"ground\":\"L2321-3-1\"",
    "\"ground\":\"L2321-3-2\"",
    "\"ground\":\"L33-14-5\"",
    "\"purpose\":\"alert\"",
    "\"beneficiary\":\"operator-art5\"",
    "\"motivation\":\"\"",
    "\"events\":[]",
    "\"0123456789abcdef0123456789abcdef\"",
    "\"9999-12-31T23:59:59Z\"",
    "null",
    "0",
    "\u{feff}",
    "é",
];

/// Adds a list and asks it about a few patterns.
pub(super) fn warninglist(bytes: &[u8]) -> Result<Took, String> {
    let mut lists = Warninglists::default();
    let mut input = bytes;
    let path = Path::new("list.json");
    if let Err(error) = lists.add(path, &mut input) {
        if error.to_string().len() > 2_000 {
            return Err("a refusal that is too long".into());
        }
        return Ok(took(false));
    }
    for pattern in [
        "ip 8.8.8.8",
        "cidr 198.51.100.0/24",
        "domain *.popular.example",
        "url http://[2001:4860:4860::8888]/a",
        "ja3 e7d705a3286e19ea42f587b344ee6865",
    ] {
        let pattern: Pattern = pattern.parse().expect("a pattern");
        // Any answer will do.
        let _ = lists.concern(&pattern);
    }
    Ok(took(true))
}

const fn took(good: bool) -> Took {
    Took {
        markers: good as u64,
        refused: !good as u64,
        fatal: !good,
    }
}

pub(super) const ENVELOPE: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "\"",
    "\n",
    "marker-sensor-envelope 1\n",
    "\u{2014} ",
    "authority.example",
    "\"change\":\"add\"",
    "\"change\":\"replace\"",
    "\"expires\":",
    "\"issued\":",
    "\"recipient\":\"pop1\"",
    "\"order\":",
    "\"duration\":\"P1D\"",
    "\"markers\":[]",
    "\"reference\":",
    "\"start\":",
    "\"serial\":1",
    "9007199254740992",
    "-1",
    "0",
    "1e999",
    "null",
    "\"9999-12-31T23:59:59Z\"",
    "\"P9999Y\"",
    "\"PT0S\"",
    "\u{1f}\u{8b}",
    "PK\u{3}\u{4}",
    "\u{feff}",
    "é",
];

pub(super) const WARNINGLIST: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "\"",
    "\"list\":",
    "\"type\":",
    "\"name\":",
    "\"matching_attributes\":",
    "\"cidr\"",
    "\"hostname\"",
    "\"string\"",
    "\"substring\"",
    "\"regex\"",
    "\"ip-src\"",
    "\"0.0.0.0/0\"",
    "\"::/0\"",
    "\"10.0.0.0/33\"",
    "\"*.\"",
    "\".\"",
    "\"..\"",
    "\"/a/i\"",
    "\"(a|b)*\"",
    "\"[a-z\"",
    "\"\\\\d{2,9}\"",
    "null",
    "0",
    "true",
    "\u{feff}",
    "é",
];
