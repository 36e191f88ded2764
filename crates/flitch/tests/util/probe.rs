//! A process that does what a test tells it and shows what it receives.

use flitch::{ExitReason, Incoming, Node, Pid, Process, Term};
use tokio::sync::mpsc;

use super::soon;

type Order = Box<dyn FnOnce(&mut Process) -> Option<ExitReason> + Send>;

/// A process under a test's control.
pub(crate) struct Probe {
    pub(crate) pid: Pid,
    node: Node,
    orders: mpsc::UnboundedSender<Order>,
    received: mpsc::UnboundedReceiver<Incoming>,
}

impl Probe {
    pub(crate) fn on(node: &Node) -> Self {
        let (orders, mut todo) = mpsc::unbounded_channel::<Order>();
        let (shown, received) = mpsc::unbounded_channel();
        let handle = node.spawn_process(|mut process| async move {
            loop {
                tokio::select! {
                    biased;
                    Some(order) = todo.recv() => {
                        if let Some(reason) = order(&mut process) {
                            return reason;
                        }
                    }
                    Some(incoming) = process.next() => {
                        if matches!(incoming, Incoming::Shutdown) {
                            return ExitReason::shutdown();
                        }
                        let _ = shown.send(incoming);
                    }
                }
            }
        });
        Self { pid: handle.pid().clone(), node: node.clone(), orders, received }
    }

    /// One that traps exits.
    pub(crate) async fn trapping(node: &Node) -> Self {
        let probe = Self::on(node);
        probe.run(|process| process.trap_exit(true)).await;
        probe
    }

    /// Lets the process do something, and waits until it has.
    pub(crate) async fn run<R: Send + 'static>(
        &self,
        order: impl FnOnce(&mut Process) -> R + Send + 'static,
    ) -> R {
        let (done, result) = tokio::sync::oneshot::channel();
        let order: Order = Box::new(move |process| {
            let _ = done.send(order(process));
            None
        });
        assert!(self.orders.send(order).is_ok(), "the process is gone");
        soon(result).await.unwrap()
    }

    /// Lets the process end.
    pub(crate) fn end(&self, reason: impl Into<ExitReason>) {
        let reason = reason.into();
        assert!(self.orders.send(Box::new(move |_| Some(reason))).is_ok(), "it is gone already");
    }

    /// What it receives next.
    pub(crate) async fn next(&mut self) -> Incoming {
        soon(self.received.recv()).await.expect("the process is gone")
    }

    /// What it has received and not shown yet, if anything.
    pub(crate) fn try_next(&mut self) -> Option<Incoming> {
        self.received.try_recv().ok()
    }

    /// The reason of the `Down` that comes next.
    pub(crate) async fn down(&mut self) -> Term {
        match self.next().await {
            Incoming::Down { reason, .. } => reason,
            other => panic!("{other:?} came in place of a Down"),
        }
    }

    /// Who and why of the `Exit` that comes next.
    pub(crate) async fn exit(&mut self) -> (Pid, Term) {
        match self.next().await {
            Incoming::Exit { from, reason } => (from, reason),
            other => panic!("{other:?} came in place of an Exit"),
        }
    }

    /// Waits until the process has ended.
    pub(crate) async fn ended(&self) {
        let (gone, told) = tokio::sync::oneshot::channel();
        let pid = self.pid.clone();
        self.node.spawn_process(|mut process| async move {
            process.monitor(pid).unwrap();
            let _ = gone.send(process.next().await);
        });
        soon(told).await.unwrap();
    }
}
