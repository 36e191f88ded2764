//! Tasks with names, as `tokio-console` shows them.
//!
//! Only a runtime that was built with `--cfg tokio_unstable` keeps names, and only the feature
//! `console` hands ours to it. Without either no name is even made.

#[cfg(all(tokio_unstable, feature = "console"))]
pub(crate) use named::{Name, join, spawn};
#[cfg(not(all(tokio_unstable, feature = "console")))]
pub(crate) use plain::{Name, join, spawn};

#[cfg(not(all(tokio_unstable, feature = "console")))]
mod plain {
    use tokio::task::JoinSet;
    use tokio_util::task::TaskTracker;

    /// What a task is called: nothing.
    pub(crate) struct Name;

    impl Name {
        pub(crate) fn of(_: impl FnOnce() -> String) -> Self {
            Self
        }
    }

    /// Starts a task that `tracker` knows of.
    pub(crate) fn spawn<F>(tracker: &TaskTracker, _: Name, future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        tracker.spawn(future);
    }

    /// Starts a task of a set.
    pub(crate) fn join<F>(set: &mut JoinSet<F::Output>, _: Name, future: F)
    where
        F: Future<Output: Send> + Send + 'static,
    {
        set.spawn(future);
    }
}

#[cfg(all(tokio_unstable, feature = "console"))]
mod named {
    use std::io;

    use tokio::task::{Builder, JoinSet};
    use tokio_util::task::TaskTracker;

    /// What a task is called.
    pub(crate) struct Name(String);

    impl Name {
        pub(crate) fn of(name: impl FnOnce() -> String) -> Self {
            Self(name())
        }
    }

    /// Starts a task that `tracker` knows of.
    pub(crate) fn spawn<F>(tracker: &TaskTracker, name: Name, future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let task = Builder::new().name(&name.0).spawn(tracker.track_future(future));
        tell(&name, task.map(|_| ()));
    }

    /// Starts a task of a set.
    pub(crate) fn join<F>(set: &mut JoinSet<F::Output>, name: Name, future: F)
    where
        F: Future<Output: Send> + Send + 'static,
    {
        let task = set.build_task().name(&name.0).spawn(future);
        tell(&name, task.map(|_| ()));
    }

    /// Only a task that blocks a thread fails to start, when there is no thread for it.
    fn tell(name: &Name, started: io::Result<()>) {
        if let Err(error) = started {
            tracing::error!(name = name.0, %error, "a task cannot be started");
        }
    }
}
