//! The header line: which columns there are, and whose they are.

use crate::markers::text::KEYS;

/// What a header promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// Our own columns: a pattern, and what the tail of the text format has.
    Own,
    /// Those of MISP's export.
    Misp,
}

/// A column that means something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Column {
    /// A whole pattern, as in the text format.
    Pattern,
    /// Its kind, or the type of an attribute.
    Type,
    /// Its value.
    Value,
    /// A key of the text format's tail.
    Tail(&'static str),
    /// `uuid` of an attribute.
    Uuid,
    /// `to_ids`.
    ToIds,
    /// `deleted`.
    Deleted,
    /// `published`.
    Published,
    /// `object_relation`.
    Relation,
    /// `timestamp`.
    Timestamp,
    /// `attribute_tag` and `event_tag`.
    Tags,
    /// Known, and of no meaning here.
    Ignored,
}

/// Why a header is refused: column, code, reason.
pub(super) type Bad = (String, &'static str, String);

/// Columns that only MISP has; one of them makes it MISP's dialect.
const OF_MISP: [&str; 4] = ["to_ids", "category", "event_id", "uuid"];

/// Columns that MISP may be asked for and that mean nothing here.
const IGNORED: [&str; 12] = [
    "category",
    "comment",
    "date",
    "first_seen",
    "last_seen",
    "distribution",
    "sharing_group_id",
    "disable_correlation",
    "id",
    "value1",
    "value2",
    "data",
];

/// Prefixes of further such columns.
const IGNORED_FAMILIES: [&str; 4] = ["event_", "object_", "attribute_", "decay_"];

/// The columns of a header.
///
/// # Errors
/// [`Bad`].
pub(super) fn read<'a>(
    names: impl Iterator<Item = &'a str>,
) -> Result<(Dialect, Vec<Column>), Bad> {
    let names: Vec<String> = names.map(str::to_ascii_lowercase).collect();
    let misp = names.iter().any(|name| OF_MISP.contains(&name.as_str()));
    let dialect = if misp { Dialect::Misp } else { Dialect::Own };
    let mut columns = Vec::with_capacity(names.len());
    for (at, name) in names.iter().enumerate() {
        let column = if misp { of_misp(name) } else { own(name) };
        let told = told(name, at);
        let Some(column) = column else {
            let reason = match dialect {
                Dialect::Own => format!(
                    "unknown column; pattern, type, value, {} are known",
                    KEYS.join(", ")
                ),
                Dialect::Misp => "no column of MISP's export".into(),
            };
            return Err((told, "unknown_column", reason));
        };
        let again = names[..at].contains(name);
        if again && column != Column::Ignored {
            return Err((told, "repeated_column", "the column stands twice".into()));
        }
        columns.push(column);
    }
    complete(dialect, &columns)?;
    Ok((dialect, columns))
}

/// Whether what must be there is there.
fn complete(dialect: Dialect, columns: &[Column]) -> Result<(), Bad> {
    let has = |column| columns.contains(&column);
    let missing = |name: &str, reason: &str| Err((name.into(), "missing_column", reason.into()));
    if has(Column::Pattern) && (has(Column::Type) || has(Column::Value)) {
        let reason = "give either pattern, or type and value".into();
        return Err(("pattern".into(), "repeated_column", reason));
    }
    match dialect {
        Dialect::Own if has(Column::Pattern) || (has(Column::Type) && has(Column::Value)) => Ok(()),
        Dialect::Own => missing(
            "pattern",
            "the first line must name a column pattern, or columns type and value",
        ),
        Dialect::Misp if !has(Column::Type) => missing("type", "MISP's export has this column"),
        Dialect::Misp if !has(Column::Value) => missing("value", "MISP's export has this column"),
        Dialect::Misp if !has(Column::ToIds) => missing(
            "to_ids",
            "without it nothing says which attributes are indicators; export it too",
        ),
        Dialect::Misp => Ok(()),
    }
}

fn own(name: &str) -> Option<Column> {
    Some(match name {
        "pattern" => Column::Pattern,
        "type" => Column::Type,
        "value" => Column::Value,
        _ => Column::Tail(KEYS.into_iter().find(|key| *key == name)?),
    })
}

fn of_misp(name: &str) -> Option<Column> {
    let of_family = || {
        let mut families = IGNORED_FAMILIES.iter();
        families.any(|family| name.starts_with(family))
    };
    of_misp_exactly(name).or_else(|| of_family().then_some(Column::Ignored))
}

/// A column whose whole name is ours.
fn of_misp_exactly(name: &str) -> Option<Column> {
    Some(match name {
        "uuid" => Column::Uuid,
        "type" => Column::Type,
        "value" => Column::Value,
        "to_ids" => Column::ToIds,
        "deleted" => Column::Deleted,
        "published" | "event_published" => Column::Published,
        "object_relation" => Column::Relation,
        "timestamp" => Column::Timestamp,
        "attribute_tag" | "event_tag" => Column::Tags,
        _ if IGNORED.contains(&name) => Column::Ignored,
        _ => return None,
    })
}

/// A column in a refusal: by its name where we know it, otherwise by its number. A file without a
/// header has values there.
fn told(name: &str, at: usize) -> String {
    match own(name).or_else(|| of_misp_exactly(name)) {
        Some(_) => name.to_owned(),
        None => format!("column {}", at + 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(header: &str) -> String {
        match read(header.split(',')) {
            Ok((dialect, columns)) => format!("{dialect:?} {}", columns.len()),
            Err((column, code, _)) => format!("{column}: {code}"),
        }
    }

    #[test]
    fn headers() {
        for (header, expected) in [
            ("pattern", "Own 1"),
            ("ID,Pattern,until", "Own 3"),
            ("type,value,id,from,until,direction,tlp,pap", "Own 8"),
            (
                "uuid,event_id,category,type,value,comment,to_ids,date",
                "Misp 8",
            ),
            (
                "uuid,event_id,category,type,value,comment,to_ids,date,object_relation,attribute_tag,\
                 object_uuid,object_name,object_meta_category,event_info,event_member_org,\
                 event_source_org,event_distribution,event_threat_level_id,event_analysis,event_date,\
                 event_tag,event_timestamp",
                "Misp 22",
            ),
            ("pattern,owner", "column 2: unknown_column"),
            ("type,value,to_ids,weather", "column 4: unknown_column"),
            ("203.0.113.5,pattern", "column 1: unknown_column"),
            ("pattern,evil.example", "column 2: unknown_column"),
            (
                "pattern,d41d8cd98f00b204e9800998ecf8427e",
                "column 2: unknown_column",
            ),
            (
                "t13d1516h2_8daaf6152771_e5627efa2ab1,x",
                "column 1: unknown_column",
            ),
            ("pattern,until,evil", "column 3: unknown_column"),
            ("pattern,id,id", "id: repeated_column"),
            ("pattern,type", "pattern: repeated_column"),
            ("id,until", "pattern: missing_column"),
            ("type,id", "pattern: missing_column"),
            ("uuid,type,value", "to_ids: missing_column"),
            ("to_ids,value", "type: missing_column"),
        ] {
            assert_eq!(told(header), expected, "{header}");
        }
    }
}
