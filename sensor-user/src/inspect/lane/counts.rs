//! Where every handshake of the lane ends.

use std::collections::BTreeMap;

/// What packets of the lane seem to bear.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// A TLS ClientHello over TCP.
    Tls,
    /// The head of an HTTP/1.x request.
    Http,
    /// A QUIC Initial packet.
    Quic,
    /// A DNS message over TCP.
    Dns,
}

impl Class {
    /// All of them, by value.
    pub const ALL: [Self; 4] = [Self::Tls, Self::Http, Self::Quic, Self::Dns];

    /// The name in metrics, API and CLI.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tls => "tls",
            Self::Http => "http",
            Self::Quic => "quic",
            Self::Dns => "dns_tcp",
        }
    }
}

/// Where a handshake, head or message ends: `opened = decided + nameless + unreadable + truncated +
/// too_long + over_budget + displaced + timed_out + orphaned + lost_at_restart` and what still waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fate {
    /// What was looked for in it was read.
    Decided,
    /// It was read, and bears nothing that is looked for.
    Nameless,
    /// It is not what it seemed, or nothing that can be read.
    Unreadable,
    /// What was lent of it ends before what is looked for.
    Truncated,
    /// It is longer than one flow may be held.
    TooLong,
    /// It alone is more than its class may hold.
    OverBudget,
    /// All that its class may hold was held, and another took its place.
    Displaced,
    /// The rest did not come in time.
    TimedOut,
    /// Its beginning did not come in time.
    Orphaned,
    /// It waited when the agent died.
    LostAtRestart,
}

impl Fate {
    /// All of them, by value.
    pub const ALL: [Self; 10] = [
        Self::Decided,
        Self::Nameless,
        Self::Unreadable,
        Self::Truncated,
        Self::TooLong,
        Self::OverBudget,
        Self::Displaced,
        Self::TimedOut,
        Self::Orphaned,
        Self::LostAtRestart,
    ];

    /// Whether what bears it was judged.
    #[must_use]
    pub const fn is_judged(self) -> bool {
        matches!(self, Self::Decided | Self::Nameless)
    }

    /// The name in metrics, API and CLI.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Decided => "decided",
            Self::Nameless => "nameless",
            Self::Unreadable => "unreadable",
            Self::Truncated => "truncated",
            Self::TooLong => "too_long",
            Self::OverBudget => "over_budget",
            Self::Displaced => "displaced",
            Self::TimedOut => "timed_out",
            Self::Orphaned => "orphaned",
            Self::LostAtRestart => "lost_at_restart",
        }
    }
}

/// What became of the packets and handshakes of one class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OfClass {
    /// Packets that were lent.
    pub packets: u64,
    /// Of these, such that belong to nothing that is looked at: behind a decision, or an answer.
    pub stray: u64,
    /// Handshakes that were begun.
    pub opened: u64,
    /// Of those judged, such with an encrypted inner hello, or with what looks like it: the name is the outer
    /// one.
    pub encrypted: u64,
    fates: [u64; Fate::ALL.len()],
}

impl OfClass {
    /// Handshakes with this fate.
    #[must_use]
    pub const fn fate(&self, fate: Fate) -> u64 {
        self.fates[fate as usize]
    }

    /// Every count by its name in the store.
    fn named(&mut self) -> impl Iterator<Item = (&'static str, &mut u64)> {
        let before = [
            ("packets", &mut self.packets),
            ("stray", &mut self.stray),
            ("opened", &mut self.opened),
            ("encrypted", &mut self.encrypted),
        ];
        let fates = Fate::ALL.iter().map(|fate| fate.name());
        before.into_iter().chain(fates.zip(&mut self.fates))
    }
}

/// What became of everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    classes: [OfClass; Class::ALL.len()],
}

impl Counts {
    /// Of one class.
    #[must_use]
    pub const fn of(&self, class: Class) -> &OfClass {
        &self.classes[class as usize]
    }

    /// Counts to store.
    #[must_use]
    pub fn to_stored(&self) -> BTreeMap<String, u64> {
        let mut stored = BTreeMap::new();
        let mut counts = *self;
        for (class, counts) in Class::ALL.iter().zip(&mut counts.classes) {
            let named = counts.named();
            stored.extend(named.map(|(name, count)| (stored_as(*class, name), *count)));
        }
        stored
    }

    /// What an agent left that has ended: what waited then is lost. Names that are missing count 0.
    #[must_use]
    pub fn left(stored: &BTreeMap<String, u64>) -> Self {
        let mut left = Self::default();
        for (class, counts) in Class::ALL.iter().zip(&mut left.classes) {
            for (name, count) in counts.named() {
                *count = stored.get(&stored_as(*class, name)).copied().unwrap_or(0);
            }
            let ended: u64 = counts.fates.iter().sum();
            counts.fates[Fate::LostAtRestart as usize] += counts.opened.saturating_sub(ended);
        }
        left
    }

    /// What waits turns out to be of another class.
    pub(super) const fn turn(&mut self, from: Class, to: Class) {
        self.classes[from as usize].opened -= 1;
        self.classes[to as usize].opened += 1;
    }

    pub(super) const fn packet(&mut self, class: Class) {
        self.classes[class as usize].packets += 1;
    }

    pub(super) const fn stray(&mut self, class: Class) {
        self.classes[class as usize].stray += 1;
    }

    pub(super) const fn open(&mut self, class: Class) {
        self.classes[class as usize].opened += 1;
    }

    pub(super) const fn end(&mut self, class: Class, fate: Fate) {
        self.classes[class as usize].fates[fate as usize] += 1;
    }

    pub(super) const fn encrypted(&mut self, class: Class) {
        self.classes[class as usize].encrypted += 1;
    }
}

fn stored_as(class: Class, name: &str) -> String {
    format!("lane_{}_{name}", class.name())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waited_when_the_agent_died_is_lost_and_the_rest_goes_on() {
        let mut counts = Counts::default();
        for class in Class::ALL {
            for fate in Fate::ALL {
                counts.open(class);
                counts.end(class, fate);
            }
            counts.packet(class);
        }
        counts.open(Class::Quic);
        counts.stray(Class::Dns);
        counts.encrypted(Class::Tls);
        let left = Counts::left(&counts.to_stored());
        let mut expected = counts;
        expected.end(Class::Quic, Fate::LostAtRestart);
        assert_eq!(left, expected);
        assert_eq!(left.of(Class::Quic).fate(Fate::LostAtRestart), 2);
        assert_eq!(Counts::left(&BTreeMap::new()), Counts::default());
    }
}
