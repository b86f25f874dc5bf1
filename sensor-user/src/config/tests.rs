//! Tests of loading and checking.

use std::time::Duration;

use super::*;

fn parse(text: &str) -> Result<Config, Error> {
    Config::parse(Path::new("sensor.toml"), text)
}

/// The sentence for a file, which must be refused.
fn refused(text: &str) -> String {
    parse(text).expect_err(text).to_string()
}

#[test]
fn the_shipped_file_loads() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/sensor.toml");
    let config = Config::load(Path::new(path)).expect("deploy/sensor.toml loads");
    assert_eq!(config.interfaces.len(), 1);
    assert_eq!(config.interfaces[0].vlans.len(), 1);
    assert_eq!(
        config.control,
        Control {
            roles: config.control.roles.clone(),
            ..Control::default()
        }
    );
    assert_eq!(
        config.flows,
        Flows::default(),
        "the file shows the defaults"
    );
    assert_eq!(config.limits, Limits::default());
    assert_eq!(config.inspect, Inspect::default());
    assert_eq!(config.events, Events::default());
    assert_eq!(config.metrics, Metrics::default());
    assert_eq!(config.legal, Legal::default());
}

#[test]
fn legal_policy_and_issuers_are_checked() {
    let key = "authority+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    for (text, at) in [
        ("[legal]\nregime = \"2019\"", "legal.regime"),
        ("[legal]\nregime = \"2023\"", "legal.validation"),
        ("[legal]\nvalidation = \"\"", "legal.validation"),
        ("[[issuer]]\nkey = \"authority\"", "issuer[0].key"),
        (
            &format!(
                "[[issuer]]\nkey = \"{key}\"\nnot-before = \"2027-01-01T00:00:00Z\"\n\
                 not-after = \"2027-01-01T00:00:00Z\""
            ),
            "issuer[0].not-after",
        ),
    ] {
        let sentence = refused(&format!("sensor = \"a\"\n{text}"));
        assert!(sentence.contains(&format!(", {at}: ")), "{sentence}");
    }
    let text = format!("sensor = \"a\"\n[[issuer]]\nkey = \"{key}\"");
    let config = parse(&text).expect("loads");
    assert!(config.issuers[0].authority && config.legal.regime == Regime::Of2018);
}

#[test]
fn an_empty_file_is_all_defaults() {
    let config = parse("sensor = \"pop1\"").expect("defaults work");
    assert_eq!(
        config,
        Config {
            sensor: "pop1".into(),
            ..Config::default()
        }
    );
}

#[test]
fn vlans_inherit_what_they_leave_out() {
    let config = parse(
        "sensor = \"a\"\n[[interface]]\nname = \"eth0\"\nsubscribers = [\"10.0.0.0/8\"]\nrealm = \"r\"\n\
         [[interface.vlan]]\ntags = [100, 200]\n\
         [[interface.vlan]]\ntags = [7]\nsubscribers = [\"2001:db8::/32\"]\nrealm = \"other\"\n",
    )
    .expect("loads");
    let [first, second] = &config.interfaces[0].vlans[..] else {
        panic!("two VLANs");
    };
    assert_eq!(
        (&first.subscribers, first.realm.as_str()),
        (&config.interfaces[0].subscribers, "r")
    );
    assert_eq!(
        (second.subscribers.len(), second.realm.as_str()),
        (1, "other")
    );
    assert_ne!(first.subscribers, second.subscribers);
}

