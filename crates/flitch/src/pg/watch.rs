//! Who comes to groups and who goes, as it happens.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use flitch_etf::{Pid, Term};
use futures_util::{Stream, StreamExt};
use tokio::sync::mpsc;

use crate::pg::message::Change;
use crate::pg::shared::Shared;

/// How many events may wait for who watches.
const EVENTS: usize = 4096;

/// What a [`GroupWatch`] tells.
///
/// ```
/// use flitch::GroupEvent;
/// use flitch::test::Network;
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let network = Network::new();
/// let worker = network.node("worker@a")?.start().await?;
/// let pg = worker.pg()?;
/// let mut watch = pg.watch_all();
/// let Some(GroupEvent::Members(before)) = watch.next().await else { panic!("how it is") };
/// assert!(before.is_empty());
///
/// let idle = worker.spawn_process(|_| std::future::pending::<()>());
/// pg.join("workers", idle.pid()).await?;
/// let Some(GroupEvent::Joined { pids, .. }) = watch.next().await else { panic!("a join") };
/// assert_eq!(pids, [idle.pid().clone()]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum GroupEvent {
    /// The groups as they are. It comes first, and takes the place of the single events whenever
    /// more than 4096 of them wait.
    Members(Vec<(Term, Vec<Pid>)>),
    /// These have joined the group.
    Joined {
        /// Which one.
        group: Term,
        /// Who; one who joins twice comes twice.
        pids: Vec<Pid>,
    },
    /// These have left the group, have ended, or are on a node that is lost.
    Left {
        /// Which one.
        group: Term,
        /// Who.
        pids: Vec<Pid>,
    },
}

/// A stream of who joins and leaves: see [`Pg::watch`](crate::Pg::watch).
///
/// Ends when the scope does, which is when the node shuts down or somebody kills its process.
///
/// ```
/// use flitch::test::Network;
/// use flitch::{GroupEvent, Term};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let network = Network::new();
/// let worker = network.node("worker@a")?.start().await?;
/// let pg = worker.pg()?;
/// let mut watch = pg.watch("workers");
/// let none = GroupEvent::Members(vec![(Term::from("workers"), vec![])]);
/// assert_eq!(watch.next().await, Some(none));
///
/// let idle = worker.spawn_process(|_| std::future::pending::<()>());
/// pg.join("workers", idle.pid()).await?;
/// let joined = GroupEvent::Joined { group: Term::from("workers"), pids: vec![idle.pid().clone()] };
/// assert_eq!(watch.next().await, Some(joined));
/// # Ok(())
/// # }
/// ```
pub struct GroupWatch {
    shared: Arc<Shared>,
    group: Option<Term>,
    events: mpsc::Receiver<GroupEvent>,
    behind: Arc<AtomicBool>,
}

/// The scope's end of it.
pub(crate) struct Watcher {
    group: Option<Term>,
    events: mpsc::Sender<GroupEvent>,
    behind: Arc<AtomicBool>,
}

impl GroupWatch {
    /// Watches one group, or all.
    pub(crate) fn of(shared: &Arc<Shared>, group: Option<Term>) -> Self {
        let (sender, events) = mpsc::channel(EVENTS);
        // So the first that is told is how it is.
        let behind = Arc::new(AtomicBool::new(true));
        shared.watch(Watcher { group: group.clone(), events: sender, behind: Arc::clone(&behind) });
        Self { shared: Arc::clone(shared), group, events, behind }
    }

    /// Waits for the next event. `None` when the scope has ended.
    pub async fn next(&mut self) -> Option<GroupEvent> {
        StreamExt::next(self).await
    }

    fn catch_up(&self) -> GroupEvent {
        self.shared.still(|scope| {
            self.behind.store(false, Ordering::Release);
            GroupEvent::Members(match &self.group {
                Some(group) => vec![(group.clone(), scope.members(group))],
                None => scope.groups().into_iter().collect(),
            })
        })
    }
}

impl Stream for GroupWatch {
    type Item = GroupEvent;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<GroupEvent>> {
        match self.events.poll_recv(cx) {
            Poll::Pending if self.behind.load(Ordering::Acquire) => {
                Poll::Ready(Some(self.catch_up()))
            }
            polled => polled,
        }
    }
}

impl Watcher {
    pub(crate) fn is_wanted(&self) -> bool {
        !self.events.is_closed()
    }

    /// Tells of a change, if it is of interest. Whether anybody still listens.
    pub(crate) fn tell(&mut self, change: &Change) -> bool {
        if self.group.as_ref().is_some_and(|group| *group != change.group) {
            return true;
        }
        let group = || change.group.clone();
        if !change.leave.is_empty() {
            self.push(GroupEvent::Left { group: group(), pids: change.leave.clone() });
        }
        if !change.join.is_empty() {
            self.push(GroupEvent::Joined { group: group(), pids: change.join.clone() });
        }
        self.is_wanted()
    }

    fn push(&self, event: GroupEvent) {
        // What happens until it has caught up is in what it is told then.
        if !self.behind.load(Ordering::Acquire) && self.events.try_send(event).is_err() {
            self.behind.store(true, Ordering::Release);
        }
    }
}
