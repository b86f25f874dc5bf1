//! Generations: build the idle one, make it live on every interface or on none.

use std::{
    collections::{BTreeMap, HashSet},
    path::PathBuf,
};

use super::{
    Attachment, Error, Features, Limit, Mode, Remains, Sizes, Tap,
    attach::{self, is_gone},
    build::{build, instance},
    edit::{Edit, Editor},
    encode::{self, Shape},
    link_state,
    load::Instance,
    pins::Pins,
};
use crate::{
    journal::Receipt,
    model::{Image, ImagePattern, PatternId},
};

/// Most patterns that are changed in place, one by one; more go live together, as a generation.
const MOST_EDITS: usize = 64;

/// What the data plane is set up with.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Directory on bpffs.
    pub bpffs: PathBuf,
    /// Capacities of the shared maps.
    pub sizes: Sizes,
    /// What the kernel offers.
    pub features: Features,
    /// Most bytes of kernel memory that the maps of one generation may take.
    pub most_bytes: u64,
    /// Cost and burst of new flows.
    pub limit: Limit,
}

/// An interface the sensor is configured for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InterfaceSlot {
    /// Name.
    pub name: String,
    /// Slot, below [`sensor_common::INTERFACE_SLOTS`].
    pub slot: u8,
    /// The only mode to try, or any.
    pub mode: Option<Mode>,
}

/// The live generation and the interfaces it judges.
pub struct DataPlane {
    setup: Setup,
    pins: Pins,
    generation: u32,
    /// Number of the last generation that was built whole: its pins carry it.
    base: u32,
    image: Image,
    /// Patterns whose circuit breaker is open.
    open: HashSet<PatternId>,
    shape: Shape,
    editor: Editor,
    attached: BTreeMap<String, Attached>,
    /// Whether this run made the shared maps.
    fresh: bool,
}

struct Attached {
    slot: u8,
    attachment: Attachment,
    instance: Instance,
}

impl DataPlane {
    /// Opens or creates the shared maps and builds generation `generation` from an image; attaches
    /// nothing. `epoch` is given to shared maps that are new.
    ///
    /// # Errors
    /// [`Error`]; no interface has been touched.
    pub fn open(
        setup: Setup,
        image: &Image,
        open: HashSet<PatternId>,
        generation: u32,
        epoch: u64,
    ) -> Result<(Self, Tap), Error> {
        let pins = Pins::open(&setup.bpffs)?;
        pins.check_shared(setup.sizes)?;
        let fresh = !pins.has_shared();
        let (shape, mut anchor) = build(&setup, &pins, image, &open, generation)?;
        let tap = Tap::take(&mut anchor, epoch, setup.limit)?;
        pins.end_others(Some(generation))?;
        let plane = Self {
            setup,
            pins,
            generation,
            base: generation,
            image: image.clone(),
            open,
            shape,
            editor: Editor::new(anchor, shape),
            attached: BTreeMap::new(),
            fresh,
        };
        Ok((plane, tap))
    }

    /// Number of the generation in force.
    #[must_use]
    pub fn generation(&self) -> u32 {
        self.generation
    }

    /// Makes an image live on every attached interface, or on none: the old generation stays whole
    /// when anything fails. A few patterns that fit the maps as they are go live one by one, in
    /// place. Names of interfaces found gone are returned.
    ///
    /// # Errors
    /// [`Error`]; the old generation is in force on every interface.
    pub fn install(&mut self, image: &Image, _receipt: &Receipt) -> Result<Vec<String>, Error> {
        if self.edit(image)? {
            return Ok(Vec::new());
        }
        let generation = self.generation + 1;
        let built = self.build_instances(image, generation);
        let (shape, editor, mut instances) = match built {
            Ok(built) => built,
            Err(error) => {
                self.pins.end_others(Some(self.base))?;
                return Err(error);
            }
        };
        let gone = match self.go_live(&mut instances) {
            Ok(gone) => gone,
            Err(error) => {
                self.pins.end_others(Some(self.base))?;
                return Err(error);
            }
        };
        for (name, instance) in instances {
            if let Some(attached) = self.attached.get_mut(&name) {
                attached.instance = instance;
            }
        }
        for name in &gone {
            self.attached.remove(name);
        }
        self.generation = generation;
        self.base = generation;
        self.image = image.clone();
        self.shape = shape;
        self.editor = editor;
        self.pins.end_others(Some(generation))?;
        Ok(gone)
    }

