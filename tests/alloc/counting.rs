//! An allocator that counts what one thread, known by its name, asks of the heap while it is watched.
//!
//! Keeps the stacks of the first few demands, so that whoever broke the rule is found. Passes everything on to the
//! system's allocator.

use std::alloc::{GlobalAlloc, Layout, System};
use std::backtrace::Backtrace;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

/// How many stacks are kept.
const STACKS_MAX: usize = 400;

/// The worker's name as the kernel has it.
const WATCHED: &[u8] = b"ringgate-w0\0";

/// The allocator.
pub struct Counting;

static IS_WATCHING: AtomicBool = AtomicBool::new(false);
static DEMANDS: AtomicU64 = AtomicU64::new(0);
static STACKS: Mutex<Vec<(usize, String)>> = Mutex::new(Vec::new());

thread_local! {
    static IS_WATCHED: Cell<Option<bool>> = const { Cell::new(None) };
    /// Taking a stack allocates as well.
    static IS_NOTING: Cell<bool> = const { Cell::new(false) };
}

/// Counts the worker's demands while `work` runs: how many there were, and where the first of them came from.
pub fn watch(work: impl FnOnce()) -> (u64, String) {
    DEMANDS.store(0, Relaxed);
    IS_WATCHING.store(true, Relaxed);
    work();
    IS_WATCHING.store(false, Relaxed);
    let stacks = std::mem::take(&mut *STACKS.lock().expect("nobody panics with it"));
    (DEMANDS.load(Relaxed), report(stacks))
}

/// Each place once, the most frequent first.
fn report(stacks: Vec<(usize, String)>) -> String {
    let mut places: BTreeMap<String, (usize, Vec<usize>)> = BTreeMap::new();
    for (size, stack) in stacks {
        let (count, sizes) = places.entry(stack).or_default();
        *count += 1;
        if !sizes.contains(&size) {
            sizes.push(size);
        }
    }
    let mut places: Vec<_> = places.into_iter().collect();
    places.sort_by_key(|(_, (count, _))| std::cmp::Reverse(*count));
    let mut text = String::new();
    for (stack, (count, sizes)) in places.iter().take(8) {
        let _ = writeln!(text, "{count} of the first {STACKS_MAX}, {sizes:?} bytes:\n{stack}");
    }
    text
}

fn note(size: usize) {
    if !IS_WATCHING.load(Relaxed) || IS_NOTING.get() || !is_watched() {
        return;
    }
    if DEMANDS.fetch_add(1, Relaxed) < STACKS_MAX as u64 {
        IS_NOTING.set(true);
        let stack = own_frames(&Backtrace::force_capture().to_string());
        STACKS.lock().expect("nobody panics with it").push((size, stack));
        IS_NOTING.set(false);
    }
}

/// The frames that have a place in this repository or in the event loop, from the demand outwards.
fn own_frames(stack: &str) -> String {
    let frames: Vec<&str> = stack.lines().map(str::trim).collect();
    let mut kept = String::new();
    for pair in frames.windows(2) {
        let place = pair[1].strip_prefix("at ").filter(|_| !pair[0].starts_with("at "));
        let Some(place) = place.filter(|_| !pair[0].contains("block_on")) else { continue };
        let in_loop = place.find("/monoio-").map(|at| &place[at + 1..]);
        let in_repository = place.strip_prefix("./").filter(|place| place.starts_with("src/"));
        let name = pair[0].split_once(": ").map_or(pair[0], |(_, name)| name);
        if let Some(place) = in_repository.or(in_loop) {
            let _ = writeln!(kept, "    {place}  {}", &name[..name.len().min(60)]);
        }
    }
    kept
}

fn is_watched() -> bool {
    let is_watched = || {
        let mut name = [0_u8; 16];
        // SAFETY: PR_GET_NAME writes at most 16 bytes, which is what there is.
        unsafe { libc::prctl(libc::PR_GET_NAME, name.as_mut_ptr()) };
        name.starts_with(WATCHED)
    };
    IS_WATCHED.get().unwrap_or_else(|| {
        let is_watched = is_watched();
        IS_WATCHED.set(Some(is_watched));
        is_watched
    })
}

// SAFETY: passes everything on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size());
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note(layout.size());
        // SAFETY: the caller keeps the contract of `alloc_zeroed`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note(size);
        // SAFETY: the caller keeps the contract of `realloc`.
        unsafe { System.realloc(memory, layout, size) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(memory, layout) }
    }
}
