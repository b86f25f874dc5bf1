"""Bundles as the libraries stix2 and misp-stix make them: a JSON object of both."""

import json

import stix2
from misp_stix_converter import MISPtoSTIX21Parser
from pymisp import MISPEvent, MISPObject
from stix2 import v21

PAP = "extension-definition--f8d78575-edfd-406e-8e84-6162a8450f5b"
START = "2026-01-01T00:00:00Z"


@v21.CustomExtension(PAP, [("pap", stix2.properties.StringProperty(required=True))])
class PapExtension:
    extension_type = "property-extension"


def indicator(pattern, **others):
    return v21.Indicator(pattern=pattern, pattern_type="stix", valid_from=START, **others)


def equals(path, value):
    return stix2.EqualityComparisonExpression(path, value)


def by_stix2():
    pap_red = v21.MarkingDefinition(name="PAP:RED", extensions={PAP: PapExtension(pap="red")})
    statement = v21.MarkingDefinition(
        definition_type="statement", definition=v21.StatementMarking("(c) somebody")
    )
    endpoint = stix2.ObservationExpression(
        stix2.AndBooleanExpression(
            [
                equals("network-traffic:dst_ref.value", stix2.StringConstant("203.0.113.7")),
                equals("network-traffic:dst_port", stix2.IntegerConstant(443)),
                equals("network-traffic:protocols[*]", stix2.StringConstant("tcp")),
            ]
        )
    )
    prefix = stix2.ObservationExpression(
        stix2.IsSubsetComparisonExpression(
            "ipv6-addr:value", stix2.StringConstant("2001:db8:5::/48")
        )
    )
    either = stix2.ObservationExpression(
        stix2.OrBooleanExpression(
            [
                equals("domain-name:value", stix2.StringConstant("evil.example")),
                equals("file:name", stix2.StringConstant("it's.exe")),
            ]
        )
    )
    first = indicator("[ipv4-addr:value = '203.0.113.8']")
    parts = [{"selectors": ["pattern"], "marking_ref": stix2.TLP_RED}]
    objects = [
        indicator("[ipv4-addr:value = '203.0.113.5']", object_marking_refs=[stix2.TLP_GREEN]),
        indicator("[ipv4-addr:value = '203.0.113.6']", granular_markings=parts),
        indicator(endpoint, object_marking_refs=[pap_red, statement]),
        indicator(prefix, valid_until="2027-01-01T00:00:00Z"),
        indicator(either),
        first,
        first.new_version(pattern="[ipv4-addr:value = '203.0.113.9']"),
        indicator("[ipv4-addr:value = '203.0.113.10']").revoke(),
        v21.Indicator(pattern="rule x {condition: true}", pattern_type="yara", valid_from=START),
        v21.Malware(name="m", is_family=False),
        pap_red,
        statement,
    ]
    return v21.Bundle(objects=objects, allow_custom=True).serialize()


def by_misp_stix():
    event = MISPEvent()
    event.info = "an event"
    event.uuid = "5ac337df-e078-4e99-8b17-02550a00020f"
    event.date = "2026-01-01"
    event.timestamp = 1767225600
    event.published = True
    event.publish_timestamp = 1767225600
    event.add_tag("tlp:red")
    event.add_tag("PAP:RED")
    for kind, value in [
        ("ip-dst", "203.0.113.5"),
        ("ip-src", "203.0.113.0/24"),
        ("ip-dst|port", "203.0.113.5|443"),
        ("ip-src|port", "2001:db8::1|53"),
        ("domain", "evil.example"),
        ("hostname", "h.evil.example"),
        ("domain|ip", "evil.example|203.0.113.7"),
        ("hostname|port", "h.example|8443"),
        ("url", "http://evil.example/a"),
        ("url", "https://evil.example/a"),
        ("user-agent", "evil"),
        ("AS", "AS174"),
        ("x509-fingerprint-sha1", "6e5797603b4e92e3b4dcf5b1b9bb9bb9bb9bb9bb"),
        ("md5", "cead3f77f6cda6ec00f57d76c9a6879f"),
        ("port", "8080"),
    ]:
        event.add_attribute(kind, value, to_ids=True)
    tagged = event.add_attribute("ip-dst", "203.0.113.99", to_ids=True)
    tagged.add_tag("tlp:green")
    tagged.add_tag("PAP:AMBER")
    add(event, "ip-port", {"ip": "203.0.113.77", "dst-port": "443"})
    traffic = {"ip-dst": "203.0.113.78", "dst-port": "443", "layer4-protocol": "TCP"}
    add(event, "network-connection", {**traffic, "layer3-protocol": "IP"})
    add(event, "network-connection", {**traffic, "ip-src": "203.0.113.79"})
    add(event, "domain-ip", {"domain": "d.example", "ip": "203.0.113.78"})
    parser = MISPtoSTIX21Parser()
    parser.parse_misp_event(event)
    return parser.bundle.serialize()


def add(event, name, attributes):
    thing = MISPObject(name)
    for relation, value in attributes.items():
        thing.add_attribute(relation, value, to_ids=True)
    event.add_object(thing)


print(json.dumps({"stix2": by_stix2(), "misp_stix": by_misp_stix()}))
