//! The kernel's own deadline: what nobody came for is zeroed, also with the agent dead.
//!
//! By a timer. These are of 5.15, loops by call of 5.17: so it is only in the program for frames of several
//! buffers, which asks for 5.18. The other one goes through the slots by itself, a few at a time, with the
//! packets that it looks at: a connection that begins is enough.

use core::{ffi::c_void, ptr};

use aya_ebpf::{
    bindings::bpf_timer,
    btf_maps::Array,
    helpers::generated::{
        bpf_jiffies64, bpf_loop, bpf_timer_init, bpf_timer_set_callback, bpf_timer_start,
    },
    macros::btf_map,
};

use sensor_common::DEADLINE_BYTES;

use crate::{flows::next, lane};

/// Between two sweeps, nanoseconds: with [`lane::DEADLINE`] less than two seconds.
const PERIOD: u64 = 400_000_000;
/// After this time a timer that should have run is started anew.
const LOST: u64 = 3_000_000_000;
/// Sweeps that find nothing before the timer rests.
const IDLE: u64 = 2;
/// `CLOCK_MONOTONIC`.
const MONOTONIC: u64 = 1;

/// The timer and what it knows.
#[repr(C)]
struct Deadline {
    timer: bpf_timer,
    /// Monotonic time at which it was started last; 0: it rests.
    armed: u64,
    /// Sweeps in a row that found nothing.
    idle: u64,
    /// Slots zeroed.
    swept: u64,
    /// Tick at which the sweep without a timer was looked after last.
    tick: u64,
    /// Monotonic time of its last step.
    stepped: u64,
    /// Slot where its next step begins.
    cursor: u64,
}

#[btf_map]
static DEADLINE: Array<Deadline, 1> = Array::new();

/// Between two steps of the sweep without a timer, nanoseconds, and steps to all slots: a third of a
/// second.
const STEP: u64 = 10_000_000;
const STEPS: u32 = 32;
/// Most slots of a step.
const MOST: usize = 2048;

/// A step of the sweep without a timer, at most once a tick. Two CPUs may take the same one: a slot is
/// then looked at twice.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn sweep_step() -> u32 {
    let Some(deadline) = DEADLINE.get_ptr_mut(0) else {
        return 0;
    };
    // SAFETY: a helper without arguments, of which the verifier makes a load; aligned words of a map value,
    // which any CPU may write.
    unsafe {
        let tick = bpf_jiffies64();
        let seen = &raw mut (*deadline).tick;
        if seen.read_volatile() == tick {
            return 0;
        }
        seen.write_volatile(tick);
        let now = lane::monotonic();
        let stepped = &raw mut (*deadline).stepped;
        if now.wrapping_sub(stepped.read_volatile()) < STEP {
            return 0;
        }
        stepped.write_volatile(now);
        let all = lane::all_slots();
        let mut number = (*deadline).cursor as u32;
        let (mut turn, mut swept) = (0, 0);
        while turn < MOST {
            turn = next(turn);
            if turn > (all / STEPS) as usize + 1 {
                break;
            }
            if number >= all {
                number = 0;
            }
            if let lane::Swept::Zeroed = lane::sweep(number, now) {
                swept += 1;
            }
            number += 1;
        }
        (*deadline).cursor = u64::from(number);
        (*deadline).swept += swept;
    }
    1
}

/// What a sweep carries from slot to slot.
#[repr(C)]
struct Sweep {
    now: u64,
    taken: u64,
    swept: u64,
}

/// Starts the timer unless it runs. To be called when a slot has been taken.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn arm_deadline() -> u32 {
    let Some(deadline) = DEADLINE.get_ptr_mut(0) else {
        return 0;
    };
    let now = lane::monotonic();
    // SAFETY: aligned words of a map value, which any CPU may write; the timer is the kernel's.
    unsafe {
        let armed = &raw mut (*deadline).armed;
        let since = armed.read_volatile();
        if since != 0 && now.wrapping_sub(since) < LOST {
            return 0;
        }
        armed.write_volatile(now);
        let timer = &raw mut (*deadline).timer;
        // It was made before, all times but one.
        bpf_timer_init(timer, ptr::from_ref(&DEADLINE).cast_mut().cast(), MONOTONIC);
        bpf_timer_set_callback(timer, sweep_all as *mut c_void);
        bpf_timer_start(timer, PERIOD, 0);
    }
    1
}

/// The timer's work; runs where it was started.
#[inline(never)]
extern "C" fn sweep_all(_: *mut c_void, _: *mut u32, deadline: *mut Deadline) -> i64 {
    let mut sweep = Sweep {
        now: lane::monotonic(),
        taken: 0,
        swept: 0,
    };
    // SAFETY: the kernel passes the value that holds the timer.
    unsafe {
        let armed = &raw mut (*deadline).armed;
        // Who takes a slot from here on starts the timer; who took one before is seen.
        armed.write_volatile(0);
        bpf_loop(
            lane::all_slots(),
            sweep_one as *mut c_void,
            (&raw mut sweep).cast(),
            0,
        );
        (*deadline).swept += sweep.swept;
        if sweep.taken == 0 {
            (*deadline).idle += 1;
            if (*deadline).idle > IDLE {
                return 0;
            }
        } else {
            (*deadline).idle = 0;
        }
        armed.write_volatile(sweep.now);
        bpf_timer_start(&raw mut (*deadline).timer, PERIOD, 0);
    }
    0
}

#[inline(never)]
extern "C" fn sweep_one(number: u32, sweep: *mut Sweep) -> i64 {
    // SAFETY: the pointer that was given to the loop.
    let now = unsafe { (*sweep).now };
    match lane::sweep(number, now) {
        lane::Swept::Free => {}
        lane::Swept::Taken => {
            // SAFETY: as above.
            unsafe { (*sweep).taken += 1 };
        }
        lane::Swept::Zeroed => {
            // SAFETY: as above.
            unsafe { (*sweep).swept += 1 };
        }
    }
    0
}

const _: () = assert!(size_of::<Deadline>() == DEADLINE_BYTES);
