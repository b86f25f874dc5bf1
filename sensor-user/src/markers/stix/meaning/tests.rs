use super::*;

/// The markers of a pattern as `pattern [direction]`, then the codes of what is refused.
fn fate(pattern: &str) -> String {
    let reading = understand(pattern).expect(pattern);
    let markers = reading.accepted.iter().map(|(pattern, direction)| {
        let direction = match direction {
            Direction::Either => String::new(),
            direction => format!(" {}", direction.name()),
        };
        format!("{pattern}{direction}")
    });
    let refused = reading
        .refused
        .iter()
        .map(|refused| format!("{}:{}", refused.alternative, refused.cause.code()));
    markers.chain(refused).collect::<Vec<_>>().join(", ")
}

#[test]
fn addresses_and_prefixes() {
    let cases = [
        ("[ipv4-addr:value = '203.0.113.5']", "ip 203.0.113.5"),
        ("[ipv6-addr:value == '2001:DB8::0:1']", "ip 2001:db8::1"),
        ("[ipv4-addr:value = '203.0.113.33/32']", "ip 203.0.113.33"),
        (
            "[ipv4-addr:value = '198.51.100.0/24']",
            "cidr 198.51.100.0/24",
        ),
        (
            "[ipv4-addr:value ISSUBSET '198.51.100.7/24']",
            "cidr 198.51.100.0/24",
        ),
        ("[ipv4-addr:value = '198.51.100.7/24']", "1:host_bits_set"),
        (
            "[ipv4-addr:value IN ('203.0.113.5', '203.0.113.6', '203.0.113.5')]",
            "ip 203.0.113.5, ip 203.0.113.6",
        ),
        ("[ipv4-addr:value IN ()]", "1:empty_set"),
        ("[ipv4-addr:value = '2001:db8::1']", "1:contradiction"),
        ("[ipv4-addr:value = 5]", "1:bad_value"),
        ("[ipv4-addr:value = 'evil.example']", "1:bad_address"),
        (
            "[network-traffic:dst_ref.value ISSUBSET '2001:0db8:dead:beef:0000:0000:0000:0000/64']",
            "cidr 2001:db8:dead:beef::/64 destination",
        ),
        (
            "[network-traffic:src_ref.value = '203.0.113.5' OR network-traffic:dst_ref.value = '203.0.113.5']",
            "ip 203.0.113.5",
        ),
        (
            "[network-traffic:dst_ref.type = 'ipv4-addr' AND network-traffic:dst_ref.value = '5.6.7.8']",
            "ip 5.6.7.8 destination",
        ),
        (
            "[network-traffic:src_ref.type = 'ipv6-addr' AND network-traffic:dst_ref.value = '5.6.7.8']",
            "1:contradiction",
        ),
        (
            "[network-traffic:protocols[0] = 'ipv4' AND network-traffic:src_ref.value = '5.6.7.8']",
            "ip 5.6.7.8 source",
        ),
    ];
    for (pattern, expected) in cases {
        assert_eq!(fate(pattern), expected, "{pattern}");
    }
}

#[test]
fn a_port_belongs_to_the_side_of_its_address() {
    let and = |tests: &[&str]| {
        let tests: Vec<String> = tests
            .iter()
            .map(|test| format!("network-traffic:{test}"))
            .collect();
        fate(&format!("[{}]", tests.join(" AND ")))
    };
    let both = "endpoint 5.6.7.8 tcp 443 destination, endpoint 5.6.7.8 udp 443 destination";
    assert_eq!(
        and(&["dst_ref.value = '5.6.7.8'", "dst_port = '443'"]),
        both
    );
    assert_eq!(and(&["dst_port = 443", "dst_ref.value = '5.6.7.8'"]), both);
    let tcp = "endpoint 5.6.7.8 tcp 443 source";
    for protocol in ["protocols[*] = 'tcp'", "protocols[1] = 'TCP'"] {
        assert_eq!(
            and(&["src_ref.value = '5.6.7.8'", "src_port = 443", protocol]),
            tcp
        );
    }
    for (tests, code) in [
        (
            ["src_ref.value = '5.6.7.8'", "dst_port = 443"],
            "unsupported_conjunction",
        ),
        (
            ["src_ref.value = '5.6.7.8'", "dst_ref.value = '5.6.7.9'"],
            "unsupported_conjunction",
        ),
        (
            ["dst_ref.value = '5.6.7.0/24'", "dst_port = 443"],
            "unsupported_conjunction",
        ),
        (
            ["dst_ref.value = '5.6.7.8'", "protocols[*] = 'tcp'"],
            "unsupported_conjunction",
        ),
        (
            ["dst_ref.value = '5.6.7.8'", "protocols[*] = 'http'"],
            "unsupported_conjunction",
        ),
        (
            ["dst_ref.value = '5.6.7.8'", "dst_ref.value = '5.6.7.9'"],
            "contradiction",
        ),
        (
            ["dst_ref.value = '5.6.7.8'", "dst_port = 65536"],
            "bad_port",
        ),
        (["dst_ref.value = '5.6.7.8'", "dst_port = 4.5"], "bad_value"),
        (["dst_port = 443", "protocols[*] = 'tcp'"], "too_broad"),
        (
            [
                "dst_ref.type = 'domain-name'",
                "dst_ref.value = 'evil.example'",
            ],
            "unsupported_kind",
        ),
    ] {
        assert_eq!(and(&tests), format!("1:{code}"), "{tests:?}");
    }
    assert_eq!(
        fate("[ipv4-addr:value = '5.6.7.8' AND network-traffic:dst_port = 443]"),
        "1:unsupported_conjunction"
    );
}

