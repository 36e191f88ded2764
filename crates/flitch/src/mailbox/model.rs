//! The mailbox under every order in which its threads can meet. (`make loom`)

use loom::future::block_on;
use loom::thread;

use super::*;

fn message() -> Incoming {
    let payload = Payload::encode(|out| {
        out.resize(100, 106);
        Ok::<_, ()>(())
    });
    Incoming::Message(payload.unwrap())
}

#[test]
fn a_process_that_sleeps_is_woken_by_whoever_comes_first() {
    loom::model(|| {
        let (sender, mut receiver) = mailbox(10_000);
        let senders: Vec<_> = (0..2)
            .map(|_| {
                let sender = sender.clone();
                thread::spawn(move || sender.push(message()).unwrap())
            })
            .collect();
        assert!(block_on(receiver.next()).is_some());
        assert!(block_on(receiver.next()).is_some());
        for sender in senders {
            sender.join().unwrap();
        }
        assert!(sender.is_empty() && sender.len() == 0);
    });
}

#[test]
fn what_comes_as_a_process_ends_is_refused_or_let_go_and_counted_no_more() {
    loom::model(|| {
        let (sender, receiver) = mailbox(10_000);
        let pushing = {
            let sender = sender.clone();
            thread::spawn(move || sender.push(message()))
        };
        drop(receiver);
        let pushed = pushing.join().unwrap();
        assert!(matches!(pushed, Ok(()) | Err(Refused::Gone)), "{pushed:?}");
        assert_eq!(sender.bytes(), 0);
        assert_eq!(sender.push(message()), Err(Refused::Gone));
    });
}

#[test]
fn a_process_that_sleeps_learns_that_it_is_over() {
    loom::model(|| {
        let (sender, mut receiver) = mailbox(10_000);
        let closing = thread::spawn(move || sender.close());
        assert!(block_on(receiver.next()).is_none());
        closing.join().unwrap();
    });
}

#[test]
fn two_who_come_at_once_do_not_both_get_the_last_place() {
    loom::model(|| {
        let cost = message().cost(0);
        let (sender, mut receiver) = mailbox(cost * 2);
        sender.push(message()).unwrap();
        let pushing = {
            let sender = sender.clone();
            thread::spawn(move || sender.push(message()).is_ok())
        };
        let here = sender.push(message()).is_ok();
        let there = pushing.join().unwrap();
        assert!(!(here && there), "over the limit");
        let waiting = 1 + usize::from(here) + usize::from(there);
        for _ in 0..waiting {
            assert!(block_on(receiver.next()).is_some());
        }
        assert_eq!(sender.bytes(), 0);
    });
}
