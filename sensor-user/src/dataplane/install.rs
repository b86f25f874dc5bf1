//! From one image to the next: everything that can fail first, then one step.
//!
//! A whole generation: its maps are built and its programs put behind every link, where they let
//! the former ones judge until one word says that the new generation is live, on all interfaces. An
//! agent that dies before has changed nothing; until the word is written, all of it can be taken
//! back. Single patterns go into the maps of the live generation instead.

use std::collections::BTreeMap;

use super::{
    DataPlane, Error,
    attach::{self, is_gone},
    build::{build, instance},
    edit::{Edit, Editor},
    encode::{self, Shape},
    load::Instance,
};
use crate::{clock::Offset, fault, journal::Receipt, model::Image};

/// Most patterns that are changed in place, one by one; more go live together.
const MOST_EDITS: usize = 1_024;

/// How a change may go live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Each packet is judged by the set before or by the set after.
    Together,
    /// Pattern by pattern: each packet sees each pattern's change or does not.
    OneByOne,
}

/// A change that is ready to go live: what can fail has been done.
pub struct Prepared {
    image: Image,
    generation: u32,
    kind: Kind,
}

enum Kind {
    InPlace {
        removed: Vec<Edit>,
        added: Vec<Edit>,
    },
    Whole(Box<Whole>),
}

struct Whole {
    shape: Shape,
    editor: Editor,
    instances: BTreeMap<String, Instance>,
    /// Interfaces whose links have the new program.
    updated: Vec<String>,
    gone: Vec<String>,
    offset: Offset,
}

impl Prepared {
    /// Number of the generation that it becomes.
    #[must_use]
    pub fn generation(&self) -> u32 {
        self.generation
    }
}

impl DataPlane {
    /// Makes an image ready to go live.
    ///
    /// # Errors
    /// [`Error`]; the generation in force is as it was.
    pub fn prepare(&mut self, image: &Image, way: Way) -> Result<Prepared, Error> {
        let kind = match self.in_place(image, way)? {
            Some(kind) => kind,
            None => Kind::Whole(Box::new(self.whole(image)?)),
        };
        Ok(Prepared {
            image: image.clone(),
            generation: self.generation + 1,
            kind,
        })
    }

    /// Makes the image in force ready to go live again, with deadlines in the kernel time of now.
    ///
    /// # Errors
    /// [`Error`]; the generation in force is as it was.
    pub fn prepare_anew(&mut self) -> Result<Prepared, Error> {
        let image = self.image.clone();
        Ok(Prepared {
            kind: Kind::Whole(Box::new(self.whole(&image)?)),
            generation: self.generation + 1,
            image,
        })
    }

    /// Makes a prepared image live, on all interfaces in one step. Names of interfaces found gone
    /// are returned.
    ///
    /// # Errors
    /// When the kernel refuses a write to a map that it took before; the generation in force is as
    /// it was.
    pub fn activate(
        &mut self,
        mut prepared: Prepared,
        _receipt: &Receipt,
    ) -> Result<Vec<String>, Error> {
        let generation = prepared.generation;
        let gone = match &mut prepared.kind {
            Kind::InPlace { removed, added } => {
                // A hit of a pattern that goes carries the former number, one of a pattern that
                // comes the new one.
                let undo = self.editor.apply(removed)?;
                let outcome = self
                    .editor
                    .set_generation(generation)
                    .and_then(|()| self.editor.apply(added));
                if let Err(error) = outcome {
                    self.editor.set_generation(self.generation)?;
                    self.editor.undo(&undo)?;
                    return Err(error);
                }
                Vec::new()
            }
            Kind::Whole(whole) => {
                if let Err(error) = whole.editor.set_live(generation) {
                    self.take_back(prepared)?;
                    return Err(error);
                }
                self.base = generation;
                std::mem::take(&mut whole.gone)
            }
        };
        self.generation = generation;
        self.image = prepared.image;
        if let Kind::Whole(whole) = prepared.kind {
            self.adopt_whole(*whole, &gone);
        }
        Ok(gone)
    }

    /// Gives up what was prepared: the former programs go back behind their links.
    ///
    /// # Errors
    /// When pins of the generation cannot be removed.
    pub fn take_back(&mut self, prepared: Prepared) -> Result<(), Error> {
        if let Kind::Whole(whole) = prepared.kind {
            self.go_back(&whole.updated);
            drop(whole);
            self.pins.end_others(Some(self.base))?;
        }
        Ok(())
    }

