//! The table of open events: records open them, drained flows count on them, timeouts close them.

use std::{collections::HashMap, time::Duration};

use jiff::Timestamp;
use sensor_common::{Flow, FlowKey};

mod forget;
mod judge;
mod key;
mod restore;

use key::JoinKey;

use super::{
    Account, EventContext, Indexes, MonthKeys, Subscribers,
    event::{OpenEvent, event_id, ip, matched_in},
    index::{Exact, NotFound, Sides},
};
use crate::{
    clock::KernelClock,
    model::{EventRow, MatchedIn, PatternId, State, SubscriberSide, Vantage, canary, event::month},
};

/// Most events held open. Beyond it those that were quiet longest are closed, once the flows of the
/// period have been counted, so that a flood costs rows, not memory.
const MOST_OPEN: usize = 200_000;

/// When an event is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// This long without a packet.
    pub idle: Duration,
    /// This long since the first packet; what comes later is another event.
    pub active: Duration,
}

/// What judging a hit needs beside the hit.
#[derive(Clone, Copy)]
pub struct Surroundings<'a> {
    /// Markers in force.
    pub indexes: &'a Indexes,
    /// Subscriber prefixes.
    pub subscribers: &'a Subscribers,
    /// Kernel clock of records and flows.
    pub clock: KernelClock,
}

/// A changed event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The event as it is now.
    pub row: EventRow,
    /// Whether this opened it.
    pub opened: bool,
}

/// The table of open events.
pub struct Joiner {
    context: EventContext,
    timeouts: Timeouts,
    keys: MonthKeys,
    open: HashMap<JoinKey, Open>,
    /// Flows of names whose event is closed, by their last packet: the kernel announces them no more, and
    /// what confirmed them is gone.
    confirmed: HashMap<JoinKey, u64>,
    changed: Vec<JoinKey>,
    closed: Vec<Change>,
    /// Number of the next event.
    next: i64,
    /// The store takes no new event.
    full: bool,
}

struct Open {
    event: OpenEvent,
    changed: bool,
    new: bool,
}

impl Joiner {
    /// An empty table.
    #[must_use]
    pub fn new(context: EventContext, timeouts: Timeouts) -> Self {
        Self {
            context,
            timeouts,
            keys: MonthKeys::new(),
            open: HashMap::new(),
            confirmed: HashMap::new(),
            changed: Vec::new(),
            closed: Vec::new(),
            next: 1,
            full: false,
        }
    }

    /// Events held open.
    #[must_use]
    pub fn open_count(&self) -> usize {
        self.open.len()
    }

    /// Numbers new events from here on: what the store has not given yet.
    pub const fn start_at(&mut self, next: i64) {
        self.next = next;
    }

    /// Whether the store is full: hits that would open an event then end under
    /// [`Account::StoreFull`]; open events go on.
    pub const fn set_full(&mut self, full: bool) {
        self.full = full;
    }

    /// The month whose key a record's event would need, when it is not there yet.
    #[must_use]
    pub fn missing_key(&self, time: u64, clock: KernelClock) -> Option<String> {
        let month = month(clock.to_wall(time));
        (!self.keys.contains_key(&month)).then_some(month)
    }

    /// Gives the key of a month.
    pub fn add_key(&mut self, month: String, key: [u8; 32]) {
        self.keys.insert(month, key);
    }

    /// Lets go of the keys of other months: theirs are destroyed.
    pub fn keep_keys(&mut self, months: &[String]) {
        self.keys.retain(|month, _| months.contains(month));
    }

    /// Adds packets to the event of a flow, opening it if need be (true).
    fn count(
        &mut self,
        key: &FlowKey,
        flow: &Flow,
        exact: Exact<'_>,
        around: Surroundings<'_>,
    ) -> Result<bool, Account> {
        let vantage = Vantage(key.vantage);
        let join = JoinKey::new(key, around.subscribers.realm(vantage));
        let last_seen = around.clock.to_wall(flow.last);
        if let Some(open) = self.open.get(&join)
            && let Some(until) = open.event.until
            && until <= around.clock.to_judged(flow.last)
        {
            self.close(&join);
        }
        let opened = !self.open.contains_key(&join);
        if opened {
            let event = self.admit(key, flow, exact, around)?;
            self.next += 1;
            let open = Open {
                event,
                changed: false,
                new: true,
            };
            self.open.insert(join, open);
        }
        let open = self.open.get_mut(&join).expect("it was there or inserted");
        open.event.packets += flow.packets;
        open.event.bytes += flow.bytes;
        if flow.last > open.event.last {
            open.event.last = flow.last;
            open.event.last_seen = last_seen;
        }
        if !std::mem::replace(&mut open.changed, true) {
            self.changed.push(join);
        }
        Ok(opened)
    }

