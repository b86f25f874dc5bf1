//! What every shared map must look like: the attributes that this build's object asks for.

use aya::maps::{MapInfo, MapType};
use sensor_common::{
    Chunk, Common, Control, DEADLINE_BYTES, FlowPage, INTERFACE_SLOTS, LIMIT_SLOTS, Lane, LaneSlot,
    Ledger, OUTCOMES, Traffic, YOUNG_PLACES, Young, flow_index_pages, flow_pages, map,
};

use super::Sizes;
use crate::dataplane::load::cpus;

/// `BPF_F_MMAPABLE` of linux/bpf.h: values begin on a page.
const MMAPABLE: u32 = 1 << 10;

/// Attributes of a map, as `bpf_map_info` tells them; sizes in bytes.
#[derive(Debug)]
pub(super) struct Shape {
    pub name: &'static str,
    kind: MapType,
    key: usize,
    value: usize,
    entries: u32,
    flags: u32,
}

/// One for each of [`map::SHARED`]. The layout within a value is told by the layout version alone.
pub(super) fn of(sizes: Sizes) -> [Shape; map::SHARED.len()] {
    let index = size_of::<u32>();
    let traffic = (index, size_of::<Traffic>());
    let ledger = (index, size_of::<Ledger>());
    let limit = (index, size_of::<u64>());
    let control = (index, size_of::<Control>());
    let flows = (index, size_of::<FlowPage>());
    let words = (index, size_of::<Chunk>());
    let taken = (index, size_of::<u64>());
    let lane = (index, size_of::<Lane>());
    let young = (index, size_of::<Young>());
    let common = (index, size_of::<Common>());
    let cpus = cpus();
    let slots = INTERFACE_SLOTS * OUTCOMES;
    let pages = flow_pages(sizes.flow_entries) * 2;
    let index_pages = flow_index_pages(sizes.flow_entries) * 2;
    // A ring is whole pages, both being powers of two, and has neither keys nor values.
    let page = u32::try_from(rustix::param::page_size()).unwrap_or(u32::MAX);
    let ring = sizes.ring_bytes.max(page);
    [
        (map::TRAFFIC, MapType::PerCpuArray, traffic, slots, 0),
        (map::LEDGER, MapType::PerCpuArray, ledger, 1, 0),
        (map::FLOWS, MapType::Array, flows, pages, MMAPABLE),
        (
            map::FLOW_INDEX,
            MapType::Array,
            words,
            index_pages,
            MMAPABLE,
        ),
        (map::TAKEN, MapType::Array, taken, 2, 0),
        (map::RECORDS, MapType::RingBuf, (0, 0), ring, 0),
        (map::LIMITS, MapType::PerCpuArray, limit, LIMIT_SLOTS, 0),
        (map::CONTROL, MapType::Array, control, 1, 0),
        (map::COMMON, MapType::Array, common, 1, MMAPABLE),
        (
            map::SLOTS,
            MapType::Array,
            (index, size_of::<LaneSlot>()),
            sizes.slots_of_cpu(cpus) * cpus,
            MMAPABLE,
        ),
        (
            map::LENT,
            MapType::RingBuf,
            (0, 0),
            sizes.lent_bytes(cpus),
            0,
        ),
        (map::LANE, MapType::PerCpuArray, lane, 1, 0),
        (map::YOUNG, MapType::Array, young, YOUNG_PLACES, 0),
        (map::DEADLINE, MapType::Array, (index, DEADLINE_BYTES), 1, 0),
    ]
    .map(|(name, kind, (key, value), entries, flags)| Shape {
        name,
        kind,
        key,
        value,
        entries,
        flags,
    })
}

impl Shape {
    /// What a map has and what it should have, where it differs.
    pub(super) fn difference(&self, info: &MapInfo) -> Option<(String, String)> {
        let kind = |kind: Option<MapType>| match kind {
            Some(kind) => format!("the type {kind:?}"),
            None => "a type that is not known here".into(),
        };
        let found = [
            kind(info.map_type().ok()),
            format!("keys of {} bytes", info.key_size()),
            format!("values of {} bytes", info.value_size()),
            format!("{} entries", info.max_entries()),
            format!("the flags {:#x}", info.map_flags()),
        ];
        let expected = [
            kind(Some(self.kind)),
            format!("keys of {} bytes", self.key),
            format!("values of {} bytes", self.value),
            format!("{} entries", self.entries),
            format!("the flags {:#x}", self.flags),
        ];
        let pairs = found.into_iter().zip(expected);
        let (found, expected): (Vec<_>, Vec<_>) = pairs.filter(|(a, b)| a != b).unzip();
        (!found.is_empty()).then(|| (found.join(" and "), expected.join(" and ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shared_map_has_a_shape() {
        let shapes = of(Sizes::default());
        for name in map::SHARED {
            assert!(shapes.iter().any(|shape| shape.name == name), "{name}");
        }
    }
}
