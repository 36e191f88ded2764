//! The names and functions that a BEAM expects on every node. Nothing else can be called.

mod io;
mod net_kernel;
mod spawn;

use flitch_dist::Payload;
use tokio::sync::mpsc;

pub use io::Output;
pub(crate) use net_kernel::NetKernel;

use crate::node::Node;

/// Messages to the caller that may wait.
pub(crate) const WAITING: usize = 1024;

/// Starts what runs on every node.
pub(crate) fn start(node: &Node, requests: mpsc::Receiver<Payload>, output: Output) {
    let kernel = node.spawn(NetKernel);
    if let Err(error) = kernel.register("net_kernel") {
        tracing::error!(%error, "net_kernel cannot be registered");
    }
    node.tasks().spawn(io::serve(node.clone(), requests, output));
}
