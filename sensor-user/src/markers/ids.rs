//! Ids of markers: what every format may give, and what one without gets. An id carries no value.

use std::net::{IpAddr, SocketAddr};

use super::{host::host, intake::Fault, pattern_id};
use crate::model::{Direction, MarkerId, Pattern};

/// Longest id, bytes.
const LONGEST_ID: usize = 128;

/// An id as every format may give it.
pub(super) fn read_id(value: &str) -> Result<MarkerId, Fault> {
    let fits = (1..=LONGEST_ID).contains(&value.len())
        && value
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte));
    if !fits {
        let reason = format!("an id is 1 to {LONGEST_ID} letters, digits or any of - _ . :");
        return Err(Fault("id", "bad_id", reason));
    }
    if is_value(value) {
        let reason = "the id is an address; an id stands where no value may, name it otherwise";
        return Err(Fault("id", "id_is_value", reason.into()));
    }
    Ok(value.into())
}

/// Whether an id, or a part of it, is an address, with a port or without: events, answers and the
/// journal name markers by their ids.
fn is_value(id: &str) -> bool {
    let is = |part: &str| part.parse::<IpAddr>().is_ok() || part.parse::<SocketAddr>().is_ok();
    is(id) || id.split(['-', '_']).any(is)
}

/// That an id does not hold the value that its marker looks for.
pub(super) fn check_id(id: &str, pattern: &Pattern) -> Result<(), Fault> {
    let id = id.to_ascii_lowercase();
    let repeats = match pattern {
        Pattern::Ip(address) | Pattern::Endpoint { address, .. } => {
            holds(&id, &address.to_string())
        }
        Pattern::Cidr(net) => holds(&id, &net.addr().to_string()),
        Pattern::Domain(name) => holds(&id, name.strip_prefix("*.").unwrap_or(name)),
        Pattern::Url(url) => holds(&id, host(url)),
        Pattern::Ja3(ja3) => holds(&id, &ja3.to_string()),
        Pattern::Ja4(ja4) => holds(&id, &ja4.to_string()),
    };
    if repeats {
        let reason = "the id holds the value of its pattern; an id stands where no value may";
        return Err(Fault("id", "id_is_value", reason.into()));
    }
    Ok(())
}

/// A short value is in many an id by chance.
fn holds(id: &str, value: &str) -> bool {
    match value.len() {
        0..6 => id == value,
        _ => id.contains(value),
    }
}

/// The id of a marker for which none was given: the same for the same pattern on the same side.
pub(super) fn unnamed(pattern: &Pattern, direction: Direction) -> MarkerId {
    let id = pattern_id(pattern);
    match direction {
        Direction::Either => compact_str::format_compact!("p-{id}"),
        direction => compact_str::format_compact!("p-{id}.{}", direction.name()),
    }
}