    fn in_place(&mut self, image: &Image, way: Way) -> Result<Option<Kind>, Error> {
        if !self.shape.special.lends_for(image) {
            return Ok(None);
        }
        let Some(differences) = self.image.difference(image, MOST_EDITS) else {
            return Ok(None);
        };
        let (mut removed, mut added) = (Vec::new(), Vec::new());
        for difference in differences {
            match (difference.before, difference.after) {
                (before, after) if before == after => {}
                (_, Some(pattern)) => added.extend(self.put(&pattern)),
                (Some(before), None) => {
                    let key = encode::key(&before.pattern, self.setup.name_keys);
                    removed.extend(key.map(|key| Edit {
                        pattern: before.pattern,
                        key,
                        value: None,
                    }));
                }
                (None, None) => {}
            }
        }
        // One pattern is one write: that is together, too.
        let allowed = way == Way::OneByOne || removed.len() + added.len() <= 1;
        if allowed && self.editor.fits(&added)? {
            return Ok(Some(Kind::InPlace { removed, added }));
        }
        Ok(None)
    }

    fn whole(&mut self, image: &Image) -> Result<Whole, Error> {
        let prepared = self.put_behind_links(image);
        if prepared.is_err() {
            self.pins.end_others(Some(self.base))?;
        }
        prepared
    }

    fn put_behind_links(&mut self, image: &Image) -> Result<Whole, Error> {
        let number = self.generation + 1;
        let offset = self.setup.features.clock().offset();
        let (shape, anchor) = build(&self.setup, &self.pins, image, &self.open, number)?;
        fault::point("built")?;
        let mut instances = BTreeMap::new();
        for (name, attached) in &mut self.attached {
            let variant = attached.attachment.variant;
            let mut instance = instance(&self.setup, &self.pins, &shape, attached.slot, number)?;
            instance.program(variant)?;
            instance.follow(attached.instance.program(variant)?.fd()?)?;
            instances.insert(name.clone(), instance);
        }
        fault::point("loaded")?;
        let (mut updated, mut gone) = (Vec::new(), Vec::new());
        for (name, instance) in &mut instances {
            let variant = self.attached[name].attachment.variant;
            let outcome = attach::replace(instance, name, variant, &self.pins);
            match outcome.and_then(|()| Ok(fault::point(&format!("linked-{}", updated.len()))?)) {
                Ok(()) => updated.push(name.clone()),
                Err(error) if is_gone(&error) => gone.push(name.clone()),
                Err(error) => {
                    updated.push(name.clone());
                    self.go_back(&updated);
                    return Err(error);
                }
            }
        }
        Ok(Whole {
            shape,
            editor: Editor::new(anchor, shape, self.setup.name_keys),
            instances,
            updated,
            gone,
            offset,
        })
    }

    /// The generation is live: lets go of the former one.
    fn adopt_whole(&mut self, whole: Whole, gone: &[String]) {
        self.shape = whole.shape;
        self.editor = whole.editor;
        self.offset = whole.offset;
        for (name, mut instance) in whole.instances {
            if let Some(attached) = self.attached.get_mut(&name) {
                // What is not let go of goes with the next generation.
                if let Err(error) = instance.let_go() {
                    tracing::warn!(%error, interface = %name, "the former program is kept");
                }
                attached.instance = instance;
            }
        }
        for name in gone {
            self.attached.remove(name);
        }
        // They go with the next generation: this one is live, whatever is left of others.
        if let Err(error) = self.pins.end_others(Some(self.base)) {
            tracing::warn!(%error, "pins of the former generation are left");
        }
    }

    /// Puts the old program back behind links; one that fails does not keep the others from going
    /// back.
    fn go_back(&mut self, updated: &[String]) {
        for name in updated {
            let Some(old) = self.attached.get_mut(name) else {
                continue;
            };
            let variant = old.attachment.variant;
            if let Err(error) = attach::replace(&mut old.instance, name, variant, &self.pins) {
                // The new one behind the link goes on letting the old one judge.
                tracing::error!(%error, interface = %name, "the old program could not be put back");
            }
        }
    }
}
