//! Starts that are refused.

use std::{fs, path::Path};

use sensor_tests::{
    command::{output, said},
    daemon::{Home, Sensord, Settings, binary},
    need,
    netns::{Netns, Wire},
};

use super::scene::{Scene, State, interface};

/// Starts a daemon that must end by itself; its exit code and its last sentence.
fn refused(home: &Home, netns: &Netns, settings: &Settings) -> (i32, String) {
    let mut daemon = Sensord::spawn(home, netns, settings);
    let status = daemon.wait().expect("it ends by itself");
    let code = status.code().expect("it was not killed");
    (code, sentence(&daemon.stderr()))
}

fn sentence(stderr: &str) -> String {
    let last = stderr.lines().rfind(|line| line.starts_with("sensord: "));
    last.unwrap_or_else(|| panic!("no sentence: {stderr}"))
        .into()
}

/// Everything under a directory but the two iterators that the kernel puts into every bpffs.
fn within(directory: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|ending| ending == "debug") {
            continue;
        }
        found.push(path.display().to_string());
        if path.is_dir() {
            found.extend(within(&path));
        }
    }
    found
}

fn other_port() -> Settings {
    Settings {
        metrics_port: 9465,
        ..Scene::settings()
    }
}

#[test]
fn an_interface_that_does_not_exist() {
    if !need::root_and(&["ip"]) {
        return;
    }
    let scene = Scene::new();
    let alone = Settings::on(vec![interface("nowhere0")]);
    let second = Settings::on(vec![interface(Wire::IN), interface("nowhere0")]);
    for settings in [alone, second] {
        let (code, sentence) = refused(&scene.home, &scene.wire.to, &settings);
        assert_eq!(code, 78, "{sentence}");
        assert!(
            sentence.contains("interface nowhere0 does not exist"),
            "{sentence}"
        );
        assert_eq!(scene.wire.to.xdp_program(Wire::IN), None, "left attached");
        assert_eq!(within(scene.home.pins()), [""; 0]);
    }
    // The corrected configuration starts.
    scene.start(&Scene::settings());
}

#[test]
fn an_interface_with_a_foreign_program() {
    if !need::root_and(&["ip", "tcpreplay"]) {
        return;
    }
    let scene = Scene::new();
    let first = scene.start(&Scene::settings());
    let program = scene.wire.to.xdp_program(Wire::IN);
    let before = State::of(&first.client());
    let home = Home::new();
    let (code, sentence) = refused(&home, &scene.wire.to, &other_port());
    assert_eq!(code, 69, "{sentence}");
    assert!(
        sentence.contains("interface in0 already has an XDP program"),
        "{sentence}"
    );
    let id = program.expect("the first one's program");
    assert!(sentence.contains(&format!("id {id}")), "{sentence}");
    assert_eq!(within(home.pins()), [""; 0]);
    assert_eq!(scene.wire.to.xdp_program(Wire::IN), program);
    assert_eq!(State::of(&first.client()), before);
    scene.detects(&first);
}

#[test]
fn a_missing_capability() {
    if !need::root_and(&["setpriv"]) {
        return;
    }
    let scene = Scene::new();
    fs::write(scene.home.config(), Scene::settings().toml(&scene.home)).expect("a writable home");
    let (program, config) = (binary("sensord"), scene.home.config());
    let words = scene.wire.to.wrap(&[
        "setpriv",
        "--bounding-set=-bpf,-perfmon,-sys_admin",
        program.to_str().expect("a path in UTF-8"),
        "run",
        "--config",
        config.to_str().expect("a path in UTF-8"),
    ]);
    let (code, stdout, stderr) = said(output(&words));
    assert_eq!((code, stdout.as_str()), (77, ""), "{stderr}");
    assert!(stderr.contains("lacks CAP_BPF, CAP_PERFMON;"), "{stderr}");
    assert_eq!(scene.wire.to.xdp_program(Wire::IN), None);
    assert_eq!(within(scene.home.pins()), [""; 0]);
    assert_eq!(within(&scene.home.state()), [""; 0]);
}

#[test]
fn a_second_daemon_on_the_same_socket() {
    if !need::root_and(&["ip", "tcpreplay"]) {
        return;
    }
    let scene = Scene::new();
    let first = scene.start(&Scene::settings());
    let program = scene.wire.to.xdp_program(Wire::IN);
    let before = State::of(&first.client());
    let (code, sentence) = refused(&scene.home, &scene.wire.to, &other_port());
    assert_eq!(code, 69, "{sentence}");
    assert!(
        sentence.contains(&scene.home.socket().display().to_string()),
        "{sentence}"
    );
    assert_eq!(scene.wire.to.xdp_program(Wire::IN), program);
    assert_eq!(State::of(&first.client()), before);
    scene.detects(&first);
}

#[test]
fn an_unknown_key_in_the_configuration() {
    if !need::root_and(&["ip"]) {
        return;
    }
    let scene = Scene::new();
    let settings = Settings {
        more: "colour = \"red\"".into(),
        ..Scene::settings()
    };
    let (code, told) = refused(&scene.home, &scene.wire.to, &settings);
    assert_eq!(code, 78, "{told}");
    // Behind the name of the sensor and two directories.
    let place = format!("{}, line 4, colour: ", scene.home.config().display());
    assert!(told.contains(&place), "{told}");
    assert_eq!(within(scene.home.pins()), [""; 0]);
    assert_eq!(within(&scene.home.state()), [""; 0]);
    let (program, config) = (binary("sensord"), scene.home.config());
    let (code, stdout, stderr) = said(output(&[
        program.to_str().expect("a path in UTF-8"),
        "check",
        "--config",
        config.to_str().expect("a path in UTF-8"),
    ]));
    assert_eq!((code, stdout.as_str()), (78, ""));
    assert_eq!(sentence(&stderr), told);
}
