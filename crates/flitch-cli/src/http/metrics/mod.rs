//! `/metrics`: what is with the node, under names that Prometheus knows how to read.
//!
//! Every family is written here, in the order of the page. Labels that others choose (names of
//! peers, of processes) are escaped, and there are never more than so many: what was left out is
//! counted in `flitch_omitted_series`.

mod page;

use std::fmt::Error;

use flitch::{CallMetrics, LinkMetrics, Metrics, PeerState, PeerStatus};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, text};
use prometheus_client::registry::Registry;

use page::Page;

/// What the page is, as HTTP says it.
pub(super) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// How many peers are shown one by one.
const PEERS: usize = 1000;

/// How many registered processes are: the fullest mailboxes.
const NAMES: usize = 100;

/// The page.
pub(super) fn page(metrics: &Metrics, is_ready: bool) -> Result<String, Error> {
    let mut registry = Registry::with_prefix("flitch");
    registry.register_collector(Box::new(Shown { metrics: metrics.clone(), is_ready }));
    let mut page = String::new();
    text::encode_registry(&mut page, &registry)?;
    Ok(page)
}

#[derive(Debug)]
struct Shown {
    metrics: Metrics,
    is_ready: bool,
}

impl Collector for Shown {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        let (page, metrics) = (&mut Page(encoder), &self.metrics);
        node(page, metrics, self.is_ready)?;
        processes(page, metrics)?;
        calls(page, metrics)?;
        links(page, metrics)?;
        peers(page, &metrics.links, &metrics.peers)?;
        topologies(page, metrics)
    }
}

fn node(page: &mut Page<'_>, metrics: &Metrics, is_ready: bool) -> Result<(), Error> {
    let name = metrics.node.to_string();
    let info = vec![("node", name.as_str()), ("version", env!("CARGO_PKG_VERSION"))];
    page.gauge("node_info", "The node's name and the version of flitch", [(info, 1)])?;
    let uptime = metrics.uptime.as_secs_f64();
    page.value("uptime_seconds", "How long the node has been up", uptime)?;
    page.value("ready", "Whether /readyz says yes", i32::from(is_ready))?;
    let stopping = i32::from(metrics.stopping);
    page.value("stopping", "Whether the node shuts down", stopping)
}

fn processes(page: &mut Page<'_>, metrics: &Metrics) -> Result<(), Error> {
    page.value("processes", "Processes that are alive", metrics.processes)?;
    let help = "Bytes that wait in all mailboxes";
    page.value("mailbox_bytes", help, metrics.mailbox_bytes)?;
    let help = "Bytes that wait in the fullest mailbox";
    page.value("mailbox_largest_bytes", help, metrics.largest_mailbox_bytes)?;
    let mut fullest: Vec<_> = metrics.registered.iter().collect();
    fullest.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
    let named = fullest.iter().take(NAMES);
    page.gauge(
        "registered_mailbox_bytes",
        "Bytes that wait in the mailboxes of registered processes",
        named.map(|(name, bytes)| (vec![("name", name.as_str())], *bytes)),
    )?;
    let help = "Functions that peers wanted to run here and that were refused";
    page.count("spawns_refused_total", help, metrics.spawns_refused)?;
    let help = "Peers and registered processes that are not shown one by one";
    let peers = shown_peers(&metrics.links, &metrics.peers).count().saturating_sub(PEERS);
    let names = fullest.len().saturating_sub(NAMES);
    let omitted = [(vec![("of", "peers")], peers), (vec![("of", "names")], names)];
    page.gauge("omitted_series", help, omitted)
}

fn calls(page: &mut Page<'_>, metrics: &Metrics) -> Result<(), Error> {
    let CallMetrics { open, ended, .. } = &metrics.calls_in;
    page.value("served_calls_open", "Calls to this node's servers that are under way", *open)?;
    page.histogram(
        "served_call_duration_seconds",
        "Calls to this node's servers, from when the server took them to their end",
        ended.iter().map(|(answer, times)| (vec![("answer", *answer)], times)),
    )?;
    let CallMetrics { open, ended, .. } = &metrics.calls_out;
    page.value("calls_open", "Calls of this node that are under way", *open)?;
    page.histogram(
        "call_duration_seconds",
        "Calls of this node, from the request to the outcome, dialling included",
        ended.iter().map(|(outcome, times)| (vec![("outcome", *outcome)], times)),
    )
}

fn links(page: &mut Page<'_>, metrics: &Metrics) -> Result<(), Error> {
    let by = |label: &'static str, word: &'static str| vec![(label, word)];
    let established =
        [(by("by", "node"), metrics.links_dialled), (by("by", "peer"), metrics.links_accepted)];
    let help = "Links that came up, by who dialled";
    page.counter("links_established_total", help, established)?;
    let ended = metrics.links_down.iter().map(|(reason, count)| (by("reason", reason), *count));
    page.counter("links_ended_total", "Links that ended, by reason", ended)?;
    let failed = metrics.dials_failed.iter().map(|(stage, count)| (by("stage", stage), *count));
    page.counter("dials_failed_total", "Dials that failed, by the stage that did", failed)?;
    let refused = metrics.connections_refused.iter();
    let refused = refused.map(|(reason, count)| (by("reason", reason), *count));
    let help = "Connections that were not let in, by reason";
    page.counter("connections_refused_total", help, refused)?;
    let help = "Bytes that came from peers, ticks included";
    page.count("received_bytes_total", help, metrics.bytes_in)?;
    let help = "Bytes that went to peers, ticks included";
    page.count("sent_bytes_total", help, metrics.bytes_out)?;
    page.count("received_messages_total", "Messages that came from peers", metrics.messages_in)?;
    page.count("sent_messages_total", "Messages that went to peers", metrics.messages_out)?;
    let help = "Control messages that were ignored because they are unknown";
    page.count("unknown_signals_total", help, metrics.signals_unknown)?;
    let help = "After so long without a byte, or a tick, a peer is given up";
    page.value("net_ticktime_seconds", help, metrics.net_ticktime.as_secs_f64())
}

