//! Wall time and kernel time, and the way between them.

mod watch;

use std::sync::{
    Once, OnceLock,
    atomic::{AtomicI64, Ordering::Relaxed},
};

use jiff::Timestamp;
use rustix::time::{ClockId, DynamicClockId, Timespec, clock_gettime, clock_gettime_dynamic};
use sensor_common::clock;

pub use watch::{Reading, Watch};

use crate::fault;

/// The kernel clock that deadlines and records use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KernelClock {
    /// Since boot, suspend included.
    Boot,
    /// International atomic time (kernel 6.1): follows the wall clock, without leap seconds.
    Tai,
    /// The capture's own time: nanoseconds since the epoch.
    Replay,
}

impl KernelClock {
    /// Its number in the program's read-only data.
    #[must_use]
    pub const fn number(self) -> u32 {
        match self {
            Self::Boot => clock::BOOT,
            Self::Tai => clock::TAI,
            Self::Replay => clock::REPLAY,
        }
    }

    /// Its name in status.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Boot => "boot",
            Self::Tai => "tai",
            Self::Replay => "replay",
        }
    }

    /// What it shows now, nanoseconds.
    fn now(self) -> i128 {
        match self {
            Self::Boot => nanoseconds(clock_gettime(ClockId::Boottime)),
            // Every kernel since 3.10 has this clock; only the BPF helper is newer.
            Self::Tai => nanoseconds(
                clock_gettime_dynamic(DynamicClockId::Tai).expect("the kernel has CLOCK_TAI"),
            ),
            Self::Replay => wall(),
        }
    }

    /// Wall time less kernel time now, nanoseconds: 0 for a replay.
    fn ahead(self) -> i128 {
        match self {
            Self::Replay => 0,
            // Read twice around the other clock, so that a preemption between the reads halves.
            _ => {
                let before = self.now();
                let wall = wall();
                let after = self.now();
                let ahead = wall - i128::midpoint(before, after);
                match self {
                    // Leap seconds only: whole seconds, so that every conversion agrees.
                    Self::Tai => (ahead as f64 / 1e9).round() as i128 * 1_000_000_000,
                    _ => ahead,
                }
            }
        }
    }

    /// The wall time of a kernel time.
    #[must_use]
    pub fn to_wall(self, kernel: u64) -> Timestamp {
        let nanoseconds = i128::from(kernel) + self.ahead();
        Timestamp::from_nanosecond(nanoseconds).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// The kernel time of a wall time; 0 when it is before the clock began.
    #[must_use]
    pub fn to_kernel(self, wall: Timestamp) -> u64 {
        Offset(self.ahead()).to_kernel(wall)
    }

    /// The time by which validity is judged at a kernel time: the wall clock's, unless that was set
    /// back since.
    #[must_use]
    pub fn to_judged(self, kernel: u64) -> Timestamp {
        let nanoseconds = i128::from(kernel) + self.offset().0;
        Timestamp::from_nanosecond(nanoseconds).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// The time by which validity is judged now.
    #[must_use]
    pub fn judged_now(self) -> Timestamp {
        self.to_judged(u64::try_from(self.now()).unwrap_or_default())
    }

    /// The way from the time by which validity is judged to kernel time as it is now: deadlines are
    /// told by it, so that setting the wall clock back moves none of them.
    #[must_use]
    pub fn offset(self) -> Offset {
        let lead = match self {
            Self::Replay => 0,
            _ => LEAD.load(Relaxed),
        };
        Offset(self.ahead() + i128::from(lead))
    }
}

/// What a kernel clock lacks to the wall clock at one instant.
#[derive(Clone, Copy, Debug)]
pub struct Offset(i128);

impl Offset {
    /// The kernel time of a wall time; 0 when it is before the clock began.
    #[must_use]
    pub fn to_kernel(self, wall: Timestamp) -> u64 {
        u64::try_from((wall.as_nanosecond() - self.0).max(0)).unwrap_or(u64::MAX)
    }

    /// How far the clocks have moved against each other since, nanoseconds.
    #[must_use]
    pub fn moved(self, since: Self) -> u128 {
        self.0.abs_diff(since.0)
    }
}

/// By how much the time by which validity is judged is ahead of the wall clock, nanoseconds: more
/// than nothing once that was set back. A machine has one wall clock, so a process has one of these.
static LEAD: AtomicI64 = AtomicI64::new(0);

/// The time by which validity is judged, as the watch tells it; kernel times are judged by it from
/// now on.
pub fn judge(watch: &mut Watch) -> Timestamp {
    let reading = read();
    let now = watch.observe(reading);
    LEAD.store(
        (now.as_microsecond() - reading.wall).saturating_mul(1_000),
        Relaxed,
    );
    now
}

/// What the clocks show now.
#[must_use]
pub fn read() -> Reading {
    let microseconds = |nanoseconds: i128| i64::try_from(nanoseconds / 1_000).unwrap_or(i64::MAX);
    Reading {
        wall: microseconds(wall()),
        boot: microseconds(KernelClock::Boot.now()),
        boot_id: boot_id(),
        synchronised: synchronised(),
    }
}

/// What the kernel says of the wall clock; that it says nothing is logged once.
fn synchronised() -> Option<bool> {
    static TOLD: Once = Once::new();
    let asked = match fault::synchronised() {
        Some(wanted) => wanted,
        None => sensor_sys::is_synchronised(),
    };
    asked
        .inspect_err(|error| {
            TOLD.call_once(|| {
                tracing::warn!(
                    %error,
                    "the kernel does not tell whether the wall clock is synchronised: one that is \
                     more than an hour off what was believed before destroys nothing; let the agent \
                     call adjtimex and clock_adjtime (SystemCallFilter= of its unit)"
                );
            });
        })
        .ok()
}

/// The kernel's random id of this boot, folded to a number; 0 where it does not tell.
fn boot_id() -> i64 {
    static ID: OnceLock<i64> = OnceLock::new();
    *ID.get_or_init(|| {
        let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect();
        let id = u128::from_str_radix(&digits, 16).unwrap_or_default();
        (id ^ (id >> 64)) as i64
    })
}

fn wall() -> i128 {
    nanoseconds(clock_gettime(ClockId::Realtime)) + fault::clock_step()
}

fn nanoseconds(time: Timespec) -> i128 {
    i128::from(time.tv_sec) * 1_000_000_000 + i128::from(time.tv_nsec)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back_is_the_same_instant() {
        let wall = Timestamp::now();
        for clock in [KernelClock::Boot, KernelClock::Tai, KernelClock::Replay] {
            let back = clock.to_wall(clock.to_kernel(wall));
            let off = (back.as_nanosecond() - wall.as_nanosecond()).abs();
            assert!(off < 10_000_000, "{clock:?} is {off} ns off");
        }
    }
}
