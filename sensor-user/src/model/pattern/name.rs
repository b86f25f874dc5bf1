//! Domain names in canonical form (RFC 1035 §2.3.1, with the underscore that names in use have).

use super::PatternError;

/// Longest name in text form, bytes (RFC 1035 §3.1: 255 on the wire).
const LONGEST: usize = 253;
/// Longest label, bytes.
const LONGEST_LABEL: usize = 63;

/// Lower case, no trailing dot. A name whose last label is a number is an address, not a name
/// (RFC 3696 §2).
///
/// # Errors
/// [`PatternError::Domain`], [`PatternError::UnicodeDomain`].
pub(super) fn canonical(text: &str) -> Result<String, PatternError> {
    let text = text.strip_suffix('.').unwrap_or(text);
    if !text.is_ascii() {
        return Err(PatternError::UnicodeDomain);
    }
    let fits = !text.is_empty() && text.len() <= LONGEST && text.split('.').all(is_label);
    let last = text.rsplit('.').next().unwrap_or_default();
    if !fits || last.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(PatternError::Domain);
    }
    Ok(text.to_ascii_lowercase())
}

fn is_label(label: &str) -> bool {
    (1..=LONGEST_LABEL).contains(&label.len())
        && label
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_bounds() {
        let label = "a".repeat(63);
        let longest = format!("{label}.{label}.{label}.{}", "b".repeat(61));
        assert_eq!(canonical(&longest).as_deref(), Ok(longest.as_str()));
        assert_eq!(canonical("Evil.Example.").as_deref(), Ok("evil.example"));
        assert_eq!(
            canonical("_dmarc.x--y.example").as_deref(),
            Ok("_dmarc.x--y.example")
        );
        for bad in [
            "",
            ".",
            "a..example",
            ".example",
            "a b.example",
            "203.0.113.5",
            "a.*.example",
            &format!("{longest}c"),
            &format!("a{label}.example"),
        ] {
            assert_eq!(canonical(bad), Err(PatternError::Domain), "{bad}");
        }
        assert_eq!(canonical("é.example"), Err(PatternError::UnicodeDomain));
    }
}
