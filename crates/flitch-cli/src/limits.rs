//! What the system allows this program.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Each registration, link and handshake holds a descriptor, and the usual limit of 1024 is there
/// for programs that use `select`.
pub(crate) fn raise_descriptors() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, ?limit, "cannot raise the limit of open files");
    }
}
