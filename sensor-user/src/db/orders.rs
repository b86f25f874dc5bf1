//! The authority's orders, and the markers already held that they name.

use rusqlite::{Row, Transaction, params};

use super::{Catalog, Edit, Error};
use crate::model::{MarkerId, Moment, Order, OrderNumber, Pap, Tlp};

/// A marker already held, and an order that names it.
pub type Named = (MarkerId, OrderNumber);

impl Catalog {
    /// Every order, in the order of their numbers.
    ///
    /// # Errors
    /// [`Error`].
    pub fn orders(&mut self) -> Result<Vec<Order>, Error> {
        let rows: Vec<Option<Order>> = self.database.run(|connection| {
            connection
                .prepare(
                    "SELECT number, reference, issuer, threat_reference, since, until, tlp, pap, \
                     acknowledged, receipt, withdrawn, over, serial FROM marker_order ORDER BY number",
                )?
                .query_map([], decode)?
                .collect()
        })?;
        rows.into_iter()
            .map(|row| {
                row.ok_or_else(|| self.database.corrupt("an order", "a time or its marking"))
            })
            .collect()
    }

    /// Every marker already held that an order names.
    ///
    /// # Errors
    /// [`Error`].
    pub fn named(&mut self) -> Result<Vec<Named>, Error> {
        self.database.run(|connection| {
            connection
                .prepare("SELECT marker, number FROM named")?
                .query_map([], |row| {
                    let id = row.get_ref(0)?.as_str()?.into();
                    Ok((id, OrderNumber(row.get(1)?)))
                })?
                .collect()
        })
    }

    /// How many markers an order brought.
    ///
    /// # Errors
    /// [`Error`].
    pub fn count_brought(&mut self, order: OrderNumber) -> Result<u64, Error> {
        self.database
            .run(|connection| {
                connection.query_row(
                    "SELECT count(*) FROM marker WHERE source = ?1",
                    [order.0],
                    |row| row.get::<_, i64>(0),
                )
            })
            .map(i64::cast_unsigned)
    }
}

pub(super) fn write(transaction: &Transaction<'_>, edit: Edit<'_>) -> Result<(), rusqlite::Error> {
    if let Some(order) = edit.order {
        transaction.execute(
            "INSERT INTO marker_order (number, reference, issuer, threat_reference, since, until, \
             tlp, pap, acknowledged, receipt, serial) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            params![
                order.number.0,
                order.reference,
                order.issuer,
                order.threat_reference,
                order.start.as_microsecond(),
                order.end.as_microsecond(),
                order.tlp.name(),
                order.pap.name(),
                order.acknowledged.as_microsecond(),
                order.receipt.cast_signed(),
                order.serial.map(u64::cast_signed),
            ],
        )?;
    }
    let mut name = transaction
        .prepare_cached("INSERT OR IGNORE INTO named (marker, number) VALUES (?1, ?2)")?;
    for (id, number) in edit.named {
        name.execute(params![id.as_str(), number.0])?;
    }
    if let Some((number, at)) = edit.withdraw {
        transaction.execute(
            "UPDATE marker_order SET withdrawn = ?2 WHERE number = ?1",
            params![number.0, at.as_microsecond()],
        )?;
    }
    Ok(())
}

/// `None` when a value is none that we write.
fn decode(row: &Row<'_>) -> Result<Option<Order>, rusqlite::Error> {
    let (tlp, pap) = (row.get_ref(6)?.as_str()?, row.get_ref(7)?.as_str()?);
    let (tlp, pap) = (Tlp::parse(tlp), Pap::parse(pap));
    let [start, end, acknowledged] = [row.get(4)?, row.get(5)?, row.get(8)?];
    let withdrawn: Option<i64> = row.get(10)?;
    let (number, over) = (OrderNumber(row.get(0)?), row.get(11)?);
    let (reference, issuer, threat_reference) = (row.get(1)?, row.get(2)?, row.get(3)?);
    let receipt = row.get::<_, i64>(9)?.cast_unsigned();
    let serial = row.get::<_, Option<i64>>(12)?.map(i64::cast_unsigned);
    let read = || {
        Some(Order {
            number,
            reference,
            issuer,
            threat_reference,
            start: Moment::from_microsecond(start)?,
            end: Moment::from_microsecond(end)?,
            tlp: tlp?,
            pap: pap?,
            acknowledged: Moment::from_microsecond(acknowledged)?,
            receipt,
            serial,
            withdrawn: match withdrawn {
                None => None,
                Some(at) => Some(Moment::from_microsecond(at)?),
            },
            over,
        })
    };
    Ok(read())
}