    /// Changes the live generation in place; false when that is not possible.
    fn edit(&mut self, image: &Image) -> Result<bool, Error> {
        let Some(differences) = self.image.difference(image, MOST_EDITS) else {
            return Ok(false);
        };
        let (mut removed, mut added) = (Vec::new(), Vec::new());
        for difference in differences {
            match (difference.before, difference.after) {
                (before, after) if before == after => {}
                (_, Some(pattern)) => added.push(self.put(&pattern)),
                (Some(before), None) => removed.push(Edit {
                    pattern: before.pattern,
                    value: None,
                }),
                (None, None) => {}
            }
        }
        if !self.editor.fits(&added) {
            return Ok(false);
        }
        // A hit of a pattern that goes carries the former number, one of a pattern that comes the
        // new one.
        let generation = self.generation + 1;
        let Some(undo) = self.editor.apply(&removed)? else {
            return Ok(false);
        };
        self.editor.set_generation(generation)?;
        match self.editor.apply(&added) {
            Ok(Some(_)) => {
                self.generation = generation;
                self.image = image.clone();
                Ok(true)
            }
            stopped => {
                self.editor.set_generation(self.generation)?;
                self.editor.undo(&undo)?;
                stopped.map(|_| false)
            }
        }
    }

    fn put(&self, pattern: &ImagePattern) -> Edit {
        let open = self.open.contains(&pattern.id);
        let clock = self.setup.features.clock();
        Edit {
            pattern: pattern.pattern,
            value: Some(encode::value(pattern, clock, true, open)),
        }
    }

    /// Opens or closes the circuit breaker of a pattern: while it is open, hits are counted and go
    /// no further. It outlives generations.
    ///
    /// # Errors
    /// When a map cannot be written; the breaker is as it was.
    pub fn set_breaker(
        &mut self,
        id: PatternId,
        open: bool,
        _receipt: &Receipt,
    ) -> Result<(), Error> {
        let before = self.open.clone();
        if open {
            self.open.insert(id);
        } else {
            self.open.remove(&id);
        }
        let Some(pattern) = self.image.pattern(id) else {
            return Ok(());
        };
        let edit = self.put(&pattern);
        self.editor
            .apply(&[edit])
            .map(drop)
            .inspect_err(|_| self.open = before)
    }

    fn build_instances(
        &self,
        image: &Image,
        generation: u32,
    ) -> Result<(Shape, Editor, BTreeMap<String, Instance>), Error> {
        let (shape, anchor) = build(&self.setup, &self.pins, image, &self.open, generation)?;
        let mut instances = BTreeMap::new();
        for (name, attached) in &self.attached {
            let mut instance =
                instance(&self.setup, &self.pins, &shape, attached.slot, generation)?;
            instance.program(attached.attachment.variant)?;
            instances.insert(name.clone(), instance);
        }
        Ok((shape, Editor::new(anchor, shape), instances))
    }

    /// Link by link; on a failure those already updated go back to the old program.
    fn go_live(
        &mut self,
        instances: &mut BTreeMap<String, Instance>,
    ) -> Result<Vec<String>, Error> {
        let mut gone = Vec::new();
        let mut live: Vec<String> = Vec::new();
        for (name, instance) in instances {
            let variant = self.attached[name].attachment.variant;
            match attach::replace(instance, name, variant, &self.pins) {
                Ok(()) => live.push(name.clone()),
                Err(error) if is_gone(&error) => gone.push(name.clone()),
                Err(error) => {
                    self.go_back(&live);
                    return Err(error);
                }
            }
        }
        Ok(gone)
    }