/// Every peer that there is something to say of: those with a link, by name, and then those that
/// topologies have found.
fn shown_peers<'a>(
    links: &'a [LinkMetrics],
    found: &'a [PeerStatus],
) -> impl Iterator<Item = (&'a str, Option<&'a LinkMetrics>, Option<&'a PeerStatus>)> {
    let status = |link: &LinkMetrics| {
        let at = found.binary_search_by(|peer| peer.node.cmp(&link.peer)).ok()?;
        found.get(at)
    };
    let is_linked =
        |peer: &PeerStatus| links.binary_search_by(|link| link.peer.cmp(&peer.node)).is_ok();
    let linked = links.iter().map(move |link| (link.peer.as_str(), Some(link), status(link)));
    let others = found.iter().filter(move |peer| !is_linked(peer));
    linked.chain(others.map(|peer| (peer.node.as_str(), None, Some(peer))))
}

fn peers(page: &mut Page<'_>, links: &[LinkMetrics], found: &[PeerStatus]) -> Result<(), Error> {
    let peer = |name| vec![("peer", name)];
    let shown = || shown_peers(links, found).take(PEERS);
    let up = shown().map(|(name, link, _)| (peer(name), i32::from(link.is_some())));
    page.gauge("peer_up", "Whether the peer is connected", up)?;
    let state = |(name, link, status): (_, Option<&LinkMetrics>, Option<&PeerStatus>)| {
        let state = match (link, status) {
            (Some(_), _) => PeerState::Up.as_str(),
            (None, status) => status?.state.as_str(),
        };
        Some((vec![("peer", name), ("state", state)], 1))
    };
    page.gauge("peer_state", "What is with the peer", shown().filter_map(state))?;
    let failures = |(name, _, status): (_, _, Option<&PeerStatus>)| match &status?.state {
        PeerState::Dialling { failures, .. } | PeerState::Waiting { failures, .. } => {
            Some((peer(name), *failures))
        }
        _ => Some((peer(name), 0)),
    };
    let help = "How often dialling the peer has failed since it was up last";
    page.gauge("peer_dial_failures", help, shown().filter_map(failures))?;

    let of_links = || links.iter().take(PEERS).map(|link| (peer(link.peer.as_str()), link));
    let help = "How long ago the peer has sent anything, ticks included";
    let silent = of_links().map(|(peer, link)| (peer, link.silent.as_secs_f64()));
    page.gauge("peer_silence_seconds", help, silent)?;
    let help = "How long the link has been up";
    let since = of_links().map(|(peer, link)| (peer, link.since.as_secs_f64()));
    page.gauge("peer_link_age_seconds", help, since)?;
    let help = "Bytes that came over the link, ticks included";
    let counted = of_links().map(|(peer, link)| (peer, link.bytes_in));
    page.counter("peer_received_bytes_total", help, counted)?;
    let help = "Bytes that went over the link, ticks included";
    let counted = of_links().map(|(peer, link)| (peer, link.bytes_out));
    page.counter("peer_sent_bytes_total", help, counted)?;
    let counted = of_links().map(|(peer, link)| (peer, link.messages_in));
    page.counter("peer_received_messages_total", "Messages that came over the link", counted)?;
    let help = "Messages that were put on the link";
    let counted = of_links().map(|(peer, link)| (peer, link.messages_out));
    page.counter("peer_sent_messages_total", help, counted)?;
    let help = "Bytes that wait to be written to the peer";
    let queued = of_links().map(|(peer, link)| (peer, link.queued));
    page.gauge("peer_queue_bytes", help, queued)?;
    let help = "Whether the peer takes nothing of what waits for it";
    let stalled = of_links().map(|(peer, link)| (peer, i32::from(link.stalled)));
    page.gauge("peer_stalled", help, stalled)?;
    let help = "Links and monitors with the peer, and calls that wait for its answer";
    page.gauge("peer_bonds", help, of_links().map(|(peer, link)| (peer, link.bonds)))
}

fn topologies(page: &mut Page<'_>, metrics: &Metrics) -> Result<(), Error> {
    let all = || {
        let topologies = metrics.topologies.iter();
        topologies.map(|it| (vec![("topology", it.name.as_str()), ("strategy", &*it.strategy)], it))
    };
    let found = all().map(|(labels, topology)| (labels, topology.peers.len()));
    page.gauge("topology_peers", "Peers that the topology sees", found)?;
    let ages = all().filter_map(|(labels, it)| Some((labels, it.answered?.as_secs_f64())));
    let help = "How long ago the topology had a complete answer; absent until it has one";
    page.gauge("topology_answer_age_seconds", help, ages)?;
    let whole = all().map(|(labels, topology)| (labels, i32::from(topology.problem.is_none())));
    let help = "Whether the topology's last answer was complete";
    page.gauge("topology_up", help, whole)?;
    let problems = all().filter_map(|(mut labels, topology)| {
        labels.push(("problem", topology.problem.as_ref()?.problem.as_str()));
        Some((labels, 1))
    });
    page.gauge("topology_problem", "What is wrong with the topology's last answer", problems)
}

#[cfg(test)]
mod tests;
