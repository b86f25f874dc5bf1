//! Where a request stands: one state machine a type, every transition written down. Pure.

use crate::model::RequestType;

/// What happens to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The first person approves.
    Approve,
    /// The second one does.
    Clear,
    /// The answer is made.
    Begin,
    /// The answer is ready, and handed over now.
    Hand,
    /// It was.
    Done,
    /// It was not.
    NotDone,
    /// That cannot be told.
    LoseTrack,
    /// Every notice of it is settled.
    Close,
    /// An approval no longer counts: whoever gave it is no longer one of the two.
    Void,
    /// A person refuses it.
    Decline,
    /// Its time is over.
    Lapse,
}

impl Step {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Approve,
        Self::Clear,
        Self::Begin,
        Self::Hand,
        Self::Done,
        Self::NotDone,
        Self::LoseTrack,
        Self::Close,
        Self::Void,
        Self::Decline,
        Self::Lapse,
    ];
}

/// Declares the stages of one type and its transitions; whatever is not there does not happen.
macro_rules! machine {
    (
        $(#[doc = $about:literal])+
        $name:ident {
            $($(#[doc = $line:literal])+ $stage:ident = $text:literal,)+
        }
        $($($from:ident)|+, $step:ident => $to:ident;)+
    ) => {
        $(#[doc = $about])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {
            $($(#[doc = $line])+ $stage,)+
        }

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$stage),+];

            /// The name in store and API.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$stage => $text,)+
                }
            }

            /// The stage after a step; none where the step is not possible.
            #[must_use]
            pub const fn after(self, step: Step) -> Option<Self> {
                match (self, step) {
                    $(($(Self::$from)|+, Step::$step) => Some(Self::$to),)+
                    _ => None,
                }
            }
        }
    };
}

machine! {
    /// Type A: identity, to alert (L. 2321-3 ¶1).
    StageA {
        /// Waits for two persons.
        Submitted = "submitted",
        /// Waits for the second.
        Approved = "approved",
        /// Both have approved.
        Cleared = "cleared",
        /// The subscriber system is asked.
        Asking = "asking",
        /// The answer is handed over.
        Handing = "handing",
        /// It was.
        Disclosed = "disclosed",
        /// Whether it was cannot be told.
        Unknown = "unknown",
        /// A person refused.
        Declined = "declined",
        /// Too late.
        Lapsed = "lapsed",
    }
    Submitted | Unknown, Approve => Approved;
    Approved, Clear => Cleared;
    Cleared, Begin => Asking;
    Asking, Hand => Handing;
    Asking | Handing, NotDone => Cleared;
    Handing, Done => Disclosed;
    Handing, LoseTrack => Unknown;
    Approved | Cleared, Void => Submitted;
    Submitted | Approved | Cleared | Unknown, Decline => Declined;
    Submitted | Approved | Cleared | Unknown, Lapse => Lapsed;
}

machine! {
    /// Type B: technical data of events (L. 2321-3 ¶2).
    StageB {
        /// Waits for two persons.
        Submitted = "submitted",
        /// Waits for the second.
        Approved = "approved",
        /// Both have approved.
        Cleared = "cleared",
        /// The events are read.
        Collecting = "collecting",
        /// The export is handed over.
        Handing = "handing",
        /// It was.
        Disclosed = "disclosed",
        /// Whether it was cannot be told.
        Unknown = "unknown",
        /// A person refused.
        Declined = "declined",
        /// Too late.
        Lapsed = "lapsed",
    }
    Submitted | Unknown, Approve => Approved;
    Approved, Clear => Cleared;
    Cleared, Begin => Collecting;
    Collecting, Hand => Handing;
    Collecting | Handing, NotDone => Cleared;
    Handing, Done => Disclosed;
    Handing, LoseTrack => Unknown;
    Approved | Cleared, Void => Submitted;
    Submitted | Approved | Cleared | Unknown, Decline => Declined;
    Submitted | Approved | Cleared | Unknown, Lapse => Lapsed;
}

