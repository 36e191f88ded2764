//! Drives one mirror: asks what it wants to know and hands over what comes.

use std::time::{Duration, Instant};

use hyper::http::Request;
use tokio::time::{sleep, timeout};

use super::api::{Answer, Api};
use crate::kubernetes::access::Access;
use crate::kubernetes::lines::Lines;
use crate::kubernetes::mirror::{After, Ask, Mirror, Seen};
use crate::{DiscoveryError, Problem};

/// How much longer than it was asked to a server may keep a watch open.
const OVERTIME: Duration = Duration::from_secs(15);

/// Keeps a mirror up to date for ever, and shows it after each change.
pub(super) async fn follow(
    mirror: Mirror,
    access: &Access,
    patience: Duration,
    show: impl Fn(Seen) + Send + Sync,
) {
    let mut follower = Follower { mirror, access, patience, show };
    loop {
        let wait = follower.session().await;
        follower.report();
        sleep(wait).await;
    }
}

struct Follower<'a, F> {
    mirror: Mirror,
    access: &'a Access,
    patience: Duration,
    show: F,
}

impl<F: Fn(Seen) + Send + Sync> Follower<'_, F> {
    /// One connection, until a new one is wanted; then the wait before it.
    async fn session(&mut self) -> Duration {
        let api = match Api::connect(self.access, self.patience).await {
            Ok(api) => api,
            Err(error) => return self.mirror.handle_failure(error).wait,
        };
        loop {
            let after = match self.mirror.poll_ask() {
                Ok(Ask::List(request)) => self.list(&api, request).await,
                Ok(Ask::Watch(request, seconds)) => self.watch(&api, request, seconds).await,
                Err(error) => self.mirror.handle_failure(error),
            };
            if after.afresh {
                return after.wait;
            }
            self.report();
            if !after.wait.is_zero() {
                sleep(after.wait).await;
            }
        }
    }

    async fn list(&mut self, api: &Api, request: Request<Vec<u8>>) -> After {
        let asked = async {
            let answer = api.ask(request).await?;
            let status = answer.status();
            answer.whole().await.map(|body| (status, body))
        };
        match timeout(self.patience, asked).await {
            Ok(Ok((status, body))) => self.mirror.handle_list(status, &body),
            Ok(Err(error)) => self.mirror.handle_failure(error),
            Err(_) => self.mirror.handle_failure(api.silent(self.patience)),
        }
    }

    async fn watch(&mut self, api: &Api, request: Request<Vec<u8>>, seconds: u32) -> After {
        let mut answer = match timeout(self.patience, api.ask(request)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => return self.mirror.handle_lost_watch(&error),
            Err(_) => return self.mirror.handle_lost_watch(&api.silent(self.patience)),
        };
        let status = answer.status();
        if status != 200 {
            let body = timeout(self.patience, answer.whole()).await;
            let body = body.ok().and_then(Result::ok).unwrap_or_default();
            return self.mirror.handle_no_watch(status, &body);
        }
        self.mirror.handle_watching(Instant::now());
        let longest = Duration::from_secs(u64::from(seconds)) + OVERTIME;
        match timeout(longest, self.lines(&mut answer)).await {
            Ok(Ok(Some(over))) => over,
            Ok(Ok(None)) | Err(_) => self.mirror.handle_end(Instant::now()),
            Ok(Err(error)) => self.mirror.handle_broken_watch(&error, Instant::now()),
        }
    }

    /// Reads a watch to its end, or until the mirror has enough of it.
    async fn lines(&mut self, answer: &mut Answer) -> Result<Option<After>, DiscoveryError> {
        let mut lines = Lines::default();
        while let Some(bytes) = answer.chunk().await? {
            if lines.push(&bytes).is_err() {
                let said = "what answers to watch sends a line that is longer than any event";
                let error = DiscoveryError::new(Problem::Garbage, said);
                return Ok(Some(self.mirror.handle_lost_watch(&error)));
            }
            while let Some(line) = lines.next_line() {
                if let Some(over) = self.mirror.handle_line(line) {
                    return Ok(Some(over));
                }
            }
            self.report();
        }
        Ok(None)
    }

    fn report(&mut self) {
        if let Some(note) = self.mirror.take_note() {
            tracing::info!("Kubernetes {note}");
        }
        if self.mirror.take_changed() {
            (self.show)(self.mirror.seen());
        }
    }
}
