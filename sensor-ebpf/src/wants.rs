//! What the image needs to be looked at behind the ports: read-only, so that what it does not need is dead
//! code.

use crate::maps::{DOMAINS, FINGERPRINTS, PARSE_ONLY, URLS};

/// Whether names are looked for.
#[inline(always)]
pub fn wants_names() -> bool {
    DOMAINS.load() != 0
}

/// Whether URLs are.
#[inline(always)]
pub fn wants_urls() -> bool {
    URLS.load() != 0
}

/// Whether fingerprints of TLS clients are.
#[inline(always)]
pub fn wants_fingerprints() -> bool {
    FINGERPRINTS.load() != 0
}

/// Whether ClientHellos are looked at.
#[inline(always)]
pub fn wants_hellos() -> bool {
    wants_names() || wants_fingerprints()
}

/// Whether heads of HTTP requests are.
#[inline(always)]
pub fn wants_hosts() -> bool {
    wants_names() || wants_urls()
}

/// Whether anything behind the ports is looked at.
#[inline(always)]
pub fn looks_at_payloads() -> bool {
    PARSE_ONLY.load() == 0 && (wants_hellos() || wants_urls())
}
