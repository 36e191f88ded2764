//! The `flitch` command.

fn main() {}
