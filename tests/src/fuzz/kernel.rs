//! The program in the kernel: frames that bear names, damaged, through BPF_PROG_TEST_RUN.

use std::cell::RefCell;

use sensor_common::{LaneClass, LaneFate, Term};
use sensor_user::{
    dataplane::{Offline, Sizes, Variant},
    markers,
    model::Image,
};

use super::Took;
use crate::need;

/// What the frames are compared with: every kind that makes the program look at payloads.
const MARKERS: &str = "domain evil.example\ndomain *.evil.example\nip 192.0.2.2\n\
                       url http://evil.example/gate.php\n\
                       ja3 e7d705a3286e19ea42f587b344ee6865\n";
/// `XDP_PASS`.
const PASS: u32 = 2;
/// Shortest frame that the kernel takes, and the longest that the smaller program takes.
const SHORTEST: usize = 14;
const LONGEST: usize = 3_400;
const TIME: u64 = 1_700_000_000_000_000_000;

/// What the program takes at its start, bytes.
pub(super) const LOADED: usize = 64 << 20;

/// Both programs, made when they are first asked for.
struct Subject {
    programs: Vec<Offline>,
    splits: bool,
}

thread_local! {
    static SUBJECT: RefCell<Option<Subject>> = const { RefCell::new(None) };
}

impl Subject {
    fn new() -> Self {
        let rows = markers::rows(markers::read_text(MARKERS).markers);
        let image = Image::new(rows).expect("no collision");
        let sizes = Sizes {
            flow_entries: 512,
            ..Sizes::default()
        };
        let load = |variant| Offline::new(&image, sizes, variant).expect("it loads");
        Self {
            programs: [Variant::Frags, Variant::Linear].map(load).into(),
            splits: need::kernel() >= (6, 18),
        }
    }
}

/// Judges a frame; what must hold is that it passes, that its bytes are as they were, and that
/// every packet and hit is in one term.
pub(super) fn frame(bytes: &[u8]) -> Result<Took, String> {
    if bytes.len() < SHORTEST {
        return Ok(Took {
            markers: 0,
            refused: 0,
            fatal: true,
        });
    }
    let bytes = &bytes[..bytes.len().min(LONGEST)];
    SUBJECT.with_borrow_mut(|subject| {
        let Subject { programs, splits } = subject.get_or_insert_with(Subject::new);
        let mut told = 0;
        for (number, program) in programs.iter_mut().enumerate() {
            // Somewhere within the frame, the same place for the same bytes.
            let sum = bytes
                .iter()
                .fold(0, |sum: usize, byte| sum * 31 % 65_521 + usize::from(*byte));
            let linear = match number == 0 && *splits {
                true => SHORTEST + sum % (bytes.len() - SHORTEST + 1),
                false => bytes.len(),
            };
            let mut after = bytes.to_vec();
            let verdict = program
                .run_split(bytes, linear as u32, TIME, &mut after)
                .map_err(|error| error.to_string())?;
            if verdict.action != PASS {
                return Err(format!("verdict {}", verdict.action));
            }
            if after != bytes {
                return Err("the frame was changed".into());
            }
            told += settle(program)?;
        }
        Ok(Took {
            markers: told,
            refused: 0,
            fatal: told == 0,
        })
    })
}

/// Fetches what the program told; how much that was.
fn settle(program: &mut Offline) -> Result<u64, String> {
    let tap = program.tap();
    let (mut records, mut lent) = (Vec::new(), Vec::new());
    tap.read_records(&mut records, usize::MAX);
    for record in &records {
        tap.borrowed(record);
    }
    let notices = tap.read_lent(&mut lent, usize::MAX);
    if notices != lent.len() {
        return Err("a slot does not hold what was announced".into());
    }
    if !records.is_empty() {
        let ended = tap.flip_alone().map_err(|error| error.to_string())?;
        tap.clear(ended).map_err(|error| error.to_string())?;
    }
    let counts = tap.counts();
    let ledger = counts.ledger().map_err(|error| error.to_string())?;
    if ledger[Term::Hits as usize] != ledger[1..].iter().sum::<u64>() {
        return Err("a hit is in no term".into());
    }
    let lane = counts.lane().map_err(|error| error.to_string())?;
    for class in LaneClass::ALL {
        let ends = LaneFate::ALL[1..LaneFate::Displaced as usize].iter();
        let sum: u64 = ends.map(|fate| lane.of(class, *fate)).sum();
        if lane.of(class, LaneFate::Seen) != sum {
            return Err(format!("a packet of {} has no end", class.name()));
        }
    }
    Ok(records.len() as u64 + notices as u64)
}
