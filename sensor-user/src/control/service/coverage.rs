//! The coverage statement.

use sensor_common::{LaneClass, LaneFate, Outcome};

use super::{Error, Sensor, internal};
use crate::{
    dataplane::LaneCounts,
    inspect::{Class, Fate},
    lent::Inspected,
    metrics::LaneSnapshot,
    model::{
        PatternKind,
        request::{ClassCoverage, Count, Coverage},
    },
};

/// What nobody on the way can count.
const UNSEEN: [&str; 9] = [
    "names in DNS answers are not matched, only question names",
    "DNS on ports other than 53, DNS over HTTPS and DNS over QUIC cannot be told from other traffic",
    "names inside an encrypted ClientHello: the outer name is judged; GREASE in its place looks the same and is counted with it, and a hello over several segments is counted if it stands before the end of what had to be read",
    "what IP fragments, tunnels and ICMP messages carry is not read for names",
    "handshakes in the middle of a connection (STARTTLS, proxies) and requests inside encrypted ones",
    "requests of an unknown method that are not the first of their connection",
    "whether a packet of http_head that was not lent began its request: it is counted as one",
    "the second of two server_name extensions in a hello over several segments, hosts in HTTP/2 or in Google's QUIC before TLS (Q050 and older), and a QUIC Initial that stands behind another packet in its datagram",
    "what the router itself sends: programs see packets that come in",
];

/// What the kernel tells is a beginning, and what the agent made of it; segments of hellos and `dot`, whose
/// packets are counted, stand alone.
const CLASSES: [(LaneClass, Option<Class>); 6] = [
    (LaneClass::TlsHello, Some(Class::Tls)),
    (LaneClass::TlsSegment, None),
    (LaneClass::HttpHead, Some(Class::Http)),
    (LaneClass::QuicInitial, Some(Class::Quic)),
    (LaneClass::Dns, Some(Class::Dns)),
    (LaneClass::Dot, None),
];

impl Sensor {
    pub(super) fn coverage(&self) -> Result<Coverage, Error> {
        // The agent's first: what the kernel lends in between is not missing.
        let inspected = self.parts.inspected.get();
        let lane = self.parts.counts.lane().map_err(internal)?;
        let (markers, interfaces) = self.told()?;
        let mut outcomes = [0; Outcome::ALL.len()];
        for interface in &interfaces {
            let traffic = self.parts.counts.traffic(interface.slot);
            for (sum, count) in outcomes.iter_mut().zip(traffic.map_err(internal)?) {
                *sum += count.packets;
            }
        }
        let judged = |outcome| matches!(outcome, Outcome::Miss | Outcome::Hit | Outcome::Multicast);
        let packets = || Outcome::ALL.into_iter().zip(outcomes);
        let of_judged = packets().filter(|(outcome, _)| judged(*outcome));
        let of_others = packets().filter(|(outcome, count)| !judged(*outcome) && *count > 0);
        let looked_for = |kinds: &[PatternKind]| {
            let mut kinds_in_force = markers.in_force.iter();
            kinds_in_force.any(|kind| kinds.contains(&kind.kind) && kind.count > 0)
        };
        Ok(Coverage {
            packets: outcomes.iter().sum(),
            packets_judged: of_judged.map(|(_, count)| count).sum(),
            packets_not_judged: of_others
                .map(|(outcome, count)| told(outcome.name(), count))
                .collect(),
            classes: CLASSES
                .into_iter()
                .map(|(class, agent)| {
                    let looked_at = looked_for(kinds_of(class));
                    class_coverage(&lane, &inspected, class, agent, looked_at)
                })
                .collect(),
            lost: {
                let lent = self.parts.live.accounts().lent;
                let lost = [
                    ("gone", lent.gone),
                    ("lost_at_restart", lent.lost),
                    // Connections: what they sent behind their beginning was not lent.
                    ("connections_displaced", displaced(&lane)),
                ];
                let lost = lost.into_iter().filter(|(_, count)| *count > 0);
                lost.map(|(term, count)| told(term, count)).collect()
            },
            unseen: UNSEEN.map(str::to_owned).into(),
        })
    }

