//! The readers that are fuzzed, and what must hold of what they make of any bytes.

use std::{fs, path::Path};

use super::{
    kernel, others, packets, stix,
    words::{CSV, MISP, TEXT},
};
use sensor_user::{
    markers::{self, Limits},
    model::{
        Marker,
        request::{Failure, Format},
    },
};

/// What a reader took from an input.
#[derive(Clone, Copy, Debug)]
pub struct Took {
    /// Markers.
    pub markers: u64,
    /// Refusals.
    pub refused: u64,
    /// The input was refused as a whole.
    pub fatal: bool,
}

/// Something that reads bytes from outside.
pub struct Reader {
    /// Its name, and that of the directory of its seeds.
    pub name: &'static str,
    /// Words that mean something to it.
    pub words: &'static [&'static str],
    /// Memory that it may take whatever its input, beside that of every reader, bytes.
    pub beside: usize,
    /// Reads an input, with small limits or the usual ones.
    ///
    /// # Errors
    /// What does not hold of the outcome.
    pub read: fn(&[u8], bool) -> Result<Took, String>,
}

/// All of them; one more is a line here, and a directory of seeds.
pub const READERS: &[Reader] = &[
    Reader {
        name: "text",
        words: TEXT,
        beside: 0,
        read: |bytes, small| of(Format::Text, bytes, small),
    },
    Reader {
        name: "csv",
        words: CSV,
        beside: 0,
        read: |bytes, small| of(Format::Csv, bytes, small),
    },
    Reader {
        name: "misp",
        words: MISP,
        beside: 0,
        read: |bytes, small| of(Format::Misp, bytes, small),
    },
    Reader {
        name: "stix",
        words: stix::OBJECTS,
        beside: 0,
        read: |bytes, small| of(Format::Stix, bytes, small),
    },
    Reader {
        name: "stix-pattern",
        words: stix::PATTERNS,
        beside: 0,
        read: |bytes, _| stix::pattern(bytes),
    },
    Reader {
        name: "envelope",
        words: others::ENVELOPE,
        beside: 0,
        read: |bytes, _| others::envelope(bytes),
    },
    Reader {
        name: "request",
        words: others::REQUEST,
        beside: 0,
        read: |bytes, _| others::request(bytes),
    },
    Reader {
        name: "warninglist",
        words: others::WARNINGLIST,
        beside: EXPRESSIONS,
        read: |bytes, _| others::warninglist(bytes),
    },
    Reader {
        name: "dns",
        words: packets::DNS,
        beside: 0,
        read: |bytes, _| packets::dns(bytes),
    },
    Reader {
        name: "tls",
        words: packets::TLS,
        beside: 0,
        read: |bytes, _| packets::tls(bytes),
    },
    Reader {
        name: "http",
        words: packets::HTTP,
        beside: 0,
        read: |bytes, _| packets::http(bytes),
    },
    Reader {
        name: "quic",
        words: packets::QUIC,
        beside: 0,
        read: |bytes, _| packets::quic(bytes),
    },
    Reader {
        name: "lane",
        words: packets::LANE,
        beside: 0,
        read: |bytes, _| packets::lane(bytes),
    },
];

/// The program in the kernel; it needs root.
pub const KERNEL: Reader = Reader {
    name: "kernel",
    words: &[
        "\x04evil\x07example\x00",
        "\x16\x03\x01",
        "GET ",
        "\r\nHost: ",
        "\u{0}\u{0}",
        "\x01\x00",
    ],
    beside: kernel::LOADED,
    read: |bytes, _| kernel::frame(bytes),
};

/// What the expressions of a list may take while they are compiled, bytes.
const EXPRESSIONS: usize = 256 << 20;

/// Limits that inputs of a few kilobytes reach.
const SMALL: Limits = Limits {
    markers: 5,
    bytes: 4_000,
    value: 300,
    depth: 5,
};

