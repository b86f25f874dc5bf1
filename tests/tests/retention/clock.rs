//! By which clock events end: one that is believed, and that the agent can ask about.

use std::{fs, os::unix::fs::PermissionsExt as _, time::Duration};

use jiff::Timestamp;
use sensor_tests::{
    command::wait_until,
    daemon::{GROUP, Home, Sensord, Settings, binary},
    identity::events,
    need,
    netns::Topology,
};
use sensor_user::db::Catalog;

use crate::{MARKED, PATIENCE, ago, event, ping_marked, seed};

/// Runs an agent until the next one will know what time it was.
fn run_until_the_time_is_kept(home: &Home, topology: &Topology, settings: &Settings) {
    let daemon = Sensord::start(home, &topology.router, settings);
    let kept = || {
        let catalog = Catalog::open(&home.state());
        catalog.is_ok_and(|mut catalog| catalog.clock_mark().is_ok_and(|mark| mark.is_some()))
    };
    assert!(wait_until(PATIENCE, kept), "{}", daemon.stderr());
}

#[test]
fn a_clock_that_jumps_destroys_nothing_until_it_is_believed() {
    if !need::root() {
        return;
    }
    let topology = Topology::new();
    let home = Home::new();
    let settings = Settings::on_router();
    seed(&home, vec![event(1, ago(6, 10, 0))]);
    run_until_the_time_is_kept(&home, &topology, &settings);
    for said in ["unsynchronised", "silent"] {
        home.step_clock_as(30 * 86_400, said);
        let daemon = Sensord::start(&home, &topology.router, &settings);
        let client = daemon.client();
        let gone = wait_until(Duration::from_secs(5), || events(&client).is_empty());
        let status = client.status();
        assert!(!gone && status["clock_trusted"] == false, "{said}");
        let told = status["clock_synchronised"].as_bool();
        assert_eq!(told, (said != "silent").then_some(false));
        let logged = daemon.stderr().contains("adjtimex");
        assert_eq!(logged, said == "silent", "{}", daemon.stderr());
        home.step_clock_as(0, said);
        assert!(daemon.stop().success());
    }
    home.step_clock_as(30 * 86_400, "synchronised");
    let daemon = Sensord::start(&home, &topology.router, &settings);
    let client = daemon.client();
    assert!(wait_until(PATIENCE, || events(&client).is_empty()));
    assert_eq!(client.status()["clock_trusted"], true);
}

#[test]
fn a_first_clock_that_was_ahead_destroys_nothing_where_the_kernel_does_not_tell() {
    if !need::root() {
        return;
    }
    let topology = Topology::new();
    let home = Home::new();
    let settings = Settings::on_router();
    home.step_clock_as(400 * 86_400, "silent");
    run_until_the_time_is_kept(&home, &topology, &settings);
    seed(&home, vec![event(1, Timestamp::now())]);
    home.step_clock_as(0, "silent");
    let daemon = Sensord::start(&home, &topology.router, &settings);
    let client = daemon.client();
    let gone = wait_until(Duration::from_secs(5), || events(&client).is_empty());
    assert!(!gone, "an event of this minute was destroyed");
    assert_eq!(client.status()["clock_trusted"], false);
}

/// Filter and capabilities of the shipped unit, without systemd: `tests/python/as_unit.py`.
#[test]
fn under_the_filter_of_the_unit_the_agent_runs_and_knows_whether_its_clock_is_synchronised() {
    if !need::root_and(&["setpriv", "systemd-analyze"]) {
        return;
    }
    let topology = Topology::new();
    let home = Home::new();
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let agent = home.state().with_file_name("sensord-as-unit");
    let sensord = binary("sensord");
    let script = format!(
        "#!/bin/sh\nexec /usr/bin/python3 {root}/tests/python/as_unit.py \
         {root}/deploy/marker-sensor.service --groups {GROUP} -- {} \"$@\"\n",
        sensord.display()
    );
    fs::write(&agent, script).expect("writes");
    fs::set_permissions(&agent, fs::Permissions::from_mode(0o755)).expect("ours");
    let settings = Settings {
        program: Some(agent),
        ..Settings::on_router()
    };
    let daemon = Sensord::start(&home, &topology.router, &settings);
    let client = daemon.client();
    let status = client.status();
    let told = status["clock_synchronised"].is_boolean();
    assert!(told, "{}", daemon.stderr());
    client.load(&format!("ip {MARKED} id=c2\n"));
    ping_marked(&topology);
    assert!(wait_until(PATIENCE, || events(&client).len() == 1));
    let id = daemon.id();
    let held = fs::read_to_string(format!("/proc/{id}/status")).expect("it runs");
    assert!(held.contains("Seccomp:\t2"), "{held}");
}
