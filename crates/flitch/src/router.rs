//! Where signals go: from a link, or from here, to the process that they are for.

use std::convert::Infallible;
use std::fmt::Display;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use flitch_dist::{
    Altact, Control, Lane, LinkError, Op, PacketError, Payload, Recipient, Signal, Target,
};
use flitch_etf::{Atom, DecodeError, DecodeErrorKind, Limits, Pid, Reference, Term, write_term};

use crate::mailbox::Incoming;
use crate::node::Node;
use crate::outbox::NotSent;
use crate::peer_link::{CloseReason, PeerLink};
use crate::process::{self, Reason, Watcher};

impl Node {
    /// Sends a control message with a term to a node, without waiting. A node that is not
    /// connected does not get it: whatever bound the two has ended with the connection.
    pub(crate) fn signal(&self, node: &Atom, control: &Control, term: &Term) {
        self.signal_in(self.lane(control), node, control, term);
    }

    /// Likewise, in this lane.
    pub(crate) fn signal_in(&self, lane: Lane, node: &Atom, control: &Control, term: &Term) {
        let sent = self.try_signal(lane, node, control, |out| write_term(out, term));
        log_unsent(control, sent);
    }

    /// Sends a control message without a payload.
    pub(crate) fn signal_bare(&self, node: &Atom, control: &Control) {
        let sent = self.try_signal(self.lane(control), node, control, no_payload);
        log_unsent(control, sent);
    }

    /// Sends a control message, without waiting, and says if it has no form: nobody gets it then.
    pub(crate) fn try_signal<E>(
        &self,
        lane: Lane,
        node: &Atom,
        control: &Control,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), PacketError<E>> {
        if *node == self.identity().atom {
            let payload = Payload::encode(write).map_err(PacketError::Payload)?;
            self.deliver(None, Signal { control: control.clone(), payload, token: None });
        } else if let Some(link) = self.peers().link(node) {
            return self.try_push(&link, lane, control, write);
        }
        Ok(())
    }

    /// Puts a signal on a link, without waiting and without taking other locks. A peer that does
    /// not read loses the link.
    pub(crate) fn push<E: Display>(
        &self,
        link: &PeerLink,
        control: &Control,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) {
        log_unsent(control, self.try_push(link, self.lane(control), control, write));
    }

    fn try_push<E>(
        &self,
        link: &PeerLink,
        lane: Lane,
        control: &Control,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), PacketError<E>> {
        match link.outbox.push(lane, control, write) {
            Ok(()) => {
                if carries_message(control) {
                    self.stats().sent.fetch_add(1, Ordering::Relaxed);
                }
            }
            Err(NotSent::Closed) => {}
            Err(NotSent::Overflow) => link.close(CloseReason::Overflow),
            Err(NotSent::Encode(error)) => return Err(error),
        }
        Ok(())
    }

    /// What a signal must not overtake: what its sender has sent before. Many send in the name of
    /// the caller, and expect an order only in what they tell one and the same receiver.
    pub(crate) fn lane(&self, control: &Control) -> Lane {
        let Some(from) = control.sender() else { return Lane::NONE };
        let lane = Lane::of(from);
        if !self.calls().is_caller(from) {
            return lane;
        }
        match control {
            Control::Send { to, .. } | Control::Exit2 { to, .. } => {
                lane.to(&Target::Pid(to.clone()))
            }
            Control::RegSend { to, .. } => lane.to(&Target::Name(to.clone())),
            Control::Monitor { target, .. } | Control::Demonitor { target, .. } => lane.to(target),
            Control::SpawnRequest(request) => lane.to(&request.request),
            _ => lane,
        }
    }

    /// Answers a peer, or ourselves, with a bare control message.
    fn answer(&self, link: Option<&PeerLink>, control: &Control, term: &Term) {
        match link {
            Some(link) => self.push(link, control, |out| write_term(out, term)),
            None => self.signal(&self.identity().atom.clone(), control, term),
        }
    }

