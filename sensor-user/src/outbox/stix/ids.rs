//! Identifiers that are the same whenever the object is, so that a resend is no second object.

use std::collections::BTreeMap;

use serde_json::Value;
use uuid::{Uuid, Variant};

/// Namespace of identifiers of observables (STIX 2.1 §2.9).
const OASIS: Uuid = Uuid::from_u128(0x00ab_edb4_aa42_466c_9c01_fed2_3315_a9b7);
/// Namespace of the others, which may not use that of OASIS (ibidem).
const OWN: Uuid = Uuid::from_u128(0x5aaf_fb89_685c_4061_8993_0673_7fe0_bc54);

/// Of an object that is not an observable: by what it is of. No part holds a zero byte.
pub(super) fn object(kind: &str, of: &[&str]) -> String {
    let name = format!("{kind}\0{}", of.join("\0"));
    format!("{kind}--{}", Uuid::new_v5(&OWN, name.as_bytes()))
}

/// Of an observable: by the properties that the specification says make it (§6), in the canonical
/// form of RFC 8785, which for these is sorted keys and no space.
pub(super) fn observable(kind: &str, by: &BTreeMap<&str, Value>) -> String {
    let parts = by.iter().map(|(key, value)| {
        let key = Value::from(*key);
        format!("{key}:{value}")
    });
    let name = format!("{{{}}}", parts.collect::<Vec<_>>().join(","));
    format!("{kind}--{}", Uuid::new_v5(&OASIS, name.as_bytes()))
}

/// Of the indicator behind a marker: its own where the marker came with one, otherwise by the name
/// that the recipient is told.
pub(super) fn indicator(marker: &str) -> String {
    let given = marker.strip_prefix("indicator--");
    let uuid = given.and_then(|text| Uuid::try_parse(text).ok());
    let valid = uuid.filter(|uuid| {
        uuid.get_variant() == Variant::RFC4122 && (1..=5).contains(&uuid.get_version_num())
    });
    match valid {
        Some(uuid) if given == Some(uuid.hyphenated().to_string().as_str()) => marker.into(),
        _ => object("indicator", &[marker]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_indicator_keeps_its_id_and_other_markers_get_one() {
        let own = "indicator--5ac337df-e078-4e99-8b17-02550a00020f";
        assert_eq!(indicator(own), own);
        for other in [
            "case-7",
            "alias-0011223344556677",
            "indicator--case-7",
            "indicator--5AC337DF-e078-4e99-8b17-02550a00020f",
            "indicator--5ac337df-e078-0e99-8b17-02550a00020f",
            "indicator--5ac337dfe0784e998b1702550a00020f",
        ] {
            let id = indicator(other);
            assert_ne!(id, other);
            assert_eq!(id, indicator(other));
            assert_eq!(id, indicator(&id), "what is made is valid");
        }
    }

    #[test]
    fn an_address_has_the_id_that_the_standard_gives_it() {
        // As the library stix2 of OASIS makes it.
        let by = BTreeMap::from([("value", Value::from("198.51.100.3"))]);
        assert_eq!(
            observable("ipv4-addr", &by),
            "ipv4-addr--28bb3599-77cd-5a82-a950-b5bc3caf07c4"
        );
    }
}
