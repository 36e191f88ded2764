//! Staying registered for ever.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::time::Duration;

use flitch_name::{AliveName, Creation};
use tokio::time::{Instant, sleep};

use super::{ClientError, Lost, Registration, register};
use crate::backoff::Backoff;
use crate::message::Endpoint;

/// Keeps a name registered: EPMD may stop and start again, and the name is back soon after.
///
/// ```no_run
/// # async fn run(random: impl FnMut() -> u32 + Send + 'static) -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use flitch_epmd::{Endpoint, Registrar, address, backoff::Backoff};
///
/// let epmd = address::local(address::Family::V4, address::port_from_env()?);
/// let backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(10), random);
/// let seconds = Duration::from_secs(5);
/// let registrar =
///     Registrar::new(epmd, "worker".parse()?, Endpoint::hidden(43210), seconds, backoff);
///
/// // At start, a taken name is a reason to stop ...
/// let first = registrar.register().await?;
/// let creation = first.creation();
/// // ... later it is one to try again.
/// registrar.keep(Some(first), |change| println!("{change}"), std::future::pending()).await;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Registrar {
    epmd: SocketAddr,
    alive: AliveName,
    endpoint: Endpoint,
    timeout: Duration,
    backoff: Backoff,
}

/// What has become of a registration. `Display` says it in a sentence.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Change {
    /// The name is registered, in this life of it. A node that runs keeps the creation that it
    /// began with, as a BEAM does.
    #[error("registered with creation {creation}")]
    Registered {
        /// What EPMD handed out.
        creation: Creation,
    },
    /// It no longer is; another attempt follows.
    #[error("the registration is lost: {0}")]
    Lost(Lost),
    /// An attempt failed; another one follows.
    #[error("registering failed, next attempt in {retry_in:?}: {error}")]
    Failed {
        /// Why; [`ClientError::is_name_taken`] tells the one that needs a person.
        error: ClientError,
        /// How long until the next attempt.
        retry_in: Duration,
    },
}

impl Registrar {
    /// Registers `alive` with the EPMD at `epmd`, on this host; `timeout` bounds each attempt and
    /// `backoff` the time between them.
    #[must_use]
    pub const fn new(
        epmd: SocketAddr,
        alive: AliveName,
        endpoint: Endpoint,
        timeout: Duration,
        backoff: Backoff,
    ) -> Self {
        Self { epmd, alive, endpoint, timeout, backoff }
    }

    /// One attempt.
    ///
    /// # Errors
    /// As [`register`](super::register()).
    pub fn register(
        &self,
    ) -> impl Future<Output = Result<Registration, ClientError>> + Send + use<> {
        // The future borrows nothing, so it can move to another thread though `Backoff` cannot be
        // shared.
        let Self { epmd, alive, endpoint, timeout, .. } = self;
        let (epmd, alive, endpoint, timeout) = (*epmd, alive.clone(), endpoint.clone(), *timeout);
        async move { register(epmd, &alive, &endpoint, timeout).await }
    }

    /// Stays registered until `shutdown` is ready, and then leaves EPMD. It begins with `first`
    /// if there is one, which is not reported. Every change afterwards is.
    ///
    /// Failures never end it. Dropping the future frees the name as well.
    pub async fn keep(
        mut self,
        first: Option<Registration>,
        mut report: impl FnMut(Change),
        shutdown: impl Future<Output = ()>,
    ) {
        let mut shutdown = pin!(shutdown);
        let mut held = first;
        loop {
            let ended = match held.take() {
                Some(registration) => self.hold(registration, &mut report, shutdown.as_mut()).await,
                None => tokio::select! {
                    biased;
                    () = shutdown.as_mut() => true,
                    attempt = self.register() => match attempt {
                        Ok(registration) => {
                            report(Change::Registered { creation: registration.creation() });
                            held = Some(registration);
                            false
                        }
                        Err(error) => {
                            let retry_in = self.backoff.next_wait();
                            report(Change::Failed { error, retry_in });
                            or_shutdown(sleep(retry_in), shutdown.as_mut()).await
                        }
                    },
                },
            };
            if ended {
                return;
            }
        }
    }

    /// Holds a registration until it is lost. `true` if the shutdown came first.
    async fn hold(
        &mut self,
        mut registration: Registration,
        report: &mut impl FnMut(Change),
        mut shutdown: Pin<&mut impl Future<Output = ()>>,
    ) -> bool {
        let since = Instant::now();
        let lost = tokio::select! {
            biased;
            () = shutdown.as_mut() => None,
            lost = registration.lost() => Some(lost),
        };
        let Some(lost) = lost else {
            registration.leave(self.timeout).await;
            return true;
        };
        drop(registration);
        report(Change::Lost(lost));
        // An EPMD that throws us out at once again and again is a failing one.
        if since.elapsed() >= self.backoff.longest() {
            self.backoff.reset();
        }
        or_shutdown(sleep(self.backoff.next_wait()), shutdown).await
    }
}

/// `true` if the shutdown came first.
async fn or_shutdown(
    wait: impl Future<Output = ()>,
    shutdown: Pin<&mut impl Future<Output = ()>>,
) -> bool {
    tokio::select! {
        biased;
        () = shutdown => true,
        () = wait => false,
    }
}
