//! The time by which validity is judged: UTC that never goes back.
//!
//! The wall clock may be set, by an operator, by NTP or by somebody who wants an order to go on. A
//! high-water mark, kept with the boot clock it was taken at, tells what the time must be by now.
//! Behind it, the mark counts on by the boot clock: a step back revives nothing. More than an hour
//! ahead of it, without synchronisation, the wall clock is suspect: it ends what it says is over,
//! but the mark does not follow and nothing may be destroyed by it. More than an hour behind it, and
//! synchronised, the wall clock contradicts the mark (the first clock of a machine was wrong, say):
//! validity goes on by the mark until an operator takes the wall clock for right, and nothing is
//! destroyed meanwhile. Where the kernel does not tell whether it is synchronised, each time that is
//! assumed which destroys less.

use jiff::Timestamp;

use crate::model::ClockMark;

/// A step forward beyond this is suspect, microseconds.
const STEP: i64 = 3_600_000_000;
/// Clocks that differ by less agree, microseconds.
const SECOND: i64 = 1_000_000;
/// After so long a suspect clock is believed, microseconds.
const PATIENCE: i64 = 24 * 3_600_000_000;

/// What the clocks show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// Wall clock, microseconds since the epoch.
    pub wall: i64,
    /// Clock since boot, suspend included, microseconds.
    pub boot: i64,
    /// Which boot: a hash of the kernel's boot id.
    pub boot_id: i64,
    /// Whether the kernel takes the wall clock for synchronised; none where it does not tell.
    pub synchronised: Option<bool>,
}

/// Watches the wall clock.
#[derive(Clone, Copy, Debug)]
pub struct Watch {
    mark: ClockMark,
    /// Boot clock at which the wall clock became suspect.
    suspect: Option<i64>,
    /// The wall clock is more than an hour behind the mark, and synchronised for all that is known.
    contradicted: bool,
}

impl Watch {
    /// Goes on from the mark of a former agent; without one, the wall clock is believed.
    #[must_use]
    pub fn new(kept: Option<ClockMark>, reading: Reading) -> Self {
        let mut mark = kept.unwrap_or(ClockMark {
            wall: reading.wall,
            boot: reading.boot,
            boot_id: reading.boot_id,
        });
        if mark.boot_id != reading.boot_id {
            // What passed before this boot is not known: at least the time since.
            (mark.boot, mark.boot_id) = (0, reading.boot_id);
        }
        let mut watch = Self {
            mark,
            suspect: None,
            contradicted: false,
        };
        watch.observe(reading);
        watch
    }

    /// The time by which validity is judged.
    pub fn observe(&mut self, reading: Reading) -> Timestamp {
        let expected = self.mark.wall + (reading.boot - self.mark.boot).max(0);
        let ahead = reading.wall - expected;
        self.contradicted = -ahead > STEP && reading.synchronised != Some(false);
        if ahead > STEP && reading.synchronised != Some(true) {
            let since = *self.suspect.get_or_insert(reading.boot);
            if reading.boot - since < PATIENCE {
                return time(reading.wall);
            }
        }
        self.suspect = None;
        if ahead < 0 {
            return time(expected);
        }
        self.mark.wall = reading.wall;
        self.mark.boot = reading.boot;
        time(reading.wall)
    }

    /// Whether what the clock says is over may be destroyed: not while it is suspect, that is
    /// before it is synchronised or 24 hours have passed, and not while it contradicts what was
    /// believed before.
    #[must_use]
    pub const fn destruction_allowed(&self) -> bool {
        self.suspect.is_none() && !self.contradicted
    }

    /// Whether the wall clock, synchronised for all that is known, is more than an hour behind the time
    /// that was believed.
    #[must_use]
    pub const fn is_contradicted(&self) -> bool {
        self.contradicted
    }

    /// Takes the wall clock for right, whatever was believed before; by how much that was ahead,
    /// microseconds. `None` when the two agree already.
    pub fn accept(&mut self, reading: Reading) -> Option<i64> {
        let ahead = self.observe(reading).as_microsecond() - reading.wall;
        let agree = self.suspect.is_none() && ahead < SECOND;
        if agree {
            return None;
        }
        *self = Self::new(None, reading);
        Some(ahead)
    }

    /// What to keep for the next agent.
    #[must_use]
    pub const fn mark(&self) -> ClockMark {
        self.mark
    }
}

