//! Why an EPMD did not do what it was asked.

use std::fmt;
use std::io;
use std::net::SocketAddr;

use crate::message::{Endpoint, MessageError, WireName};

/// Why an EPMD did not do what it was asked, and what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// Nothing listens there.
    #[error(
        "no EPMD answers at {epmd}: start one there with `epmd -daemon` (a BEAM with -name does \
         it), or set ERL_EPMD_PORT if it listens on another port"
    )]
    NoDaemon {
        /// The address that refused.
        epmd: SocketAddr,
    },
    /// The host cannot be reached.
    #[error("cannot reach the EPMD at {epmd}: {source}; check the address, routes and firewalls")]
    Unreachable {
        /// The address.
        epmd: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The time is up.
    #[error(
        "the EPMD at {epmd} took too long to {step}: check that the host is up, that no firewall \
         drops packets to the port, and that it is an EPMD"
    )]
    TimedOut {
        /// The address.
        epmd: SocketAddr,
        /// What it was about to do.
        step: Step,
    },
    /// The connection ended before an answer came.
    #[error(
        "the EPMD at {epmd} closed the connection without an answer: it registers only nodes of \
         its own host, and drops commands that it does not allow"
    )]
    Closed {
        /// The address.
        epmd: SocketAddr,
    },
    /// The connection broke.
    #[error("the connection to the EPMD at {epmd} broke: {source}; try again")]
    Broken {
        /// The address.
        epmd: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The answer is none.
    #[error("what listens at {epmd} is no EPMD: {source}; check the port")]
    Garbage {
        /// The address.
        epmd: SocketAddr,
        /// What is wrong with the answer.
        source: MessageError,
    },
    /// EPMD does not know the node.
    #[error(
        "no node {name} is registered with the EPMD at {epmd}: start it, or compare its name with \
         those that `epmd -names` lists on that host"
    )]
    NotRegistered {
        /// The address.
        epmd: SocketAddr,
        /// The alive name.
        name: WireName,
    },
    /// Another living node has the name.
    #[error(
        "the name {name} is taken: a node with its distribution on port {} is registered under it \
         with the EPMD at {epmd}; stop that node or take another name",
        holder.port
    )]
    NameTaken {
        /// The address.
        epmd: SocketAddr,
        /// The alive name.
        name: WireName,
        /// The node that has it.
        holder: Box<Endpoint>,
    },
    /// EPMD refuses, and no living node has the name.
    #[error(
        "the EPMD at {epmd} refuses to register {name} (result {result}), though no node has that \
         name now: try again, and if it stays so, take a plainer name or look for a full EPMD"
    )]
    Refused {
        /// The address.
        epmd: SocketAddr,
        /// The alive name.
        name: WireName,
        /// What EPMD said.
        result: u8,
    },
}

impl ClientError {
    /// Whether another living node has the name: the one reason to give up at start.
    #[must_use]
    pub const fn is_name_taken(&self) -> bool {
        matches!(self, Self::NameTaken { .. })
    }
}

/// The steps of a call that take time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Connecting.
    Connect,
    /// Sending the request.
    Send,
    /// Waiting for the answer.
    Answer,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "accept the connection",
            Self::Send => "take the request",
            Self::Answer => "answer",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_names_the_address_and_says_what_to_do() {
        let epmd: SocketAddr = "10.0.0.7:4369".parse().unwrap();
        let name: WireName = "worker".parse().unwrap();
        let io = || io::Error::other("no route");
        let garbage = MessageError::UnknownRequest { found: 1 };
        let holder = Box::new(Endpoint::normal(43210));
        let errors = [
            (ClientError::NoDaemon { epmd }, "epmd -daemon"),
            (ClientError::Unreachable { epmd, source: io() }, "check the address"),
            (ClientError::TimedOut { epmd, step: Step::Answer }, "firewall"),
            (ClientError::Closed { epmd }, "own host"),
            (ClientError::Broken { epmd, source: io() }, "try again"),
            (ClientError::Garbage { epmd, source: garbage }, "check the port"),
            (ClientError::NotRegistered { epmd, name: name.clone() }, "epmd -names"),
            (ClientError::NameTaken { epmd, name: name.clone(), holder }, "43210"),
            (ClientError::Refused { epmd, name, result: 1 }, "plainer name"),
        ];
        for (error, advice) in errors {
            let said = error.to_string();
            assert!(said.contains("10.0.0.7:4369") && said.contains(advice), "{said}");
        }
    }
}
