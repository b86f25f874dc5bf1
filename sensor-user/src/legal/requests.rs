//! The document of a request: what it must say, and what it may not. Pure.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::de::IgnoredAny;

use crate::{
    config::Commission,
    model::{RequestTerms, RequestType, order_terms::is_reference},
};

/// Longest document, bytes.
pub const LONGEST: usize = 64 << 10;
/// The technique of a type C request.
const TECHNIQUE: &str = "L851-1";
/// Keys under which somebody might give reasons: the operator has no need to know them (L. 851-1 ¶2
/// CSI sends them to the commission), and does not read them.
const MOTIVATION: [&str; 6] = [
    "motivation",
    "motif",
    "motifs",
    "reason",
    "reasons",
    "justification",
];

/// Why a document is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Objection {
    /// It does not read.
    #[error("the document is not the JSON object that a request is: {0}")]
    BadDocument(String),
    /// It gives reasons.
    #[error("the document says why it is asked: the operator must not be told; send it without")]
    Motivation,
    /// Its type is not that of its envelope.
    #[error("the document is of another type than its envelope")]
    WrongType,
    /// Its ground is not its type's.
    #[error("the ground of this type of request is {0}")]
    WrongGround(&'static str),
    /// Its purpose is not its type's.
    #[error("the purpose of this type of request is {0}")]
    WrongPurpose(&'static str),
    /// Something is missing.
    #[error("the request is incomplete: it has no {0}")]
    Incomplete(&'static str),
    /// Something is there that this type does not have.
    #[error("this type of request has no {0}")]
    Surplus(&'static str),
    /// A text or an event id is malformed.
    #[error("{0}")]
    BadValue(&'static str),
    /// The commission is not one of those in force.
    #[error(
        "the commission of the agent is not among those that may ask for this: see requests.commissions"
    )]
    UnknownCommission,
    /// The commission does not count now.
    #[error("the commission of the agent is not valid now")]
    CommissionNotValid,
    /// The authorisation does not count now.
    #[error("the authorisation is not valid now")]
    AuthorisationNotValid,
    /// The authorisation is of another technique.
    #[error("the authorisation is of another technique than {TECHNIQUE}")]
    WrongTechnique,
    /// The request does not count yet.
    #[error("the request is not valid yet")]
    NotYetValid,
    /// The request no longer counts.
    #[error("the request is no longer valid")]
    Lapsed,
    /// Type C is not compiled in.
    #[error("this sensor has no requests of L. 851-1: they need a build with feature l851-1")]
    NotBuilt,
}

impl Objection {
    /// Stable code of the reason.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::BadDocument(_) => "bad_document",
            Self::Motivation => "motivation",
            Self::WrongType => "wrong_type",
            Self::WrongGround(_) => "wrong_ground",
            Self::WrongPurpose(_) => "wrong_purpose",
            Self::Incomplete(_) => "incomplete",
            Self::Surplus(_) => "surplus",
            Self::BadValue(_) => "bad_value",
            Self::UnknownCommission => "unknown_commission",
            Self::CommissionNotValid => "commission_not_valid",
            Self::AuthorisationNotValid => "authorisation_not_valid",
            Self::WrongTechnique => "wrong_technique",
            Self::NotYetValid => "not_yet_valid",
            Self::Lapsed => "lapsed",
            Self::NotBuilt => "not_built",
        }
    }
}

/// Whether type C is compiled in.
#[must_use]
pub const fn has_type_c() -> bool {
    cfg!(feature = "l851-1")
}

/// Reads the document of a request of this type. Whether its dates are right now is asked of
/// [`check_dates`].
///
/// # Errors
/// The first thing that is wrong.
pub fn read(kind: RequestType, document: &[u8]) -> Result<RequestTerms, Objection> {
    if kind == RequestType::C && !has_type_c() {
        return Err(Objection::NotBuilt);
    }
    let bad = |error: serde_json::Error| {
        // The place only: the words may repeat a value.
        let column = error.column();
        Objection::BadDocument(format!(
            "unreadable, unknown or missing keys, line {}, column {column}",
            error.line()
        ))
    };
    if document.len() > LONGEST {
        return Err(Objection::BadDocument("longer than 64 KiB".into()));
    }
    let keys: BTreeMap<String, IgnoredAny> = serde_json::from_slice(document).map_err(bad)?;
    if MOTIVATION.iter().any(|key| keys.contains_key(*key)) {
        return Err(Objection::Motivation);
    }
    let mut terms: RequestTerms = serde_json::from_slice(document).map_err(bad)?;
    if terms.kind != kind {
        return Err(Objection::WrongType);
    }
    if terms.ground != kind.ground() {
        return Err(Objection::WrongGround(kind.ground()));
    }
    if terms.purpose != kind.purpose() {
        return Err(Objection::WrongPurpose(kind.purpose()));
    }
    check_texts(&terms)?;
    check_parts(&terms)?;
    terms.events.sort_unstable();
    terms.events.dedup();
    Ok(terms)
}

