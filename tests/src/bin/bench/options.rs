//! What is asked for.

/// The parts of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Costs of a packet, through BPF_PROG_TEST_RUN.
    Packet,
    /// The same of names.
    Names,
    /// Rates through a wire, and what a packet costs there.
    Live,
    /// Times and memory of loads.
    Load,
    /// The store of events, and how fast one reaches a recipient.
    Events,
    /// The inspection lane on one core.
    Inspect,
    /// Beside Suricata.
    Peers,
}

pub struct Options {
    pub parts: Vec<Part>,
    /// Rounds of each comparison.
    pub rounds: usize,
    /// Small sets and few rounds: whether everything works, not what it costs.
    pub quick: bool,
    /// Only the sensor's own programs, to a million markers: for work on the data path.
    pub own: bool,
    /// Of these only hits, and the misses that they are held against.
    pub hits: bool,
    /// Ten million markers whatever the memory, and twelve million events.
    pub full: bool,
    pub json: bool,
    /// Write a run folder.
    pub save: bool,
}

const ROUNDS: usize = 20;
const QUICK_ROUNDS: usize = 6;

impl Options {
    pub fn read(arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self {
            parts: vec![
                Part::Packet,
                Part::Names,
                Part::Live,
                Part::Load,
                Part::Events,
                Part::Inspect,
            ],
            rounds: 0,
            quick: false,
            own: false,
            hits: false,
            full: false,
            json: false,
            save: true,
        };
        for argument in arguments {
            match argument.split_once('=').unwrap_or((&argument, "")) {
                ("--quick", "") => options.quick = true,
                ("--own" | "--hits", "") => {
                    options.own = true;
                    options.hits |= argument == "--hits";
                    options.parts = vec![Part::Packet];
                }
                ("--full", "") => options.full = true,
                ("--json", "") => options.json = true,
                ("--no-save", "") => options.save = false,
                ("--peers", "") => options.parts.push(Part::Peers),
                ("--rounds", count) => {
                    options.rounds = count
                        .parse()
                        .ok()
                        .filter(|count| *count > 0)
                        .ok_or("--rounds takes a number from 1 on")?;
                }
                ("--only", part) => options.parts = vec![part_named(part)?],
                _ => return Err(format!("there is no option `{argument}`")),
            }
        }
        if options.rounds == 0 {
            options.rounds = if options.quick { QUICK_ROUNDS } else { ROUNDS };
        }
        // A run of one part or of small sets is no record of what the promises cost.
        options.save &= !options.quick && options.parts.len() >= 3;
        Ok(options)
    }

    pub fn has(&self, part: Part) -> bool {
        self.parts.contains(&part)
    }
}

fn part_named(name: &str) -> Result<Part, String> {
    Ok(match name {
        "packet" => Part::Packet,
        "names" => Part::Names,
        "live" => Part::Live,
        "load" => Part::Load,
        "events" => Part::Events,
        "inspect" => Part::Inspect,
        "peers" => Part::Peers,
        _ => return Err("--only takes packet, names, live, load, events, inspect or peers".into()),
    })
}
