//! The declaration before any agent runs: a device is declared before it is put to use.

use jiff::{Timestamp, civil::Date};

use super::{Error, make_directory, restore, warninglists};
use crate::{
    config::Config,
    db::Catalog,
    journal::Action,
    legal::{self, Gate},
    model::{
        Actor, Role,
        declaration::{Declaration, DeclarationReport},
    },
};

/// The facts of a configuration, and the last record where there is a store.
///
/// # Errors
/// The store's.
pub fn declaration(config: &Config) -> Result<DeclarationReport, Error> {
    let record = Catalog::declared(&config.state_dir)?;
    let (_, listed) = warninglists::read(&config.limits)?;
    Ok(Gate::new(legal::facts(config, &listed), record).report())
}

/// Records a declaration of the facts of a configuration; false when they are declared already. For
/// while no agent runs: a running one takes the record itself.
///
/// # Errors
/// An agent runs, store and journal are not of one time, or the disk fails.
pub fn record_declaration(config: &Config, reference: &str, date: Date) -> Result<bool, Error> {
    let (_, listed) = warninglists::read(&config.limits)?;
    make_directory(&config.state_dir)?;
    let mut catalog = Catalog::open(&config.state_dir)?;
    let gate = Gate::new(legal::facts(config, &listed), catalog.declaration()?);
    if gate.check().is_ok() {
        return Ok(false);
    }
    let (journal, _) = restore::open_journal(&config.state_dir, &mut catalog)?;
    let actor = Actor {
        uid: rustix::process::getuid().as_raw(),
        role: Role::Operator,
    };
    let digest = gate.digest().to_owned();
    let action = Action::DeclarationRecorded {
        reference: reference.to_owned(),
        date,
        digest: digest.clone(),
    };
    let receipt = journal.append(&actor, action)?;
    let declaration = Declaration {
        reference: reference.to_owned(),
        date,
        digest,
        recorded: Timestamp::now(),
        uid: actor.uid,
        receipt: receipt.index(),
    };
    catalog.keep_declaration(&declaration, journal.head().into())?;
    Ok(true)
}
