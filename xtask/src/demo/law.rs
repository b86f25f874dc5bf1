//! `cargo xtask demo --law`: the way of a request, from the declaration to the journal.

mod authority;
mod expiry;
mod names;
mod tampering;

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::{
    cast::EXCHANGES, headline, network::inside, ok, sensor::Sensor, stage::Stage, traffic,
};
use crate::process::Line;
use authority::Authority;

/// The responsible, the designated agent, the desk; nobody of these numbers need exist.
const RESPONSIBLE: u32 = 60_001;
const DESIGNATED: u32 = 60_002;
const DESK: u32 = 60_003;
const GROUP: u32 = 60_000;
/// The name that is marked.
const NAME: &str = "gate.story.example";
/// Where the authority's endpoint listens in the router's namespace.
const ENDPOINT: &str = "127.0.0.1:9480";

pub fn play() -> Result<()> {
    let begin = Instant::now();
    for tool in ["age", "age-keygen", "dig", "dnsmasq", "python3", "setpriv"] {
        if Line::new(&format!("which {tool}")).ask().is_none() {
            bail!(
                "{tool} is missing: apt-get install age bind9-dnsutils dnsmasq-base python3 util-linux"
            );
        }
    }
    let stage = Stage::set()?;
    // The two persons and the desk reach the socket.
    fs::set_permissions(&stage.dir, fs::Permissions::from_mode(0o711))?;
    let authority = Authority::new(&stage)?;
    stage.network.build()?;
    traffic::serve(&stage)?;
    names::serve(&stage)?;
    authority.listen(&stage)?;

    headline("The device is declared (L. 33-14 paragraph 1)");
    let control = format!(
        "group = {GROUP}\n[[control.role]]\nrole = \"operator\"\nusers = [{RESPONSIBLE}, {DESIGNATED}]\n\
         [[control.role]]\nrole = \"desk\"\nusers = [{DESK}]\n"
    );
    let start = || Sensor::start_with(&stage, &control, &configuration(&stage, &authority));
    let sensor = start()?;
    sensor.show("declaration record --reference DEMO-1 --date 2026-01-01")?;

    headline("The authority orders (paragraph 2): a signed envelope with an address and a name");
    let exchange = &EXCHANGES[0];
    let (_, pattern) = exchange.marker.context("the first exchange is marked")?;
    let markers = format!("{pattern} id=c2 tlp=AMBER\ndomain {NAME} id=gate tlp=AMBER\n");
    let order = authority.order(&stage, &markers)?;
    sensor.show(&format!("bundle submit {order}"))?;
    sensor.show("orders list")?;

    headline("Traffic, its events, and their alerts without delay (paragraph 4)");
    println!(
        "{}: {}",
        exchange.peer,
        traffic::exchange(&stage, exchange)?
    );
    println!("dig {NAME}: {}", names::ask(&stage, NAME)?);
    let ids = attacked(&sensor)?;
    wait("the authority acknowledges the alerts", || {
        let sinks = sensor.json("sinks list")?;
        let row = &sinks["rows"][0];
        Ok(row["acknowledged"].as_u64() >= Some(2) && row["pending"] == 0)
    })?;
    ok("both alerts are acknowledged; they name neither address nor port");

    headline(
        "Request B (L. 2321-3 paragraph 2): signed, submitted by the desk, approved by two persons",
    );
    let request = authority.request(&stage, "request-b", "REQ-1", &ids)?;
    by(&stage, DESK, &format!("requests submit {request}"))?;
    let refused = as_person(&stage, DESK, "requests approve REQ-1").tell();
    ensure!(refused.is_err(), "the desk approved");
    ok("the desk may not approve, and the journal has it");
    by(&stage, RESPONSIBLE, "requests approve REQ-1")?;
    by(&stage, DESIGNATED, "requests approve REQ-1")?;

    headline("The export opens with the authority's key, and with no other");
    let text = opened(&stage, &sensor, &authority, "REQ-1")?;
    println!("{text}");
    let of = |id: &String| {
        text.lines()
            .any(|line| line.contains("\"src_ip\"") && line.contains(id))
    };
    ensure!(ids.iter().all(of), "the export is not of these events");
    ensure!(text.contains("\"records\":2"), "it is of others, too");
    ok("two records, of these events; the manifest is signed by the sensor");
    sensor.show("requests manifests REQ-1")?;
    ok("oversight reads categories and counts, and no record");

    headline("The subscribers are informed (L. 33-14 paragraph 5)");
    let notice = authority.request(&stage, "request-notice", "NOT-1", &ids)?;
    by(&stage, DESK, &format!("requests submit {notice}"))?;
    for uid in [RESPONSIBLE, DESIGNATED] {
        as_person(&stage, uid, "requests approve NOT-1").tell()?;
    }
    let today = Line::new("date -u +%F").tell()?;
    for id in &ids {
        let sent = format!("--event {id} --date {} --proof LRAR-1", today.trim());
        by(&stage, RESPONSIBLE, &format!("requests sent NOT-1 {sent}"))?;
    }
    sensor.show("costs export")?;
    sensor.show("requests report")?;

    headline("Six months later (paragraph 3): the events expire and are destroyed");
    let late = authority.request(&stage, "request-b", "REQ-2", &ids)?;
    by(&stage, DESK, &format!("requests submit {late}"))?;
    let ended = sensor.rest()?;
    ensure!(ended.success(), "sensord ended with {ended}");
    expiry::stored(&stage, &ids)?;
    tampering::prepare_fork(&stage)?;
    expiry::six_months(&stage)?;
    let sensor = start()?;
    expiry::gone(&stage, &sensor, &ids)?;
    for uid in [RESPONSIBLE, DESIGNATED] {
        as_person(&stage, uid, "requests approve REQ-2").tell()?;
    }
    let text = opened(&stage, &sensor, &authority, "REQ-2")?;
    ensure!(text.contains("\"nil\":true"), "what is gone was disclosed");
    ok("a request that is answered after the end is answered nil");

    headline("The journal, offline: it proves itself, and five ways of tampering are found");
    let held = sensor.json("status")?["journal"].clone();
    let ended = sensor.stop()?;
    ensure!(ended.success(), "sensord ended with {ended}");
    tampering::check(&stage, &held)?;
    drop(stage);
    println!("\nthe whole way in {:.1} s", begin.elapsed().as_secs_f32());
    Ok(())
}