#[test]
fn or_gives_markers_and_what_is_refused_stands_beside_them() {
    let one = "([network-traffic:dst_ref.value = '5.6.7.8' AND (network-traffic:dst_port = 80 OR network-traffic:dst_port IN (81, '82')) \
               AND network-traffic:protocols[*] = 'tcp'] OR [file:name = 'a' OR domain-name:value = 'Evil.Example.']) OR [ipv4-addr:value != '5.6.7.8']";
    let expected = "endpoint 5.6.7.8 tcp 80 destination, endpoint 5.6.7.8 tcp 81 destination, \
                    endpoint 5.6.7.8 tcp 82 destination, domain evil.example, 4:host_side, 6:unsupported_operator";
    assert_eq!(fate(one), expected);
    let ports = |count: usize| {
        let ports: Vec<String> = (1..=count)
            .map(|port| format!("network-traffic:dst_port = {port}"))
            .collect();
        format!(
            "[network-traffic:dst_ref.value IN ('5.6.7.8', '5.6.7.9') AND ({})]",
            ports.join(" OR ")
        )
    };
    assert_eq!(
        understand(&ports(32)).expect("a pattern").accepted.len(),
        128
    );
    assert_eq!(fate(&ports(33)), "1:too_complex");
    let wide: Vec<String> = (0..200).map(|last| format!("'203.0.113.{last}'")).collect();
    let wide = [&wide[..], &wide[..]].concat().join(",");
    let reading = understand(&format!("[ipv4-addr:value IN ({wide})]")).expect("a pattern");
    assert_eq!((reading.accepted.len(), reading.alternatives), (200, 400));
}

#[test]
fn what_packets_cannot_tell_is_refused_by_name() {
    let a = "[ipv4-addr:value = '203.0.113.5']";
    let cases = [
        (format!("{a} AND {a}"), "unsupported_observation_and"),
        (format!("{a} FOLLOWEDBY {a}"), "unsupported_followed_by"),
        (format!("({a}) WITHIN 5 SECONDS"), "unsupported_qualifier"),
        ("[ipv4-addr:value NOT = '203.0.113.5']".into(), "unsupported_operator"),
        ("[domain-name:value LIKE '%.example']".into(), "unsupported_operator"),
        ("[domain-name:value ISSUBSET '10.0.0.0/8']".into(), "unsupported_operator"),
        ("[EXISTS ipv4-addr:value]".into(), "unsupported_operator"),
        ("[ipv4-addr:value ISSUPERSET '10.0.0.0/8']".into(), "unsupported_operator"),
        ("[autonomous-system:number = '174']".into(), "too_broad"),
        ("[process:name MATCHES 'x' AND ipv4-addr:value = '203.0.113.5']".into(), "host_side"),
        ("[x509-certificate:issuer = 'a' AND x509-certificate:serial_number = '1']".into(), "unsupported_kind"),
        ("[network-traffic:extensions.'http-request-ext'.request_header.'User-Agent' = 'a']".into(), "unsupported_kind"),
        ("[domain-name:value = 'a.example' AND domain-name:resolves_to_refs[*].value = '198.51.100.1/32']".into(), "unsupported_conjunction"),
        ("[domain-name:value = 'a.example' AND network-traffic:dst_port = '8443']".into(), "unsupported_conjunction"),
        ("[domain-name:resolves_to_refs[*].value = '198.51.100.1']".into(), "unsupported_property"),
        ("[url:value = 'https://a.example/b']".into(), "encrypted_url"),
        ("[url:value = 'ftp://a.example/b']".into(), "unsupported_scheme"),
        ("[x-usb-device:usbdrive.serial_number = '57']".into(), "unsupported_object"),
        ("[x-tls:ja3s = 'e7d705a3286e19ea42f587b344ee6865']".into(), "unsupported_object"),
    ];
    for (pattern, code) in cases {
        assert_eq!(fate(&pattern), format!("1:{code}"), "{pattern}");
    }
}

#[test]
fn names_urls_and_fingerprints_are_kept() {
    let ja3 = "e7d705a3286e19ea42f587b344ee6865";
    for path in [
        "x-ja3:value",
        "x-tls:hashes.'JA3'",
        "network-traffic:extensions.'tls-ext'.ja3_hash",
    ] {
        assert_eq!(fate(&format!("[{path} = '{ja3}']")), format!("ja3 {ja3}"));
    }
    assert_eq!(
        fate("[url:value = 'HTTP://Evil.example:80/a#b']"),
        "url http://evil.example/a"
    );
    assert_eq!(
        fate("[domain-name:value = 'a.example' AND domain-name:value = 'A.example']"),
        "domain a.example"
    );
}
