//! Generations: build the idle one, make it live on every interface or on none.

use std::{
    collections::{BTreeMap, HashSet},
    path::PathBuf,
};

use sensor_common::NameKeys;

use super::{
    Attachment, Budgets, Error, Features, Limit, Mode, Remains, Sizes, Tap, attach,
    build::{build, instance},
    edit::{Edit, Editor},
    encode::{self, Shape},
    link_state,
    load::Instance,
    pins::Pins,
};
use crate::{
    clock::Offset,
    journal::Receipt,
    model::{Image, ImagePattern, PatternId},
};

/// How far the kernel clock may move against the time that is judged by before deadlines are written anew,
/// nanoseconds.
const CLOCK_MOVED: u128 = 500_000_000;

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
    /// Cost and burst of packets that are lent, by class.
    pub budgets: Budgets,
    /// Keys of the hash of names: of this run, nobody needs them later.
    pub name_keys: NameKeys,
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
    pub(super) setup: Setup,
    pub(super) pins: Pins,
    pub(super) generation: u32,
    /// Number of the last generation that was built whole: its pins carry it.
    pub(super) base: u32,
    pub(super) image: Image,
    /// Patterns whose circuit breaker is open.
    pub(super) open: HashSet<PatternId>,
    pub(super) shape: Shape,
    pub(super) editor: Editor,
    pub(super) attached: BTreeMap<String, Attached>,
    /// Whether this run made the shared maps.
    pub(super) fresh: bool,
    /// The way to kernel time when deadlines were written.
    pub(super) offset: Offset,
}

pub(super) struct Attached {
    pub slot: u8,
    pub attachment: Attachment,
    pub instance: Instance,
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
        // Not a number that an agent has used which died before it was kept.
        let generation = generation.max(pins.last_generation()? + 1);
        let offset = setup.features.clock().offset();
        let (shape, mut anchor) = build(&setup, &pins, image, &open, generation)?;
        let tap = Tap::take(&mut anchor, epoch, setup.sizes, setup.limit, setup.budgets)?;
        // A program that waited for an agent that died goes on following its former one.
        anchor.set_live(generation)?;
        let keys = setup.name_keys;
        let plane = Self {
            setup,
            pins,
            generation,
            base: generation,
            image: image.clone(),
            open,
            shape,
            editor: Editor::new(anchor, shape, keys),
            attached: BTreeMap::new(),
            fresh,
            offset,
        };
        Ok((plane, tap))
    }

    /// Removes the pins of former generations, once every interface has the present one.
    ///
    /// # Errors
    /// When a pin cannot be removed.
    pub fn settle(&self) -> Result<(), Error> {
        self.pins.end_others(Some(self.base))
    }

    /// Number of the generation in force.
    #[must_use]
    pub fn generation(&self) -> u32 {
        self.generation
    }

    /// Whether the kernel clock has moved against the time by which validity is judged since the
    /// deadlines of the generation were written, so that they are off.
    #[must_use]
    pub fn clock_has_moved(&self) -> bool {
        let now = self.setup.features.clock().offset();
        now.moved(self.offset) > CLOCK_MOVED
    }

    /// The edit that puts a pattern; `None` when the kernel does not look for it.
    pub(super) fn put(&self, pattern: &ImagePattern) -> Option<Edit> {
        let open = self.open.contains(&pattern.id);
        let offset = self.setup.features.clock().offset();
        let value = encode::value(pattern, offset, true, open, self.setup.name_keys)?;
        Some(Edit {
            pattern: pattern.pattern.clone(),
            key: value.key,
            value: Some(value),
        })
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
        let Some(edit) = self.put(&pattern) else {
            return Ok(());
        };
        self.editor
            .apply(&[edit])
            .map(drop)
            .inspect_err(|_| self.open = before)
    }

    /// Whether a link that a former agent left holds the hook of an interface.
    ///
    /// # Errors
    /// When there is no such interface, or the pins cannot be read.
    pub fn holds(&self, interface: &str) -> Result<bool, Error> {
        attach::holds(interface, &self.pins)
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
