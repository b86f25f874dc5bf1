//! Where every handshake of the lane ends.

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
/// too_long + over_budget + displaced + timed_out + orphaned` and what still waits.
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
}

impl Fate {
    /// All of them, by value.
    pub const ALL: [Self; 9] = [
        Self::Decided,
        Self::Nameless,
        Self::Unreadable,
        Self::Truncated,
        Self::TooLong,
        Self::OverBudget,
        Self::Displaced,
        Self::TimedOut,
        Self::Orphaned,
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
