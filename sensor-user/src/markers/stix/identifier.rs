//! Identifiers of STIX: `type--UUID` (STIX 2.1 §2.9). Nothing else passes, so that an id never
//! carries a value.

use crate::markers::uuid::parse;

/// What stands before the UUID of an indicator.
pub(super) const INDICATOR: &str = "indicator--";

/// The UUID of an identifier of this type.
pub(super) fn uuid(id: &str, kind: &str) -> Option<u128> {
    parse(id.strip_prefix(kind)?.strip_prefix("--")?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_type_and_a_uuid_pass() {
        let id = "indicator--5ac337df-e078-4e99-8b17-02550a00020F";
        let number = 0x5ac3_37df_e078_4e99_8b17_0255_0a00_020f;
        assert_eq!(uuid(id, "indicator"), Some(number));
        assert_eq!(
            format!("{INDICATOR}{}", crate::markers::uuid::text(number)),
            id.to_ascii_lowercase()
        );
        for bad in [
            "indicator--5ac337df-e078-4e99-8b17-02550a00020",
            "indicator--5ac337dfee078-4e99-8b17-02550a00020f",
            "indicator--5ac337df-e078-4e99-8b17-02550a0002é",
            "indicator-5ac337df-e078-4e99-8b17-02550a00020f",
            "malware--5ac337df-e078-4e99-8b17-02550a00020f",
            "indicator--203.0.113.5",
        ] {
            assert_eq!(uuid(bad, "indicator"), None, "{bad}");
        }
    }
}
