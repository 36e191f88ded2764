//! What the releases of OTP offer in a handshake.

use flitch_handshake::Flags;

/// A release of OTP that a [`Beam`](crate::test::Beam) is like: what it offers decides in which of
/// their forms messages come, aliases and priorities among them.
///
/// ```
/// use flitch::test::{Network, Otp};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let network = Network::new();
/// for release in [Otp::V25, Otp::V27, Otp::V29] {
///     let app = network.beam("app@b")?.otp(release).start().await?;
///     // … the same test with what each of them sends
///     app.stop().await;
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Otp {
    /// OTP 25.
    V25,
    /// OTP 26.
    V26,
    /// OTP 27.
    V27,
    /// OTP 28.
    V28,
    /// OTP 29.
    #[default]
    V29,
}

impl Otp {
    /// `DFLAG_DIST_DEFAULT` of that release's `erts/emulator/beam/dist.h`.
    pub(crate) const fn flags(self) -> Flags {
        match self {
            Self::V25 | Self::V26 | Self::V27 => {
                Flags::OFFERED.without(Flags::ALTACT_SIG).without(Flags::NATIVE_RECORDS)
            }
            Self::V28 => Flags::OFFERED.without(Flags::NATIVE_RECORDS),
            Self::V29 => Flags::OFFERED,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `erts_internal:get_dflags()` of live nodes.
    #[test]
    fn each_release_offers_what_a_node_of_it_says_that_it_offers() {
        let default = |otp: Otp| otp.flags().bits();
        assert_eq!(default(Otp::V25), 55_966_662_588);
        assert_eq!(default(Otp::V27), 55_966_662_588);
        assert_eq!(default(Otp::V29), 468_283_523_004);
    }
}
