//! The authority's orders, and the markers already held that they name.

use rusqlite::{Row, Transaction, params};

use super::{Catalog, Edit, Error};
use crate::model::{Brought, Direction, MarkerId, Moment, Order, OrderNumber, Pap, Tlp};

/// A marker already held, and an order that is about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The marker.
    pub marker: MarkerId,
    /// The order.
    pub order: OrderNumber,
    /// What the order says of it, where it brought it; nothing when it only names it.
    pub brought: Option<Brought>,
}

impl Named {
    /// An order that takes a marker as it is held.
    #[must_use]
    pub const fn only(marker: MarkerId, order: OrderNumber) -> Self {
        Self {
            marker,
            order,
            brought: None,
        }
    }
}

/// Whose end was reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Over {
    /// Markers, by their own end.
    pub markers: Vec<MarkerId>,
    /// Markers by the end that an order gave them which brought them.
    pub brought: Vec<(MarkerId, OrderNumber)>,
    /// Orders.
    pub orders: Vec<OrderNumber>,
}

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
        let rows: Vec<Option<Named>> = self.database.run(|connection| {
            connection
                .prepare(
                    "SELECT marker, number, brought, since, until, direction, tlp, pap, over \
                     FROM named",
                )?
                .query_map([], decode_named)?
                .collect()
        })?;
        rows.into_iter()
            .map(|row| {
                row.ok_or_else(|| {
                    self.database
                        .corrupt("a marker of an order", "a time or its marking")
                })
            })
            .collect()
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
    if let Some((number, reference)) = edit.renamed {
        transaction.execute(
            "UPDATE marker_order SET reference = ?2 WHERE number = ?1",
            params![number.0, reference],
        )?;
    }
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
    let mut name = transaction.prepare_cached(
        "INSERT OR IGNORE INTO named (marker, number, brought, since, until, direction, tlp, \
             pap, over) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?;
    for named in edit.named {
        let brought = named.brought.as_ref();
        name.execute(params![
            named.marker.as_str(),
            named.order.0,
            brought.is_some(),
            brought.and_then(|one| one.from).map(Moment::as_microsecond),
            brought
                .and_then(|one| one.until)
                .map(Moment::as_microsecond),
            brought.map(|one| one.direction.name()),
            brought.map(|one| one.tlp.name()),
            brought.map(|one| one.pap.name()),
            brought.is_some_and(|one| one.over),
        ])?;
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
fn decode_named(row: &Row<'_>) -> Result<Option<Named>, rusqlite::Error> {
    let named = Named::only(row.get_ref(0)?.as_str()?.into(), OrderNumber(row.get(1)?));
    if !row.get::<_, bool>(2)? {
        return Ok(Some(named));
    }
    let [from, until]: [Option<i64>; 2] = [row.get(3)?, row.get(4)?];
    let direction = Direction::parse(row.get_ref(5)?.as_str()?);
    let (tlp, pap) = (row.get_ref(6)?.as_str()?, row.get_ref(7)?.as_str()?);
    let (tlp, pap) = (Tlp::parse(tlp), Pap::parse(pap));
    let over = row.get(8)?;
    let moment = |time: Option<i64>| match time {
        None => Some(None),
        Some(time) => Moment::from_microsecond(time).map(Some),
    };
    let read = || {
        Some(Brought {
            from: moment(from)?,
            until: moment(until)?,
            direction: direction?,
            tlp: tlp?,
            pap: pap?,
            over,
        })
    };
    Ok(read().map(|brought| Named {
        brought: Some(brought),
        ..named
    }))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        db::{Error, Over, Put, tests::Scratch},
        model::{ClockMark, Direction, Held, Marker, Standing},
    };

    fn at(second: i64) -> Moment {
        Moment::from_microsecond(second * 1_000_000).expect("a time")
    }

    fn put(catalog: &mut Catalog, edit: Edit<'_>) {
        let done: Result<(), Error> = catalog.edit(edit, &|_| {}, || Ok(((), 1)));
        done.expect("it is stored");
    }

    #[test]
    fn a_catalogue_of_a_former_version_gains_orders_and_ends() {
        let directory = Scratch::new("orders");
        let former = rusqlite::Connection::open(directory.0.join("catalog.db")).expect("opens");
        former
            .execute_batch(concat!(
                include_str!("catalog.sql"),
                include_str!("catalog_2.sql"),
                "INSERT INTO marker (id, pattern, tlp, pap) \
                 VALUES ('old', 'ip 203.0.113.5', 'GREEN', 'GREEN'); PRAGMA user_version = 2;"
            ))
            .expect("a former catalogue");
        drop(former);
        let mut catalog = Catalog::open(&directory.0).expect("opens");
        assert_eq!(catalog.cap(at(90)).expect("updates"), 1);
        let old = catalog.marker("old").expect("reads").expect("is there");
        assert_eq!((old.marker.until, old.capped), (Some(at(90)), true));
        assert_eq!(old.source, OrderNumber::OWN);

        let order = Order {
            number: OrderNumber(1),
            reference: "2026/1".into(),
            issuer: "ANSSI".into(),
            threat_reference: Some("t".into()),
            start: at(1),
            end: at(9),
            tlp: Tlp::Red,
            pap: Pap::Amber,
            acknowledged: at(2),
            receipt: 7,
            serial: Some(3),
            withdrawn: None,
            over: false,
        };
        let mut marker = Marker::new(
            "new",
            "ja3 e7d705a3286e19ea42f587b344ee6865"
                .parse()
                .expect("a pattern"),
        );
        (marker.from, marker.until) = (Some(at(3)), Some(at(8)));
        marker.direction = Direction::Source;
        let new = Held {
            marker,
            standing: Standing::Accepted,
            source: OrderNumber(1),
            capped: false,
            over: false,
            modified: Some(at(5)),
            signed: None,
        };
        let named = [
            Named::only("old".into(), OrderNumber(1)),
            Named {
                brought: Some(Brought::of(&new)),
                ..Named::only("z".into(), OrderNumber(1))
            },
        ];
        let rows = [Put::held(&new)];
        let edit = Edit {
            put: &rows,
            order: Some(&order),
            named: &named,
            ..Edit::default()
        };
        put(&mut catalog, edit);
        assert_eq!(
            catalog.orders().expect("reads"),
            std::slice::from_ref(&order)
        );
        assert_eq!(catalog.named().expect("reads"), named);
        assert_eq!(
            catalog.brought_by(order.number).expect("reads"),
            std::slice::from_ref(&new)
        );
        catalog
            .set_over(&Over {
                markers: vec!["new".into()],
                brought: vec![("z".into(), OrderNumber(1))],
                orders: vec![OrderNumber(1)],
            })
            .expect("updates");
        assert!(catalog.orders().expect("reads")[0].over);
        let brought = catalog.named().expect("reads")[1].brought.clone();
        assert!(brought.expect("as it was").over);
        assert!(
            catalog
                .marker("new")
                .expect("reads")
                .expect("is there")
                .over
        );
        let edit = Edit {
            remove: &["old".to_owned(), "z".to_owned()],
            withdraw: Some((OrderNumber(1), at(5))),
            ..Edit::default()
        };
        put(&mut catalog, edit);
        assert_eq!(catalog.named().expect("reads"), []);
        assert_eq!(catalog.orders().expect("reads")[0].withdrawn, Some(at(5)));

        assert_eq!(catalog.clock_mark().expect("reads"), None);
        let mark = ClockMark {
            wall: 1,
            boot: 2,
            boot_id: -3,
        };
        catalog.set_clock_mark(mark).expect("writes");
        assert_eq!(catalog.clock_mark().expect("reads"), Some(mark));
    }
}