fn check_texts(terms: &RequestTerms) -> Result<(), Objection> {
    let authorisation = terms.authorisation.as_ref().map(|one| one.number.as_str());
    let texts = [
        Some(terms.reference.as_str()),
        Some(terms.agent.designation.as_str()),
        Some(terms.agent.commission.as_str()),
        authorisation,
    ];
    if !texts.into_iter().flatten().all(is_reference) {
        return Err(Objection::BadValue(
            "reference, designation, commission and number are 1 to 128 printable characters of ASCII",
        ));
    }
    let is_id =
        |id: &String| id.len() == 32 && id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if !terms.events.iter().all(is_id) {
        return Err(Objection::BadValue(
            "an event is selected by its id: 32 digits of lower-case hexadecimal",
        ));
    }
    if terms.events.len() > RequestTerms::MOST_EVENTS {
        return Err(Objection::BadValue("a request names at most 100 events"));
    }
    let ordered = terms.valid_from < terms.valid_until && terms.agent.from < terms.agent.until;
    match ordered {
        true => Ok(()),
        false => Err(Objection::BadValue("a time begins before it ends")),
    }
}

/// Which of the optional parts a type has.
fn check_parts(terms: &RequestTerms) -> Result<(), Objection> {
    use RequestType as T;
    let for_somebody = matches!(terms.kind, T::A | T::B);
    let authorised = terms.kind == T::C;
    let needs_events = terms.kind != T::C;
    let parts = [
        ("beneficiary", terms.beneficiary.is_some(), for_somebody),
        ("authorisation", terms.authorisation.is_some(), authorised),
        ("category", terms.category.is_some(), authorised),
    ];
    for (name, there, wanted) in parts {
        match (there, wanted) {
            (false, true) => return Err(Objection::Incomplete(name)),
            (true, false) => return Err(Objection::Surplus(name)),
            _ => {}
        }
    }
    if needs_events && terms.events.is_empty() {
        return Err(Objection::Incomplete("events"));
    }
    let other = |one: &crate::model::Authorisation| one.technique != TECHNIQUE;
    if terms.authorisation.as_ref().is_some_and(other) {
        return Err(Objection::WrongTechnique);
    }
    Ok(())
}