#[test]
fn refusals_name_file_line_and_key() {
    let eth0 = "[[interface]]\nname = \"eth0\"\n";
    let cases = [
        ("[control]\n\nsokcet = \"/x\"\n".to_owned(), "sensor.toml, line 3, control.sokcet: unknown field `sokcet`"),
        ("[control]\nmax-body = \"1 parsec\"\n".into(), "sensor.toml, line 2, control.max-body: invalid value"),
        ("[flows]\nidle-timeout = 60\n".into(), "sensor.toml, line 2, flows.idle-timeout: invalid type"),
        ("[flows]\nring-bytes = 12288\n".into(), "sensor.toml, line 2, flows.ring-bytes: must be a power of two"),
        ("[flows]\nidle-timeout = \"60s\"\nactive-timeout = \"30s\"\n".into(), "line 3, flows.active-timeout"),
        ("[inspect]\nper-flow = \"1KiB\"\n".into(), "line 2, inspect.per-flow: must be between 4KiB and 256KiB"),
        ("[inspect]\nmemory = 1\n".into(), "line 2, inspect.memory: must be between"),
        ("[metrics]\nlisten = \"0.0.0.0:9477\"\n".into(), "line 2, metrics.listen: must be a loopback address"),
        (eth0.into(), "line 1, interface[0]: missing field `subscribers`"),
        (format!("{eth0}subscribers = []\n"), "line 3, interface[0].subscribers: is empty"),
        (
            format!("{eth0}subscribers = [\n  \"10.0.0.0/8\",\n  \"10.0.0.1/8\",\n]\n"),
            "line 5, interface[0].subscribers[1]: has bits set",
        ),
        (format!("{eth0}subscribers = [\"10.0.0.0/8\"]\n{eth0}subscribers = [\"10.0.0.0/8\"]\n"), "line 5, interface[1].name: is listed twice"),
        ("[[interface]]\nname = \"a/b\"\nsubscribers = [\"10.0.0.0/8\"]\n".into(), "line 2, interface[0].name"),
        (format!("{eth0}subscribers = [\"10.0.0.0/8\"]\n[[interface.vlan]]\ntags = [1, 2, 3]\n"), "line 5, interface[0].vlan[0].tags"),
        ("[[control.role]]\nrole = \"agent\"\nusers = [0]\n".into(), "line 2, control.role[0].role: `agent`"),
        ("[[control.role]]\nrole = \"king\"\nusers = [0]\n".into(), "line 2, control.role[0].role: unknown variant"),
        (
            "[[control.role]]\nrole = \"reader\"\nusers = [\"a\"]\n[[control.role]]\nrole = \"operator\"\nusers = [\"a\"]\n".into(),
            "line 6, control.role[1].users: names a user that has a role",
        ),
        ("[limits]\nwidest-ipv4 = 0\n".into(), "line 2, limits.widest-ipv4: must be a prefix length from 1 to 32"),
        ("[limits]\nwidest-ipv6 = 129\n".into(), "line 2, limits.widest-ipv6: must be a prefix length"),
        ("[limits]\nown-prefixes = [\"192.0.2.0/24\", \"192.0.2.1/24\"]\n".into(), "line 2, limits.own-prefixes[1]: has bits set"),
        ("[limits]\nresolvers = [\"192.0.2.0/24\"]\n".into(), "line 2, limits.resolvers[0]: "),
        ("[limits]\nwarninglists = [\"/a.json\", \"b.json\"]\n".into(), "line 2, limits.warninglists[1]: must be an absolute path"),
        ("[limits]\nnew-flows-per-second = 0\n".into(), "line 2, limits.new-flows-per-second: must be between"),
        ("[limits]\nnew-flows-burst = 1000001\n".into(), "line 2, limits.new-flows-burst: must be between"),
        ("[limits]\nbreaker = \"never\"\n".into(), "line 2, limits.breaker: unknown variant `never`"),
        ("[limits]\nbreaker-after = \"0s\"\n".into(), "line 2, limits.breaker-after: must be between 1s and 1h"),
        ("[limits]\nbreaker-rest = \"500ms\"\n".into(), "line 2, limits.breaker-rest: must be between"),
        ("[limits]\nmap-memory = \"1KiB\"\n".into(), "line 2, limits.map-memory: must be between 1MiB and"),
        ("[limits]\nburst = 1\n".into(), "line 2, limits.burst: unknown field `burst`"),
        ("[events]\n\nretention = \"7 months\"\n".into(), "sensor.toml, line 3, events.retention: must be between 1 day and 6 months"),
        ("[events]\nretention = \"182 days\"\n".into(), "line 2, events.retention: must be between"),
        ("[events]\nretention = \"half a year\"\n".into(), "line 2, events.retention: invalid value"),
        ("[events]\nmax-size = \"1KiB\"\n".into(), "line 2, events.max-size: must be between"),
        ("state-dir = \"here\"\n".into(), "line 1, state-dir: must be an absolute path"),
        ("a = [1,\n".into(), "sensor.toml, line "),
    ];
    for (text, expected) in cases {
        let text = format!("{text}\n");
        let sentence = refused(&text);
        assert!(
            sentence.contains(expected),
            "{text}\n{sentence}\nexpected: {expected}"
        );
    }
}