machine! {
    /// Type C: what is held already (L. 851-1 CSI).
    StageC {
        /// Waits for two persons.
        Submitted = "submitted",
        /// Waits for the second.
        Approved = "approved",
        /// Both have approved.
        Cleared = "cleared",
        /// What is held is looked through.
        Searching = "searching",
        /// The answer, most often nil, is handed over.
        Handing = "handing",
        /// It was.
        Answered = "answered",
        /// Whether it was cannot be told.
        Unknown = "unknown",
        /// A person refused.
        Declined = "declined",
        /// Too late.
        Lapsed = "lapsed",
    }
    Submitted | Unknown, Approve => Approved;
    Approved, Clear => Cleared;
    Cleared, Begin => Searching;
    Searching, Hand => Handing;
    Searching | Handing, NotDone => Cleared;
    Handing, Done => Answered;
    Handing, LoseTrack => Unknown;
    Approved | Cleared, Void => Submitted;
    Submitted | Approved | Cleared | Unknown, Decline => Declined;
    Submitted | Approved | Cleared | Unknown, Lapse => Lapsed;
}

machine! {
    /// Notices to subscribers (L. 33-14 ¶5): the work list goes to the operator's own system.
    StageNotice {
        /// Waits for two persons.
        Requested = "requested",
        /// Waits for the second.
        Approved = "approved",
        /// Both have approved.
        Cleared = "cleared",
        /// The work list is written.
        Listing = "listing",
        /// It is handed over.
        Handing = "handing",
        /// It was; notices are sent, one by one.
        HandedOver = "handed_over",
        /// Whether it was cannot be told.
        Unknown = "unknown",
        /// Each is sent, or cannot be.
        Closed = "closed",
        /// A person refused.
        Declined = "declined",
        /// Too late.
        Lapsed = "lapsed",
    }
    Requested | Unknown, Approve => Approved;
    Approved, Clear => Cleared;
    Cleared, Begin => Listing;
    Listing, Hand => Handing;
    Listing | Handing, NotDone => Cleared;
    Handing, Done => HandedOver;
    Handing, LoseTrack => Unknown;
    HandedOver, Close => Closed;
    Approved | Cleared, Void => Requested;
    Requested | Approved | Cleared | Unknown, Decline => Declined;
    Requested | Approved | Cleared | Unknown, Lapse => Lapsed;
}

/// The stage of a request of any type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Of type A.
    A(StageA),
    /// Of type B.
    B(StageB),
    /// Of type C.
    C(StageC),
    /// Of a notice.
    Notice(StageNotice),
}

impl Stage {
    /// The first one of a type.
    #[must_use]
    pub const fn first(kind: RequestType) -> Self {
        match kind {
            RequestType::A => Self::A(StageA::Submitted),
            RequestType::B => Self::B(StageB::Submitted),
            RequestType::C => Self::C(StageC::Submitted),
            RequestType::Notice => Self::Notice(StageNotice::Requested),
        }
    }

    /// The one at which a type's answer is handed over.
    #[must_use]
    pub const fn done(kind: RequestType) -> Self {
        match kind {
            RequestType::A => Self::A(StageA::Disclosed),
            RequestType::B => Self::B(StageB::Disclosed),
            RequestType::C => Self::C(StageC::Answered),
            RequestType::Notice => Self::Notice(StageNotice::HandedOver),
        }
    }

    /// The one at which nobody can tell whether it was.
    #[must_use]
    pub const fn unknown(kind: RequestType) -> Self {
        match kind {
            RequestType::A => Self::A(StageA::Unknown),
            RequestType::B => Self::B(StageB::Unknown),
            RequestType::C => Self::C(StageC::Unknown),
            RequestType::Notice => Self::Notice(StageNotice::Unknown),
        }
    }

