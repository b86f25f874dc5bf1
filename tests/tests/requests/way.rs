//! Order, traffic, event, alert, request, export, notice, end.

use std::time::Duration;

use age::x25519::Identity;
use sensor_tests::{
    command::wait_until,
    daemon::{Home, Interface, PERSONS, Sensord, Settings},
    identity::events,
    nats::{NatsServer, STREAM, SUBJECT},
    need,
    netns::{Netns, veth},
    packet::{Body, Frame, Ip4},
    traffic::{pcap_write, replay},
};
use serde_json::{Value, json};

use crate::scene::{Authority, DESK, approve, document, opened, roles, steps, submit};

const PATIENCE: Duration = Duration::from_secs(60);
const MARKED: [u8; 4] = [203, 0, 113, 5];

#[test]
fn from_the_order_to_the_notice_and_the_end_of_the_event() {
    if !need::root_and(&["tcpreplay", "nats-server", "setpriv", "curl"]) {
        return;
    }
    let (from, to) = (Netns::new("from"), Netns::new("to"));
    veth(&from, "out0", &to, "in0");
    for (netns, interface) in [(&from, "out0"), (&to, "in0")] {
        netns.sysctl(&format!("net.ipv6.conf.{interface}.disable_ipv6"), "1");
    }
    to.enter();
    let mut server = NatsServer::start();
    server
        .judge()
        .stream("CREATE", Duration::from_secs(90 * 86_400), &json!({}));
    let (home, authority) = (Home::new(), Authority::new());
    let mut settings = Settings::on(vec![Interface::new("in0", &["10.0.0.0/8"])]);
    settings.drain_interval = "200ms".into();
    settings.idle_timeout = "2s".into();
    settings.control = roles();
    let port = server.port;
    settings.more = authority.pins(&home)
        + &format!(
            "[[sink]]\nname = \"authority\"\nrecipient = \"authority\"\nretention = \"90d\"\n\
             [sink.nats]\nurl = \"nats://127.0.0.1:{port}\"\nstream = {STREAM:?}\n\
             subject = {SUBJECT:?}\n"
        );
    // Nothing is acknowledged while the authority cannot be reached.
    server.kill();
    let daemon = Sensord::start(&home, &to, &settings);
    let client = daemon.client();

    let order = authority.orders.envelope(
        1,
        b"ip 203.0.113.5 id=c2 tlp=AMBER\n",
        &["--order", "ORD-1", "--duration", "P30D"],
    );
    let answer = client
        .request("POST", "/v1/envelopes", &order)
        .expect("an answer");
    assert_eq!(answer.status, 200, "{:?}", answer.body);

    let directory = tempfile::tempdir().expect("a directory");
    let capture = directory.path().join("frames.pcap");
    let frame = |port| {
        let body = Body::udp(port, 53, b"canary-of-a-payload");
        Frame::new(Ip4::new([10, 1, 0, 2].into(), MARKED.into(), body)).bytes()
    };
    pcap_write(&capture, &[frame(2_000), frame(2_001), frame(2_000)]);
    replay(&from, "out0", &capture, 200);
    let closed = || {
        let all = events(&client);
        all.len() == 2 && all.iter().all(|event| event["state"] == "closed")
    };
    assert!(wait_until(PATIENCE, closed), "{:?}", events(&client));
    let all = events(&client);
    let of_port = |port: u64| {
        let event = all.iter().find(|event| event["src_port"] == port);
        event.expect("it is stored")["id"]
            .as_str()
            .expect("an id")
            .to_owned()
    };
    let (asked, other) = (of_port(2_000), of_port(2_001));

    // The authority was not informed yet: it may not ask.
    let request = document("request-b", "REQ-1", &[&asked]);
    let refused = submit(&daemon, &authority.request_b, 1, &request);
    assert_eq!(
        (refused.status, refused.body["code"].as_str()),
        (422, Some("not_acknowledged"))
    );
    server.again();
    let mut accepted = json!(null);
    let mut serial = 1;
    let acknowledged = || {
        serial += 1;
        let answer = submit(&daemon, &authority.request_b, serial, &request);
        accepted = answer.body;
        answer.status == 200
    };
    assert!(wait_until(PATIENCE, acknowledged), "{accepted}");
    let alerts = server.judge().stored();
    assert!(
        alerts
            .iter()
            .any(|alert| alert.data["id"] == asked.as_str())
    );
    assert!(
        alerts
            .iter()
            .all(|alert| alert.data.get("src_ip").is_none())
    );

    // The desk submits and does no more.
    let by_desk = approve(&daemon, DESK, "REQ-1");
    assert_eq!(by_desk.status, 403, "{:?}", by_desk.body);
    let by_root = client
        .post("/v1/requests/REQ-1/approve", "")
        .expect("an answer");
    assert_eq!(by_root.body["code"], "no_person");
    let first = approve(&daemon, PERSONS[0], "REQ-1");
    assert_eq!(first.body["stage"], "approved", "{:?}", first.body);
    let second = approve(&daemon, PERSONS[1], "REQ-1");
    assert_eq!(second.body["stage"], "disclosed", "{:?}", second.body);
    assert!(opened(&home, &second.body, &Identity::generate()).is_none());
    let (manifest, records) =
        opened(&home, &second.body, &authority.identity).expect("the authority opens it");
    assert_eq!(records.len(), 1);
    assert_eq!(
        (&records[0]["id"], &records[0]["src_ip"]),
        (&json!(asked), &json!("10.1.0.2"))
    );
    assert_eq!(records[0]["orders"], json!(["ORD-1"]));
    assert!(!records.iter().any(|record| record["id"] == other.as_str()));
    assert_eq!(
        (&manifest["sensor"], &manifest["purpose"]),
        (&json!("pop1"), &json!("characterise-threat"))
    );

    let notice = document("request-notice", "NOT-1", &[&asked]);
    let answer = submit(&daemon, &authority.notices, 1, &notice);
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    for uid in PERSONS {
        let answer = approve(&daemon, uid, "NOT-1");
        assert_eq!(answer.status, 200, "{:?}", answer.body);
    }
    let today = jiff::Timestamp::now().strftime("%F").to_string();
    let sent = json!({"outcome": "sent", "event": asked, "date": today, "proof": "LRAR-7"});
    let settle = |uid| daemon.ask_as(uid, "POST", "/v1/requests/NOT-1/notices", &sent.to_string());
    assert_eq!(settle(0).status, 403, "root is nobody in particular");
    let answer = settle(PERSONS[0]);
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    assert_eq!(answer.body["stage"], "closed");
    assert_eq!(answer.body["tasks"][0]["proof"], "LRAR-7");

    let (code, csv, error) = daemon.control(&["costs", "export"]);
    assert_eq!(code, 0, "{error}");
    assert!(
        csv.lines()
            .nth(1)
            .is_some_and(|line| line.contains("REQ-1,request-b,L2321-3-2,TECH,2027-1,1")),
        "{csv}"
    );
    let (_, listed, _) = daemon.control(&["requests", "list"]);
    assert!(
        listed.contains("REQ-1") && listed.contains("disclosed"),
        "{listed}"
    );

    let (code, report, error) = daemon.control(&["requests", "report"]);
    assert_eq!(code, 0, "{error}");
    let of_b = report.lines().find(|line| line.starts_with("request-b"));
    let of_b = of_b.expect("a line");
    assert!(
        of_b.contains("1 submitted") && of_b.contains("1 answered (0 nil"),
        "{report}"
    );
    assert!(report.contains("  2° in 1"), "{report}");

    // The event ends; nobody can ask for it any more.
    let gone = client
        .post(&format!("/v1/events/{asked}/not-useful"), "")
        .expect("an answer");
    assert_eq!(gone.body["events"], 1, "{:?}", gone.body);
    let late = document("request-b", "REQ-2", &[&asked]);
    let refused = submit(&daemon, &authority.request_b, serial + 1, &late);
    assert_eq!(refused.body["code"], "unknown_event");

    let told = steps(&daemon, "REQ-1");
    let end = &told[told.len() - 5..];
    assert_eq!(
        end,
        ["submitted", "approved", "approved", "begun", "disclosed"]
    );
    let journal: Vec<Value> = client.journal();
    let text = serde_json::to_string(&journal).expect("JSON");
    for personal in ["10.1.0.2", "203.0.113.5", "AG-7"] {
        assert!(!text.contains(personal), "{personal}");
    }
    assert!(!daemon.stderr().contains("10.1.0.2"));
    assert!(daemon.stop().success());
    let journal = home.state().join("journal");
    let proven = sensor_user::journal::verify_dir(&journal, None);
    assert!(proven.is_ok(), "{proven:?}");
}
