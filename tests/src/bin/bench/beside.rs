//! Beside Suricata: what was found, and the figures against their limits.

use sensor_tests::bench::statistics::Median;
use serde_json::{Value, json};

use crate::{
    peers::{FLOWS, MARKERS, PASSES, PASSES_FAST, Run, expected},
    report::{Figure, Limit, Report, number},
};

// In the order of a round.
const NOBODY: usize = 0;
const EMPTY: usize = 1;
const OURS: usize = 2;
const ITS: usize = 3;

pub fn tell(rate: u32, runs: &[[Run; 4]], fast: &[Run; 2], report: &mut Report) {
    let sent = (FLOWS * PASSES) as f64;
    let nanoseconds = |who: usize, time: fn(&Run) -> f64| -> Vec<f64> {
        runs.iter()
            .map(|round| time(&round[who]) / sent * 1e9)
            .collect()
    };
    let softirq = |who: usize, base: usize| {
        Median::of_differences(
            &nanoseconds(who, |run| run.softirq),
            &nanoseconds(base, |run| run.softirq),
        )
    };
    let middle = |samples: &[f64]| Median::of(samples).middle;
    let agent = middle(&nanoseconds(OURS, |run| run.process));
    // What is told of an empty program is the telling itself.
    let empty = middle(&nanoseconds(EMPTY, |run| run.program));
    let program = Median::of_differences(
        &nanoseconds(OURS, |run| run.program),
        &nanoseconds(EMPTY, |run| run.program),
    )
    .middle;
    let suricata = middle(&nanoseconds(ITS, |run| run.process));
    let (ours_softirq, its_softirq) = (softirq(OURS, EMPTY), softirq(ITS, NOBODY));
    let alerts = |who: usize| {
        runs.iter()
            .map(|round| round[who].alerts)
            .collect::<Vec<_>>()
    };
    report.line(format!(
        "\nBeside Suricata, {MARKERS} address markers, {rate} packets a second, {} of {sent} \
         packets with a marker: alerts ours {:?}, its {:?}",
        expected(PASSES),
        alerts(OURS),
        alerts(ITS),
    ));
    report.line(format!(
        "  ns a packet: ours {} program (over {} that the kernel tells of an empty one) + {} agent, \
         softirq {} ({} to {}); its {} process, softirq {} ({} to {})",
        number(program),
        number(empty),
        number(agent),
        number(ours_softirq.middle),
        number(ours_softirq.low),
        number(ours_softirq.high),
        number(suricata),
        number(its_softirq.middle),
        number(its_softirq.low),
        number(its_softirq.high),
    ));
    report.line(format!(
        "  soft interrupts of ours are counted over an empty XDP program; attaching that one to a \
         veth costs {} ns a packet more than none",
        number(softirq(EMPTY, NOBODY).middle),
    ));
    report.line(format!(
        "  as fast as it goes: ours {} of {} alerts, {} packets not seen; its {} alerts, {} \
         packets dropped",
        fast[0].alerts,
        expected(PASSES_FAST),
        fast[0].drops,
        fast[1].alerts,
        fast[1].drops,
    ));
    let unequal = runs.iter().filter(|round| {
        round[OURS].alerts != expected(PASSES) || round[ITS].alerts != expected(PASSES)
    });
    let mut say = |what: &str, value: f64, limit, unit| {
        report.figure(Figure::new(
            format!("beside Suricata: {what}"),
            value,
            limit,
            unit,
        ));
    };
    say(
        "rounds with unequal alerts",
        unequal.count() as f64,
        Limit::AtMost(0.0),
        "",
    );
    let ours = program + agent;
    say(
        "CPU of a packet, process over program and agent",
        suricata / ours,
        Limit::AtLeast(25.0),
        " times",
    );
    // The program runs in soft interrupts: their difference has it in already.
    let ours = program.max(ours_softirq.middle) + agent;
    say(
        "the same, both with the difference in soft interrupts",
        (suricata + its_softirq.middle.max(0.0)) / ours,
        Limit::AtLeast(25.0),
        " times",
    );
    let lost = (expected(PASSES_FAST).saturating_sub(fast[0].alerts)) + fast[0].drops;
    say(
        "lost by ours at full speed",
        lost as f64,
        Limit::AtMost(0.0),
        "",
    );
    say(
        "lost by Suricata at full speed",
        fast[1].drops as f64,
        Limit::AtLeast(1.0),
        "",
    );
    let document = |run: &Run| {
        json!({
            "arrived": run.arrived, "alerts": run.alerts, "drops": run.drops,
            "process_s": run.process, "program_s": run.program, "softirq_s": run.softirq,
        })
    };
    let rounds: Vec<Value> = runs
        .iter()
        .map(|round| round.iter().map(document).collect())
        .collect();
    report.raw(
        "peers",
        json!({
            "rate": rate,
            "packets": sent,
            "nobody_empty_ours_suricata": rounds,
            "full_speed_ours_suricata": fast.iter().map(document).collect::<Vec<_>>(),
        }),
    );
}
