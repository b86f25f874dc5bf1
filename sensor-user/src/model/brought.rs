//! What an order itself says of a marker that it brought.

use super::{Direction, Held, Marker, Moment, Pap, Tlp};

/// What an order says of a marker that it brought and that is held in other words beside it, before
/// or since: the order's own words stand on its ground, whatever becomes of the marker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Brought {
    /// Not in force before.
    pub from: Option<Moment>,
    /// Not in force from then on.
    pub until: Option<Moment>,
    /// Where the pattern is looked for.
    pub direction: Direction,
    /// Whom it may be shown.
    pub tlp: Tlp,
    /// What may be done with it.
    pub pap: Pap,
    /// This end was reached: it stays over whatever the clock does.
    pub over: bool,
}

impl Brought {
    /// Of a marker as the order that brought it has it.
    #[must_use]
    pub fn of(held: &Held) -> Self {
        Self {
            over: held.over,
            ..Self::said(&held.marker)
        }
    }

    /// Of a marker as it stands in the file of an order; its end was not reached yet.
    #[must_use]
    pub const fn said(marker: &Marker) -> Self {
        Self {
            from: marker.from,
            until: marker.until,
            direction: marker.direction,
            tlp: marker.tlp,
            pap: marker.pap,
            over: false,
        }
    }

    /// Gives the marker back as the order brought it.
    pub fn restore(&self, marker: &mut Marker) {
        (marker.from, marker.until) = (self.from, self.until);
        marker.direction = self.direction;
        (marker.tlp, marker.pap) = (self.tlp, self.pap);
    }
}
