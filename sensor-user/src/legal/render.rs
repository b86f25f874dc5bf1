//! The declaration as a document. Headings are the words of the decree (décret 2018-1136, art. 2:
//! R. 9-12-1 CPCE, version in force from 1 January 2019 to 30 December 2024); what stands below
//! them is taken from the facts and from nowhere else.

use std::fmt::Write as _;

use crate::model::declaration::{Facts, IssuerKey, Subscribers, WatchedLink};

const TITLE: &str = "Documentation (article R. 9-12-1 du code des postes et des communications \
                     électroniques)";
const ITEMS: [&str; 4] = [
    "1° La nature du dispositif, les mesures de sécurité appliquées et le type de marqueurs \
     techniques susceptibles d'être exploités par ce dispositif",
    "2° Les capacités d'analyse du dispositif, les infrastructures de communications électroniques \
     concernées et, le cas échéant, les méthodes d'échantillonnage des flux de données analysés \
     ainsi que la fréquence d'analyse",
    "3° Les critères techniques définis pour détecter les événements susceptibles de porter atteinte \
     à la sécurité des systèmes d'information",
    "4° Les catégories de données susceptibles d'être collectées et la durée de conservation \
     appliquée dans la limite de six mois mentionnée au troisième alinéa de l'article L. 33-14",
];

/// The document of a device, Markdown.
#[must_use]
pub fn markdown(facts: &Facts, digest: &str) -> String {
    let mut text = format!("# {TITLE}\n\n");
    let validation = match &facts.basis.validation {
        Some(reference) => format!(", validation {reference}"),
        None => String::new(),
    };
    line(
        &mut text,
        &format!(
            "Device: {}. L. 33-14, regime {}{validation}.",
            facts.device.sensor, facts.basis.regime
        ),
    );
    line(&mut text, "");
    line(
        &mut text,
        &format!("Digest of the declared facts (SHA-256): `{digest}`"),
    );
    let sections = [device(facts), analysis(facts), criteria(facts), data(facts)];
    for (heading, points) in ITEMS.iter().zip(sections) {
        line(&mut text, &format!("\n## {heading}\n"));
        for point in points {
            line(&mut text, &format!("- {point}"));
        }
    }
    text
}

fn line(text: &mut String, line: &str) {
    writeln!(text, "{line}").expect("a string takes any text");
}

fn device(facts: &Facts) -> Vec<String> {
    let device = &facts.device;
    let mut points = vec![format!("Nature: {}", device.nature)];
    if device.dedicated_passive {
        points.push("Dedicated infrastructure, passive".into());
    }
    let measures = device.security.iter();
    points.extend(measures.map(|measure| format!("Security: {measure}")));
    points.extend(device.issuers.iter().map(issuer));
    let kinds: Vec<&str> = device.markers.iter().map(|kind| kind.name()).collect();
    points.push(format!("Types of markers: {}", kinds.join(", ")));
    points
}

fn issuer(issuer: &IssuerKey) -> String {
    let whose = match issuer.authority {
        true => "the authority's, whose orders it takes",
        false => "of somebody whom the operator trusts",
    };
    let mut told = format!("Signed envelopes are taken of: {}, {whose}", issuer.key);
    for (when, time) in [("from", issuer.not_before), ("until", issuer.not_after)] {
        if let Some(time) = time {
            told.push_str(&format!(", {when} {time}"));
        }
    }
    told
}

fn analysis(facts: &Facts) -> Vec<String> {
    let analysis = &facts.analysis;
    let mut points = vec![format!(
        "Capacity: markers in up to {} bytes of kernel memory, {} flows at once",
        analysis.marker_memory, analysis.flows
    )];
    if analysis.interfaces.is_empty() {
        points.push("Infrastructures: none".into());
    }
    points.extend(analysis.interfaces.iter().flat_map(infrastructure));
    let sampling = &analysis.sampling;
    points.push(format!("Sampling: {}", sampling.packets));
    points.push(format!(
        "A marker announces at most {} new flows a second, {} at once; more are counted only",
        sampling.new_flows_per_second, sampling.new_flows_burst
    ));
    let rest = match sampling.breaker_rest_ms {
        0 => "until somebody closes it".into(),
        rest => format!("for {rest} ms"),
    };
    points.push(format!(
        "A marker that does so for {} ms is stopped ({}), {rest}",
        sampling.breaker_after_ms, sampling.breaker
    ));
    let frequency = &analysis.frequency;
    points.push(format!(
        "Frequency: {}; counts are read every {} ms, a flow ends {} ms after its last packet and is cut after {} ms",
        frequency.matching,
        frequency.drain_interval_ms,
        frequency.idle_timeout_ms,
        frequency.active_timeout_ms
    ));
    points
}

