//! From a place in the text to line and key, and back.

use std::{ops::Range, path::Path};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::Error;

/// The error for what the TOML reader refused.
pub(super) fn refusal(path: &Path, text: &str, error: &toml::de::Error) -> Error {
    let path = path.to_owned();
    let offset = error.span().map_or(0, |span| span.start);
    let line = line_at(text, offset);
    let reason = error.message().trim_end_matches('.').replace('\n', ", ");
    match DeTable::parse(text) {
        Ok(table) => Error::Key {
            path,
            line,
            key: key_at(table.get_ref(), offset).unwrap_or_else(|| "the file".into()),
            reason,
        },
        Err(_) => Error::Syntax { path, line, reason },
    }
}

/// Line of a key written as in `interface[0].vlan[1].tags`, or of its nearest table that is
/// there: a value left to its default stands nowhere.
pub(super) fn line_of_key(text: &str, key: &str) -> usize {
    let Ok(table) = DeTable::parse(text) else {
        return 1;
    };
    let mut table = table.get_ref();
    let mut offset = 0;
    for step in key.split('.') {
        let (name, index) = match step.split_once('[') {
            Some((name, index)) => (name, index.trim_end_matches(']').parse::<usize>().ok()),
            None => (step, None),
        };
        let Some((found, value)) = table.iter().find(|(k, _)| k.get_ref() == name) else {
            break;
        };
        offset = found.span().start;
        let item = index.and_then(|index| value.get_ref().as_array()?.get(index));
        if let Some(item) = item {
            offset = item.span().start;
        }
        match item.unwrap_or(value).get_ref() {
            DeValue::Table(inner) => table = inner,
            _ => break,
        }
    }
    line_at(text, offset)
}

/// Line of a byte offset, from 1.
fn line_at(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|b| *b == b'\n').count()
}

/// The key whose own name or value holds the offset.
fn key_at(table: &DeTable<'_>, offset: usize) -> Option<String> {
    table.iter().find_map(|(key, value)| {
        let name = key.get_ref();
        if covers(&key.span(), offset) {
            return Some(name.to_string());
        }
        within(value, offset).map(|rest| format!("{name}{rest}"))
    })
}

/// What to write behind a key whose value holds the offset. The span of a table written as
/// `[name]` is its header's only, so tables are searched whatever their span says.
fn within(value: &Spanned<DeValue<'_>>, offset: usize) -> Option<String> {
    let inner = match value.get_ref() {
        DeValue::Table(table) => key_at(table, offset).map(|key| format!(".{key}")),
        DeValue::Array(items) => items
            .iter()
            .enumerate()
            .find_map(|(index, item)| within(item, offset).map(|rest| format!("[{index}]{rest}"))),
        _ => None,
    };
    inner.or_else(|| covers(&value.span(), offset).then(String::new))
}

fn covers(span: &Range<usize>, offset: usize) -> bool {
    span.contains(&offset)
}
