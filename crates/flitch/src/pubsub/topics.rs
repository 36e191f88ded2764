//! Who on this node has subscribed to what.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use flitch_dist::Payload;
use flitch_etf::Pid;
use futures_util::{Stream, StreamExt};
use tokio::sync::mpsc;

use crate::mailbox::Incoming;
use crate::process::Entry;
use crate::pubsub::message::{self, Published};

/// The subscriptions of a PubSub.
#[derive(Default)]
pub(crate) struct Topics(Mutex<Table>);

#[derive(Default)]
struct Table {
    subscribers: HashMap<String, Vec<Subscriber>>,
    /// The topics of each process that has subscribed, and is to be watched for that.
    processes: HashMap<Pid, Vec<String>>,
    last: u64,
    over: bool,
}

/// Who is written to.
enum Subscriber {
    Queue(Queue),
    Process(Arc<Entry>),
}

/// The end of a stream that is written to.
struct Queue {
    id: u64,
    queue: mpsc::UnboundedSender<Payload>,
    queued: Arc<AtomicUsize>,
    limit: usize,
}

/// A stream of what is published on a topic: see [`PubSub::subscribe`](crate::PubSub::subscribe).
///
/// Ends when the node shuts down, or when more waits for it than may. Dropped, it is unsubscribed.
///
/// ```
/// use flitch::test::Network;
/// use flitch::term;
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let network = Network::new();
/// let worker = network.node("worker@a")?.start().await?;
/// let pubsub = worker.pubsub("Elixir.Shop.PubSub").await?;
/// let mut orders = pubsub.subscribe("orders");
///
/// // Phoenix.PubSub.broadcast(Shop.PubSub, "orders", {:new, 7})
/// pubsub.local_broadcast("orders", &term!({:new, 7}))?;
/// assert!(orders.next().await.is_some());
/// assert_eq!(orders.topic(), "orders");
/// # Ok(())
/// # }
/// ```
pub struct Subscription {
    topics: Arc<Topics>,
    topic: String,
    id: u64,
    queue: mpsc::UnboundedReceiver<Payload>,
    queued: Arc<AtomicUsize>,
}

/// Bytes of a message that waits, beside its own.
const OVERHEAD: usize = 128;

/// A message of so few bytes does not keep the buffer that it came in.
const SMALL: usize = 4096;

impl Subscription {
    pub(crate) fn to(topics: &Arc<Topics>, topic: &str, limit: usize) -> Self {
        let (sender, queue) = mpsc::unbounded_channel();
        let queued = Arc::new(AtomicUsize::new(0));
        let mut table = topics.lock();
        table.last += 1;
        let id = table.last;
        if !table.over {
            let queue = Queue { id, queue: sender, queued: Arc::clone(&queued), limit };
            let subscriber = Subscriber::Queue(queue);
            table.subscribers.entry(topic.to_owned()).or_default().push(subscriber);
        }
        drop(table);
        Self { topics: Arc::clone(topics), topic: topic.to_owned(), id, queue, queued }
    }

    /// The topic.
    #[must_use]
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// Waits for the next message. `None` when there will be none any more.
    pub async fn next(&mut self) -> Option<Published> {
        StreamExt::next(self).await
    }
}

impl Stream for Subscription {
    type Item = Published;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Published>> {
        self.queue.poll_recv(cx).map(|payload| {
            let payload = payload?;
            self.queued.fetch_sub(payload.footprint() + OVERHEAD, Ordering::AcqRel);
            Some(Published::new(payload))
        })
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.topics.lock().retain(&self.topic, |it| it.id() != Some(self.id));
    }
}

impl Table {
    fn retain(&mut self, topic: &str, keep: impl FnMut(&Subscriber) -> bool) {
        let Some(subscribers) = self.subscribers.get_mut(topic) else { return };
        subscribers.retain(keep);
        if subscribers.is_empty() {
            self.subscribers.remove(topic);
        }
    }
}

impl Topics {
    fn lock(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands a message to all subscribers of its topic, but for the one who published it.
    pub(crate) fn publish(&self, topic: &str, payload: &Payload, but: Option<&Subscription>) {
        let mut table = self.lock();
        let but = but.filter(|it| std::ptr::eq(&raw const *it.topics, self)).map(|it| it.id);
        let payload = match payload.clone() {
            payload if payload.len() < SMALL => payload.detached(),
            payload => payload,
        };
        let is_from = |subscriber: &Subscriber| but.is_some() && subscriber.id() == but;
        table.retain(topic, |subscriber| is_from(subscriber) || subscriber.take(&payload));
    }

    /// Has a process receive what is published on a topic. Whether it is to be watched from now on:
    /// [`Topics::forget`] is for its end.
    pub(crate) fn subscribe(&self, process: &Arc<Entry>, topic: &str) -> bool {
        let mut table = self.lock();
        if table.over {
            return false;
        }
        let subscriber = Subscriber::Process(Arc::clone(process));
        table.subscribers.entry(topic.to_owned()).or_default().push(subscriber);
        let is_new = !table.processes.contains_key(&process.pid);
        let topics = table.processes.entry(process.pid.clone()).or_default();
        if !topics.iter().any(|it| it == topic) {
            topics.push(topic.to_owned());
        }
        is_new
    }

    /// Ends all subscriptions of a process to a topic.
    pub(crate) fn unsubscribe(&self, process: &Pid, topic: &str) {
        let mut table = self.lock();
        if let Some(topics) = table.processes.get_mut(process) {
            topics.retain(|it| it != topic);
        }
        table.retain(topic, |it| !it.is_process(process));
    }

    /// A process is gone.
    pub(crate) fn forget(&self, process: &Pid) {
        let mut table = self.lock();
        for topic in table.processes.remove(process).unwrap_or_default() {
            table.retain(&topic, |it| !it.is_process(process));
        }
    }

    /// There will be no messages any more.
    pub(crate) fn end(&self) {
        let mut table = self.lock();
        table.over = true;
        table.subscribers.clear();
        table.processes.clear();
    }

    pub(crate) fn is_over(&self) -> bool {
        self.lock().over
    }
}

impl Subscriber {
    /// Of a stream.
    fn id(&self) -> Option<u64> {
        match self {
            Self::Queue(queue) => Some(queue.id),
            Self::Process(_) => None,
        }
    }

