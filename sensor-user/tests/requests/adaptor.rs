//! The subscriber system: with whose rights it runs, when it ends, and who waits for it.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use sensor_user::{
    config::Adaptor,
    control::Error,
    model::{RequestType, Role, request::CaseRow},
};

use crate::scene::{DESIGNATED, RESPONSIBLE, Scene, actor, code, id_of, subscriber_system_user};

type Outcome = Result<CaseRow, Error>;

/// A request of type A about some events that one person has approved.
fn approved_once(events: i64, change: impl FnOnce(&mut Adaptor)) -> Scene {
    let mut scene = Scene::new();
    let ids: Vec<String> = (1..=events).map(|seq| scene.event(seq)).collect();
    let document = scene.document(RequestType::A, "REQ-1", &ids);
    scene.submit(&document).expect("accepted");
    scene.approve(RESPONSIBLE, "REQ-1").expect("approved");
    scene.restart_with(|config| change(config.adaptor.as_mut().expect("there")))
}

/// A directory that the subscriber system may write to.
fn left(scene: &Scene) -> std::path::PathBuf {
    let left = scene.dir.path().join("left");
    fs::create_dir(&left).expect("fresh");
    fs::set_permissions(&left, fs::Permissions::from_mode(0o777)).expect("ours");
    left
}

/// What another thread does: it cannot have the whole scene.
fn second_approval(scene: &Scene, reference: &'static str) -> impl FnOnce() -> Outcome + Send {
    let (desk, now) = (&scene.desk, scene.now);
    move || desk.approve(&actor(DESIGNATED, Role::Operator), reference, now)
}