fn time(microseconds: i64) -> Timestamp {
    Timestamp::from_microsecond(microseconds).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: i64 = 1_767_225_600_000_000;
    const HOUR: i64 = 3_600 * SECOND;

    /// A machine whose clocks are set at will.
    struct Machine(Reading);

    impl Machine {
        fn new() -> Self {
            Self(Reading {
                wall: START,
                boot: 10 * SECOND,
                boot_id: 1,
                synchronised: Some(false),
            })
        }

        fn passes(&mut self, time: i64) -> Reading {
            self.0.wall += time;
            self.0.boot += time;
            self.0
        }

        fn steps(&mut self, time: i64) -> Reading {
            self.0.wall += time;
            self.0.synchronised = Some(false);
            self.0
        }

        fn reboots(&mut self, off: i64) -> Reading {
            self.0.wall += off;
            self.0.boot = 0;
            self.0.boot_id += 1;
            self.0
        }
    }

    fn at(time: i64) -> Timestamp {
        super::time(START + time)
    }

    #[test]
    fn a_step_back_is_not_followed_and_time_goes_on() {
        let mut machine = Machine::new();
        let mut watch = Watch::new(None, machine.0);
        assert_eq!(watch.observe(machine.passes(5 * SECOND)), at(5 * SECOND));
        machine.steps(-2 * HOUR);
        assert_eq!(watch.observe(machine.passes(SECOND)), at(6 * SECOND));
        assert!(watch.destruction_allowed());
        // Another agent of the same boot knows what the time must be, whatever passed between.
        machine.passes(HOUR);
        let mut next = Watch::new(Some(watch.mark()), machine.0);
        assert_eq!(next.observe(machine.0), at(HOUR + 6 * SECOND));
        // After a reboot the time off is not known: the mark stands.
        let mut next = Watch::new(Some(next.mark()), machine.reboots(0));
        assert_eq!(next.observe(machine.0), super::time(next.mark().wall));
        assert!(next.mark().wall >= START + 5 * SECOND);
    }

    #[test]
    fn a_small_step_forward_is_believed_at_once() {
        let mut machine = Machine::new();
        let mut watch = Watch::new(None, machine.0);
        assert_eq!(watch.observe(machine.steps(HOUR)), at(HOUR));
        assert!(watch.destruction_allowed());
        assert_eq!(watch.observe(machine.steps(-HOUR)), at(HOUR));
    }

    #[test]
    fn a_long_step_forward_ends_what_is_over_and_destroys_nothing() {
        let mut machine = Machine::new();
        let mut watch = Watch::new(None, machine.0);
        let step = 48 * HOUR;
        assert_eq!(
            watch.observe(machine.steps(step)),
            at(step),
            "it ends what is over"
        );
        assert!(!watch.destruction_allowed());
        // An agent that is started now does not believe it either.
        let next = Watch::new(Some(watch.mark()), machine.passes(SECOND));
        assert!(!next.destruction_allowed());
        // The step is taken back: time is what it was.
        let mut healed = watch;
        let mut back = Machine(machine.0);
        assert_eq!(healed.observe(back.steps(-step)), at(SECOND));
        assert!(healed.destruction_allowed());
        // It is synchronised: the new time is believed.
        let mut synchronised = watch;
        machine.0.synchronised = Some(true);
        assert_eq!(synchronised.observe(machine.0), at(step + SECOND));
        assert!(synchronised.destruction_allowed());
        // Or nobody comes for 24 hours.
        machine.0.synchronised = Some(false);
        watch.observe(machine.passes(23 * HOUR));
        assert!(!watch.destruction_allowed());
        watch.observe(machine.passes(HOUR));
        assert!(watch.destruction_allowed());
        assert_eq!(watch.observe(machine.0), at(step + 24 * HOUR + SECOND));
    }

    #[test]
    fn a_machine_that_was_off_for_long_waits_for_synchronisation() {
        let mut machine = Machine::new();
        let kept = Watch::new(None, machine.0).mark();
        let mut watch = Watch::new(Some(kept), machine.reboots(72 * HOUR));
        assert!(!watch.destruction_allowed());
        machine.0.synchronised = Some(true);
        watch.observe(machine.0);
        assert!(watch.destruction_allowed());
    }

    #[test]
    fn where_the_kernel_does_not_tell_neither_step_destroys_anything() {
        let mut machine = Machine::new();
        let mut watch = Watch::new(None, machine.0);
        machine.steps(2 * HOUR);
        machine.0.synchronised = None;
        watch.observe(machine.0);
        assert!(!watch.destruction_allowed(), "not ahead");
        machine.passes(24 * HOUR);
        watch.observe(machine.0);
        assert!(watch.destruction_allowed(), "nobody came for 24 hours");
        machine.steps(-2 * HOUR);
        machine.0.synchronised = None;
        watch.observe(machine.0);
        assert!(!watch.destruction_allowed() && watch.is_contradicted());
        assert_eq!(watch.accept(machine.0), Some(2 * HOUR));
        assert!(watch.destruction_allowed());
    }

    #[test]
    fn a_first_clock_that_was_wrong_destroys_nothing_and_goes_when_somebody_says_so() {
        let mut machine = Machine::new();
        machine.steps(9 * 365 * 24 * HOUR);
        let mut watch = Watch::new(None, machine.0);
        machine.steps(-9 * 365 * 24 * HOUR);
        assert!(watch.observe(machine.passes(SECOND)) > at(8 * 365 * 24 * HOUR));
        assert!(watch.destruction_allowed(), "anybody may have set it back");
        machine.0.synchronised = Some(true);
        watch.observe(machine.0);
        assert!(!watch.destruction_allowed() && watch.is_contradicted());
        // The next agent knows no better by itself.
        let mut next = Watch::new(Some(watch.mark()), machine.passes(SECOND));
        assert!(next.is_contradicted());
        assert_eq!(next.accept(machine.0), Some(9 * 365 * 24 * HOUR));
        assert_eq!(next.observe(machine.0), at(2 * SECOND));
        assert!(next.destruction_allowed());
        assert_eq!(next.accept(machine.0), None);
        // What is suspect is taken, too.
        machine.0.synchronised = Some(false);
        assert_eq!(next.accept(machine.steps(48 * HOUR)), Some(0));
        assert!(next.destruction_allowed());
    }
}
