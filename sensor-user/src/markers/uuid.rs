//! UUIDs (RFC 9562 §4), as STIX and MISP name things by them.

/// The number of a UUID in its usual form.
pub(super) fn parse(text: &str) -> Option<u128> {
    let text = text.as_bytes();
    if text.len() != 36 {
        return None;
    }
    let mut number = 0;
    for (at, byte) in text.iter().enumerate() {
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

/// Whether a text is a UUID.
pub(super) fn is_uuid(text: &str) -> bool {
    parse(text).is_some()
}

/// Its usual form, in lower case.
pub(super) fn text(uuid: u128) -> String {
    let digits = format!("{uuid:032x}");
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32].map(|part| &digits[part]);
    parts.join("-")
}
