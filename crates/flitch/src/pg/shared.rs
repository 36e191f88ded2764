//! What the process of a scope shares with those who ask: they read it without a message, as
//! Erlang reads the scope's table.

use std::sync::{PoisonError, RwLock};

use flitch_etf::Pid;
use tokio::sync::mpsc;

use crate::pg::run::Command;
use crate::pg::scope::{Action, Scope};
use crate::pg::watch::Watcher;

/// A scope, and its process's pid.
pub(crate) struct Shared {
    pub(crate) pid: Pid,
    pub(crate) commands: mpsc::Sender<Command>,
    inner: RwLock<Inner>,
}

struct Inner {
    scope: Scope,
    watchers: Vec<Watcher>,
    /// The process has ended: what it knew is no longer so.
    over: bool,
}

impl Shared {
    pub(crate) fn new(pid: Pid, limit: usize, commands: mpsc::Sender<Command>) -> Self {
        let scope = Scope::new(pid.clone(), limit);
        let inner = Inner { scope, watchers: Vec::new(), over: false };
        Self { pid, commands, inner: RwLock::new(inner) }
    }

    pub(crate) fn read<R>(&self, read: impl FnOnce(&Scope) -> R) -> R {
        read(&self.inner.read().unwrap_or_else(PoisonError::into_inner).scope)
    }

    fn write<R>(&self, write: impl FnOnce(&mut Inner) -> R) -> R {
        write(&mut self.inner.write().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes the scope; for its process only. Who watches learns it under the lock, so that a
    /// state that somebody takes meanwhile and the changes that he is told of fit together.
    pub(crate) fn change<R>(&self, change: impl FnOnce(&mut Scope) -> R) -> R {
        self.write(|inner| {
            let result = change(&mut inner.scope);
            while let Some(change) = inner.scope.poll_change() {
                inner.watchers.retain_mut(|watcher| watcher.tell(&change));
            }
            result
        })
    }

    pub(crate) fn poll_action(&self) -> Option<Action> {
        self.write(|inner| inner.scope.poll_action())
    }

    /// Looks at the scope while it does not change and nobody is told of anything.
    pub(crate) fn still<R>(&self, look: impl FnOnce(&Scope) -> R) -> R {
        self.write(|inner| look(&inner.scope))
    }

    pub(crate) fn watch(&self, watcher: Watcher) {
        self.write(|inner| {
            if !inner.over {
                inner.watchers.retain(Watcher::is_wanted);
                inner.watchers.push(watcher);
            }
        });
    }

    pub(crate) fn is_over(&self) -> bool {
        self.inner.read().unwrap_or_else(PoisonError::into_inner).over
    }

    /// The process has ended.
    pub(crate) fn end(&self) {
        self.write(|inner| {
            let scope = Scope::new(self.pid.clone(), 0);
            *inner = Inner { scope, watchers: Vec::new(), over: true };
        });
    }
}
