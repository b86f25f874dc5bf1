//! Beside Suricata: the same wire, frames and markers; alerts, losses, and what a packet costs.

use std::{
    net::{IpAddr, Ipv4Addr},
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use sensor_tests::{
    bench::sets::{Set, stranger},
    command,
    daemon::Sensord,
    identity::Identities,
    need,
    netns::{Bpffs, Wire},
    packet::{Body, Frame, Network},
    random::Random,
    traffic::pcap_write,
};
use sensor_user::dataplane::{Variant, bench::Varied};

use crate::{
    beside, cpu,
    live::{attach, detach, received},
    options::Options,
    report::Report,
    sender,
    stage::{Stage, load},
    subjects::said,
    suricata::Suricata,
};

const SEED: u64 = 20_261_128;
pub const MARKERS: usize = 100_000;
/// Flows, of a packet each in one pass over the capture.
pub const FLOWS: usize = 20_000;
/// One flow in so many has a marker, on either side in turn.
const MARKED: usize = 1_000;
/// Passes of one measurement.
pub const PASSES: usize = 60;
/// Passes at full speed: more than buffers hold.
pub const PASSES_FAST: usize = 60;
/// Senders at full speed.
const SENDERS: usize = 2;
/// Packets a second at which neither is to lose; halved until that is so.
const GENTLE: u32 = 160_000;
const LEAST: u32 = 2_500;
const ROUNDS: usize = 6;
/// What is still on its way when the last frame has left is counted too: records, drains, alerts.
const SETTLE: Duration = Duration::from_secs(2);

/// Who looks at the packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    Nobody,
    /// An empty XDP program: what attaching one costs on this kind of interface.
    Empty,
    Ours,
    Suricata,
}

/// One measurement; times in seconds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Run {
    pub arrived: u64,
    pub alerts: u64,
    pub drops: u64,
    /// The agent's, or Suricata's.
    pub process: f64,
    pub program: f64,
    pub softirq: f64,
}

struct Bench<'a> {
    stage: &'a Stage,
    daemon: Sensord<'a>,
    capture: PathBuf,
    /// The same frames for the fastest sender; those without a marker are new flows each time.
    config: PathBuf,
    /// Where the empty program is pinned.
    empty: PathBuf,
    folder: &'a Path,
    /// The markers, one a line.
    list: String,
    runs: usize,
}

pub fn run(options: &Options, report: &mut Report) -> Result<(), String> {
    if !need::root_and(&["suricata", "tcpreplay", "bpftool"]) {
        return Err("peers needs suricata, tcpreplay and bpftool".into());
    }
    let directory = tempfile::tempdir().map_err(said)?;
    let stage = Stage::new();
    let mut random = Random::new(SEED);
    let set = Set::addresses(&mut random, MARKERS, 0);
    let capture = directory.path().join("frames.pcap");
    let frames = frames(&set, &mut random);
    pcap_write(&capture, &frames);
    let config = directory.path().join("frames.cfg");
    sender::frames(&config, &stage.wire, &frames, |index| !is_marked(index))?;
    let bpffs = Bpffs::mount(&directory.path().join("bpf"));
    let empty = bpffs.path().join("empty");
    let mut programs = Varied::new(Variant::Frags).map_err(said)?;
    programs.pin_empty(&empty).map_err(said)?;
    let daemon = stage.start();
    load(&daemon.client(), &set.text())?;
    stage.detach(&daemon.client())?;
    let list = set
        .v4
        .iter()
        .map(|(address, _)| format!("{}\n", Ipv4Addr::from(*address)));
    let mut bench = Bench {
        stage: &stage,
        daemon,
        capture,
        config,
        empty,
        folder: directory.path(),
        list: list.collect(),
        runs: 0,
    };
    let rate = bench.gentle_rate()?;
    let rounds = if options.quick { 2 } else { ROUNDS };
    let mut runs: Vec<[Run; 4]> = Vec::new();
    for round in 1..=rounds {
        eprint!("\r\x1b[Kpeers: round {round} of {rounds} at {rate} packets a second ");
        runs.push([
            bench.measure(Who::Nobody, Some(rate))?,
            bench.measure(Who::Empty, Some(rate))?,
            bench.measure(Who::Ours, Some(rate))?,
            bench.measure(Who::Suricata, Some(rate))?,
        ]);
    }
    eprint!("\r\x1b[Kpeers: as fast as it goes ");
    let fast = [
        bench.measure(Who::Ours, None)?,
        bench.measure(Who::Suricata, None)?,
    ];
    eprintln!();
    beside::tell(rate, &runs, &fast, report);
    Ok(())
}

