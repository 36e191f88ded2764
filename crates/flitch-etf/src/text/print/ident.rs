//! Pids, ports and references: the node's name, where a BEAM prints a number that only it knows.

use std::fmt;

use super::escape;
use crate::{Pid, Port, Reference};

/// Behind `open`, which is what the two languages differ in.
pub(super) fn pid(out: &mut impl fmt::Write, open: &str, pid: &Pid) -> fmt::Result {
    out.write_str(open)?;
    escape::bare(out, pid.node.as_str())?;
    write!(out, ".{}.{}>", pid.id, pid.serial)
}

pub(super) fn port(out: &mut impl fmt::Write, port: &Port) -> fmt::Result {
    out.write_str("#Port<")?;
    escape::bare(out, port.node.as_str())?;
    write!(out, ".{}>", port.id)
}

/// Behind `open`, as for pids; the words in the order in which a BEAM prints them.
pub(super) fn reference(
    out: &mut impl fmt::Write,
    open: &str,
    reference: &Reference,
) -> fmt::Result {
    out.write_str(open)?;
    escape::bare(out, reference.node.as_str())?;
    reference.words().iter().rev().try_for_each(|word| write!(out, ".{word}"))?;
    out.write_str(">")
}