    /// Puts the old program back behind the links that were updated already; one that fails does
    /// not keep the others from going back.
    fn go_back(&mut self, live: &[String]) {
        for name in live {
            let old = self.attached.get_mut(name).expect("it was attached before");
            let variant = old.attachment.variant;
            if let Err(error) = attach::replace(&mut old.instance, name, variant, &self.pins) {
                tracing::error!(%error, interface = %name, "the old generation could not be put back");
            }
        }
    }

    /// Attaches the generation in force to an interface.
    ///
    /// # Errors
    /// [`Error`]; the interface is as it was.
    pub fn attach(
        &mut self,
        interface: &InterfaceSlot,
        _receipt: &Receipt,
    ) -> Result<Attachment, Error> {
        let mut instance = instance(
            &self.setup,
            &self.pins,
            &self.shape,
            interface.slot,
            self.base,
        )?;
        let attachment = attach::attach(
            &mut instance,
            &interface.name,
            interface.mode,
            self.setup.features,
            &self.pins,
        )?;
        self.attached.insert(
            interface.name.clone(),
            Attached {
                slot: interface.slot,
                attachment: attachment.clone(),
                instance,
            },
        );
        Ok(attachment)
    }

    /// Detaches the program from an interface; false when it was not attached.
    ///
    /// # Errors
    /// When the pin cannot be removed.
    pub fn detach(&mut self, interface: &str, _receipt: &Receipt) -> Result<bool, Error> {
        if !self.attached.contains_key(interface) {
            return Ok(false);
        }
        self.pins.remove_link(interface)?;
        self.attached.remove(interface);
        Ok(true)
    }

    /// Interfaces that a former agent attached and that are not among `configured`.
    ///
    /// # Errors
    /// When the pins cannot be read.
    pub fn strays(&self, configured: &[String]) -> Result<Vec<String>, Error> {
        let mut strays = self.pins.linked()?;
        strays.retain(|name| !configured.contains(name));
        Ok(strays)
    }

    /// Detaches an interface that is no longer configured.
    ///
    /// # Errors
    /// When the pin cannot be removed.
    pub fn detach_stray(&mut self, interface: &str, _receipt: &Receipt) -> Result<(), Error> {
        self.pins.remove_link(interface)
    }

    /// What other layout versions have left, for when every interface is attached.
    #[must_use]
    pub fn remains(&self) -> Remains<'_> {
        Remains::of(&self.pins)
    }

    /// Removes the pins of a start that failed, so that it leaves nothing behind. Pins stay when
    /// an interface is attached, or when a former agent left them: they hold its counters.
    ///
    /// # Errors
    /// When a pin cannot be removed.
    pub fn abandon(&mut self) -> Result<(), Error> {
        if self.fresh && self.attached.is_empty() {
            self.pins.remove_all()?;
        }
        Ok(())
    }

    /// How the program runs on an interface, when it is attached.
    #[must_use]
    pub fn attachment(&self, interface: &str) -> Option<&Attachment> {
        self.attached
            .get(interface)
            .map(|attached| &attached.attachment)
    }

    /// Finds attached interfaces that no longer exist under their index, and lets go of them.
    pub fn take_gone(&mut self) -> Vec<String> {
        let gone: Vec<String> = self
            .attached
            .iter()
            .filter(|(name, attached)| {
                link_state::index(name).is_ok_and(|index| index != Some(attached.attachment.index))
            })
            .map(|(name, _)| name.clone())
            .collect();
        for name in &gone {
            self.attached.remove(name);
            // The link is defunct: nothing is left to detach, so a failure changes nothing.
            let _ = self.pins.remove_link(name);
        }
        gone
    }
}