    /// Hands a signal to whom it is for. `link` is where it came from; `None` is here.
    pub(crate) fn deliver(&self, link: Option<&Arc<PeerLink>>, signal: Signal) {
        let Signal { control, payload, .. } = signal;
        if let Some(link) = link {
            if let Some(error) = forged(&control, &link.atom) {
                return link.close(CloseReason::Protocol(error));
            }
            if carries_message(&control) {
                self.stats().received.fetch_add(1, Ordering::Relaxed);
                link.traffic.message();
            }
        }
        match control {
            Control::Send { to, .. } => self.deliver_message(&Target::Pid(to), payload),
            Control::RegSend { to, .. } => self.deliver_message(&Target::Name(to), payload),
            Control::AliasSend { alias, .. } => self.deliver_answer(&alias, payload),
            Control::Altact(altact) => self.deliver_altact(altact, payload),
            Control::Link { from, to } => self.deliver_link(link, from, &to),
            Control::UnlinkId { id, from, to } => {
                self.forget_link(link, &to, &from, |bonds| bonds.unlinked_by(&from));
                let ack = Control::UnlinkIdAck { id, from: to, to: from };
                self.answer(link.map(AsRef::as_ref), &ack, &Term::empty_list());
            }
            Control::UnlinkIdAck { id, from, to } => {
                self.forget_link(link, &to, &from, |bonds| bonds.acknowledged_by(&from, id));
            }
            Control::Unlink { from, to } => {
                self.forget_link(link, &to, &from, |bonds| bonds.unlinked_by(&from));
            }
            Control::Exit { from, to } => {
                // One that is being undone is forgotten when that is acknowledged.
                if self.forget_link(link, &to, &from, |bonds| bonds.unlinked_by(&from)) {
                    self.deliver_exit(from, &to, &payload, true);
                }
            }
            Control::Exit2 { from, to } => self.deliver_exit(from, &to, &payload, false),
            Control::Monitor { from, target, reference } => {
                self.deliver_monitor(link, from, target, reference);
            }
            Control::Demonitor { target, reference, .. } => {
                self.deliver_demonitor(link, &target, &reference);
            }
            Control::MonitorExit { to, reference, .. } => {
                self.deliver_down(link, &to, reference, &payload);
            }
            Control::SpawnRequest(request) => self.deliver_spawn(link, &request, payload),
            Control::SpawnReply { request, to, result, .. } => {
                let forgotten = self.calls().spawned(&request, &result);
                if let (Some(link), Some(pid)) = (link, forgotten)
                    && pid.node == link.atom
                {
                    // The call was given up before it was known what to take back.
                    let target = Target::Pid(pid);
                    self.push(
                        link,
                        &Control::Demonitor { from: to, target, reference: request },
                        no_payload,
                    );
                }
            }
            // Nothing here has a group leader.
            Control::GroupLeader { .. } => {}
            other => self.count_unknown(link, other.op()),
        }
    }

    fn count_unknown(&self, link: Option<&Arc<PeerLink>>, op: Op) {
        let peer = link.map(|link| link.name.to_string()).unwrap_or_default();
        let before = self.stats().unknown.fetch_add(1, Ordering::Relaxed);
        if before == 0 {
            tracing::warn!(peer, ?op, "an unknown control message was ignored");
        } else {
            tracing::debug!(peer, ?op, before, "an unknown control message was ignored");
        }
    }

    fn deliver_message(&self, target: &Target, payload: Payload) {
        if let Target::Pid(pid) = target
            && self.calls().is_caller(pid)
        {
            return self.calls().reply_to_pid(payload);
        }
        if let Some(entry) = self.processes().find(target) {
            entry.push(Incoming::Message(payload));
        }
    }

    /// What comes to an alias: most often the answer to a call of ours.
    fn deliver_answer(&self, alias: &Reference, payload: Payload) {
        if let Some(payload) = self.calls().reply(alias, payload) {
            self.deliver_to_alias(alias, payload);
        }
    }

    /// A signal of OTP 28 and later. None of our processes has made a priority alias, without
    /// which priority is as none.
    fn deliver_altact(&self, altact: Altact, payload: Payload) {
        let Altact { from, to, exit, .. } = altact;
        match to {
            Recipient::Pid(to) if exit => self.deliver_exit(from, &to, &payload, false),
            Recipient::Pid(to) => self.deliver_message(&Target::Pid(to), payload),
            Recipient::Name(name) if exit => {
                if let Some(entry) = self.processes().by_name(&name) {
                    self.deliver_exit(from, &entry.pid, &payload, false);
                }
            }
            Recipient::Name(name) => self.deliver_message(&Target::Name(name), payload),
            // An exit signal to an alias wants a priority alias, which nobody here has made.
            Recipient::Alias(_) if exit => {}
            Recipient::Alias(alias) => self.deliver_answer(&alias, payload),
        }
    }

    pub(crate) fn deliver_link(&self, link: Option<&Arc<PeerLink>>, from: Pid, to: &Pid) {
        // The caller lives as long as the node: who is linked to it learns the end of the link.
        if self.calls().is_caller(to) {
            return;
        }
        if let Some(link) = link {
            let Some(mut bonds) = link.bonds_for_peer() else { return };
            bonds.links.insert((to.clone(), from.clone()));
        }
        let entry = self.processes().by_pid(to);
        let linked = entry.is_some_and(|entry| entry.bonds().linked_by(&from));
        if !linked {
            if let Some(link) = link {
                link.bonds().links.remove(&(to.clone(), from.clone()));
            }
            let exit = Control::Exit { from: to.clone(), to: from };
            self.answer(link.map(AsRef::as_ref), &exit, &Term::atom("noproc"));
        }
    }

    /// Forgets the link between a process of ours and another, if `change` says that it is gone.
    fn forget_link(
        &self,
        link: Option<&Arc<PeerLink>>,
        ours: &Pid,
        theirs: &Pid,
        change: impl FnOnce(&mut process::Bonds) -> bool,
    ) -> bool {
        let entry = self.processes().by_pid(ours);
        let gone = entry.is_some_and(|entry| change(&mut entry.bonds()));
        if let Some(link) = link.filter(|_| gone) {
            link.bonds().links.remove(&(ours.clone(), theirs.clone()));
        }
        gone
    }

