//! The binary: everything is in the library.

use std::process::ExitCode;

use clap::Parser as _;
use holdfast::bench::allocations::Counting;
use holdfast::cli::{self, Cli};

/// The system's allocator; `bench decide` counts with it.
#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn main() -> ExitCode {
    cli::dispatch(Cli::parse())
}
