//! The ledger of costs as a table for accountants (L. 2321-3 ¶3 code de la défense): identifiable and
//! specific prestations, without tariff or amount. Pure.

use std::fmt::Write as _;

use crate::{journal::RequestEntry, model::request::CostRow};

/// Names of the columns.
const HEADER: &str =
    "line,time,reference,type,ground,tariff_code,tariff_version,quantity,journal_entry";

/// The lines as CSV (RFC 4180).
#[must_use]
pub fn csv(rows: &[CostRow]) -> String {
    let mut text = String::from(HEADER);
    text.push_str("\r\n");
    for row in rows {
        let written = write!(
            text,
            "{},{},{},{},{},{},{},{},{}\r\n",
            row.line,
            row.time,
            field(&row.reference),
            row.kind.name(),
            field(&row.ground),
            field(&row.tariff_code),
            field(&row.tariff_version),
            row.quantity,
            row.receipt,
        );
        written.expect("a string takes everything");
    }
    text
}

/// Where the lines are not those that the disclosures of a journal tell of, by the indices of the
/// entries: one sentence each.
#[must_use]
pub fn differences(rows: &[CostRow], disclosed: &[(u64, RequestEntry)]) -> Vec<String> {
    let mut found = Vec::new();
    for (index, entry) in disclosed {
        let Some(row) = rows.iter().find(|row| row.receipt == *index) else {
            found.push(format!(
                "no line is of the disclosure of journal entry {index}"
            ));
            continue;
        };
        let told = &entry.cost;
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let same = text(&told.tariff_code) == row.tariff_code
            && text(&told.tariff_version) == row.tariff_version
            && told.quantity == Some(row.quantity)
            && entry.reference.as_ref() == Some(&row.reference);
        // An entry of a former version says nothing of it.
        if told.quantity.is_some() && !same {
            found.push(format!(
                "line {} is not what journal entry {index} tells",
                row.line
            ));
        }
    }
    let told = |row: &&CostRow| disclosed.iter().any(|(index, _)| *index == row.receipt);
    for row in rows.iter().filter(|row| !told(row)) {
        let (line, entry) = (row.line, row.receipt);
        found.push(format!(
            "line {line} names journal entry {entry}, which tells of no disclosure"
        ));
    }
    found
}

/// A field; one that a spreadsheet would take for a formula is kept from being one.
fn field(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t']);
    let text = if formula {
        format!("'{text}")
    } else {
        text.to_owned()
    };
    if text.contains(['"', ',', '\r', '\n']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{journal::RequestStep, model::RequestType};

    #[test]
    fn a_ledger_that_is_not_what_the_journal_tells_is_found_out() {
        let row = CostRow {
            line: 1,
            time: jiff::Timestamp::UNIX_EPOCH,
            reference: "R".into(),
            kind: RequestType::A,
            ground: "L2321-3-1".into(),
            tariff_code: "ID".into(),
            tariff_version: "2027-1".into(),
            quantity: 3,
            receipt: 40,
        };
        let mut told = RequestEntry::of(RequestStep::Disclosed);
        told.reference = Some("R".into());
        told.cost.tariff_code = Some("ID".into());
        told.cost.tariff_version = Some("2027-1".into());
        told.cost.quantity = Some(3);
        let told = [(40, told)];
        assert!(differences(std::slice::from_ref(&row), &told).is_empty());
        assert!(
            differences(&[], &told)[0].contains("entry 40"),
            "it was removed"
        );
        assert!(differences(std::slice::from_ref(&row), &[])[0].contains("no disclosure"));
        let changes: [fn(&mut CostRow); 4] = [
            |row| row.quantity = 4,
            |row| row.tariff_code = "X".into(),
            |row| row.tariff_version = "2028-1".into(),
            |row| row.reference = "S".into(),
        ];
        for change in changes {
            let mut other = row.clone();
            change(&mut other);
            assert!(differences(&[other], &told)[0].starts_with("line 1 is not"));
        }
    }

    #[test]
    fn lines_are_those_of_rfc_4180_and_no_formulas() {
        let row = CostRow {
            line: 1,
            time: jiff::Timestamp::UNIX_EPOCH,
            reference: "=HYPERLINK(\"x\"), 7".into(),
            kind: RequestType::A,
            ground: "L2321-3-1".into(),
            tariff_code: "ID".into(),
            tariff_version: "2027-1".into(),
            quantity: 3,
            receipt: 40,
        };
        let text = csv(&[row]);
        let line = text.split("\r\n").nth(1).expect("a line");
        assert_eq!(
            line,
            "1,1970-01-01T00:00:00Z,\"'=HYPERLINK(\"\"x\"\"), 7\",request-a,L2321-3-1,ID,2027-1,3,40"
        );
        assert!(text.starts_with(HEADER) && text.ends_with("\r\n"));
    }
}