fn soon(what: &str, done: impl Fn() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < Duration::from_secs(10), "{what}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// Whether a process is there and has not ended.
fn lives(pid: &str) -> bool {
    let stat = fs::read_to_string(Path::new("/proc").join(pid).join("stat")).unwrap_or_default();
    let state = stat
        .rsplit(") ")
        .next()
        .and_then(|rest| rest.chars().next());
    state.is_some_and(|state| !matches!(state, 'Z' | 'X'))
}

#[test]
fn it_runs_as_a_user_of_its_own_without_capabilities_environment_or_place() {
    let scene = approved_once(1, |_| {});
    scene.subscriber_system(
        "status=$(cat /proc/self/status)\n\
         cap() { printf '%s' \"$status\" | grep \"^Cap$1\" | tr -d '\\n\\t'; }\n\
         printf '{\"identity\":\"%s\",\"postal_address\":\"%s\",\"email\":\"%s\"}' \
         \"$(id -u)/$(id -G)\" \"$(cap Prm)$(cap Eff)$(cap Amb)\" \"$PWD$HOME$LOGNAME\"",
    );
    let row = scene.approve(DESIGNATED, "REQ-1").expect("disclosed");
    let (_, records) = scene.opened(&row);
    assert_eq!(records[0]["email"], "/", "in / and without environment");
    if rustix::process::geteuid().is_root() {
        let user = subscriber_system_user();
        assert_eq!(records[0]["identity"], format!("{user}/{user}"));
        let none = "0".repeat(16);
        let expected = format!("CapPrm:{none}CapEff:{none}CapAmb:{none}");
        assert_eq!(records[0]["postal_address"], expected);
    }
}

#[test]
fn what_it_started_ends_with_it() {
    let timeout = Duration::from_millis(700);
    let scene = approved_once(1, |adaptor| adaptor.timeout = timeout);
    let left = left(&scene);
    let pid = left.join("pid");
    // It ends at once, and leaves one behind that holds its output.
    scene.subscriber_system(&format!(
        "sleep 600 &\necho $! > {0}.new\nmv {0}.new {0}\nexit 0",
        pid.display()
    ));
    let began = Instant::now();
    assert_eq!(code(scene.approve(DESIGNATED, "REQ-1")), "adaptor_failed");
    assert!(began.elapsed() < Duration::from_secs(5));
    let pid = fs::read_to_string(&pid).expect("it ran");
    soon("the child of the subscriber system is ended", || {
        !lives(pid.trim())
    });
}

#[test]
fn all_questions_of_a_request_together_have_their_time() {
    let whole = Duration::from_millis(900);
    let scene = approved_once(40, |adaptor| adaptor.request_timeout = whole);
    scene.subscriber_system(
        "sleep 0.1\nprintf '{\"identity\":null,\"postal_address\":null,\"email\":null}'",
    );
    let began = Instant::now();
    assert_eq!(code(scene.approve(DESIGNATED, "REQ-1")), "adaptor_failed");
    assert!(
        began.elapsed() < Duration::from_secs(3),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(
        scene.steps("REQ-1").last().expect("a step"),
        "not_disclosed"
    );
}

#[test]
fn a_stop_ends_it_and_says_that_nothing_was_disclosed() {
    let scene = approved_once(1, |adaptor| adaptor.timeout = Duration::from_mins(5));
    let left = left(&scene);
    let running = left.join("running");
    scene.subscriber_system(&format!(
        "trap '' TERM\n: > {}\nsleep 600",
        running.display()
    ));
    thread::scope(|scope| {
        let asked = scope.spawn(second_approval(&scene, "REQ-1"));
        soon("it runs", || running.exists());
        let began = Instant::now();
        scene.desk.stop_asking();
        assert_eq!(code(asked.join().expect("no panic")), "stopping");
        assert!(began.elapsed() < Duration::from_secs(2));
    });
    let told = scene.told();
    let last = told.last().expect("an entry");
    assert_eq!(
        (&last["step"], &last["code"]),
        (&"not_disclosed".into(), &"stopping".into())
    );
    let scene = scene.restart();
    assert_eq!(scene.desk.show("REQ-1").expect("there").stage, "cleared");
}

#[test]
fn nobody_else_waits_for_it() {
    let mut scene = approved_once(2, |_| {});
    scene.acknowledge(1);
    let other = scene.document(RequestType::B, "REQ-2", &[id_of(1)]);
    scene.submit(&other).expect("accepted");
    let again = scene.document(RequestType::A, "REQ-3", &[id_of(2)]);
    let envelope = scene.envelope(&again);
    let left = left(&scene);
    let (running, go_on) = (left.join("running"), left.join("go_on"));
    scene.subscriber_system(&format!(
        ": > {}\nwhile [ ! -e {} ]; do sleep 0.02; done\nprintf '{{\"identity\":\"A\",\"postal_address\":null,\"email\":null}}'",
        running.display(),
        go_on.display()
    ));
    let row = thread::scope(|scope| {
        let asked = scope.spawn(second_approval(&scene, "REQ-1"));
        soon("it runs", || running.exists());
        // All of this is done while the subscriber system has not answered yet.
        assert_eq!(scene.desk.show("REQ-1").expect("there").stage, "asking");
        scene.hand_in(&envelope).expect("accepted");
        scene.approve_both("REQ-2").expect("disclosed");
        assert_eq!(code(scene.approve(RESPONSIBLE, "REQ-1")), "conflict");
        let body = br#"{"reason":"ground"}"#;
        let ann = actor(RESPONSIBLE, Role::Operator);
        assert_eq!(code(scene.desk.decline(&ann, "REQ-1", body)), "conflict");
        assert!(!asked.is_finished());
        fs::write(&go_on, "").expect("written");
        asked.join().expect("no panic")
    });
    assert_eq!(row.expect("disclosed").stage, "disclosed");
    let ann = actor(RESPONSIBLE, Role::Operator);
    let declined = scene.desk.decline(&ann, "REQ-3", br#"{"reason":"ground"}"#);
    assert_eq!(code(declined), "ok: declined");
}

#[test]
fn of_two_that_are_asked_for_at_once_the_later_one_says_that_it_repeats() {
    let mut scene = approved_once(1, |_| {});
    let again = scene.document(RequestType::A, "REQ-2", &[id_of(1)]);
    scene.submit(&again).expect("accepted");
    scene.approve(RESPONSIBLE, "REQ-2").expect("approved");
    let left = left(&scene);
    let (running, go_on) = (left.join("running"), left.join("go_on"));
    // The first that comes waits, the second does not.
    scene.subscriber_system(&format!(
        "if mkdir {} 2>/dev/null; then while [ ! -e {} ]; do sleep 0.02; done; fi\nprintf '{{\"identity\":\"A\",\"postal_address\":null,\"email\":null}}'",
        running.display(),
        go_on.display()
    ));
    let (slow, quick) = thread::scope(|scope| {
        let slow = scope.spawn(second_approval(&scene, "REQ-1"));
        soon("it runs", || running.exists());
        let quick = scene.approve(DESIGNATED, "REQ-2").expect("disclosed");
        fs::write(&go_on, "").expect("written");
        (slow.join().expect("no panic").expect("disclosed"), quick)
    });
    assert_eq!(scene.opened(&quick).0["repeat"], false);
    assert_eq!(scene.opened(&slow).0["repeat"], true);
    let told = scene.told();
    let last = told.last().expect("an entry");
    assert_eq!(
        (&last["step"], &last["repeat"]),
        (&"disclosed".into(), &true.into())
    );
}
