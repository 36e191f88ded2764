//! The example that watches a cluster, against live nodes.

use std::process::Command;

use integration::child::Child;
use integration::log::Line;
use integration::{Cluster, SOON, flitch};

#[test]
fn the_census_counts_who_comes_and_goes() {
    let cluster = Cluster::new();
    let a = cluster.elixir("a").start();
    let mut command = Command::new(flitch::example("census"));
    cluster.enter(&mut command).env("RELEASE_NODE", cluster.name("census"));
    command.env("RELEASE_COOKIE", cluster.cookie());
    command.env("FLITCH_TOPOLOGIES__HERE__STRATEGY", "LocalEpmd");
    let census = Child::start(&mut command, "the census example");
    let said = |what: String| {
        let found =
            |lines: &[Line]| lines.iter().find(|line| line.text.starts_with(&what)).map(drop);
        census.log().wait_for(SOON, found).unwrap_or_else(|_| panic!("never said: {what}"));
    };
    said(format!("{} is here, with ", a.name()));
    let name = a.name().to_owned();
    a.kill();
    said(format!("{name} is gone: "));
}