    /// Series of the lane.
    pub(super) fn lane_snapshot(&self) -> Result<LaneSnapshot, Error> {
        let inspected = self.parts.inspected.get();
        let lane = self.parts.counts.lane().map_err(internal)?;
        let mut kernel = Vec::new();
        for class in LaneClass::ALL {
            let fates = LaneFate::ALL.into_iter();
            kernel.extend(fates.map(|fate| (class.name(), fate.name(), lane.of(class, fate))));
        }
        let mut agent = Vec::new();
        let mut packets = Vec::new();
        for class in Class::ALL {
            let counts = inspected.counts.of(class);
            let fates = Fate::ALL.into_iter();
            agent.extend(fates.map(|fate| (class.name(), fate.name(), counts.fate(fate))));
            packets.push((class.name(), "taken", counts.packets));
            packets.push((class.name(), "stray", counts.stray));
        }
        Ok(LaneSnapshot {
            kernel,
            agent,
            packets,
            held: inspected.held as u64,
        })
    }
}

const fn kinds_of(class: LaneClass) -> &'static [PatternKind] {
    match class {
        LaneClass::TlsHello | LaneClass::TlsSegment | LaneClass::QuicInitial => {
            &[PatternKind::Domain, PatternKind::Ja3, PatternKind::Ja4]
        }
        LaneClass::HttpHead => &[PatternKind::Domain, PatternKind::Url],
        LaneClass::Dns => &[PatternKind::Domain],
        LaneClass::Dot => &[],
    }
}

fn told(term: &str, count: u64) -> Count {
    Count {
        term: term.into(),
        count,
    }
}

fn class_coverage(
    lane: &LaneCounts,
    inspected: &Inspected,
    class: LaneClass,
    agent: Option<Class>,
    looked_at: bool,
) -> ClassCoverage {
    let counts = agent
        .map(|class| *inspected.counts.of(class))
        .unwrap_or_default();
    let lost = [
        LaneFate::OverBudget,
        LaneFate::NoSlot,
        LaneFate::RingFull,
        LaneFate::Unreadable,
    ];
    let mut not_judged: Vec<Count> = lost
        .map(|fate| told(&format!("kernel_{}", fate.name()), lane.of(class, fate)))
        .into();
    not_judged.extend(
        Fate::ALL
            .into_iter()
            .filter(|fate| !fate.is_judged())
            .map(|fate| told(fate.name(), counts.fate(fate))),
    );
    not_judged.retain(|count| count.count > 0);
    let by_agent: u64 = Fate::ALL
        .into_iter()
        .filter(|fate| fate.is_judged())
        .map(|fate| counts.fate(fate))
        .sum();
    // What was lent is several packets of one handshake: the agent knows how many handshakes.
    let by_kernel = match class {
        // The agent judges the hello that it belongs to.
        LaneClass::TlsSegment => lane.of(class, LaneFate::Decided) + lane.of(class, LaneFate::Lent),
        class => lane.of(class, LaneFate::Decided),
    };
    let not_lent: u64 = lost.map(|fate| lane.of(class, fate)).iter().sum();
    ClassCoverage {
        class: class.name().into(),
        looked_at,
        seen: match agent {
            Some(_) => by_kernel + not_lent + counts.opened,
            None => lane.of(class, LaneFate::Seen),
        },
        judged: by_kernel + by_agent,
        not_judged,
        encrypted: lane.of(class, LaneFate::Encrypted) + counts.encrypted,
    }
}

/// Connections whose beginning the kernel forgot because another took their place.
fn displaced(lane: &LaneCounts) -> u64 {
    let of = |class| lane.of(class, LaneFate::Displaced);
    LaneClass::ALL.into_iter().map(of).sum()
}
