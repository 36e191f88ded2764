//! TCP ports that no other test uses at the same time.

use std::net::{Ipv4Addr, Ipv6Addr, TcpListener, UdpSocket};
use std::sync::atomic::{AtomicU16, Ordering};

/// A TCP port on which nothing listens, claimed for as long as this lives.
///
/// The claim is the UDP port of the same number: other tests see it taken, and the TCP port stays
/// free for a program that is started, stopped and started again. The numbers lie below the range
/// from which the kernel gives connections their own ports.
#[derive(Debug)]
pub struct Port {
    number: u16,
    _claim: UdpSocket,
}

impl Port {
    const FIRST: u16 = 12_000;
    const COUNT: u16 = 18_000;

    /// Claims a port.
    ///
    /// # Panics
    /// If none is free.
    #[must_use]
    pub fn claim() -> Self {
        Self::claim_row::<1>().into_iter().next().expect("a row of one")
    }

    /// Claims `N` ports with successive numbers.
    ///
    /// # Panics
    /// If no such row is free.
    #[must_use]
    pub fn claim_row<const N: usize>() -> Vec<Self> {
        static NEXT: AtomicU16 = AtomicU16::new(0);
        // Test processes that run at the same time begin at different places.
        let start = (std::process::id() % 180) as u16 * 100;
        for _ in 0..Self::COUNT {
            let step = NEXT.fetch_add(N as u16, Ordering::Relaxed);
            let first = Self::FIRST + start.wrapping_add(step) % (Self::COUNT - N as u16);
            let row: Vec<_> = (first..).take(N).map_while(Self::take).collect();
            if row.len() == N {
                return row;
            }
        }
        panic!("no free TCP port from {} on", Self::FIRST);
    }

    fn take(number: u16) -> Option<Self> {
        let claim = UdpSocket::bind((Ipv4Addr::LOCALHOST, number)).ok()?;
        TcpListener::bind((Ipv4Addr::UNSPECIFIED, number)).ok()?;
        // A machine without IPv6 has nobody on that side.
        let taken = TcpListener::bind((Ipv6Addr::LOCALHOST, number))
            .is_err_and(|error| error.kind() == std::io::ErrorKind::AddrInUse);
        (!taken).then_some(Self { number, _claim: claim })
    }

    /// The port's number.
    #[must_use]
    pub fn number(&self) -> u16 {
        self.number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_claimed_once_and_stays_free_for_tcp() {
        let row = Port::claim_row::<3>();
        let numbers: Vec<_> = row.iter().map(Port::number).collect();
        assert_eq!(numbers, [numbers[0], numbers[0] + 1, numbers[0] + 2]);
        assert!(Port::take(numbers[0]).is_none());
        assert!(TcpListener::bind((Ipv4Addr::LOCALHOST, numbers[0])).is_ok());
        drop(row);
        assert!(Port::take(numbers[0]).is_some());
    }
}
