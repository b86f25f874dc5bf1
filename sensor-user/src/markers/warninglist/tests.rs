//! Each type of list, and files that are none.

use super::*;

fn list(name: &str, kind: &str, about: &str, entries: &str) -> String {
    format!(
        r#"{{"description":"x","list":[{entries}],"matching_attributes":[{about}],"name":"{name}","type":"{kind}","version":20260101}}"#
    )
}

fn lists(files: &[String]) -> Warninglists {
    let mut lists = Warninglists::default();
    for file in files {
        lists
            .add(Path::new("list.json"), &mut file.as_bytes())
            .expect("a list");
    }
    lists
}

#[test]
fn each_type_of_list_and_what_it_is_about() {
    let lists = lists(&[
        list("hashes", "string", r#""md5""#, r#""203.0.113.5""#),
        list(
            "clouds",
            "cidr",
            r#""ip-src","ip-dst""#,
            r#""198.51.100.0/24","2001:db8:5::/48""#,
        ),
        list(
            "resolvers",
            "string",
            "",
            r#""192.0.2.53","resolver.example",".below.example""#,
        ),
        list(
            "popular",
            "hostname",
            r#""hostname","domain","url""#,
            r#""Popular.example","192.0.2.80""#,
        ),
        list("parts", "substring", r#""url","domain""#, r#""cdn-","a.b""#),
        list(
            "shapes",
            "regex",
            r#""domain""#,
            r#""/^WWW\\d+\\.safe\\.example$/i","^exact\\.example$""#,
        ),
        list(
            "clients",
            "string",
            r#""ja3-fingerprint-md5""#,
            r#""e7d705a3286e19ea42f587b344ee6865""#,
        ),
    ]);
    assert_eq!(lists.count(), 7);
    for (pattern, expected) in [
        // About files only.
        ("ip 203.0.113.5", None),
        ("ip 198.51.100.7", Some("clouds")),
        ("ip 198.51.101.7", None),
        ("cidr 198.51.0.0/16", Some("clouds")),
        ("cidr 198.51.100.128/25", Some("clouds")),
        ("endpoint 2001:db8:5::1 tcp 443", Some("clouds")),
        ("ip ::ffff:198.51.100.7", Some("clouds")),
        ("ip 192.0.2.53", Some("resolvers")),
        ("cidr 192.0.2.0/25", Some("resolvers")),
        // In a list of names, which is not about addresses.
        ("ip 192.0.2.80", None),
        ("url http://192.0.2.80/x", Some("popular")),
        ("url http://198.51.100.7/", None),
        ("domain resolver.example", Some("resolvers")),
        ("domain www.resolver.example", None),
        ("domain www.below.example", Some("resolvers")),
        ("domain popular.example", Some("popular")),
        ("domain www.popular.example", Some("popular")),
        ("domain unpopular.example", None),
        ("domain *.popular.example", Some("popular")),
        // Covers a name of a list.
        ("domain *.resolver.example", Some("resolvers")),
        ("domain *.example", Some("resolvers")),
        ("domain example", None),
        ("url http://www.popular.example:8080/a?b", Some("popular")),
        ("url http://evil.example/popular.example", None),
        ("url http://cdn-7.evil.example/", Some("parts")),
        ("domain axb.example", None),
        ("domain x.a.b.example", Some("parts")),
        ("domain www12.safe.example", Some("shapes")),
        ("domain www12.safe.example.org", None),
        ("domain exact.example", Some("shapes")),
        ("url http://exact.example/", None),
        ("ja3 e7d705a3286e19ea42f587b344ee6865", Some("clients")),
        ("ja4 t13d1516h2_8daaf6152771_e5627efa2ab1", None),
    ] {
        let parsed: Pattern = pattern.parse().expect(pattern);
        assert_eq!(lists.concern(&parsed), expected, "{pattern}");
    }
    let none = Warninglists::default();
    assert_eq!(
        none.concern(&"ip 192.0.2.53".parse().expect("a pattern")),
        None
    );
}

#[test]
fn a_file_that_is_no_list_is_named_with_what_is_wrong() {
    let long = format!("\"{}\"", "a".repeat(5_000));
    for (file, word) in [
        (String::new(), "EOF"),
        ("[]".into(), "invalid"),
        (r#"{"name":"a"}"#.into(), "missing field `list`"),
        (r#"{"list":["a"]}"#.into(), "missing field `name`"),
        (list("a", "glob", "", "\"x\""), "unknown variant `glob`"),
        (list("", "string", "", "\"x\""), "its name"),
        (list("a", "string", "", "\"\""), "blank"),
        (list("a", "string", "", &long), "too long"),
        (
            list("a", "cidr", "", "\"10.0.0.0/8\",\"example\""),
            "entry 1",
        ),
        (
            list("a", "regex", "", "\"a\",\"(\""),
            "entry 1 cannot be compiled",
        ),
        (list("a", "regex", "", "\"/a/e\""), "entry 0"),
        (
            list("a", "regex", "", "\"(a{1000}){9000}\""),
            "cannot be compiled",
        ),
        ("[[[[[[[[[]]]]]]]]]".into(), "deep"),
        (r#"{"name":[[[1]]]}"#.into(), "invalid"),
        (r#"{"x":[[[[[[[[[]]]]]]]]]}"#.into(), "deep"),
    ] {
        let mut lists = Warninglists::default();
        let error = lists
            .add(Path::new("/etc/lists/a.json"), &mut file.as_bytes())
            .expect_err(&file)
            .to_string();
        assert!(
            error.contains("/etc/lists/a.json") && error.contains(word),
            "{file}: {error}"
        );
        assert!(error.contains("limits.warninglists"), "{error}");
    }
}

/// Were each marker held against each name, this would not end.
#[test]
fn many_markers_are_held_against_many_names() {
    let names: Vec<String> = (0..50_000)
        .map(|n| format!("\"n{n}.popular.example\""))
        .collect();
    let lists = lists(&[list("a", "hostname", "", &names.join(","))]);
    let concerned = (0..50_000)
        .filter(|n| {
            let name = format!("www.n{}.popular.example", n * 2);
            lists
                .concern(&Pattern::domain(&name).expect("a name"))
                .is_some()
        })
        .count();
    assert_eq!(concerned, 25_000);
}
