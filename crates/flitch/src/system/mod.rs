//! The names and functions that a BEAM expects on every node.

pub(crate) mod builtin;
mod io;
mod net_kernel;
mod rex;
mod spawn;

pub use io::Output;
pub(crate) use net_kernel::NetKernel;

use crate::mailbox::Receiver;
use crate::node::Node;
use crate::task::{self, Name};

/// Bytes of messages to the caller that may wait.
pub(crate) const WAITING: usize = 16 << 20;

/// Starts what runs on every node.
pub(crate) fn start(node: &Node, requests: Receiver, output: Output) {
    let kernel = node.spawn(NetKernel);
    if let Err(error) = kernel.register("net_kernel") {
        tracing::error!(%error, "net_kernel cannot be registered");
    }
    if let Err(error) = node.spawn(rex::Rex(node.clone())).register("rex") {
        tracing::error!(%error, "rex cannot be registered");
    }
    if node.settings().visible {
        crate::global::start(node);
    }
    let name = Name::of(|| "group leader".to_owned());
    task::spawn(node.tasks(), name, io::serve(node.clone(), requests, output));
}