fn configuration(stage: &Stage, authority: &Authority) -> String {
    format!(
        "{}\n[requests]\nexport-dir = {:?}\nresponsible = [{RESPONSIBLE}]\ndesignated = [{DESIGNATED}]\n\
         commissions = [{{reference = \"COM-1\", until = \"2100-01-01T00:00:00Z\", types = \
         [\"request-b\", \"request-notice\"]}}]\n\
         [requests.recipients]\nrequest-b = {:?}\n[requests.tariff]\nversion = \"2027-1\"\nrequest-b = \"TECH\"\n\
         [[sink]]\nname = \"authority\"\nrecipient = \"authority\"\nretention = \"90d\"\n\
         [sink.webhook]\nurl = \"http://{ENDPOINT}/alerts\"\n",
        authority.pins(),
        stage.path("exports"),
        authority.recipient,
    )
}

/// The line that asks the sensor as somebody.
fn as_person(stage: &Stage, uid: u32, arguments: &str) -> Line {
    let person = format!("setpriv --reuid={uid} --regid={GROUP} --clear-groups");
    let socket = stage.path("control.sock");
    let mut line = Line::new(&person).args([
        super::sensor::binary("sensorctl").as_str(),
        "--socket",
        &socket,
    ]);
    line.words.extend(arguments.split(' ').map(str::to_owned));
    line
}

/// The same, shown.
fn by(stage: &Stage, uid: u32, arguments: &str) -> Result<()> {
    let said = as_person(stage, uid, arguments).tell()?;
    println!("uid {uid} $ sensorctl {arguments}\n{}", said.trim_end());
    Ok(())
}

/// The ids of the two events, of the address and of the name, once they are closed.
fn attacked(sensor: &Sensor) -> Result<[String; 2]> {
    let mut ids = [None, None];
    wait("two events are stored and closed", || {
        let page = sensor.json("events list")?;
        let rows = page["rows"].as_array().cloned().unwrap_or_default();
        let of = |name: bool| {
            let row = rows.iter().find(|row| (row["matched_in"] == "dns") == name);
            row.and_then(|row| row["id"].as_str().map(str::to_owned))
        };
        ids = [of(false), of(true)];
        Ok(rows.len() == 2 && rows.iter().all(|row| row["state"] == "closed"))
    })?;
    sensor.show("events list")?;
    let [address, name] = ids;
    Ok([
        address.context("an event of the address")?,
        name.context("an event of the name")?,
    ])
}

/// What the authority reads of an answer, once it is sure that nobody else can.
fn opened(
    stage: &Stage,
    sensor: &Sensor,
    authority: &Authority,
    reference: &str,
) -> Result<String> {
    let row = sensor.json(&format!("requests show {reference}"))?;
    let export = format!("{}/{}", stage.path("exports"), file_of(&row)?);
    let other = Line::new(&format!("age -d -i {}", authority.other)).args([export.as_str()]);
    ensure!(other.ask().is_none(), "another key opens it");
    let own = Line::new(&format!("age -d -i {}", authority.identity)).args([export.as_str()]);
    println!("$ {own}");
    own.tell()
}

fn file_of(row: &Value) -> Result<&str> {
    row["file"]
        .as_str()
        .context("an answered request has a file")
}

fn wait(what: &str, mut done: impl FnMut() -> Result<bool>) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !done()? {
        ensure!(Instant::now() < deadline, "not within 20 seconds: {what}");
        thread::sleep(Duration::from_millis(200));
    }
    Ok(())
}

fn write(path: &str, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {path}"))?;
    // The desk reads what it submits.
    fs::set_permissions(Path::new(path), fs::Permissions::from_mode(0o644))?;
    Ok(())
}
