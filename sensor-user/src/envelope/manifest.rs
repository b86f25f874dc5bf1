//! What the issuer says of the content.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Error;
use crate::model::{ContentKind, OrderTerms, request::Format};

/// Largest serial: every JSON reader holds it exactly.
const LAST_SERIAL: u64 = (1 << 53) - 1;

/// The second line of an envelope: one JSON object, every key known and once. Fields stand in the
/// order of their names: what [`Manifest::text`] writes is canonical JSON (RFC 8785).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// What becomes of markers that the sensor holds; of markers only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<Change>,
    /// Bytes of the content.
    pub content_length: u64,
    /// SHA-256 of the content, lower-case hexadecimal.
    pub content_sha256: String,
    /// First instant at which the envelope is no longer accepted. What was accepted before stays.
    pub expires: Timestamp,
    /// Format of the content; of markers only: a request is one JSON object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<Format>,
    /// When it was made.
    pub issued: Timestamp,
    /// Who made it: the name of the key that signed.
    pub issuer: String,
    /// What the content is.
    pub kind: ContentKind,
    /// The order that the markers come with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<OrderTerms>,
    /// The one sensor that it is for; any when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipient: Option<String>,
    /// Grows with each envelope of its issuer; gaps are allowed.
    pub serial: u64,
}

/// What becomes of markers that the sensor holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// Those of this issuer that no order brought go: the content is all of them.
    #[default]
    Replace,
    /// They stay beside those of the content.
    Add,
}

impl Manifest {
    /// Reads the line of a manifest whose signature stands; `signer` is the name of its key.
    pub(super) fn parse(line: &[u8], signer: &str) -> Result<Self, Error> {
        let manifest: Self = serde_json::from_slice(line).map_err(|error| {
            // The place only: the words may repeat a value.
            let column = error.column();
            Error::BadManifest(format!(
                "unreadable, unknown or missing keys, column {column}"
            ))
        })?;
        match manifest.fault() {
            Some(fault) => Err(Error::BadManifest(fault.into())),
            None if manifest.issuer != signer => Err(Error::BadManifest(
                "the issuer is not the one whose key signed".into(),
            )),
            None => Ok(manifest),
        }
    }

    /// What is wrong with it, in words.
    pub(super) fn fault(&self) -> Option<&'static str> {
        let hexadecimal = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if self.content_sha256.len() != 64 || !self.content_sha256.bytes().all(hexadecimal) {
            return Some("content_sha256 has 64 digits of lower-case hexadecimal");
        }
        if !(1..=LAST_SERIAL).contains(&self.serial) {
            return Some("the serial is from 1 to 2^53 - 1");
        }
        if self.expires <= self.issued {
            return Some("it expires before it is issued");
        }
        let markers = self.kind == ContentKind::Markers;
        if markers != self.change.is_some() || markers != self.format.is_some() {
            return Some("change and format are for markers, and required there");
        }
        if self.order.is_some() && !markers {
            return Some("a request brings no order");
        }
        if self.order.is_some() && self.change != Some(Change::Add) {
            return Some("an order adds its markers to those that are held: its change is `add`");
        }
        self.order.as_ref().and_then(OrderTerms::fault)
    }

    /// The line.
    #[must_use]
    pub(super) fn text(&self) -> String {
        serde_json::to_string(self).expect("a manifest is plain JSON")
    }
}
