//! The keys of a query, as requests take them.

use jiff::civil::Date;

use crate::{
    control::{Error, uri::Query},
    model::{
        State,
        request::{Format, Page, Proposition},
    },
};

/// Rows of a page when the client does not say.
const DEFAULT_LIMIT: u32 = 100;

pub(super) fn page(query: &Query) -> Result<Page, Error> {
    Ok(Page {
        limit: limit(query)?,
        after: query.text("after").map(str::to_owned),
    })
}

pub(super) fn limit(query: &Query) -> Result<u32, Error> {
    let limit = query.number("limit", 1, Page::MOST.into())?;
    Ok(limit.map_or(DEFAULT_LIMIT, |limit| {
        u32::try_from(limit).unwrap_or(Page::MOST)
    }))
}

pub(super) fn flag(query: &Query, key: &str) -> Result<bool, Error> {
    match query.text(key) {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(Error::Invalid(format!(
            "query key {key} must be true or false"
        ))),
    }
}

pub(super) fn format(query: &Query) -> Result<Format, Error> {
    match query.text("format") {
        None => Ok(Format::default()),
        Some(name) => Format::parse(name).ok_or_else(|| {
            let names = Format::ALL.map(Format::name).join(", ");
            Error::Invalid(format!("query key format must be one of {names}"))
        }),
    }
}

/// What to prove: that the journal includes an entry, or else that it continues a state.
pub(super) fn proposition(query: &Query) -> Result<Proposition, Error> {
    let number = |key| query.number(key, 0, u64::MAX);
    let size = number("size")?;
    match (number("index")?, number("from")?) {
        (Some(_), Some(_)) => Err(Error::Invalid(
            "give index or from, not both: a proof is of one thing".into(),
        )),
        (Some(index), None) => Ok(Proposition::Includes { index, size }),
        (None, from) => Ok(Proposition::Continues {
            from: from.unwrap_or(0),
            size,
        }),
    }
}

pub(super) fn state(query: &Query) -> Result<Option<State>, Error> {
    match query.text("state") {
        None => Ok(None),
        Some("open") => Ok(Some(State::Open)),
        Some("closed") => Ok(Some(State::Closed)),
        Some(_) => Err(Error::Invalid(
            "query key state must be open or closed".into(),
        )),
    }
}

pub(super) fn day(query: &Query) -> Result<Option<Date>, Error> {
    let day = query.text("day").map(str::parse).transpose();
    day.map_err(|_| Error::Invalid("query key day must be a date such as 2027-01-31".into()))
}
