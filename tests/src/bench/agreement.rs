//! Whether the programs that a bench compares give the same answers: if they do not, their costs
//! are costs of different things.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use sensor_common::Outcome;
use sensor_user::dataplane::{Offline, Sizes, Variant, bench::Peer};

use super::sets::{Set, stranger};
use crate::{
    packet::{Body, Frame, Network},
    random::Random,
};

/// What was compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Agreed {
    /// Frames, each given to every program.
    pub frames: usize,
    /// Those that matched.
    pub matched: usize,
    /// Programs, the set itself included.
    pub programs: usize,
}

/// Runs so many frames through the sensor, two trie lookups and, when the set has addresses only,
/// two hash lookups, and compares each answer with the set's own. The error says where they
/// differ, without the addresses.
///
/// # Errors
/// The first disagreement.
///
/// # Panics
/// When a program cannot be loaded or run.
pub fn agreement(set: &Set, random: &mut Random, frames: usize) -> Result<Agreed, String> {
    let load = "the program loads";
    let sizes = Sizes::default();
    let mut sensor = Offline::new(&set.image(), sizes, Variant::Frags).expect(load);
    let (v4, v6) = (set.keys4(), set.keys6());
    let mut peers = vec![("two trie lookups", Peer::trie(&v4, &v6).expect(load))];
    if v4.iter().all(|key| key.1 == 32) && v6.iter().all(|key| key.1 == 128) {
        let v4: Vec<_> = v4.iter().map(|key| key.0).collect();
        let v6: Vec<_> = v6.iter().map(|key| key.0).collect();
        peers.push(("two hash lookups", Peer::hash(&v4, &v6).expect(load)));
    }
    let mut matched = 0;
    for index in 0..frames {
        let (src, dst) = pair(set, random, index % 2 == 0);
        let body = Body::udp(40_000, 443, b"");
        let frame = Frame::new(Network::between(src, dst, body)).bytes();
        let expected = set.covers(src) || set.covers(dst);
        matched += usize::from(expected);
        let before = hit_packets(&mut sensor);
        sensor.run(&frame, 0).expect("it runs");
        let mut answers = vec![("the sensor", hit_packets(&mut sensor) - before)];
        for (name, peer) in &mut peers {
            let before = peer.seen().expect("counters")[1];
            peer.run(&frame).expect("it runs");
            answers.push((*name, peer.seen().expect("counters")[1] - before));
        }
        for (name, answer) in answers {
            if answer != u64::from(expected) {
                return Err(format!(
                    "frame {index}: {name} counted {answer} matches, the set says {expected}"
                ));
            }
        }
    }
    Ok(Agreed {
        frames,
        matched,
        programs: peers.len() + 2,
    })
}

fn hit_packets(sensor: &mut Offline) -> u64 {
    let traffic = sensor.tap().counts().traffic(0).expect("counters");
    traffic[Outcome::Hit as usize].packets
}

/// Two addresses: half of the pairs have a member of the set, or one bit beside it.
fn pair(set: &Set, random: &mut Random, v4: bool) -> (IpAddr, IpAddr) {
    let strange = [stranger(random, v4), stranger(random, v4)];
    let near = if v4 {
        near4(set, random).map(IpAddr::from)
    } else {
        near6(set, random).map(IpAddr::from)
    };
    match (near, random.below(4)) {
        (Some(near), 0) => (near, strange[0]),
        (Some(near), 1) => (strange[0], near),
        _ => (strange[0], strange[1]),
    }
}

fn near4(set: &Set, random: &mut Random) -> Option<Ipv4Addr> {
    let (net, length) = *set.v4.get(random.below(set.v4.len().max(1)))?;
    let host = (random.bits() as u32).checked_shr(length.into());
    let beside = random.percent(30).then(|| 1 << random.below(32));
    Some(Ipv4Addr::from(
        (net | host.unwrap_or(0)) ^ beside.unwrap_or(0),
    ))
}

fn near6(set: &Set, random: &mut Random) -> Option<Ipv6Addr> {
    let (net, length) = *set.v6.get(random.below(set.v6.len().max(1)))?;
    let bits = u128::from(random.bits()) << 64 | u128::from(random.bits());
    let host = bits.checked_shr(length.into());
    let beside = random.percent(30).then(|| 1 << random.below(128));
    Some(Ipv6Addr::from(
        (net | host.unwrap_or(0)) ^ beside.unwrap_or(0),
    ))
}
