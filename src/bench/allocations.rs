//! Counts what is allocated, where the binary has [`Counting`] as its allocator.
//!
//! Off, which is always but while a bench counts, it is the system's allocator behind one branch
//! on a flag that nobody writes. A build of its own for counting would be another program than the
//! one that sells; a sampling profiler does not tell blocks per decision. The counters are those of
//! the whole process, so that whoever counts must be alone in it.

#![allow(
    unsafe_code,
    reason = "an allocator is unsafe by its trait; it only passes on and adds up"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

static COUNTS: AtomicBool = AtomicBool::new(false);
static BLOCKS: AtomicU64 = AtomicU64::new(0);
static LIVE_BYTES: AtomicI64 = AtomicI64::new(0);

/// The system's allocator, which can be counted.
#[derive(Debug)]
pub struct Counting;

/// What was allocated meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    /// Blocks allocated or made larger or smaller.
    pub blocks: u64,
    /// Bytes asked for and not given back. The system's allocator adds some 8 to each block and
    /// rounds up to 16.
    pub live_bytes: i64,
}

/// Runs something and counts, or gives `None` where the process has another allocator.
pub fn count<T>(run: impl FnOnce() -> T) -> (T, Option<Counted>) {
    let installed = counted(|| drop(std::hint::black_box(Box::new(0u64)))).1.blocks > 0;
    let (value, counted) = counted(run);
    (value, installed.then_some(counted))
}

fn counted<T>(run: impl FnOnce() -> T) -> (T, Counted) {
    let read = || (BLOCKS.load(Ordering::Relaxed), LIVE_BYTES.load(Ordering::Relaxed));
    let before = read();
    COUNTS.store(true, Ordering::Relaxed);
    let value = run();
    COUNTS.store(false, Ordering::Relaxed);
    let after = read();
    (value, Counted { blocks: after.0 - before.0, live_bytes: after.1 - before.1 })
}

fn note(blocks: u64, more: usize, less: usize) {
    if COUNTS.load(Ordering::Relaxed) {
        BLOCKS.fetch_add(blocks, Ordering::Relaxed);
        // No block is larger than i64::MAX bytes.
        LIVE_BYTES.fetch_add(more as i64 - less as i64, Ordering::Relaxed);
    }
}

// SAFETY: every call is passed on unchanged to the system's allocator, which keeps the contract.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(1, layout.size(), 0);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note(1, layout.size(), 0);
        // SAFETY: the caller keeps the contract of `alloc_zeroed`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note(1, size, layout.size());
        // SAFETY: the caller keeps the contract of `realloc`.
        unsafe { System.realloc(block, layout, size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        note(0, 0, layout.size());
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(block, layout) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_the_allocator_nothing_is_counted() {
        assert_eq!(count(|| vec![1, 2, 3]), (vec![1, 2, 3], None));
    }
}