    fn is_process(&self, pid: &Pid) -> bool {
        matches!(self, Self::Process(entry) if entry.pid == *pid)
    }

    /// Whether it stays.
    fn take(&self, payload: &Payload) -> bool {
        match self {
            Self::Queue(queue) => queue.take(payload),
            Self::Process(entry) => {
                if let Some(body) = message::body(payload) {
                    entry.push(Incoming::Message(body));
                }
                true
            }
        }
    }
}

impl Queue {
    /// Whether it stays.
    fn take(&self, payload: &Payload) -> bool {
        let cost = payload.footprint() + OVERHEAD;
        let before = self.queued.fetch_add(cost, Ordering::AcqRel);
        if before > 0 && before.saturating_add(cost) > self.limit {
            tracing::error!(limit = self.limit, "a subscriber takes too little: it has none more");
            return false;
        }
        self.queue.send(payload.clone()).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;
    use crate::pubsub::message;

    fn publish(topics: &Topics, topic: &str, number: u64, but: Option<&Subscription>) {
        let payload = Payload::encode(|out| message::write(out, topic, &number)).unwrap();
        topics.publish(topic, &payload, but);
    }

    fn waiting(subscription: &mut Subscription) -> Vec<u64> {
        let next = || subscription.next().now_or_never().flatten();
        std::iter::from_fn(next).map(|it| it.to_value().unwrap()).collect()
    }

    #[test]
    fn who_has_subscribed_receives_and_who_has_not_or_no_more_does_not() {
        let topics = Arc::new(Topics::default());
        let mut a = Subscription::to(&topics, "a", 10_000);
        let mut b = Subscription::to(&topics, "b", 10_000);
        let gone = Subscription::to(&topics, "c", 10_000);
        drop(gone);
        for (number, topic) in ["a", "b", "a", "c"].into_iter().enumerate() {
            publish(&topics, topic, number as u64, None);
        }
        assert_eq!((waiting(&mut a), waiting(&mut b)), (vec![0, 2], vec![1]));
        drop((a, b));
        assert!(topics.lock().subscribers.is_empty(), "nothing is left of topics");
    }

    #[test]
    fn who_publishes_does_not_hear_it_when_he_says_so() {
        let topics = Arc::new(Topics::default());
        let mut a = Subscription::to(&topics, "a", 10_000);
        let mut b = Subscription::to(&topics, "a", 10_000);
        publish(&topics, "a", 7, Some(&a));
        assert_eq!((waiting(&mut a), waiting(&mut b)), (vec![], vec![7]));
        let elsewhere = Arc::new(Topics::default());
        publish(&elsewhere, "a", 8, Some(&a));
        assert!(waiting(&mut b).is_empty());
    }

    #[tokio::test]
    async fn a_subscriber_that_takes_nothing_ends_and_the_others_go_on() {
        let topics = Arc::new(Topics::default());
        let mut slow = Subscription::to(&topics, "a", 1000);
        let mut quick = Subscription::to(&topics, "a", 1000);
        for number in 0..100 {
            publish(&topics, "a", number, None);
            assert_eq!(waiting(&mut quick), [number]);
        }
        let mut received = 0;
        while slow.next().await.is_some() {
            received += 1;
        }
        assert!((1..10).contains(&received), "what waited is still there: {received}");
    }

    #[tokio::test]
    async fn a_pubsub_that_has_ended_ends_its_subscriptions() {
        let topics = Arc::new(Topics::default());
        let mut before = Subscription::to(&topics, "a", 1000);
        topics.end();
        let mut after = Subscription::to(&topics, "a", 1000);
        assert!(before.next().await.is_none() && after.next().await.is_none());
    }

    #[tokio::test]
    async fn of_a_process_that_is_gone_nothing_is_left() {
        let network = crate::test::Network::new();
        let node = network.node("worker@h").unwrap().start().await.unwrap();
        let (one, other) = (node.inbox(), node.inbox());
        let topics = Topics::default();
        assert!(topics.subscribe(&one.entry, "a"), "it is to be watched");
        assert!(!topics.subscribe(&one.entry, "b") && !topics.subscribe(&one.entry, "a"));
        assert!(topics.subscribe(&other.entry, "a"));
        topics.unsubscribe(other.pid(), "a");
        publish(&topics, "b", 7, None);
        let mut one = one;
        let Some(Incoming::Message(seven)) = one.next().await else { panic!("it is subscribed") };
        assert_eq!(seven.to_value::<u64>().unwrap(), 7);
        topics.forget(one.pid());
        topics.forget(other.pid());
        let table = topics.lock();
        assert!(table.subscribers.is_empty() && table.processes.is_empty());
    }
}
