//! Identifiers of STIX: `type--UUID` (STIX 2.1 §2.9). Nothing else passes, so that an id never
//! carries a value.

/// The UUID of an identifier of this type.
pub(super) fn uuid(id: &str, kind: &str) -> Option<u128> {
    let uuid = id.strip_prefix(kind)?.strip_prefix("--")?.as_bytes();
    if uuid.len() != 36 {
        return None;
    }
    let mut number = 0;
    for (at, byte) in uuid.iter().enumerate() {
        if matches!(at, 8 | 13 | 18 | 23) {
            if *byte != b'-' {
                return None;
            }
            continue;
        }
        number = number << 4 | u128::from(char::from(*byte).to_digit(16)?);
    }
    Some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_type_and_a_uuid_pass() {
        let id = "indicator--5ac337df-e078-4e99-8b17-02550a00020F";
        let number = 0x5ac3_37df_e078_4e99_8b17_0255_0a00_020f;
        assert_eq!(uuid(id, "indicator"), Some(number));
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
