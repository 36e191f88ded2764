//! `flitch doctor`.

use super::common::{CommonArgs, TargetArgs};

/// Find out why a node cannot be reached, or what is wrong with the way to it.
///
/// Each step from our own configuration to what the node says of its cluster is ok, a warning or a
/// failure, with what was seen and what to change. Nothing is changed here or there. Exit status: 0
/// nothing failed, also with warnings; else that of the first failure: 1 the node said no, 2 our own
/// configuration, 3 no connection, 4 timeout.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  flitch doctor app@127.0.0.1
  flitch doctor app@10.0.0.7 --timeout 20
  flitch doctor - --address localhost:9100
  flitch doctor @prod -o json | jq '.steps[] | select(.verdict != \"ok\")'")]
pub(crate) struct DoctorArgs {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    #[command(flatten)]
    pub(crate) common: CommonArgs,
}
