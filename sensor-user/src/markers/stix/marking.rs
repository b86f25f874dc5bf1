//! TLP and PAP as bundles carry them: well-known ids, definitions in their several encodings, and
//! labels. What is not understood is never taken for harmless.

use serde::de::{IgnoredAny, MapAccess, SeqAccess};

use super::{
    field::{Field, Shape},
    object::Object,
};
use crate::{
    markers::levels::Level as Said,
    model::{Pap, Tlp},
};

/// What markings say together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Marks {
    /// The most restrictive TLP.
    pub tlp: Option<Tlp>,
    /// The most restrictive PAP.
    pub pap: Option<Pap>,
    /// Something was not understood: what is unmarked gets is the least.
    pub unclear: bool,
}

impl Marks {
    pub(super) const UNCLEAR: Self = Self {
        tlp: None,
        pap: None,
        unclear: true,
    };

    /// Both: the most restrictive of each.
    #[must_use]
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            tlp: self.tlp.max(other.tlp),
            pap: self.pap.max(other.pap),
            unclear: self.unclear || other.unclear,
        }
    }

    const fn says_nothing(self) -> bool {
        self.tlp.is_none() && self.pap.is_none() && !self.unclear
    }

    fn of(level: Option<Said>) -> Self {
        match level {
            None => Self::default(),
            Some(Said::Tlp(None) | Said::Pap(None)) => Self::UNCLEAR,
            Some(Said::Tlp(tlp)) => Self {
                tlp,
                ..Self::default()
            },
            Some(Said::Pap(pap)) => Self {
                pap,
                ..Self::default()
            },
        }
    }

    /// `TLP:RED`, `pap:amber`; a text that starts with neither says nothing.
    pub(super) fn of_text(text: &str) -> Self {
        Self::of(Said::of_text(text))
    }

    /// A level of a scheme that stands apart: `pap`, `RED` or `PAP:RED`.
    fn of_pair(scheme: &str, level: &str) -> Self {
        let named = Self::of_text(level);
        let scheme = match scheme.trim() {
            scheme if scheme.eq_ignore_ascii_case("tlp_2_0") => "tlp",
            scheme => scheme,
        };
        match Said::of_pair(scheme, level) {
            Some(_) if !named.says_nothing() => named,
            None => named,
            level => Self::of(level),
        }
    }
}

/// TLP 2.0 and TLP 1 (OASIS), PAP (OASIS draft extension `f8d78575`).
const KNOWN: [(u128, Marks); 14] = [
    (0x94868c89_83c2_464b_929b_a1a8aa3c8487, tlp(Tlp::Clear)),
    (0xbab4a63c_aed9_4cf5_a766_dfca5abac2bb, tlp(Tlp::Green)),
    (0x55d920b0_5e8b_4f79_9ee9_91f868d9b421, tlp(Tlp::Amber)),
    (
        0x939a9414_2ddd_4d32_a0cd_375ea402b003,
        tlp(Tlp::AmberStrict),
    ),
    (0xe828b379_4e03_4974_9ac4_e53a884c97c1, tlp(Tlp::Red)),
    (0x613f2e26_407d_48c7_9eca_b8e91df99dc9, tlp(Tlp::Clear)),
    (0x34098fce_860f_48ae_8e50_ebd3cc5e41da, tlp(Tlp::Green)),
    (0xf88d31f6_486f_44da_b317_01333bde0b82, tlp(Tlp::Amber)),
    (0x5e57c739_391a_4eb3_b6be_7d15ca92d5ed, tlp(Tlp::Red)),
    (0xad15a0cd_55b6_4588_a14c_a66105329b92, pap(Pap::Clear)),
    (0xa3bea94c_b469_41dc_9cfe_d6e7daba7730, pap(Pap::Clear)),
    (0xc43594d1_4b11_4c59_93ab_1c9b14d53ce9, pap(Pap::Green)),
    (0x60f8932b_e51e_4458_b265_a2e8be9a80ab, pap(Pap::Amber)),
    (0x740d36e5_7714_4c30_961a_3ae632ceee0e, pap(Pap::Red)),
];

const fn tlp(level: Tlp) -> Marks {
    Marks {
        tlp: Some(level),
        pap: None,
        unclear: false,
    }
}

