//! Bundles of STIX of any size, as a feed makes them.

use std::io::{self, Write};

/// Writes a bundle of `indicators` indicators, about 500 bytes each: addresses, and every tenth an
/// endpoint, every fifth a name. One in a hundred is revoked. The marking's definition stands last.
///
/// # Errors
/// Those of `out`.
pub fn write(out: &mut impl Write, indicators: u32) -> io::Result<()> {
    const MARKING: &str = "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421";
    const PRODUCER: &str = "identity--f431f809-377b-45e0-aa1c-6a4751cae5ff";
    write!(
        out,
        r#"{{"type":"bundle","id":"bundle--5d0092c5-5f74-4287-9642-33f4c354e56d","objects":["#
    )?;
    for number in 0..indicators {
        // Public addresses only, each once: the high bits keep clear of special ranges.
        let address = std::net::Ipv4Addr::from(0x2000_0000 + number * 7);
        let (kind, pattern) = match number % 10 {
            0 => (
                "IPv4 endpoint",
                format!(
                    "[network-traffic:dst_ref.type = 'ipv4-addr' AND network-traffic:dst_ref.value = '{address}' \
                     AND network-traffic:dst_port = '{}']",
                    1 + number % 65_535
                ),
            ),
            5 | 7 => (
                "name",
                format!("[domain-name:value = 'host-{number}.evil.example']"),
            ),
            _ => ("IPv4 address", format!("[ipv4-addr:value = '{address}']")),
        };
        let revoked = if number % 100 == 99 {
            r#""revoked":true,"#
        } else {
            ""
        };
        write!(
            out,
            r#"{{"type":"indicator","spec_version":"2.1","id":"indicator--{number:08x}-8b17-4e99-a078-{number:012x}","created_by_ref":"{PRODUCER}","created":"2026-01-01T00:00:00.000Z","modified":"2026-01-02T00:00:00.000Z",{revoked}"name":"{kind} number {number} of a feed","indicator_types":["malicious-activity"],"labels":["feed:origin=\"generated\""],"pattern":"{pattern}","pattern_type":"stix","pattern_version":"2.1","valid_from":"2026-01-01T00:00:00Z","valid_until":"2028-01-01T00:00:00Z","object_marking_refs":["{MARKING}"]}},"#
        )?;
    }
    write!(
        out,
        r#"{{"type":"marking-definition","spec_version":"2.1","id":"{MARKING}","created":"2022-10-01T00:00:00.000Z","name":"TLP:AMBER","extensions":{{"extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d":{{"extension_type":"property-extension","tlp_2_0":"amber"}}}}}}]}}"#
    )
}
