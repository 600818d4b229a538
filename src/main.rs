//! The binary: everything is in the library.

use std::process::ExitCode;

use clap::Parser as _;
use holdfast::cli::{self, Cli};

fn main() -> ExitCode {
    cli::dispatch(Cli::parse())
}
