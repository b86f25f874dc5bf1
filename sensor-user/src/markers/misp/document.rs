//! The walk through a document: events, objects, attributes, in whatever order their keys stand.

use std::fmt;

use serde::de::{
    DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};

use super::{
    attribute::{Attribute, deleted, unpublished},
    field::Field,
    marking::{Marking, Tags},
    scalar::{Scalar, ignore_scalars},
};
use crate::{
    markers::{
        Gone, Intake, Place,
        intake::Fault,
        uuid::{is_uuid, parse},
    },
    model::{Marker, Moment},
};

/// Where markers go.
pub(super) struct Sink<'i> {
    intake: &'i mut Intake,
    /// Longest value that is looked at, bytes.
    longest: usize,
    /// Most markers, those that wait included.
    most: usize,
    /// Markers whose event has not ended.
    waiting: Vec<Waiting>,
    /// Number of the next attribute.
    next: u32,
    /// Number of the attribute of each marker in the intake.
    items: Vec<u32>,
    /// Whether an event or a list of attributes was met.
    met: bool,
    /// Whether a key is a UUID, as those of a manifest are.
    manifest: bool,
}

/// A marker whose event has not ended.
struct Waiting {
    marker: Marker,
    /// What the attribute's own tags say.
    marking: Marking,
    /// What the attribute itself says of its event.
    published: Option<bool>,
    /// When the attribute was last changed.
    timestamp: Option<Moment>,
    item: u32,
    /// It is not the first one of its attribute.
    further: bool,
}

impl<'i> Sink<'i> {
    pub(super) const fn new(intake: &'i mut Intake, longest: usize, most: usize) -> Self {
        Self {
            intake,
            longest,
            most,
            waiting: Vec::new(),
            next: 0,
            items: Vec::new(),
            met: false,
            manifest: false,
        }
    }

    /// The number of the attribute of each marker.
    ///
    /// # Errors
    /// What the document is instead of one that has markers.
    pub(super) fn recognised(self) -> Result<Vec<u32>, &'static str> {
        match (self.met, self.manifest) {
            (true, _) => Ok(self.items),
            (false, true) => {
                Err("this is the manifest of a feed; read the files that it names, one by one")
            }
            (false, false) => Err("neither an event of MISP nor what a search of MISP found"),
        }
    }

    fn refuse(&mut self, item: u32, object: &str, Fault(field, code, reason): Fault) {
        let object = (!object.is_empty()).then_some(object);
        let place = Place::item(item.into(), object);
        self.intake.refuse(place, field, code, reason);
    }

    /// Lists a proposal: no attribute of the event yet.
    fn propose(&mut self, uuid: &str) {
        let item = self.next;
        self.next = item.saturating_add(1);
        let reason = "it is proposed, and no attribute of the event yet".into();
        let fault = Fault("ShadowAttribute", "proposal", reason);
        self.refuse(item, told(uuid), fault);
    }

    fn take(&mut self, attribute: &Attribute) -> Result<(), Full> {
        let item = self.next;
        self.next = self.next.saturating_add(1);
        // Proposals to change it or to take it away stand inside it.
        for uuid in &attribute.proposals {
            self.propose(uuid);
        }
        let markers = match attribute.markers(self.longest) {
            Ok(markers) => markers,
            Err(fault) => {
                self.intake.gone.extend(attribute.gone(&fault));
                self.refuse(item, told(&attribute.uuid), fault);
                return Ok(());
            }
        };
        for (at, marker) in markers.into_iter().enumerate() {
            if self.items.len() + self.waiting.len() >= self.most {
                let reason = format!("the file has more than {} markers", self.most);
                let place = Place::default();
                self.intake.fail(place, "file", "too_many_markers", reason);
                return Err(Full);
            }
            self.waiting.push(Waiting {
                marker,
                marking: attribute.marking,
                published: attribute.published,
                timestamp: attribute.timestamp,
                item,
                further: at > 0,
            });
        }
        Ok(())
    }

    /// Markers from `start` on wait no more: they go to the intake, or are refused.
    fn settle(&mut self, start: usize, frame: &Frame) {
        let waiting = self.waiting.split_off(start);
        for mut one in waiting {
            // A list of attributes was asked for as it is; of an event it must be said.
            let published = if frame.event {
                frame.published == Some(true)
            } else {
                one.published != Some(false)
            };
            if published {
                let marking = frame.marking.and(one.marking);
                (one.marker.tlp, one.marker.pap) = marking.settle();
                self.intake.accept_version(one.marker, one.timestamp);
                self.items.push(one.item);
            } else if !one.further {
                self.refuse(one.item, &one.marker.id, unpublished());
            }
        }
        self.waiting.shrink_to(1 << 10);
    }

    /// Markers from `start` on belong to an object that was deleted.
    fn delete(&mut self, start: usize) {
        for one in self.waiting.split_off(start) {
            if !one.further {
                let uuid = parse(&one.marker.id);
                let gone = uuid.map(|uuid| Gone::new(uuid, one.timestamp, true));
                self.intake.gone.extend(gone);
                self.refuse(one.item, &one.marker.id, deleted());
            }
        }
    }
}

