//! Events: as rows, as lines of the tail, one alone.

use super::{Out, clean, fields, lines, table};
use crate::model::{Event, State};

const fn state(event: &Event) -> &'static str {
    match event.state {
        State::Open => "open",
        State::Closed => "closed",
    }
}

fn source(event: &Event) -> String {
    side(event.src_ip, event.src_port)
}

fn destination(event: &Event) -> String {
    side(event.dst_ip, event.dst_port)
}

fn side(address: Option<std::net::IpAddr>, port: Option<u16>) -> String {
    match (address, port) {
        (None, _) => "-".into(),
        (Some(address), None) => address.to_string(),
        (Some(address), Some(port)) => std::net::SocketAddr::new(address, port).to_string(),
    }
}

fn place(event: &Event) -> String {
    let tags: String = event.vlan.iter().map(|tag| format!(".{tag}")).collect();
    clean(&event.interface) + &tags
}

/// Source and destination; on two lines where one would be wide.
fn flow(event: &Event) -> String {
    let (proto, source) = (clean(&event.proto), source(event));
    let between = if event.src_ip.is_some_and(|address| address.is_ipv6()) {
        "\n  > "
    } else {
        " > "
    };
    format!("{proto} {source}{between}{}", destination(event))
}

/// The first of an event's markers, and how many more there are; `show` has them whole.
fn first_marker(event: &Event) -> String {
    const MOST: usize = 24;
    let first = event.markers.first().map_or("", |first| first.as_ref());
    let mut text: String = clean(first).chars().take(MOST).collect();
    if first.chars().count() > MOST {
        text.push('…');
    }
    match event.markers.len() {
        0 | 1 => text,
        more => format!("{text} +{}", more - 1),
    }
}

/// Events, one a row; what is left out or cut short is in `show`.
#[must_use]
pub fn events(rows: &[Event], first: bool, out: &Out) -> String {
    let header = [
        "ID",
        "FIRST SEEN",
        "STATE",
        "WHERE",
        "FLOW",
        ">PACKETS",
        "MARKERS",
    ];
    let mut table = table(&header, out.colour);
    for event in rows {
        table.add_row([
            clean(&event.id).chars().take(Event::SHORT_ID).collect(),
            format!("{:.0}", event.first_seen),
            state(event).into(),
            place(event),
            flow(event),
            event.packets.to_string(),
            first_marker(event),
        ]);
    }
    lines(&table, first)
}

/// A revision of an event as the tail prints it.
#[must_use]
pub fn one_line(event: &Event) -> String {
    format!(
        "{:.3} {} {} {} {} {} > {} packets {} bytes {} id {} rev {}",
        event.last_seen,
        state(event),
        clean(&event.markers.join(",")),
        place(event),
        clean(&event.proto),
        source(event),
        destination(event),
        event.packets,
        event.bytes,
        clean(&event.id),
        event.rev,
    )
}

/// One event, one field a line, in the words of its JSON form.
#[must_use]
pub fn event(event: &Event, _: &Out) -> String {
    let Ok(serde_json::Value::Object(document)) = serde_json::to_value(event) else {
        return one_line(event);
    };
    let text = |value: &serde_json::Value| match value {
        serde_json::Value::String(text) => clean(text),
        serde_json::Value::Null => "-".into(),
        other => clean(&other.to_string()),
    };
    let pairs: Vec<_> = document
        .iter()
        .map(|(name, value)| (name.as_str(), text(value)))
        .collect();
    fields(&pairs)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::model::{MatchedIn, Pap, PatternKind, SubscriberSide, Tlp, Vantage};

    fn stored(src: &str, dst: &str, markers: &[&str]) -> Event {
        Event {
            schema: 1,
            id: "8bcec7a76bc68b98f04ef76e668873d7".into(),
            rev: 1,
            state: State::Closed,
            sensor: "pop1".into(),
            vantage: Vantage(0),
            markers: markers.iter().map(|id| (*id).into()).collect(),
            orders: Vec::new(),
            pattern_kind: PatternKind::Ip,
            matched_in: MatchedIn::DstIp,
            first_seen: Timestamp::UNIX_EPOCH,
            last_seen: Timestamp::UNIX_EPOCH,
            src_ip: src.parse().ok(),
            src_port: Some(50_123),
            dst_ip: dst.parse().ok(),
            dst_port: Some(50_124),
            proto: "udp".into(),
            packets: 1_000_000,
            bytes: 1_000_000_000,
            subscriber_side: SubscriberSide::Src,
            interface: "transit0".into(),
            vlan: Vec::new(),
            generation: 1,
            tlp: Tlp::Red,
            pap: Pap::Red,
            test: false,
        }
    }

    #[test]
    fn rows_of_either_family_fit_a_wide_terminal() {
        let out = Out {
            json: false,
            colour: false,
        };
        let four = stored("198.51.100.177", "203.0.113.255", &["case-7", "b"]);
        let text = events(&[four], true, &out);
        assert!(text.contains("udp 198.51.100.177:50123 > 203.0.113.255:50124"));
        assert!(
            text.contains("case-7 +1") && text.contains("8bcec7a7 "),
            "{text}"
        );
        let long = "2001:db8:1:abcd:1234:5678:9abc:def0";
        let six = stored(long, long, &["c2-dns"]);
        let text = text + "\n" + &events(&[six], true, &out);
        assert!(
            text.lines().all(|line| line.chars().count() <= 120),
            "{text}"
        );
    }
}