#[test]
fn the_sixty_fifth_interface_is_one_too_many() {
    let names = |count: usize| (0..count).map(|n| format!("eth{n}")).collect::<Vec<_>>();
    let nets = ["10.0.0.0/8".parse().expect("prefix")];
    assert!(Config::from_flags(&names(64), &nets).is_ok());
    assert!(Config::from_flags(&names(65), &nets).is_err());
    assert!(Config::from_flags(&names(1), &[]).is_err());
}

#[test]
fn limits_are_read() {
    let config = parse(
        "sensor = \"a\"\n[limits]\nwidest-ipv4 = 16\nwidest-ipv6 = 32\nown-prefixes = [\"192.0.2.0/24\"]\n\
         resolvers = [\"2001:db8::53\"]\nwarninglists = [\"/a.json\"]\nlongest-marker = \"30d\"\nnew-flows-per-second = 5\nnew-flows-burst = 6\n\
         breaker = \"manual\"\nbreaker-after = \"2s\"\nbreaker-rest = \"0s\"\n\
         map-memory = \"64MiB\"\n",
    )
    .expect("loads");
    let expected = Limits {
        widest_ipv4: 16,
        widest_ipv6: 32,
        own_prefixes: vec!["192.0.2.0/24".parse().expect("prefix")],
        resolvers: vec!["2001:db8::53".parse().expect("address")],
        longest_marker: Duration::from_secs(30 * 86_400),
        warninglists: vec!["/a.json".into()],
        new_flows_per_second: 5,
        new_flows_burst: 6,
        breaker: Breaker::Manual,
        breaker_after: Duration::from_secs(2),
        breaker_rest: Duration::ZERO,
        map_memory: 64 << 20,
    };
    assert_eq!(config.limits, expected);
}

/// The unit lets the agent write where the shipped file says, and have the groups that it names.
#[test]
fn the_shipped_unit_fits_the_shipped_file() {
    let read = |name: &str| {
        let path = format!("{}/../deploy/{name}", env!("CARGO_MANIFEST_DIR"));
        std::fs::read_to_string(path).expect("it is shipped")
    };
    let (unit, groups, file) = (
        read("marker-sensor.service"),
        read("groups.conf"),
        read("sensor.toml"),
    );
    let values = |text: &str, key: &str| -> Vec<String> {
        let lines = text.lines().filter_map(|line| line.split_once('='));
        let own = lines.filter(|(name, _)| *name == key);
        own.flat_map(|(_, value)| value.split_whitespace().map(str::to_owned))
            .collect()
    };
    assert_eq!(values(&unit, "ProtectSystem"), ["strict"]);
    let place = |key: &str, root: &str| {
        let names = values(&unit, key).into_iter();
        names
            .map(|name| format!("{root}/{name}"))
            .collect::<Vec<_>>()
    };
    let writable = [
        place("StateDirectory", "/var/lib"),
        place("LogsDirectory", "/var/log"),
        place("RuntimeDirectory", "/run"),
    ]
    .concat();
    // Also in what is commented out.
    let lines = file.lines().map(|line| line.trim_start_matches(['#', ' ']));
    let settings: Vec<(&str, &str)> = lines
        .filter_map(|line| line.split_once(" = "))
        .map(|(key, value)| (key, value.trim_matches('"')))
        .collect();
    let of = |keys: &[&str]| {
        let own = settings.iter().filter(|(key, _)| keys.contains(key));
        own.map(|(_, value)| *value).collect::<Vec<_>>()
    };
    let written = of(&[
        "state-dir",
        "socket",
        "oversight-socket",
        "directory",
        "export-dir",
        "key-file",
    ]);
    assert!(written.len() >= 5, "{written:?}");
    for path in written {
        let own = writable
            .iter()
            .any(|root| Path::new(path).starts_with(root));
        assert!(own, "{path} is read-only under the unit");
    }
    let named = of(&["group", "oversight-group"]);
    assert_eq!(named, values(&groups, "SupplementaryGroups"));
    let held = values(&unit, "CapabilityBoundingSet");
    for more in ["CAP_CHOWN", "CAP_SYS_TIME", "CAP_SYS_ADMIN"] {
        assert!(!held.iter().any(|one| one == more), "{more}");
    }
}