fn infrastructure(link: &WatchedLink) -> Vec<String> {
    let behind = |subscribers: &Subscribers| {
        let prefixes: Vec<String> = subscribers
            .prefixes
            .iter()
            .map(ToString::to_string)
            .collect();
        format!(
            "subscribers {} (address space {})",
            prefixes.join(", "),
            subscribers.realm
        )
    };
    let name = &link.name;
    let mut points = vec![format!(
        "Infrastructure: interface {name}, mode {}, {}",
        link.mode,
        behind(&link.untagged)
    )];
    points.extend(link.vlans.iter().map(|vlan| {
        let tags: Vec<String> = vlan.tags.iter().map(ToString::to_string).collect();
        format!(
            "Infrastructure: interface {name}, VLAN {}, {}",
            tags.join("."),
            behind(&vlan.subscribers)
        )
    }));
    points
}

fn criteria(facts: &Facts) -> Vec<String> {
    let criteria = &facts.criteria;
    let mut points = criteria.rules.clone();
    points.push(format!(
        "Held back until {} persons agree: prefixes shorter than /{} (IPv4) and /{} (IPv6)",
        criteria.release_needs, criteria.widest_ipv4, criteria.widest_ipv6
    ));
    let own = criteria.own_prefixes.iter().map(ToString::to_string);
    let resolvers = criteria.resolvers.iter().map(ToString::to_string);
    let own: Vec<String> = own.chain(resolvers).collect();
    if !own.is_empty() {
        points.push(format!("The same for: {}", own.join(", ")));
    }
    points.extend(criteria.warninglists.iter().map(|list| {
        format!(
            "The same for what stands on the warninglist {} (SHA-256 {})",
            list.name, list.sha256
        )
    }));
    points.push(format!(
        "A marker for which nobody says until when is in force for {} s",
        criteria.longest_marker_s
    ));
    points
}

fn data(facts: &Facts) -> Vec<String> {
    let categories = facts.data.categories.iter();
    let mut points: Vec<String> = categories
        .map(|category| {
            let fields = match category.fields.join(", ") {
                none if none.is_empty() => "nothing".into(),
                some => some,
            };
            format!("R. 10-15, {} ({}): {fields}", category.item, category.title)
        })
        .collect();
    points.push(format!("Retention: {}", facts.data.retention));
    points
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::{config::Config, model::declaration::WarninglistMark};

    #[test]
    fn the_four_items_stand_in_the_words_of_the_decree() {
        let text = "sensor = \"pop1\"\n[[interface]]\nname = \"eth0\"\n\
                    subscribers = [\"198.51.100.0/24\"]\n[[interface.vlan]]\ntags = [100, 7]\n\
                    [[issuer]]\nkey = \"ca.example+0a0b0c0d+AQ==\"\nauthority = false\n";
        let config = Config::parse(Path::new("sensor.toml"), text).expect("a configuration");
        let list = WarninglistMark {
            name: "Public resolvers".into(),
            sha256: "0a".into(),
        };
        let facts = crate::legal::facts(&config, &[list]);
        let document = markdown(&facts, "00ff");
        let headings: Vec<&str> = document.lines().filter(|l| l.starts_with("## ")).collect();
        assert_eq!(headings.len(), 4);
        for (heading, item) in headings.iter().zip(["1°", "2°", "3°", "4°"]) {
            assert!(heading.starts_with(&format!("## {item} Les ").replace("1° Les", "1° La")));
        }
        for told in [
            "`00ff`",
            "Device: pop1. L. 33-14, regime 2018.",
            "Types of markers: ip, cidr, endpoint",
            "interface eth0, mode auto, subscribers 198.51.100.0/24 (address space default)",
            "interface eth0, VLAN 100.7, subscribers 198.51.100.0/24",
            "R. 10-15, 1° (",
            "R. 10-15, 3° (terminal equipment concerned): nothing",
            "six calendar months",
            "taken of: ca.example+0a0b0c0d+AQ==, of somebody whom the operator trusts",
            "warninglist Public resolvers (SHA-256 0a)",
            "is in force for 15552000 s",
        ] {
            assert!(document.contains(told), "no {told:?}: {document}");
        }
    }
}
