//! Patterns to start from: the examples whose fate is documented, those of the specification and of
//! feeds among them, and edges of the grammar.

/// Headings after `#`, and a pattern a line.
const EXAMPLES: &str = include_str!("../../../sensor-user/src/markers/stix/examples.txt");

/// All of them.
pub fn all() -> impl Iterator<Item = &'static str> {
    let examples = EXAMPLES.lines();
    let examples = examples.filter(|line| !line.is_empty() && !line.starts_with('#'));
    examples.chain(EDGES)
}

/// Among them what the tests of the validator hold.
const EDGES: [&str; 36] = [
    "[network-traffic:dst_ref.value='203.0.113.5' AND network-traffic:dst_port=80] OR [network-traffic:dst_ref.value='203.0.113.5' AND network-traffic:dst_port=443]",
    "file:size = 1280",
    "[file:size = ]",
    "[file:hashes.MD5 = cead3f77f6cda6ec00f57d76c9a6879f]",
    "[file.size = 1280]",
    r"[file:name MATCHES /.*\.dll/]",
    "[foo:bar=1] WITHIN 5 HOURS]",
    "[foo:bar=1] WITHIN -5 SECONDS",
    "[network-traffic:dst_ref.value ISSUBSET ]",
    "[file:hashes.MD5 =? 'cead3f77f6cda6ec00f57d76c9a6879f']",
    "[x_whatever:detected == t'2457-73-22T32:81:84.1Z']",
    "[x_whatever:detected == t'2018-03-22T12:11:14.1Z']",
    "[artifact:payload_bin = b'====']",
    "[artifact:payload_bin = b'dGhpcyBpcyBhIHRlc3Q=']",
    "[foo:bar=1] within 2 seconds",
    "[file:hashes.'SHA-256' = 'f00']",
    "[foo:bar=1] WITHIN 5 SECONDS WITHIN 6 SECONDS",
    "([foo:bar=1] REPEATS 2 TIMES REPEATS 3 TIMES)",
    "([foo:bar=1] REPEATS 2 TIMES) REPEATS 2 TIMES",
    "( [(network-traffic:dst_port IN(443,6443,8443) AND network-traffic:src_packets != 0) ])",
    "[network-traffic:src_port = 37020 AND user-account:user_id = 'root'] START t'2016-06-01T01:30:00.123Z' STOP t'2016-06-01T02:20:00.123Z' OR [ipv4-addr:value = '192.168.122.83'] START t'2016-06-01T03:55:00.123Z' STOP t'2016-06-01T04:30:24.743Z'",
    "[file:hashes[*] = '8665c8d477534008b3058b72e2dae8ae']",
    "[file:hashes.MD6 LIKE 'cead3f77f6cda6ec00f57d76c9a6879fé']",
    "[file:hashes.ssdeep = 5]",
    "[file:hashes.MD5 IN ('cead3f77f6cda6ec00f57d76c9a6879f')]",
    "[EXISTS file:hashes[0]]",
    "[EXISTS file:name[-1]]",
    "[a:b NOT EXISTS]",
    "[NOT EXISTS a:b AND EXISTS c-d:e[*].f]",
    "[EXISTS AND:b]",
    "[a:b IN ()]",
    "[a:b > true]",
    "[]",
    "/* why */ [a:b = 1]",
    "[a:b = 1] // why",
    "",
];
