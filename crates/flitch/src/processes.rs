//! The table of processes and the names that they are registered under.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use flitch_dist::Target;
use flitch_etf::{Atom, Pid};

use crate::process::Entry;

/// Who is there.
#[derive(Default)]
pub(crate) struct Processes {
    table: RwLock<Table>,
}

#[derive(Default)]
struct Table {
    entries: HashMap<(u32, u32), Arc<Entry>>,
    names: HashMap<Atom, Arc<Entry>>,
}

/// What waits for processes, in bytes.
#[derive(Default)]
pub(crate) struct Mailboxes {
    pub(crate) processes: usize,
    pub(crate) bytes: usize,
    /// In the fullest one.
    pub(crate) largest: usize,
    /// By name.
    pub(crate) registered: Vec<(Atom, usize)>,
}

impl Table {
    fn by_pid(&self, pid: &Pid) -> Option<&Arc<Entry>> {
        self.entries.get(&(pid.id, pid.serial)).filter(|entry| entry.pid == *pid)
    }
}

/// Why a name was not given.
///
/// ```
/// use flitch::RegisterError;
/// use flitch::test::Network;
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let network = Network::new();
/// let worker = network.node("worker@a")?.start().await?;
/// let forever = |_| std::future::pending::<()>();
/// worker.spawn_process(forever).register("stock")?;
/// let second = worker.spawn_process(forever).register("stock");
/// assert!(matches!(second, Err(RegisterError::Taken(_))));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegisterError {
    /// Another process has the name.
    #[error("the name {0:?} is taken by another process")]
    Taken(Atom),
    /// The process has a name, and can have one only.
    #[error("the process is registered as {0:?} already")]
    Named(Atom),
    /// The process is gone.
    #[error("the process is gone")]
    Gone,
    /// The name is no atom, or `undefined`, which stands for no name.
    #[error("{0:?} cannot be a name: take an atom other than undefined")]
    Name(String),
}

impl Processes {
    fn read<R>(&self, read: impl FnOnce(&Table) -> R) -> R {
        read(&self.table.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write<R>(&self, write: impl FnOnce(&mut Table) -> R) -> R {
        write(&mut self.table.write().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn insert(&self, entry: &Arc<Entry>) {
        self.write(|table| {
            table.entries.insert((entry.pid.id, entry.pid.serial), Arc::clone(entry));
        });
    }

    /// Removes a process and its name.
    pub(crate) fn remove(&self, entry: &Entry, name: Option<&Atom>) {
        self.write(|table| {
            table.entries.remove(&(entry.pid.id, entry.pid.serial));
            if let Some(name) = name {
                table.names.remove(name);
            }
        });
    }

    /// The process with this pid. That of another node or of an earlier life of this one is none.
    pub(crate) fn by_pid(&self, pid: &Pid) -> Option<Arc<Entry>> {
        self.read(|table| table.by_pid(pid).cloned())
    }

    pub(crate) fn by_name(&self, name: &Atom) -> Option<Arc<Entry>> {
        self.read(|table| table.names.get(name).cloned())
    }

    pub(crate) fn find(&self, target: &Target) -> Option<Arc<Entry>> {
        match target {
            Target::Pid(pid) => self.by_pid(pid),
            Target::Name(name) => self.by_name(name),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.read(|table| table.entries.len())
    }

    pub(crate) fn names(&self) -> Vec<Atom> {
        self.read(|table| table.names.keys().cloned().collect())
    }

    pub(crate) fn all(&self) -> Vec<Arc<Entry>> {
        self.read(|table| table.entries.values().cloned().collect())
    }

    /// How many there are, and what waits for them.
    pub(crate) fn mailboxes(&self) -> Mailboxes {
        self.read(|table| {
            let mut found = Mailboxes { processes: table.entries.len(), ..Default::default() };
            for entry in table.entries.values() {
                let bytes = entry.mailbox.bytes();
                found.bytes += bytes;
                found.largest = found.largest.max(bytes);
            }
            let named = table.names.iter();
            found.registered = named.map(|(name, it)| (name.clone(), it.mailbox.bytes())).collect();
            found.registered.sort();
            found
        })
    }

    pub(crate) fn register(&self, name: &str, pid: &Pid) -> Result<(), RegisterError> {
        let atom = Atom::new(name).ok().filter(|atom| *atom != *"undefined");
        let atom = atom.ok_or_else(|| RegisterError::Name(name.to_owned()))?;
        self.write(|table| {
            let entry = table.by_pid(pid).ok_or(RegisterError::Gone)?;
            if table.names.contains_key(&atom) {
                return Err(RegisterError::Taken(atom));
            }
            let mut bonds = entry.bonds();
            match &bonds.name {
                _ if bonds.over => return Err(RegisterError::Gone),
                Some(other) => return Err(RegisterError::Named(other.clone())),
                None => bonds.name = Some(atom.clone()),
            }
            drop(bonds);
            table.names.insert(atom, Arc::clone(entry));
            Ok(())
        })
    }
}