const fn pap(level: Pap) -> Marks {
    Marks {
        tlp: None,
        pap: Some(level),
        unclear: false,
    }
}

/// What a marking of well-known id says.
pub(super) fn known(id: u128) -> Option<Marks> {
    let found = KNOWN.iter().find(|(known, _)| *known == id);
    found.map(|(_, marks)| *marks)
}

/// What a `marking-definition` says: its definition, its extension, OpenCTI's properties, its name.
/// A statement says nothing of handling; any other definition that says nothing is not understood.
pub(super) fn defined(object: &Object) -> Marks {
    let of = |field: &'_ Field<String>| field.get().ok().flatten().cloned().unwrap_or_default();
    let (kind, text) = (of(&object.definition_type), of(&object.definition_text));
    let mut marks = Marks::of_text(&of(&object.name))
        .and(Marks::of_text(&kind))
        .and(Marks::of_text(&of(&object.opencti_definition)));
    if !text.is_empty() {
        marks = marks.and(Marks::of_pair(&kind, &text));
    }
    let opencti = of(&object.opencti_definition_type);
    if !opencti.is_empty() {
        marks = marks.and(Marks::of_pair(&opencti, &of(&object.opencti_definition)));
    }
    for (field, scheme) in [
        (&object.definition, kind.as_str()),
        (&object.extensions, ""),
    ] {
        marks = match field {
            Field::Absent => marks,
            Field::Of(levels) => marks.and(levels.marks(scheme)),
            Field::Bad => marks.and(Marks::UNCLEAR),
        };
    }
    if marks.says_nothing() && !kind.eq_ignore_ascii_case("statement") {
        return Marks::UNCLEAR;
    }
    marks
}

/// The levels of a definition, or of all extensions together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Levels(Marks);

impl Levels {
    fn marks(&self, scheme: &str) -> Marks {
        let unclear = self.0.says_nothing() && matches!(scheme, "tlp" | "pap" | "TLP" | "PAP");
        self.0.and(Marks {
            unclear,
            ..Marks::default()
        })
    }
}

impl Shape for Levels {
    /// `{"tlp": "red"}`, `{"statement": "PAP:RED"}`, and one level deeper the same by extension.
    fn map<'de, A: MapAccess<'de>>(mut map: A) -> Result<Option<Self>, A::Error> {
        let mut marks = Marks::default();
        while let Some(key) = map.next_key::<String>()? {
            let level: Field<Level> = map.next_value()?;
            let said = match level {
                Field::Of(Level::Text(level)) => Marks::of_pair(&key, &level),
                Field::Of(Level::Within(marks)) => marks,
                Field::Absent | Field::Bad => Marks::default(),
            };
            marks = marks.and(said);
        }
        Ok(Some(Self(marks)))
    }
}

enum Level {
    Text(String),
    Within(Marks),
}

impl Shape for Level {
    fn text(text: &str) -> Option<Self> {
        Some(Self::Text(text.to_owned()))
    }

    fn map<'de, A: MapAccess<'de>>(mut map: A) -> Result<Option<Self>, A::Error> {
        let mut marks = Marks::default();
        while let Some(key) = map.next_key::<String>()? {
            if let "tlp" | "tlp_2_0" | "pap" = key.as_str() {
                marks = marks.and(match map.next_value::<Field<String>>()? {
                    Field::Of(level) => Marks::of_pair(&key, &level),
                    Field::Absent | Field::Bad => Marks::UNCLEAR,
                });
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(Some(Self::Within(marks)))
    }
}

/// What the labels of an object say: machine tags of MISP come as labels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Labels(pub Marks);

impl Shape for Labels {
    /// A single label that is no list of one.
    fn text(text: &str) -> Option<Self> {
        Some(Self(Marks::UNCLEAR.and(Marks::of_text(text))))
    }

    fn list<'de, A: SeqAccess<'de>>(mut list: A) -> Result<Option<Self>, A::Error> {
        let mut marks = Marks::default();
        while let Some(label) = list.next_element::<Field<String>>()? {
            marks = marks.and(match label {
                Field::Of(label) => Marks::of_text(&label),
                Field::Absent | Field::Bad => Marks::UNCLEAR,
            });
        }
        Ok(Some(Self(marks)))
    }
}
