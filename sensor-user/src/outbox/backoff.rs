//! When to try again.

use std::time::Duration;

/// First pause.
const FIRST: Duration = Duration::from_millis(500);
/// Longest pause: how late a recipient that is back is noticed.
const LONGEST: Duration = Duration::from_secs(60);

/// Pause after so many attempts in a row that failed (at least one): it doubles, up to a minute, and
/// `chance` (any value) shortens it by up to a half, so that many sensors do not come back at once.
#[must_use]
pub fn pause(failures: u32, chance: u64) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    let whole = FIRST.saturating_mul(1 << doublings).min(LONGEST);
    let half = whole / 2;
    let spread = half.as_millis() as u64;
    half + Duration::from_millis(chance % (spread + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_minute_and_are_never_less_than_half() {
        for (failures, whole) in [
            (1, 500),
            (2, 1_000),
            (5, 8_000),
            (8, 60_000),
            (u32::MAX, 60_000),
        ] {
            let whole = Duration::from_millis(whole);
            for chance in [0, 1, 17, 250, u64::MAX] {
                let pause = pause(failures, chance);
                assert!(
                    pause >= whole / 2 && pause <= whole,
                    "{failures} {chance}: {pause:?}"
                );
            }
        }
        assert_ne!(pause(8, 0), pause(8, 12_345));
    }
}
