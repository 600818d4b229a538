//! Ten thousand worlds, each from a seed.

fn main() {}