/// The name of an attribute in a refusal: its UUID, and nothing that stands in its place.
fn told(uuid: &str) -> &str {
    if is_uuid(uuid) { uuid } else { "" }
}

/// There are more markers than a file may have; it is refused already.
struct Full;

/// What an object says of itself while it is read.
#[derive(Default)]
struct Frame {
    published: Option<bool>,
    marking: Marking,
    /// It is an event: it has a key that only events have.
    event: bool,
    /// It has attributes, if none.
    list: bool,
}

/// Reads a document, or what stands under `Event` or `response`.
pub(super) struct Document<'s, 'i> {
    /// Where markers go.
    pub sink: &'s mut Sink<'i>,
    /// It stands under `Event`.
    pub event: bool,
}

impl<'de> DeserializeSeed<'de> for Document<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Document<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an event or a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        loop {
            let item = Document {
                sink: &mut *self.sink,
                event: self.event,
            };
            if items.next_element_seed(item)?.is_none() {
                return Ok(());
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        let sink = self.sink;
        let start = sink.waiting.len();
        let mut frame = Frame {
            event: self.event,
            ..Frame::default()
        };
        while let Some(field) = fields.next_key::<Field>()? {
            match field {
                Field::Event => fields.next_value_seed(Document { sink, event: true })?,
                Field::Response => {
                    sink.met = true;
                    fields.next_value_seed(Document { sink, event: false })?;
                }
                Field::Attribute => {
                    frame.list = true;
                    fields.next_value_seed(Attributes(sink))?;
                }
                Field::Object => fields.next_value_seed(Objects(sink))?,
                Field::Proposal => fields.next_value_seed(Proposals(sink))?,
                Field::Tags => fields.next_value_seed(Tags(&mut frame.marking))?,
                Field::Published => {
                    frame.event = true;
                    frame.published = fields.next_value::<Scalar>()?.flag();
                }
                Field::OfEvent => {
                    frame.event = true;
                    fields.next_value::<IgnoredAny>()?;
                }
                field => {
                    sink.manifest |= field == Field::Manifest;
                    fields.next_value::<IgnoredAny>()?;
                }
            }
        }
        sink.met |= frame.event || frame.list;
        sink.settle(start, &frame);
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    ignore_scalars!(());
}

/// Reads `Attribute`: a list, or a single one.
struct Attributes<'s, 'i>(&'s mut Sink<'i>);

impl<'de> DeserializeSeed<'de> for Attributes<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Attributes<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("attributes")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while let Some(attribute) = items.next_element::<Attribute>()? {
            let full = |Full| A::Error::custom("too many markers");
            self.0.take(&attribute).map_err(full)?;
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<(), A::Error> {
        let attribute = super::attribute::fields(fields)?;
        let full = |Full| A::Error::custom("too many markers");
        self.0.take(&attribute).map_err(full)
    }

    ignore_scalars!(());
}

/// Reads `Object`: a list of objects, each with attributes.
struct Objects<'s, 'i>(&'s mut Sink<'i>);

impl<'de> DeserializeSeed<'de> for Objects<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Objects<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(Objects(&mut *self.0))?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        let start = self.0.waiting.len();
        let mut deleted = None;
        while let Some(field) = fields.next_key::<Field>()? {
            match field {
                Field::Attribute => fields.next_value_seed(Attributes(&mut *self.0))?,
                Field::Deleted => deleted = fields.next_value::<Scalar>()?.flag(),
                _ => drop(fields.next_value::<IgnoredAny>()?),
            }
        }
        if deleted == Some(true) {
            self.0.delete(start);
        }
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    ignore_scalars!(());
}

/// Reads `ShadowAttribute`: each is told as not loaded.
struct Proposals<'s, 'i>(&'s mut Sink<'i>);

impl<'de> DeserializeSeed<'de> for Proposals<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Proposals<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("proposals")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while let Some(proposal) = items.next_element::<Attribute>()? {
            self.0.propose(&proposal.uuid);
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        while fields.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(())
    }

    ignore_scalars!(());
}