impl Bench<'_> {
    /// The highest rate of a few at which Suricata loses nothing.
    fn gentle_rate(&mut self) -> Result<u32, String> {
        let mut rate = GENTLE;
        loop {
            eprint!("\r\x1b[Kpeers: {rate} packets a second ");
            let run = self.measure(Who::Suricata, Some(rate))?;
            if run.drops == 0 && run.alerts == expected(PASSES) {
                return Ok(rate);
            }
            if rate <= LEAST {
                return Err(format!(
                    "VOID: suricata has {} alerts for {} packets with a marker at {rate} packets \
                     a second, {} dropped",
                    run.alerts,
                    expected(PASSES),
                    run.drops
                ));
            }
            rate /= 2;
        }
    }

    fn measure(&mut self, who: Who, rate: Option<u32>) -> Result<Run, String> {
        self.runs += 1;
        match who {
            Who::Nobody => self.counted(rate),
            Who::Empty => {
                attach(&self.stage.wire, &self.empty);
                let run = self.timed(rate)?.0;
                detach(&self.stage.wire);
                Ok(run)
            }
            Who::Ours => self.ours(rate),
            Who::Suricata => {
                let folder = self.folder.join(format!("run{}", self.runs));
                let suricata = Suricata::start(&self.stage.wire, &folder, &self.list)?;
                let before = cpu::process(suricata.id())?;
                let run = self.counted(rate)?;
                let process = cpu::process(suricata.id())? - before;
                let told = suricata.stop()?;
                Ok(Run {
                    alerts: told.alerts,
                    drops: told.drops.max(run.arrived.saturating_sub(told.packets)),
                    process,
                    ..run
                })
            }
        }
    }

    fn ours(&mut self, rate: Option<u32>) -> Result<Run, String> {
        let client = self.daemon.client();
        self.stage.attach(&client)?;
        let hits = Identities::settled(&client).kernel["hits"];
        let process = cpu::process(self.daemon.id())?;
        let (run, seen) = self.timed(rate)?;
        let process = cpu::process(self.daemon.id())? - process;
        let alerts = Identities::settled(&client).kernel["hits"] - hits;
        self.stage.detach(&client)?;
        Ok(Run {
            alerts,
            drops: run.arrived.saturating_sub(seen),
            process,
            ..run
        })
    }

    /// Sends, with the time of the attached program; and how many packets it saw.
    fn timed(&self, rate: Option<u32>) -> Result<(Run, u64), String> {
        let _stats = cpu::BpfStats::on()?;
        let (program, count) = cpu::program(&self.stage.wire)?;
        let run = self.counted(rate)?;
        let (program_after, count_after) = cpu::program(&self.stage.wire)?;
        let program = program_after - program;
        Ok((Run { program, ..run }, count_after - count))
    }

    /// At a rate, or as fast as it goes: a sender on each processor, so that none is idle.
    fn send(&self, rate: Option<u32>) {
        let wire = &self.stage.wire;
        let Some(rate) = rate else {
            let count = (FLOWS * PASSES_FAST / SENDERS).to_string();
            let words = wire.from.wrap(&sender::words(&self.config, &count));
            thread::scope(|scope| {
                for _ in 0..SENDERS {
                    scope.spawn(|| command::run(&words));
                }
            });
            return;
        };
        let interface = format!("--intf1={}", Wire::OUT);
        let (passes, rate) = (format!("--loop={PASSES}"), format!("--pps={rate}"));
        let capture = self.capture.to_str().expect("a path in UTF-8");
        command::run(&wire.from.wrap(&[
            "tcpreplay",
            "--quiet",
            "--preload-pcap",
            &passes,
            &rate,
            &interface,
            capture,
        ]));
    }

    /// Sends the frames; counts those that arrive, and soft interrupts.
    fn counted(&self, rate: Option<u32>) -> Result<Run, String> {
        let (arrived, softirq) = (received(self.daemon.id())?, cpu::softirq()?);
        self.send(rate);
        thread::sleep(SETTLE);
        Ok(Run {
            arrived: received(self.daemon.id())? - arrived,
            softirq: cpu::softirq()? - softirq,
            ..Run::default()
        })
    }
}

/// Packets with a marker in one measurement.
pub const fn expected(passes: usize) -> u64 {
    (FLOWS / MARKED * passes) as u64
}

const fn is_marked(index: usize) -> bool {
    index.is_multiple_of(MARKED)
}

fn frames(set: &Set, random: &mut Random) -> Vec<Vec<u8>> {
    let frame = |index: usize| {
        let stranger4 = |random: &mut Random| stranger(random, true);
        let (mut src, mut dst) = (stranger4(random), stranger4(random));
        if is_marked(index) {
            let member = set.v4[random.below(set.v4.len())].0;
            let side = if index.is_multiple_of(MARKED * 2) {
                &mut src
            } else {
                &mut dst
            };
            *side = IpAddr::from(Ipv4Addr::from(member));
        }
        let ports = (1024 + random.below(60_000) as u16, 443);
        let body = Body::udp(ports.0, ports.1, &[0; 64]);
        Frame::new(Network::between(src, dst, body)).bytes()
    };
    (0..FLOWS).map(frame).collect()
}
