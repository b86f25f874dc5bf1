//! Building a generation: its maps, filled, and instances of the program bound to them.

use std::collections::HashSet;

use super::{
    Error, Setup,
    encode::{Shape, encode},
    load::{Directories, Globals, Instance},
    pins::Pins,
};
use crate::model::{Image, ImagePattern, PatternId};

/// Creates and fills the maps of a generation, pinned for the instances that will share them.
pub(super) fn build(
    setup: &Setup,
    pins: &Pins,
    image: &Image,
    open: &HashSet<PatternId>,
    generation: u32,
) -> Result<(Shape, Instance), Error> {
    let open = |pattern: &ImagePattern| open.contains(&pattern.id);
    let encoded = encode(image, setup.features.clock(), true, setup.name_keys, open)?;
    let shape = encoded.shape();
    if shape.bytes() > setup.most_bytes {
        return Err(Error::TooLarge {
            patterns: image.count(),
            bytes: shape.bytes(),
            most: setup.most_bytes,
        });
    }
    pins.begin(generation)?;
    let mut anchor = instance(setup, pins, &shape, 0, generation)?;
    anchor.fill(&encoded, generation)?;
    Ok((shape, anchor))
}

/// An instance of the program for an interface slot, with the maps of a generation.
pub(super) fn instance(
    setup: &Setup,
    pins: &Pins,
    shape: &Shape,
    slot: u8,
    generation: u32,
) -> Result<Instance, Error> {
    let globals = Globals {
        slot,
        built_as: generation,
        clock: setup.features.clock(),
        parse_only: false,
        name_keys: setup.name_keys,
    };
    let directories = Directories {
        shared: &pins.shared(),
        generation: &pins.generation(generation),
    };
    Instance::new(shape, setup.sizes, globals, Some(directories))
}