impl Reader {
    /// Its seeds, in the order of their names.
    ///
    /// # Panics
    /// When there are none.
    #[must_use]
    pub fn seeds(&self) -> Vec<Vec<u8>> {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("seeds")
            .join(self.name);
        let entries = fs::read_dir(&directory).expect("a directory of seeds");
        let mut paths: Vec<_> = entries
            .map(|entry| entry.expect("an entry").path())
            .collect();
        paths.sort();
        assert!(!paths.is_empty(), "{} has no seed", self.name);
        let read = |path| fs::read(path).expect("a seed");
        paths.iter().map(read).collect()
    }
}

/// Reads markers, and judges what came of it.
fn of(format: Format, bytes: &[u8], small: bool) -> Result<Took, String> {
    let limits = if small { SMALL } else { Limits::default() };
    let mut input = bytes;
    let intake = markers::read(format, &mut input, &limits, &|_| {});
    let listed = intake.refused.len();
    if listed > Failure::MOST_REFUSALS || listed as u64 > intake.refused_total {
        return Err(format!("{listed} refusals listed"));
    }
    if intake.fatal && listed == 0 {
        return Err("refused as a whole, and nothing says why".into());
    }
    if intake.markers.len() > limits.markers {
        return Err("more markers than the limit".into());
    }
    let most = bytes.len() as u64;
    if intake.markers.len() as u64 > most || intake.refused_total > most + 1 {
        return Err("more markers or refusals than bytes".into());
    }
    let mut ids: Vec<&str> = intake.markers.iter().map(|one| one.id.as_str()).collect();
    ids.sort_unstable();
    if ids.windows(2).any(|pair| pair[0] == pair[1]) && !intake.fatal {
        return Err("an id stands twice".into());
    }
    if !intake.fatal {
        intake.markers.iter().take(4).try_for_each(canonical)?;
    }
    for refusal in &intake.refused {
        // Reasons are ours, and short.
        if refusal.reason.len() > 300 || refusal.code.len() > 30 || refusal.field.len() > 60 {
            return Err(format!("a refusal of {} bytes", refusal.reason.len()));
        }
    }
    let values: Vec<String> = intake.markers.iter().take(16).filter_map(value).collect();
    for refusal in &intake.refused {
        let object = refusal.object.as_deref().unwrap_or_default();
        let told = [&refusal.reason, &refusal.code, &refusal.field, object];
        let repeats = |value: &String| told.iter().any(|told| told.contains(value.as_str()));
        if values.iter().any(repeats) {
            return Err(format!("a refusal repeats a value: {}", refusal.code));
        }
    }
    if format == Format::Text && !intake.fatal && intake.markers.iter().any(named_by_value) {
        return Err("an id is the value of its marker".into());
    }
    let counted: u64 = intake.refused_codes.values().sum();
    if counted != intake.refused_total {
        return Err("not every refusal is counted by its code".into());
    }
    Ok(Took {
        markers: intake.markers.len() as u64,
        refused: intake.refused_total,
        fatal: intake.fatal,
    })
}

/// What a marker looks for, where it is nothing that a sentence has by chance.
fn value(marker: &Marker) -> Option<String> {
    let text = marker.pattern.to_string();
    let value = text.split(' ').nth(1)?.trim_start_matches("*.").to_owned();
    // A UUID may stand as a name, and ids and places are told by UUIDs.
    let tells = value.len() >= 6 && value.contains(['.', ':']);
    tells.then_some(value)
}

fn named_by_value(marker: &Marker) -> bool {
    value(marker).is_some_and(|value| marker.id.to_ascii_lowercase().contains(&value))
}

/// That a marker, written in the text format, is read as the same one.
fn canonical(marker: &Marker) -> Result<(), String> {
    let mut line = format!(
        "{} id={} direction={} tlp={} pap={}",
        marker.pattern,
        marker.id,
        marker.direction.name(),
        marker.tlp.name(),
        marker.pap.name()
    );
    for (key, time) in [("from", marker.from), ("until", marker.until)] {
        if let Some(time) = time {
            line += &format!(" {key}={time}");
        }
    }
    let read = markers::read_text(&line);
    if line.len() <= 4096 && read.markers != [marker.clone()] {
        return Err("a marker is not the same when it is written and read again".into());
    }
    Ok(())
}
