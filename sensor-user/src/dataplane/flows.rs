//! The flow tables from the agent's side: places in the order in which they were handed out, read and
//! cleared when nobody writes to them any more.

use aya::maps::{Array, Map, MapData};
use sensor_common::{
    CHUNK_WORDS, Chunk, FLOWS_PER_PAGE, Flow, FlowKey, FlowPage, FlowSlot, flow_index_pages,
    flow_pages, map,
};

use super::{
    Error, Sizes,
    error::InMap as _,
    load::Instance,
    tap::{array, take},
};

/// Pages that one call writes.
const PAGES_PER_CALL: u32 = 256;

/// Both tables: the halves of each map.
pub(super) struct Flows {
    places: Array<MapData, FlowPage>,
    index: MapData,
    taken: Array<MapData, u64>,
    sizes: Sizes,
}

impl Flows {
    pub(super) fn take(instance: &mut Instance, sizes: Sizes) -> Result<Self, Error> {
        let Map::Array(index) = take(instance, map::FLOW_INDEX) else {
            unreachable!("the index of flows is an array in the object");
        };
        Ok(Self {
            places: array(instance, map::FLOWS)?,
            index,
            taken: array(instance, map::TAKEN)?,
            sizes,
        })
    }

    /// Every flow of the table of a period.
    pub(super) fn read(&self, period: u64) -> Result<Vec<(FlowKey, Flow)>, Error> {
        let taken = self.taken(period)?;
        let first = parity(period) * flow_pages(self.sizes.flow_entries);
        let mut flows = Vec::with_capacity(taken as usize);
        for page in 0..flow_pages(taken) {
            let slots = self.places.get(&(first + page), 0).in_map(map::FLOWS)?;
            // A place that two CPUs were handed at once is nobody's: it has no family.
            let used = slots.iter().filter(|slot| slot.key.family != 0);
            flows.extend(used.map(|slot| (slot.key, slot.flow)));
        }
        Ok(flows)
    }

    /// Empties the table of a period. The index goes first and the number of places last: who dies in
    /// between begins again.
    pub(super) fn clear(&mut self, period: u64) -> Result<(), Error> {
        let taken = self.taken(period)?;
        if taken == 0 {
            return Ok(());
        }
        let pages = flow_index_pages(self.sizes.flow_entries);
        let first = parity(period) * pages;
        let zeros: Vec<Chunk> = vec![[0; CHUNK_WORDS]; pages.min(PAGES_PER_CALL) as usize];
        for page in (0..pages).step_by(PAGES_PER_CALL as usize) {
            let count = (pages - page).min(PAGES_PER_CALL) as usize;
            self.write_index(first + page, &zeros[..count])?;
        }
        let first = parity(period) * flow_pages(self.sizes.flow_entries);
        for page in 0..flow_pages(taken) {
            let empty = [FlowSlot::default(); FLOWS_PER_PAGE];
            self.places.set(first + page, empty, 0).in_map(map::FLOWS)?;
        }
        self.taken.set(parity(period), 0, 0).in_map(map::TAKEN)
    }

    fn write_index(&mut self, first: u32, pages: &[Chunk]) -> Result<(), Error> {
        if sensor_sys::update_array(&self.index, first, pages).is_ok() {
            return Ok(());
        }
        // No batch call before 5.6; whatever it was, this tells.
        for (number, page) in (first..).zip(pages) {
            sensor_sys::write_value(&self.index, number, page).in_map(map::FLOW_INDEX)?;
        }
        Ok(())
    }

    /// Places handed out; of programs that asked at once for the last ones, some added in vain.
    fn taken(&self, period: u64) -> Result<u32, Error> {
        let taken = self.taken.get(&parity(period), 0).in_map(map::TAKEN)?;
        let most = self.sizes.flow_entries;
        Ok(u32::try_from(taken).unwrap_or(most).min(most))
    }
}

const fn parity(period: u64) -> u32 {
    (period & 1) as u32
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use sensor_common::{BUCKET_WORDS, BUCKETS_PER_PAGE, flow_hash_keys, flow_place};

    use super::*;

    /// Places of the table that is looked at.
    const PLACES: u32 = 4096;

    /// How many flows find no room in their bucket when all places are taken.
    fn overflow(flow: impl Fn(u64) -> [u64; 7]) -> usize {
        let keys = flow_hash_keys(20_261_122);
        let buckets = flow_index_pages(PLACES) * BUCKETS_PER_PAGE as u32;
        let mut held: HashMap<u32, usize> = HashMap::new();
        for number in 0..u64::from(PLACES) {
            let bucket = flow_place(flow(number), keys).bucket(buckets);
            *held.entry(bucket).or_default() += 1;
        }
        let over = held.values().map(|held| held.saturating_sub(BUCKET_WORDS));
        over.sum()
    }

    #[test]
    fn flows_that_differ_little_spread_over_the_buckets() {
        let ends = |ports: u64| ports | (17 << 32) | (4 << 40);
        let v4 = |address: u64| address << 32;
        let most = PLACES as usize / 200;
        for over in [
            overflow(|port| [7, 0, v4(0x0200_000a), 0, v4(0x0571_00cb), 0, ends(port)]),
            overflow(|port| {
                [
                    7,
                    0,
                    v4(0x0200_000a),
                    0,
                    v4(0x0571_00cb),
                    0,
                    ends(port << 16),
                ]
            }),
            overflow(|host| [7, 0, v4(host << 16), 0, v4(0x0571_00cb), 0, ends(53)]),
            overflow(|host| [7, 0, v4(0x0200_000a), 0, v4(host << 8), 0, ends(53)]),
            overflow(|host| {
                [
                    7,
                    0xb80d_0120,
                    host << 48,
                    0xb80d_0120,
                    1 << 56,
                    0,
                    ends(53),
                ]
            }),
            overflow(|host| [7, host << 40, 1 << 56, 0xb80d_0120, 1 << 56, 0, ends(53)]),
            overflow(|pattern| [pattern, 0, v4(1), 0, v4(2), 0, ends(53)]),
            overflow(|vlan| [7, 0, v4(1), 0, v4(2), vlan, ends(53)]),
        ] {
            assert!(over <= most, "{over} of {PLACES}");
        }
    }
}
