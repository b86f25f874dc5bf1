//! One replay: every frame of every capture through the program, in capture time.

use std::{
    collections::{BTreeMap, HashSet},
    io::Write,
    ops::Bound,
    path::PathBuf,
    time::Duration,
};

use sensor_common::Record;

use super::{
    Error, Summary,
    capture::{Capture, Frame},
};
use crate::{
    clock::KernelClock,
    crypto,
    dataplane::{Offline, RunError, Sizes, Variant, probe},
    hits::{
        Account, EventContext, Index, Indexes, Joiner, Judgements, Subscribers, Surroundings,
        Timeouts, Zone,
    },
    inspect::Budgets,
    lent::{self, Lending, Limits},
    markers,
    model::{Image, Marker, PatternId, State},
};

/// Time between two drains of the flow tables, capture time.
const DRAIN_INTERVAL: u64 = 1_000_000_000;
/// Flows of the tables; drained before they can fill.
const FLOW_ENTRIES: u32 = 65_536;

/// A capture is nobody's flood: as much may wait as a flow of any kind can need.
const BUDGETS: Budgets = Budgets {
    per_flow: 1 << 17,
    total: 1 << 30,
    wait: 2_000_000_000,
};

/// What to replay.
#[derive(Clone, Debug)]
pub struct Replay {
    /// Markers, in the order of their file.
    pub markers: Vec<Marker>,
    /// Captures, one after the other.
    pub captures: Vec<PathBuf>,
    /// Subscriber prefixes; without any, the side is `unknown` and nothing is transit.
    pub subscribers: Vec<ipnet::IpNet>,
    /// When an event is over, in capture time.
    pub timeouts: Timeouts,
}

/// Called with bytes read and the length of the capture now and then.
pub type Progress<'a> = &'a mut dyn FnMut(&std::path::Path, u64, Option<u64>);

struct Run<'a, W> {
    offline: Offline,
    joiner: Joiner,
    indexes: Indexes,
    subscribers: Subscribers,
    accounts: Judgements,
    records: Vec<Record>,
    lending: Lending,
    limits: Limits,
    out: &'a mut W,
    summary: Summary,
    /// Capture time of the last drain and of the last look at what is over.
    drained: u64,
    closed: u64,
    /// Patterns by the capture time at which a marker of theirs begins or is over.
    deadlines: BTreeMap<u64, HashSet<PatternId>>,
    /// Capture time of the last frame.
    now: u64,
    /// Records since the last drain: flows wait in the table.
    waiting: u32,
}

impl Replay {
    /// Replays, writing each event once, in its final state, as a line of JSON.
    ///
    /// # Errors
    /// [`Error`]; events of the frames before a fault have been written.
    pub fn run<W: Write>(&self, out: &mut W, progress: Progress<'_>) -> Result<Summary, Error> {
        let features = probe().map_err(Error::DataPlane)?;
        let variant = if features.frags {
            Variant::Frags
        } else {
            Variant::Linear
        };
        // Validity follows capture time and is judged per hit, so every marker is compiled.
        let image = Image::new(markers::rows(self.markers.iter().cloned()))?;
        let sizes = Sizes {
            flow_entries: FLOW_ENTRIES,
            ..Sizes::default()
        };
        let offline = Offline::new(&image, sizes, variant).map_err(Error::DataPlane)?;
        let mut lending = Lending::new(BUDGETS);
        lending.look_for(&image);
        let index = Index::new(image);
        let mut subscribers = Subscribers::default();
        let zone = Zone {
            prefixes: self.subscribers.clone(),
            realm: 0,
        };
        subscribers.insert(0, "replay".into(), zone, []);
        let context = EventContext {
            sensor: "replay".into(),
            canary: None,
        };
        let mut run = Run {
            offline,
            joiner: Joiner::new(context, self.timeouts),
            indexes: Indexes::of(index),
            subscribers,
            accounts: Judgements::default(),
            records: Vec::new(),
            lending,
            limits: Limits::default(),
            out,
            summary: Summary::default(),
            drained: 0,
            closed: 0,
            deadlines: deadlines(&self.markers),
            now: 0,
            waiting: 0,
        };
        let outcome = self
            .captures
            .iter()
            .try_for_each(|path| run.capture(path, progress));
        run.finish()?;
        outcome.map(|()| run.summary)
    }
}