    fn deliver_exit(&self, from: Pid, to: &Pid, reason: &Payload, along_link: bool) {
        if let Some(entry) = self.processes().by_pid(to) {
            let reason = Reason { term: reason_term(reason), len: reason.len() };
            entry.exit_signal(from, reason, along_link);
        }
    }

    pub(crate) fn deliver_monitor(
        &self,
        link: Option<&Arc<PeerLink>>,
        from: Pid,
        target: Target,
        reference: Reference,
    ) {
        // As with links. Whoever prints through us as its group leader monitors the caller.
        if matches!(&target, Target::Pid(pid) if self.calls().is_caller(pid)) {
            return;
        }
        let entry = self.processes().find(&target);
        if let (Some(link), Some(entry)) = (link, &entry) {
            let Some(mut bonds) = link.bonds_for_peer() else { return };
            let before = bonds.watched.insert(reference.clone(), entry.pid.clone());
            drop(bonds);
            // One reference twice: the later monitor counts, and nothing of the earlier is left.
            if let Some(before) = before.and_then(|pid| self.processes().by_pid(&pid)) {
                before.bonds().watchers.remove(&reference);
            }
        }
        let watched = entry.is_some_and(|entry| {
            let mut bonds = entry.bonds();
            !bonds.over && {
                let (pid, target) = (from.clone(), target.clone());
                let watcher = Watcher { pid, target, is_caller: false };
                bonds.watchers.insert(reference.clone(), watcher);
                true
            }
        });
        if !watched {
            if let Some(link) = link {
                link.bonds().watched.remove(&reference);
            }
            let down = Control::MonitorExit { target, to: from, reference };
            self.answer(link.map(AsRef::as_ref), &down, &Term::atom("noproc"));
        }
    }

    fn deliver_demonitor(
        &self,
        link: Option<&Arc<PeerLink>>,
        target: &Target,
        reference: &Reference,
    ) {
        // A name may have gone to another process since; the link remembers which it was. It
        // remembers all: another peer's monitors are not this one's to undo.
        let entry = match link {
            Some(link) => {
                let watched = link.bonds().watched.remove(reference);
                watched.and_then(|pid| self.processes().by_pid(&pid))
            }
            None => self.processes().find(target),
        };
        if let Some(entry) = entry {
            entry.unwatched(reference);
        }
    }

    fn deliver_down(
        &self,
        link: Option<&Arc<PeerLink>>,
        to: &Pid,
        reference: Reference,
        reason: &Payload,
    ) {
        if let Some(link) = link {
            link.bonds().watching.remove(&reference);
        }
        let (len, term) = (reason.len(), reason_term(reason));
        // A call is made by the caller or by a process; its reference says which call it is.
        if let Some(term) = self.calls().down(&reference, term)
            && let Some(entry) = self.processes().by_pid(to)
        {
            self.down(&entry, reference, Reason { term, len });
        }
    }
}

/// Why a peer may not have sent this, if it may not: nobody links, watches or exits in the name
/// of another node's processes. (`erts/emulator/beam/dist.c`, `erts_net_message`.)
fn forged(control: &Control, peer: &Atom) -> Option<LinkError> {
    let from = match control {
        Control::Link { from, .. }
        | Control::UnlinkId { from, .. }
        | Control::UnlinkIdAck { from, .. }
        | Control::Unlink { from, .. }
        | Control::Altact(Altact { from, exit: true, .. })
        | Control::Exit { from, .. }
        | Control::Exit2 { from, .. }
        | Control::Monitor { from, .. }
        | Control::Demonitor { from, .. } => from,
        Control::SpawnRequest(request) => &request.from,
        _ => return None,
    };
    let kind = DecodeErrorKind::Invalid("a signal in the name of another node's process");
    (from.node != *peer).then_some(LinkError::Control(DecodeError { offset: 0, kind }))
}

/// A reason as a term; one that cannot be decoded still is a reason.
fn reason_term(payload: &Payload) -> Term {
    payload.to_term(Limits::DEFAULT).unwrap_or_else(|error| {
        tracing::warn!(%error, "an exit reason could not be decoded");
        Term::atom("undecodable_reason")
    })
}

pub(crate) fn carries_message(control: &Control) -> bool {
    matches!(
        control,
        Control::Send { .. }
            | Control::RegSend { .. }
            | Control::AliasSend { .. }
            | Control::Altact(Altact { exit: false, .. })
    )
}

/// Nobody waits for a signal that is not a message, nor learns that it has no form.
fn log_unsent<E: Display>(control: &Control, sent: Result<(), PacketError<E>>) {
    if let Err(error) = sent {
        tracing::error!(%error, op = ?control.op(), "a signal could not be encoded");
    }
}

/// For control messages without a payload.
pub(crate) fn no_payload(_: &mut Vec<u8>) -> Result<(), Infallible> {
    Ok(())
}
