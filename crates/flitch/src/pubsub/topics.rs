//! Who on this node has subscribed to what.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use flitch_dist::Payload;
use futures_util::{Stream, StreamExt};
use tokio::sync::mpsc;

use crate::pubsub::message::Published;

/// The subscriptions of a PubSub.
#[derive(Default)]
pub(crate) struct Topics(Mutex<Table>);

#[derive(Default)]
struct Table {
    subscribers: HashMap<String, Vec<Subscriber>>,
    last: u64,
    over: bool,
}

/// The end that is written to.
struct Subscriber {
    id: u64,
    queue: mpsc::UnboundedSender<Payload>,
    queued: Arc<AtomicUsize>,
    limit: usize,
}

/// A stream of what is published on a topic: see [`PubSub::subscribe`](crate::PubSub::subscribe).
///
/// Ends when the node shuts down, or when more waits for it than may. Dropped, it is unsubscribed.
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
            let subscriber = Subscriber { id, queue: sender, queued: Arc::clone(&queued), limit };
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
        let mut table = self.topics.lock();
        if let Some(subscribers) = table.subscribers.get_mut(&self.topic) {
            subscribers.retain(|subscriber| subscriber.id != self.id);
            if subscribers.is_empty() {
                table.subscribers.remove(&self.topic);
            }
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
        let Some(subscribers) = table.subscribers.get_mut(topic) else { return };
        let but = but.filter(|it| std::ptr::eq(&raw const *it.topics, self)).map(|it| it.id);
        let payload = match payload.clone() {
            payload if payload.len() < SMALL => payload.detached(),
            payload => payload,
        };
        subscribers.retain(|subscriber| Some(subscriber.id) == but || subscriber.take(&payload));
    }

    /// There will be no messages any more.
    pub(crate) fn end(&self) {
        let mut table = self.lock();
        table.over = true;
        table.subscribers.clear();
    }

    pub(crate) fn is_over(&self) -> bool {
        self.lock().over
    }
}

impl Subscriber {
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
}
