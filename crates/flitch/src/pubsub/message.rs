//! What the adapter's processes send each other.
//!
//! `{:forward_to_local, topic, message, dispatcher}` since `phoenix_pubsub` 2.0; before it was
//! `{:forward_to_local, fastlane, from_pid, topic, message}`, which is read as well.

use flitch_dist::Payload;
use flitch_etf::{
    Atom, DeError, DecodeError, Limits, Reader, SerError, Term, read_value, write_tuple_header,
    write_value,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A message that was published on a topic, still encoded.
///
/// ```
/// use flitch::test::Network;
/// use flitch::{Atom, term};
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
/// let (what, number): (Atom, u64) = orders.next().await.ok_or("it has ended")?.to_value()?;
/// assert_eq!((what.as_str(), number), ("new", 7));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Published {
    payload: Payload,
}

impl Published {
    pub(crate) fn new(payload: Payload) -> Self {
        Self { payload }
    }

    /// The message as a value of the caller's type.
    ///
    /// # Errors
    /// It is not of that type, or no term.
    pub fn to_value<T: DeserializeOwned>(&self) -> Result<T, DeError> {
        read_value(&mut body_of(&self.payload, Limits::DEFAULT)?)
    }

    /// The message as a term.
    ///
    /// # Errors
    /// It is no term, or one over the limits.
    pub fn to_term(&self, limits: Limits) -> Result<Term, DecodeError> {
        body_of(&self.payload, limits)?.term()
    }
}

/// The topic of a message between adapters, if it is one.
pub(crate) fn topic(payload: &Payload) -> Option<String> {
    let mut reader = payload.reader();
    let before = match reader.tuple().ok()? {
        4 => 0,
        5 => 2,
        _ => return None,
    };
    let tag: Atom = read_value(&mut reader).ok()?;
    for _ in 0..before {
        reader.skip().ok()?;
    }
    (tag == *"forward_to_local").then(|| read_value(&mut reader).ok())?
}

/// What was published, without what is around it.
pub(crate) fn body(payload: &Payload) -> Option<Payload> {
    let mut reader = body_of(payload, Limits::DEFAULT).ok()?;
    let start = reader.position();
    reader.skip().ok()?;
    payload.part(start..reader.position())
}

/// A cursor at what was published.
fn body_of(payload: &Payload, limits: Limits) -> Result<Reader<'_>, DecodeError> {
    let mut reader = payload.reader().with_limits(limits);
    let before = if reader.tuple()? == 5 { 4 } else { 2 };
    for _ in 0..before {
        reader.skip()?;
    }
    Ok(reader)
}

/// Writes one, for Phoenix.PubSub's own dispatcher, which sends the message to each subscriber.
pub(crate) fn write<M>(out: &mut Vec<u8>, topic: &str, message: &M) -> Result<(), SerError>
where
    M: Serialize + ?Sized,
{
    write_tuple_header(out, 4)?;
    Atom::from_static("forward_to_local").write_to(out);
    write_value(out, topic)?;
    write_value(out, message)?;
    Atom::from_static("Elixir.Phoenix.PubSub").write_to(out);
    Ok(())
}

#[cfg(test)]
mod tests {
    use flitch_etf::write_term;

    use super::*;

    fn payload(term: impl Into<Term>) -> Payload {
        let term = term.into();
        Payload::encode(|out| write_term(out, &term)).unwrap()
    }

    #[test]
    fn the_newer_and_the_older_shape_are_read() {
        let tag = || Term::atom("forward_to_local");
        let newer = (tag(), "prices", 7, Term::atom("Elixir.Phoenix.PubSub"));
        let older = (tag(), Term::atom("nil"), Term::atom("none"), "prices", 7);
        for payload in [payload(newer), payload(older)] {
            assert_eq!(topic(&payload).as_deref(), Some("prices"));
            assert_eq!(body(&payload).unwrap().to_value::<u8>().unwrap(), 7);
            let published = Published::new(payload);
            assert_eq!(published.to_value::<u8>().unwrap(), 7);
            assert_eq!(published.to_term(Limits::DEFAULT).unwrap(), Term::from(7));
        }
    }

    #[test]
    fn what_we_write_has_the_newer_shape() {
        let payload = Payload::encode(|out| write(out, "prices", &Term::atom("up"))).unwrap();
        let term = payload.to_term(Limits::DEFAULT).unwrap();
        let dispatcher = Term::atom("Elixir.Phoenix.PubSub");
        let expected = (Term::atom("forward_to_local"), "prices", Term::atom("up"), dispatcher);
        assert_eq!(term, expected.into());
    }

    #[test]
    fn what_is_no_message_between_adapters_has_no_topic() {
        for term in [
            Term::from(1),
            (Term::atom("forward_to_local"), "prices", 7).into(),
            (Term::atom("forward"), "prices", 7, 8).into(),
            (Term::atom("forward_to_local"), Term::from(vec![300]), 7, 8).into(),
            ("forward_to_local", "prices", 7, 8).into(),
        ] {
            assert_eq!(topic(&payload(term)), None);
        }
    }
}
