//! How what is told may be handled: TLP 2.0 and PAP as STIX 2.1 markings.

use serde_json::{Value, json};

use super::{EPOCH, ids};
use crate::model::{Pap, Tlp};

/// The definition of a TLP 2.0 level. It is OASIS's, and everybody's who reads TLP 2.0: not sent.
pub(super) const fn tlp(level: Tlp) -> &'static str {
    match level {
        Tlp::Clear => "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487",
        Tlp::Green => "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb",
        Tlp::Amber => "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421",
        Tlp::AmberStrict => "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003",
        Tlp::Red => "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1",
    }
}

/// A PAP level as a statement, which every reader of STIX shows: the draft extension for PAP is not
/// in the standard. `author` is the identity that states it.
pub(super) fn pap(level: Pap, author: &str) -> Value {
    let statement = format!("PAP:{}", level.name());
    json!({
        "type": "marking-definition",
        "spec_version": "2.1",
        "id": ids::object("marking-definition", &[author, &statement]),
        "created": EPOCH,
        "created_by_ref": author,
        "name": statement,
        "definition_type": "statement",
        "definition": { "statement": statement },
    })
}
