//! A network namespace that is plugged into the lab's network.

use std::os::fd::AsFd;
use std::process::Command;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::child::Child;
use crate::eventually;
use crate::lab::network::{Addresses, Network};

/// Held by a process that does nothing, as by Kubernetes' own `pause`. It goes with it.
pub struct Space {
    pause: Child,
    addresses: Addresses,
}

impl Space {
    /// Makes the namespace and plugs it in.
    ///
    /// # Panics
    /// If it cannot be made.
    #[must_use]
    pub fn start(network: &Network, addresses: Addresses) -> Self {
        let pause =
            Child::start(Command::new("unshare").args(["--net", "sleep", "infinity"]), "pause");
        let own = std::fs::read_link("/proc/self/ns/net").ok();
        eventually("a network namespace", || {
            let its = std::fs::read_link(format!("/proc/{}/ns/net", pause.pid())).ok();
            (its.is_some() && its != own).then_some(())
        });
        network.plug(pause.pid(), addresses);
        Self { pause, addresses }
    }

    /// Its addresses.
    #[must_use]
    pub fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// The process that holds it.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pause.pid()
    }

    /// Does something in there.
    ///
    /// # Panics
    /// If the network is gone.
    pub fn inside<T: Send>(&self, act: impl FnOnce() -> T + Send) -> T {
        let network = std::fs::File::open(format!("/proc/{}/ns/net", self.pause.pid()));
        let network = network.expect("a pod's network");
        let enter = || {
            let kind = Some(LinkNameSpaceType::Network);
            move_into_link_name_space(network.as_fd(), kind).expect("a pod's network");
            act()
        };
        // A thread that has moved does not come back.
        std::thread::scope(|scope| scope.spawn(enter).join())
            .expect("what is done in a pod's network")
    }
}