/// Whether it counts now; `commissions` are those that the operator knows of.
///
/// # Errors
/// [`Objection`].
pub fn check_dates(
    terms: &RequestTerms,
    commissions: &[Commission],
    now: Timestamp,
) -> Result<(), Objection> {
    let within = |from: Timestamp, until: Timestamp| from <= now && now < until;
    let known = |one: &&Commission| {
        one.reference == terms.agent.commission && one.types.contains(&terms.kind)
    };
    let Some(known) = commissions.iter().find(known) else {
        return Err(Objection::UnknownCommission);
    };
    if known.until <= now || !within(terms.agent.from, terms.agent.until) {
        return Err(Objection::CommissionNotValid);
    }
    if let Some(one) = &terms.authorisation
        && !within(one.from, one.until)
    {
        return Err(Objection::AuthorisationNotValid);
    }
    if now < terms.valid_from {
        return Err(Objection::NotYetValid);
    }
    if terms.valid_until <= now {
        return Err(Objection::Lapsed);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn document(kind: RequestType) -> Value {
        let mut document = json!({
            "type": kind.name(), "reference": "REQ-1", "ground": kind.ground(),
            "purpose": kind.purpose(), "events": ["0123456789abcdef0123456789abcdef"],
            "agent": {"designation": "AG-7", "commission": "COM-1",
                      "from": "2027-01-01T00:00:00Z", "until": "2028-01-01T00:00:00Z"},
            "valid_from": "2027-03-01T00:00:00Z", "valid_until": "2027-04-01T00:00:00Z",
        });
        if matches!(kind, RequestType::A | RequestType::B) {
            document["beneficiary"] = "public-authority".into();
        }
        if kind == RequestType::C {
            document["category"] = "location".into();
            document["authorisation"] = json!({"number": "A-9", "technique": "L851-1",
                "from": "2027-03-01T00:00:00Z", "until": "2027-05-01T00:00:00Z"});
        }
        document
    }

    fn code(kind: RequestType, document: &Value) -> &'static str {
        match read(kind, document.to_string().as_bytes()) {
            Ok(_) => "ok",
            Err(objection) => objection.code(),
        }
    }

    fn with(kind: RequestType, key: &str, value: Value) -> &'static str {
        let mut document = document(kind);
        match value {
            Value::Null => drop(document.as_object_mut().expect("one").remove(key)),
            value => document[key] = value,
        }
        code(kind, &document)
    }

    #[test]
    fn each_type_has_its_ground_its_purpose_and_its_parts() {
        for kind in [RequestType::A, RequestType::B, RequestType::Notice] {
            assert_eq!(code(kind, &document(kind)), "ok", "{kind:?}");
            assert_eq!(with(kind, "ground", "L851-1".into()), "wrong_ground");
            assert_eq!(with(kind, "purpose", "other".into()), "wrong_purpose");
            assert_eq!(with(kind, "events", Value::Null), "incomplete");
            assert_eq!(with(kind, "category", "location".into()), "surplus");
            assert_eq!(with(kind, "reference", "é".into()), "bad_value");
            assert_eq!(with(kind, "agent", Value::Null), "bad_document");
            assert_eq!(with(kind, "type", "request-c".into()), "wrong_type");
        }
        let sector = with(RequestType::Notice, "beneficiary", "operator-art5".into());
        assert_eq!(sector, "surplus");
    }

    #[test]
    fn a_beneficiary_that_the_article_does_not_name_is_refused() {
        for kind in [RequestType::A, RequestType::B] {
            assert_eq!(with(kind, "beneficiary", Value::Null), "incomplete");
            assert_eq!(
                with(kind, "beneficiary", "a-company".into()),
                "bad_document"
            );
            for named in ["public-authority", "operator-l1332", "operator-art5"] {
                assert_eq!(with(kind, "beneficiary", named.into()), "ok");
            }
        }
    }

    #[test]
    fn nobody_is_selected_by_address_or_name() {
        for key in ["address", "src_ip", "subscriber", "name", "prefix"] {
            assert_eq!(
                with(RequestType::A, key, "203.0.113.5".into()),
                "bad_document"
            );
        }
        let ids = json!(["203.0.113.5"]);
        assert_eq!(with(RequestType::A, "events", ids), "bad_value");
        let many: Vec<String> = (0..101).map(|n| format!("{n:032x}")).collect();
        assert_eq!(with(RequestType::B, "events", json!(many)), "bad_value");
    }

    #[test]
    fn why_it_is_asked_is_not_read() {
        for key in MOTIVATION {
            assert_eq!(with(RequestType::B, key, "because".into()), "motivation");
        }
    }

    #[test]
    fn dates_and_commissions_count() {
        let text = document(RequestType::B).to_string();
        let terms = read(RequestType::B, text.as_bytes()).expect("it reads");
        let commission = |reference: &str, kind, until: &str| Commission {
            reference: reference.into(),
            types: vec![kind],
            until: until.parse().expect("a time"),
        };
        let judged_by = |at: &str, commissions: &[Commission]| {
            let at = at.parse().expect("a time");
            check_dates(&terms, commissions, at).map_err(|objection| objection.code())
        };
        let listed = [commission("COM-1", RequestType::B, "2030-01-01T00:00:00Z")];
        let judged = |at| judged_by(at, &listed);
        let (day, unknown) = ("2027-03-10T00:00:00Z", Err("unknown_commission"));
        assert_eq!(judged(day), Ok(()));
        assert_eq!(judged_by(day, &[]), unknown, "none is known");
        for (reference, kind) in [("COM-2", RequestType::B), ("COM-1", RequestType::A)] {
            let other = [commission(reference, kind, "2030-01-01T00:00:00Z")];
            assert_eq!(judged_by(day, &other), unknown, "{reference} {kind:?}");
        }
        let ended = [commission("COM-1", RequestType::B, day)];
        assert_eq!(judged_by(day, &ended), Err("commission_not_valid"));
        assert_eq!(judged("2027-02-10T00:00:00Z"), Err("not_yet_valid"));
        assert_eq!(judged("2027-04-01T00:00:00Z"), Err("lapsed"));
        assert_eq!(judged("2028-04-01T00:00:00Z"), Err("commission_not_valid"));
        assert_eq!(judged("2026-04-01T00:00:00Z"), Err("commission_not_valid"));
    }

    #[cfg(not(feature = "l851-1"))]
    #[test]
    fn without_its_feature_type_c_is_refused_with_a_code() {
        let kind = RequestType::C;
        assert_eq!(code(kind, &document(kind)), "not_built");
    }

    #[cfg(feature = "l851-1")]
    #[test]
    fn type_c_needs_an_authorisation_of_its_technique() {
        let kind = RequestType::C;
        assert_eq!(code(kind, &document(kind)), "ok");
        assert_eq!(with(kind, "authorisation", Value::Null), "incomplete");
        assert_eq!(with(kind, "category", Value::Null), "incomplete");
        assert_eq!(
            with(kind, "beneficiary", "public-authority".into()),
            "surplus"
        );
        assert_eq!(with(kind, "motivation", "because".into()), "motivation");
        let mut other = document(kind);
        other["authorisation"]["technique"] = "L852-1".into();
        assert_eq!(code(kind, &other), "wrong_technique");
        let text = document(kind).to_string();
        let mut terms = read(kind, text.as_bytes()).expect("it reads");
        terms.authorisation.as_mut().expect("there").until =
            "2027-03-05T00:00:00Z".parse().expect("a time");
        let at = "2027-03-10T00:00:00Z".parse().expect("a time");
        let listed = [Commission {
            reference: "COM-1".into(),
            types: vec![kind],
            until: Timestamp::MAX,
        }];
        let late = check_dates(&terms, &listed, at).map_err(|objection| objection.code());
        assert_eq!(late, Err("authorisation_not_valid"));
    }
}
