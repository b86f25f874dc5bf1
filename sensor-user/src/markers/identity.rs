//! Pattern ids: 64 bits of a hash of the canonical form.

use crate::{
    crypto::sha256,
    model::{Pattern, PatternId},
};

/// The id of a pattern: the first eight bytes of SHA-256 over its canonical form. The compiler
/// refuses a set in which two patterns share one.
#[must_use]
pub fn pattern_id(pattern: &Pattern) -> PatternId {
    canonical_id(&pattern.to_string())
}

/// The id of the pattern that has this canonical form.
#[must_use]
pub fn canonical_id(canonical: &str) -> PatternId {
    let digest = sha256(&[canonical.as_bytes()]);
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    PatternId(u64::from_be_bytes(first))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_of_the_canonical_form() {
        let id = |text: &str| pattern_id(&text.parse().expect("a pattern"));
        assert_eq!(id("ip ::ffff:203.0.113.5"), id("cidr 203.0.113.5/32"));
        assert_ne!(
            id("endpoint 203.0.113.5 tcp 80"),
            id("endpoint 203.0.113.5 udp 80")
        );
        // printf 'ip 203.0.113.5' | sha256sum
        assert_eq!(id("ip 203.0.113.5").to_string(), "c4132e7d7267c6fd");
    }
}