    /// Confirms a hit and begins its event, without packets yet.
    fn admit(
        &self,
        key: &FlowKey,
        flow: &Flow,
        exact: Exact<'_>,
        around: Surroundings<'_>,
    ) -> Result<OpenEvent, Account> {
        let vantage = Vantage(key.vantage);
        let matched_in = matched_in(flow.matched_in).ok_or(Account::Refuted)?;
        let sides = sides(key, matched_in, exact);
        let first_seen = around.clock.to_wall(flow.first);
        let id = PatternId(key.pattern);
        // By its last packet: a ground that ended in between has no part in what came after.
        let find = |kernel| {
            around
                .indexes
                .find(id, sides, around.clock.to_judged(kernel))
        };
        let found = match find(flow.last) {
            Err(NotFound::Expired) => find(flow.first),
            found => found,
        };
        let found = found.map_err(|reason| match reason {
            NotFound::Refuted => Account::Refuted,
            NotFound::Expired => Account::Expired,
        })?;
        let test = self.context.canary == Some(id);
        let side = if test {
            // Somebody else's packet to the address of the self-test is nobody's event.
            canary::is_own(sides.src.0, sides.dst.0).then_some(SubscriberSide::Unknown)
        } else {
            around.subscribers.side(vantage, sides.src.0, sides.dst.0)
        };
        let side = side.ok_or(Account::Transit)?;
        if self.full {
            return Err(Account::StoreFull);
        }
        Ok(OpenEvent {
            seq: self.next,
            // Of the last packet counted: a record's own, and of a drained flow none that an event
            // before this one was named by, which may have begun with the same first packet.
            id: event_id(self.key_of(first_seen), key, flow.last),
            rev: 1,
            key: *key,
            kind: found.kind,
            matched_in,
            side,
            markers: found.markers,
            handling: found.handling,
            orders: found.orders,
            tlp: found.tlp,
            pap: found.pap,
            interface: around.subscribers.interface(vantage).to_owned(),
            generation: flow.generation,
            first_seen,
            last_seen: first_seen,
            first: flow.first,
            last: flow.first,
            packets: 0,
            bytes: 0,
            until: found.until,
            test,
        })
    }

    /// The key of a month. Callers give it before a hit of that month; when two conversions of one
    /// kernel time fall on either side of midnight, the neighbour's key serves as well.
    fn key_of(&self, time: Timestamp) -> &[u8; 32] {
        self.keys
            .get(&month(time))
            .or_else(|| self.keys.values().next())
            .expect("a month's key is given before its first hit")
    }

    /// Closes what is over at kernel time `now`.
    pub fn close_over(&mut self, now: u64) {
        let idle = nanoseconds(self.timeouts.idle);
        let active = nanoseconds(self.timeouts.active);
        self.close_where(|_, event| {
            now.saturating_sub(event.last) >= idle || now.saturating_sub(event.first) >= active
        });
        self.confirmed
            .retain(|_, last| now.saturating_sub(*last) < idle);
        self.close_quietest();
    }

    /// Closes the events that were quiet longest, down to [`MOST_OPEN`].
    fn close_quietest(&mut self) {
        let excess = self.open.len().saturating_sub(MOST_OPEN);
        if excess == 0 {
            return;
        }
        let mut lasts: Vec<u64> = self.open.values().map(|open| open.event.last).collect();
        let (_, limit, _) = lasts.select_nth_unstable(excess - 1);
        let limit = *limit;
        self.close_where(|_, event| event.last <= limit);
    }

    /// Closes the events of patterns whose markers in force have changed.
    pub fn close_patterns(&mut self, changed: impl Fn(PatternId) -> bool) {
        self.close_where(|join, _| changed(PatternId(join.pattern)));
    }

    /// Closes everything (the end of a capture).
    pub fn close_all(&mut self) {
        self.close_where(|_, _| true);
    }

    fn close_where(&mut self, over: impl Fn(&JoinKey, &OpenEvent) -> bool) {
        let over: Vec<JoinKey> = self
            .open
            .iter()
            .filter(|(join, open)| over(join, &open.event))
            .map(|(join, _)| *join)
            .collect();
        for join in over {
            self.close(&join);
        }
    }

    fn close(&mut self, join: &JoinKey) {
        let Some(mut open) = self.open.remove(join) else {
            return;
        };
        if !open.event.matched_in.is_address() && self.confirmed.len() < MOST_OPEN {
            self.confirmed.insert(*join, open.event.last);
        }
        open.event.rev += 1;
        let change = self.change(&open, State::Closed);
        self.closed.push(change);
    }

    /// Every event that changed since the last call, in its state now.
    pub fn take_changes(&mut self) -> Vec<Change> {
        let mut changes = Vec::new();
        for join in std::mem::take(&mut self.changed) {
            // One that was closed and opened again is listed twice.
            let Some(open) = self.open.get(&join).filter(|open| open.changed) else {
                continue;
            };
            changes.push(self.change(open, State::Open));
            let open = self.open.get_mut(&join).expect("it is there");
            open.changed = false;
            open.new = false;
        }
        changes.append(&mut self.closed);
        changes
    }

    fn change(&self, open: &Open, state: State) -> Change {
        Change {
            row: open.event.to_row(&self.context, state),
            opened: open.new,
        }
    }
}

fn sides<'a>(key: &FlowKey, matched_in: MatchedIn, exact: Exact<'a>) -> Sides<'a> {
    Sides {
        exact,
        src: (ip(key, &key.src), key.src_port),
        dst: (ip(key, &key.dst), key.dst_port),
        proto: key.proto,
        matched_in,
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