impl<W: Write> Run<'_, W> {
    fn capture(&mut self, path: &std::path::Path, progress: Progress<'_>) -> Result<(), Error> {
        let mut capture = Capture::open(path)?;
        let length = capture.file_len();
        loop {
            let read = capture.bytes_read();
            let Some(frame) = capture.next_frame()? else {
                progress(path, read, length);
                return Ok(());
            };
            self.frame(&frame)?;
            if self.summary.frames.is_multiple_of(4096) {
                progress(path, read, length);
            }
        }
    }

    fn frame(&mut self, frame: &Frame<'_>) -> Result<(), Error> {
        self.advance(frame.time)?;
        self.summary.frames += 1;
        match self.offline.run(frame.data, frame.time) {
            Ok(_) => {}
            Err(RunError::TooShort) => self.summary.too_short += 1,
            Err(RunError::TooLong { .. }) => self.summary.too_long += 1,
            Err(RunError::DataPlane(error)) => return Err(Error::DataPlane(error)),
        }
        self.consume()
    }

    /// Lets capture time pass: flows that wait are counted, events that are over are closed, before
    /// the next packet is judged.
    fn advance(&mut self, now: u64) -> Result<(), Error> {
        self.expire(now)?;
        let full = self.waiting >= FLOW_ENTRIES / 2;
        if self.waiting > 0 && (full || now.saturating_sub(self.drained) >= DRAIN_INTERVAL) {
            self.drain()?;
            self.drained = now;
        }
        if self.joiner.open_count() > 0 && now.saturating_sub(self.closed) >= DRAIN_INTERVAL {
            self.joiner.close_over(now);
            self.closed = now;
            self.write()?;
        }
        Ok(())
    }

    /// Ends flows and events of the markers that are over since the last frame: what comes later is
    /// judged anew, as it is by the kernel's own deadlines on an interface.
    fn expire(&mut self, now: u64) -> Result<(), Error> {
        // A second capture may be older than the first.
        let before = std::mem::replace(&mut self.now, now);
        if before >= now {
            return Ok(());
        }
        let passed = (Bound::Excluded(before), Bound::Included(now));
        let over: HashSet<PatternId> = self
            .deadlines
            .range(passed)
            .flat_map(|(_, patterns)| patterns)
            .copied()
            .collect();
        if over.is_empty() {
            return Ok(());
        }
        if self.waiting > 0 {
            self.drain()?;
            self.drained = now;
        }
        self.joiner.close_patterns(|id| over.contains(&id));
        self.write()
    }

    fn consume(&mut self) -> Result<(), Error> {
        self.records.clear();
        self.offline
            .tap()
            .read_records(&mut self.records, usize::MAX);
        for at in 0..self.records.len() {
            let record = self.records[at];
            if self.waiting == 0 {
                self.drained = record.time;
            }
            self.waiting += 1;
            self.ensure_key(record.time)?;
            let bore = lent::bore(self.offline.tap(), &record);
            let around = Surroundings {
                indexes: &self.indexes,
                subscribers: &self.subscribers,
                clock: KernelClock::Replay,
            };
            let account = self.joiner.record(&record, bore.as_deref(), around);
            self.accounts.records.add(account, 1);
        }
        self.lending.read(self.offline.tap(), usize::MAX);
        for finding in self.lending.findings() {
            self.ensure_key(finding.first)?;
            let around = Surroundings {
                indexes: &self.indexes,
                subscribers: &self.subscribers,
                clock: KernelClock::Replay,
            };
            let (joiner, limits) = (&mut self.joiner, &mut self.limits);
            lent::judge(
                &finding,
                joiner,
                around,
                limits,
                &mut self.accounts.findings,
            );
        }
        Ok(())
    }

    /// Makes sure that the joiner has the key of the month of a packet.
    fn ensure_key(&mut self, time: u64) -> Result<(), Error> {
        if let Some(month) = self.joiner.missing_key(time, KernelClock::Replay) {
            self.joiner.add_key(month, crypto::random()?);
        }
        Ok(())
    }

    fn drain(&mut self) -> Result<(), Error> {
        let tap = self.offline.tap();
        let ended = tap.flip_alone().map_err(Error::DataPlane)?;
        let flows = tap.flows(ended).map_err(Error::DataPlane)?;
        tap.clear(ended).map_err(Error::DataPlane)?;
        for (key, flow) in &flows {
            let around = Surroundings {
                indexes: &self.indexes,
                subscribers: &self.subscribers,
                clock: KernelClock::Replay,
            };
            match self.joiner.flow(key, flow, around, false) {
                Some(Account::UnconfirmedPackets) => {
                    self.accounts
                        .records
                        .add(Account::UnconfirmedPackets, flow.packets.max(1));
                }
                Some(account) => self.accounts.records.add(account, 1),
                None => {}
            }
            self.accounts
                .records
                .add(Account::FlowPackets, flow.packets);
        }
        self.waiting = 0;
        Ok(())
    }

    /// Writes the events that were closed, in the order of their first packets.
    fn write(&mut self) -> Result<(), Error> {
        let mut events: Vec<_> = self
            .joiner
            .take_changes()
            .into_iter()
            .map(|change| change.row.event)
            .filter(|event| event.state == State::Closed)
            .collect();
        events.sort_by(|one, other| (one.first_seen, &one.id).cmp(&(other.first_seen, &other.id)));
        for event in events {
            self.summary.events += 1;
            self.summary.event_packets += event.packets;
            serde_json::to_writer(&mut *self.out, &event)
                .map_err(|error| Error::Output(error.into()))?;
            self.out.write_all(b"\n").map_err(Error::Output)?;
        }
        Ok(())
    }

    /// Ends every flow and event, and reads the counters.
    fn finish(&mut self) -> Result<(), Error> {
        self.drain()?;
        self.lending.expire(u64::MAX);
        self.joiner.close_all();
        self.write()?;
        self.out.flush().map_err(Error::Output)?;
        let counts = self.offline.tap().counts();
        self.summary.ledger = counts.ledger().map_err(Error::DataPlane)?;
        self.summary.traffic = counts.traffic(0).map_err(Error::DataPlane)?;
        self.summary.accounts = self.accounts;
        self.summary.lent = counts.lane().map_err(Error::DataPlane)?;
        self.summary.inspected = self.lending.inspected().counts;
        Ok(())
    }
}

/// When each marker begins and is over, in capture time.
fn deadlines(markers: &[Marker]) -> BTreeMap<u64, HashSet<PatternId>> {
    let mut deadlines: BTreeMap<u64, HashSet<PatternId>> = BTreeMap::new();
    for marker in markers {
        for edge in [marker.from, marker.until].into_iter().flatten() {
            // A time before 1970 is before every frame, which is judged by itself.
            if let Ok(edge) = u64::try_from(edge.timestamp().as_nanosecond()) {
                let pattern = markers::pattern_id(&marker.pattern);
                deadlines.entry(edge).or_default().insert(pattern);
            }
        }
    }
    deadlines
}

/// The timeouts of a replay that asks for none.
impl Default for Timeouts {
    fn default() -> Self {
        Self {
            idle: Duration::from_secs(60),
            active: Duration::from_secs(1800),
        }
    }
}
