//! Medians and their 95 % intervals. No distribution is assumed: timings have long tails.

/// A median and the order statistics between which the true one lies with a probability of at
/// least 95 % (sign test). With fewer than six samples there is no such interval; it is then the
/// whole range, and [`Median::sure`] is false.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Median {
    /// The median.
    pub middle: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Whether the interval has its 95 %.
    pub sure: bool,
}

impl Median {
    /// Of samples in any order.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn of(samples: &[f64]) -> Self {
        let mut sorted = samples.to_vec();
        sorted.sort_by(f64::total_cmp);
        let count = sorted.len();
        let middle = (sorted[(count - 1) / 2] + sorted[count / 2]) / 2.0;
        let cut = cut(count);
        let outer = cut.saturating_sub(1);
        Self {
            middle,
            low: sorted[outer],
            high: sorted[count - 1 - outer],
            sure: cut > 0,
        }
    }

    /// Of the differences between samples of the same rounds.
    ///
    /// # Panics
    /// As [`Median::of`].
    #[must_use]
    pub fn of_differences(samples: &[f64], base: &[f64]) -> Self {
        Self::of(&paired(samples, base, |one, other| one - other))
    }

    /// Of the ratios between samples of the same rounds.
    ///
    /// # Panics
    /// As [`Median::of`].
    #[must_use]
    pub fn of_ratios(samples: &[f64], base: &[f64]) -> Self {
        Self::of(&paired(samples, base, |one, other| one / other))
    }
}

fn paired(samples: &[f64], base: &[f64], join: impl Fn(f64, f64) -> f64) -> Vec<f64> {
    assert_eq!(samples.len(), base.len(), "samples of the same rounds");
    let pairs = samples.iter().zip(base);
    pairs.map(|(one, other)| join(*one, *other)).collect()
}

/// Rank, from 1, of the lower end of the interval; 0 when even the whole range is not sure enough.
/// The median is below rank k with the probability that fewer than k of `count` throws of a coin
/// are heads.
fn cut(count: usize) -> usize {
    let mut probability = 0.5f64.powi(i32::try_from(count).unwrap_or(i32::MAX));
    let mut below = 0.0;
    let mut rank = 0;
    while rank < count {
        below += probability;
        if 2.0 * below > 0.05 {
            break;
        }
        probability *= (count - rank) as f64 / (rank + 1) as f64;
        rank += 1;
    }
    rank
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_those_of_the_tables() {
        // Table of the sign test, two-sided 5 %: Conover, Practical Nonparametric Statistics, A3.
        let ranks = [(5, 0), (6, 1), (9, 2), (12, 3), (20, 6), (25, 8), (100, 40)];
        for (count, rank) in ranks {
            assert_eq!(cut(count), rank, "{count} samples");
        }
    }

    #[test]
    fn the_interval_is_made_of_samples_in_any_order() {
        let samples: Vec<f64> = (0..20).map(|n| f64::from(n * 7 % 20)).collect();
        let median = Median::of(&samples);
        assert_eq!(
            (median.low, median.middle, median.high),
            (5.0, 9.5, 14.0),
            "the 6th and the 15th of 0 to 19"
        );
        assert!(median.sure);
    }

    #[test]
    fn few_samples_give_their_range_and_say_so() {
        let median = Median::of(&[3.0, 1.0, 2.0]);
        assert_eq!((median.low, median.middle, median.high), (1.0, 2.0, 3.0));
        assert!(!median.sure);
    }

    #[test]
    fn drift_between_rounds_falls_out_of_differences_and_ratios() {
        let base = [10.0, 20.0, 30.0, 40.0, 50.0, 60.0];
        let more = base.map(|sample| sample + 5.0);
        let twice = base.map(|sample| sample * 2.0);
        let differences = Median::of_differences(&more, &base);
        assert_eq!((differences.low, differences.high), (5.0, 5.0));
        let ratios = Median::of_ratios(&twice, &base);
        assert_eq!((ratios.low, ratios.high), (2.0, 2.0));
    }
}
