//! What a signed envelope holds, and the types of request among it.

use serde::{Deserialize, Serialize};

/// What the content of an envelope is; a pinned key is for one of these and nothing else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ContentKind {
    /// A file of markers.
    #[default]
    Markers,
    /// [`RequestType::A`].
    RequestA,
    /// [`RequestType::B`].
    RequestB,
    /// [`RequestType::C`].
    RequestC,
    /// [`RequestType::Notice`].
    RequestNotice,
}

impl ContentKind {
    /// The type of the request, where it is one.
    #[must_use]
    pub const fn request(self) -> Option<RequestType> {
        match self {
            Self::Markers => None,
            Self::RequestA => Some(RequestType::A),
            Self::RequestB => Some(RequestType::B),
            Self::RequestC => Some(RequestType::C),
            Self::RequestNotice => Some(RequestType::Notice),
        }
    }

    /// The name in manifests and configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self.request() {
            None => "markers",
            Some(request) => request.name(),
        }
    }
}

/// What the authority may ask for: three types of disclosure, which never mix, and the notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum RequestType {
    /// Identity of a subscriber, to alert it (L. 2321-3 ¶1 code de la défense).
    #[serde(rename = "request-a")]
    A,
    /// Technical data of an event (L. 2321-3 ¶2 code de la défense).
    #[serde(rename = "request-b")]
    B,
    /// What is already held (L. 851-1 CSI).
    #[serde(rename = "request-c")]
    C,
    /// That subscribers be informed (L. 33-14 ¶5 CPCE).
    #[serde(rename = "request-notice")]
    Notice,
}

impl RequestType {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::A, Self::B, Self::C, Self::Notice];

    /// The name in documents, API and journal.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::A => "request-a",
            Self::B => "request-b",
            Self::C => "request-c",
            Self::Notice => "request-notice",
        }
    }

    /// The type of a name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == text)
    }

    /// The only legal ground that it has.
    #[must_use]
    pub const fn ground(self) -> &'static str {
        match self {
            Self::A => "L2321-3-1",
            Self::B => "L2321-3-2",
            Self::C => "L851-1",
            Self::Notice => "L33-14-5",
        }
    }

    /// The only purpose that it has.
    #[must_use]
    pub const fn purpose(self) -> &'static str {
        match self {
            Self::A => "alert",
            Self::B => "characterise-threat",
            Self::C => "answer-authorised-request",
            Self::Notice => "inform-subscribers",
        }
    }
}
