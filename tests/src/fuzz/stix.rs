//! What the readers of STIX are fed with, and what must hold of a pattern.

use sensor_user::{
    markers::stix::{MOST_TERMS, understand},
    model::Pattern,
};

use super::readers::Took;

/// Reads a pattern alone: what is not UTF-8 in it is replaced.
///
/// # Errors
/// What does not hold of the outcome.
pub(super) fn pattern(bytes: &[u8]) -> Result<Took, String> {
    let text = String::from_utf8_lossy(bytes);
    let reading = match understand(&text) {
        Ok(reading) => reading,
        Err(error) if error.to_string().len() > 300 => return Err("a long reason".into()),
        Err(_) => {
            return Ok(Took {
                markers: 0,
                refused: 1,
                fatal: true,
            });
        }
    };
    let (accepted, refused) = (reading.accepted.len(), reading.refused_total);
    if reading.refused.len() > refused
        || reading.alternatives == 0
        || refused > reading.alternatives
    {
        return Err(format!(
            "{refused} of {} alternatives refused",
            reading.alternatives
        ));
    }
    // Each alternative is at most an endpoint of two protocols, and takes bytes of the pattern.
    let most = (text.len() + 1).saturating_mul(MOST_TERMS);
    if accepted > 2 * (reading.alternatives - refused) || reading.alternatives > most {
        return Err("more patterns than alternatives, or more of them than bytes".into());
    }
    let mut patterns: Vec<&Pattern> = reading.accepted.iter().map(|(one, _)| one).collect();
    patterns.sort_unstable();
    if patterns.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err("a pattern stands twice".into());
    }
    for one in patterns.into_iter().take(4) {
        if one.to_string().parse().as_ref() != Ok(one) {
            return Err("a pattern is not the same when it is written and read again".into());
        }
    }
    Ok(Took {
        markers: accepted as u64,
        refused: refused as u64,
        fatal: false,
    })
}

/// Words of bundles.
pub(super) const OBJECTS: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "\"",
    "\\",
    "\\u0000",
    "\\ud83d",
    "null",
    "true",
    "false",
    "0",
    "1e999",
    "{}",
    "[]",
    "\"type\":",
    "\"id\":",
    "\"objects\":",
    "\"spec_version\":",
    "\"modified\":",
    "\"revoked\":",
    "\"pattern\":",
    "\"pattern_type\":",
    "\"valid_from\":",
    "\"valid_until\":",
    "\"labels\":",
    "\"object_marking_refs\":",
    "\"granular_markings\":",
    "\"marking_ref\":",
    "\"lang\":",
    "\"name\":",
    "\"definition_type\":",
    "\"definition\":",
    "\"extensions\":",
    "\"x_opencti_definition\":",
    "\"x_opencti_definition_type\":",
    "\"tlp\":",
    "\"pap\":",
    "\"tlp_2_0\":",
    "\"more\":",
    "\"next\":",
    "\"indicator\"",
    "\"marking-definition\"",
    "\"report\"",
    "\"bundle\"",
    "\"stix\"",
    "\"yara\"",
    "\"2.0\"",
    "\"2.1\"",
    "\"2026-01-01T00:00:00Z\"",
    "\"9999-12-31T23:59:59Z\"",
    "\"TLP:RED\"",
    "\"PAP:RED\"",
    "\"red\"",
    "\"statement\"",
    "\"indicator--00000000-0000-4000-8000-000000000001\"",
    "\"marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed\"",
    "\"marking-definition--00000000-0000-4000-8000-000000000001\"",
    "\"[ipv4-addr:value = '203.0.113.5']\"",
    "\"[domain-name:value IN ('a.example','b.example')]\"",
    "\u{feff}",
    "é",
    "\n",
    " ",
];

/// Words of patterns.
pub(super) const PATTERNS: &[&str] = &[
    "[",
    "]",
    "(",
    ")",
    " AND ",
    " OR ",
    " FOLLOWEDBY ",
    " NOT ",
    " IN (",
    " LIKE ",
    " MATCHES ",
    " ISSUBSET ",
    " ISSUPERSET ",
    " EXISTS ",
    " WITHIN 5 SECONDS",
    " REPEATS 5 TIMES",
    " START t'2016-06-01T00:00:00Z' STOP t'2016-07-01T00:00:00Z'",
    "=",
    "==",
    "!=",
    "<>",
    "<",
    ">=",
    ":",
    ".",
    ",",
    "[*]",
    "[0]",
    "[-1]",
    "'",
    "\\'",
    "\\\\",
    "''",
    "'203.0.113.5'",
    "'198.51.100.7/24'",
    "'0.0.0.0/0'",
    "'::/0'",
    "'2001:db8::1'",
    "'::ffff:203.0.113.5'",
    "'443'",
    "443",
    "0",
    "65536",
    "-1",
    "007",
    "1.5",
    "true",
    "h'ff'",
    "b'dGVzdA=='",
    "t'2016-06-01T00:00:00Z'",
    "ipv4-addr:value",
    "ipv6-addr:value",
    "network-traffic:dst_ref.value",
    "network-traffic:src_ref.value",
    "network-traffic:dst_ref.type",
    "network-traffic:dst_port",
    "network-traffic:src_port",
    "network-traffic:protocols[*]",
    "'tcp'",
    "'ipv4'",
    "'http'",
    "'ipv4-addr'",
    "'domain-name'",
    "domain-name:value",
    "domain-name:resolves_to_refs[*].value",
    "'evil.example'",
    "url:value",
    "'http://evil.example/a'",
    "'https://evil.example/a'",
    "file:hashes.MD5",
    "file:hashes[0]",
    "x-ja3:value",
    "'e7d705a3286e19ea42f587b344ee6865'",
    "autonomous-system:number",
    "/* */",
    "//",
    "\n",
    "\u{3000}",
    "é",
    "\0",
];
