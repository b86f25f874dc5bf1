//! The ledger of costs as a table for accountants (L. 2321-3 ¶3 code de la défense): identifiable and
//! specific prestations, without tariff or amount. Pure.

use std::fmt::Write as _;

use crate::model::request::CostRow;

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
    use crate::model::RequestType;

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
