//! `flitch doctor`: why a node cannot be reached, or what is wrong with the way to it.

use std::process::ExitCode;
use std::time::Instant;

use crate::args::{CommonArgs, DoctorArgs, Format, View};
use crate::client::Client;
use crate::config::Target;
use crate::deadline::Deadline;
use crate::doctor::{Report, Step, inside, ours, way};
use crate::failure::Failure;
use crate::out;
use crate::out::view;
use crate::remote::Remote;

pub(crate) async fn run(args: DoctorArgs) -> Result<ExitCode, Failure> {
    let deadline = Deadline::new(args.common.timeout, Instant::now());
    let target = Target::resolve(args.target)?;
    let node = target.node.as_ref().map(ToString::to_string);
    let place = target.address.as_ref().map(ToString::to_string);
    let mut report = Report::new(node.or(place).unwrap_or_default());
    examine(&mut report, target, args.common, &deadline).await;
    let form = match args.common.output {
        Format::Text => View::Text,
        Format::Json => View::Json,
    };
    out::stdout(&view::print(&report, form)?);
    Ok(report.status.map_or(ExitCode::SUCCESS, |status| ExitCode::from(status as u8)))
}

/// Takes the steps, until one fails that the next ones need.
async fn examine(report: &mut Report, target: Target, common: CommonArgs, deadline: &Deadline) {
    let ticktime = ours::configuration(report);
    let has_cookie = ours::cookie(report, target.cookie_file.as_deref());
    let peer = way::walk(report, &target, deadline).await;
    let (Some(peer), true) = (peer, has_cookie) else {
        report.skip(&["link"]);
        report.skip(&inside::STEPS);
        return;
    };
    report.node = peer.to_string();
    let common = CommonArgs { timeout: deadline.left(Instant::now()), ..common };
    let client = match Client::open(Target { node: Some(peer), ..target }, common).await {
        Ok(client) => client,
        Err(failure) => {
            report.fail("link", &failure, None);
            report.skip(&inside::STEPS);
            return;
        }
    };
    report.add(Step::ok("link", "the cookies are alike, and the link is up"));
    inside::look(report, &Remote::new(&client, client.left()), ticktime).await;
}