    /// The stage of a type by its name.
    #[must_use]
    pub fn parse(kind: RequestType, name: &str) -> Option<Self> {
        fn of<T: Copy>(all: &[T], fits: impl Fn(T) -> bool) -> Option<T> {
            all.iter().copied().find(|one| fits(*one))
        }
        match kind {
            RequestType::A => of(StageA::ALL, |one| one.name() == name).map(Self::A),
            RequestType::B => of(StageB::ALL, |one| one.name() == name).map(Self::B),
            RequestType::C => of(StageC::ALL, |one| one.name() == name).map(Self::C),
            RequestType::Notice => of(StageNotice::ALL, |one| one.name() == name).map(Self::Notice),
        }
    }

    /// The name in store and API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::A(stage) => stage.name(),
            Self::B(stage) => stage.name(),
            Self::C(stage) => stage.name(),
            Self::Notice(stage) => stage.name(),
        }
    }

    /// The stage after a step; none where the step is not possible.
    #[must_use]
    pub fn after(self, step: Step) -> Option<Self> {
        match self {
            Self::A(stage) => stage.after(step).map(Self::A),
            Self::B(stage) => stage.after(step).map(Self::B),
            Self::C(stage) => stage.after(step).map(Self::C),
            Self::Notice(stage) => stage.after(step).map(Self::Notice),
        }
    }

    /// Whether its answer is being made: nothing has left yet.
    #[must_use]
    pub fn is_making(self) -> bool {
        self.after(Step::Hand).is_some()
    }

    /// Whether its answer is being handed over.
    #[must_use]
    pub fn is_handing(self) -> bool {
        self.after(Step::Done).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every stage that steps lead to from this one, itself included.
    fn reached(from: Stage) -> Vec<Stage> {
        let mut found = vec![from];
        let mut at = 0;
        while let Some(stage) = found.get(at).copied() {
            at += 1;
            for next in Step::ALL.into_iter().filter_map(|step| stage.after(step)) {
                if !found.contains(&next) {
                    found.push(next);
                }
            }
        }
        found
    }

    #[test]
    fn nothing_is_handed_over_but_after_two_approvals() {
        for kind in RequestType::ALL {
            let first = Stage::first(kind);
            let all = reached(first);
            assert!(all.iter().any(|stage| stage.is_handing()), "{kind:?}");
            // Without the second person, nothing is ever made.
            for stage in all.iter().filter(|stage| stage.is_making()) {
                let before: Vec<_> = all
                    .iter()
                    .filter(|one| one.after(Step::Begin) == Some(*stage))
                    .collect();
                assert!(before.iter().all(|one| one.name() == "cleared"));
                assert_eq!(
                    all.iter()
                        .filter(|s| s.after(Step::Begin).is_some())
                        .count(),
                    1
                );
            }
            let cleared = all.iter().find(|stage| stage.name() == "cleared");
            let cleared = *cleared.expect("it is reached");
            for stage in &all {
                let steps: Vec<Step> = Step::ALL
                    .into_iter()
                    .filter(|step| stage.after(*step) == Some(cleared))
                    .collect();
                let made = stage.is_making() || stage.is_handing();
                let expected: &[Step] = match stage.name() {
                    "approved" => &[Step::Clear],
                    _ if made => &[Step::NotDone],
                    _ => &[],
                };
                assert_eq!(steps, expected, "{stage:?}");
            }
        }
    }

    #[test]
    fn what_was_disclosed_is_not_disclosed_again() {
        for kind in RequestType::ALL {
            for stage in reached(Stage::first(kind)) {
                let end = matches!(
                    stage.name(),
                    "disclosed" | "answered" | "closed" | "declined" | "lapsed"
                );
                let next = Step::ALL.iter().any(|step| stage.after(*step).is_some());
                assert_eq!(end, !next, "{stage:?}");
                assert_eq!(Stage::parse(kind, stage.name()), Some(stage));
            }
        }
        assert_eq!(Stage::parse(RequestType::A, "searching"), None);
    }
}
