//! A change of the set, as the catalogue takes it.

use super::{Mark, Named, Serial};
use crate::model::{Held, Marker, Moment, Order, OrderNumber, Signed, Standing};

/// What becomes of the set in one step. A marker that is overwritten is put, not removed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Edit<'a> {
    /// All that are for the operator's own use go first, of this issuer or, where there is none, of
    /// the operator.
    pub clear_own: Option<Option<&'a str>>,
    /// Ids that go.
    pub remove: &'a [String],
    /// Markers that come, best in the order of their ids.
    pub put: &'a [Put<'a>],
    /// An order that is accepted.
    pub order: Option<&'a Order>,
    /// An order that makes room for it, and what it is called from now on.
    pub renamed: Option<&'a (OrderNumber, String)>,
    /// Markers already held, and orders that name them.
    pub named: &'a [Named],
    /// An order that is withdrawn, and when.
    pub withdraw: Option<(OrderNumber, Moment)>,
    /// The envelope that it comes with.
    pub serial: Option<Serial<'a>>,
    /// How far the journal is.
    pub mark: Option<Mark>,
    /// Markers that were false: their events are to be destroyed.
    pub condemned: &'a [String],
    /// Index of the journal entry that says so.
    pub receipt: u64,
}

/// A marker that comes.
#[derive(Clone, Copy, Debug)]
pub struct Put<'a> {
    /// The marker.
    pub marker: &'a Marker,
    /// Whether it may come into force.
    pub standing: &'a Standing,
    /// Whose it is.
    pub source: OrderNumber,
    /// Its end is the cap.
    pub capped: bool,
    /// When this version of it was made.
    pub modified: Option<Moment>,
    /// Who signed it, where no order brought it.
    pub signed: Option<&'a Signed>,
}

impl<'a> Put<'a> {
    /// A marker as it is held.
    #[must_use]
    pub fn held(held: &'a Held) -> Self {
        Self {
            marker: &held.marker,
            standing: &held.standing,
            source: held.source,
            capped: held.capped,
            modified: held.modified,
            signed: held.signed.as_ref(),
        }
    }
}
