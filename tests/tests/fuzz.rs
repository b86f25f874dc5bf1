//! The short form of `cargo xtask fuzz`: every reader takes its seeds, and what is made of them.

use peak_alloc::PeakAlloc;
use sensor_tests::{
    fuzz::{self, KERNEL, Memory, READERS, Range, Reader},
    need,
};

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

const MEMORY: Memory = Memory {
    reset: || ALLOCATOR.reset_peak_usage(),
    peak: || ALLOCATOR.peak_usage(),
    now: || ALLOCATOR.current_usage(),
};

/// One test: another thread's memory would count as a reader's.
#[test]
fn readers_take_any_bytes_without_panic_in_bounded_memory_and_time() {
    let kernel: &[Reader] = if need::root() { &[KERNEL] } else { &[] };
    for reader in READERS.iter().chain(kernel) {
        let whole = reader.seeds().into_iter().filter(|seed| {
            let took = (reader.read)(seed, false).expect("what must hold");
            took.markers > 0 && !took.fatal
        });
        assert!(whole.count() > 0, "no seed of {} loads", reader.name);
        let range = Range {
            seed: 2_026,
            from: 0,
            inputs: 20_000,
        };
        let met = fuzz::run(reader, range, MEMORY, &mut |_| {}).expect("no finding");
        println!("{}: {met}", reader.name);
        // Damage that leaves nothing to read would find nothing.
        assert!(met.accepted > range.inputs / 20, "{}: {met}", reader.name);
        assert!(met.fatal > range.inputs / 20, "{}: {met}", reader.name);
    }
}
