//! The capability flags: one table of bit, name, and the release that began to insist on it.
//!
//! Each side states its flags in its first message, and the link uses the intersection. The bits are
//! those of `erts/emulator/beam/dist.h` and `lib/kernel/include/dist.hrl`; the meanings are written
//! down in `erl_dist_protocol`, "Distribution Flags" (whose bit for `DFLAG_MANDATORY_25_DIGEST` is
//! a misprint: the sources say `1 << 26`).

use std::fmt;
use std::ops::{BitAnd, BitOr};

/// A set of distribution flags, as they stand on the wire.
///
/// Open: a bit that this crate has no name for is kept, and printed as `1<<N`.
///
/// ```
/// use flitch_handshake::Flags;
///
/// let flags = Flags::SPAWN | Flags::ALIAS | Flags::from_bits(1 << 50);
/// assert_eq!(flags.to_string(), "SPAWN ALIAS 1<<50");
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Flags(u64);

/// One row of the table.
struct Known {
    flag: Flags,
    name: &'static str,
    /// The first release, of those from OTP 25 on, that refuses a peer without it.
    mandatory_since: Option<u8>,
}

macro_rules! flags {
    ($($(#[$doc:meta])* $name:ident = $bit:expr, $since:expr;)*) => {
        impl Flags {
            $($(#[$doc])* pub const $name: Self = Self($bit);)*
        }

        /// Every flag that has a name on the wire, lowest bit first.
        const TABLE: &[Known] = &[
            $(Known { flag: Flags::$name, name: stringify!($name), mandatory_since: $since },)*
        ];
    };
}

flags! {
    /// The node is published: it takes part in `global` and shows in `nodes()`. Hidden without.
    PUBLISHED = 0x01, None;
    /// An atom cache of times before the distribution header. Obsolete.
    ATOM_CACHE = 0x02, None;
    /// References of more than one word.
    EXTENDED_REFERENCES = 0x04, Some(25);
    /// `MONITOR_P` and its kin, by pid.
    DIST_MONITOR = 0x08, None;
    /// Funs have tags of their own.
    FUN_TAGS = 0x10, Some(25);
    /// `MONITOR_P` by registered name.
    DIST_MONITOR_NAME = 0x20, None;
    /// The hidden node's form of [`Self::ATOM_CACHE`]. Obsolete.
    HIDDEN_ATOM_CACHE = 0x40, None;
    /// `NEW_FUN_EXT`.
    NEW_FUN_TAGS = 0x80, Some(25);
    /// Pids and ports wider than 18 bits.
    EXTENDED_PIDS_PORTS = 0x100, Some(25);
    /// `EXPORT_EXT`.
    EXPORT_PTR_TAG = 0x200, Some(25);
    /// `BIT_BINARY_EXT`.
    BIT_BINARIES = 0x400, Some(25);
    /// `NEW_FLOAT_EXT`.
    NEW_FLOATS = 0x800, Some(25);
    /// Unicode in the I/O protocol.
    UNICODE_IO = 0x1000, None;
    /// Messages begin with a distribution header, which holds the atom cache.
    DIST_HDR_ATOM_CACHE = 0x2000, None;
    /// `SMALL_ATOM_EXT`.
    SMALL_ATOM_TAGS = 0x4000, None;
    /// Atoms in UTF-8.
    UTF8_ATOMS = 0x1_0000, Some(25);
    /// `MAP_EXT`.
    MAP_TAG = 0x2_0000, Some(25);
    /// Creations of 32 bits: `NEW_PID_EXT`, `NEW_PORT_EXT`, `NEWER_REFERENCE_EXT`.
    BIG_CREATION = 0x4_0000, Some(25);
    /// `SEND_SENDER` in place of `SEND`.
    SEND_SENDER = 0x8_0000, None;
    /// Any term as a sequential trace label.
    BIG_SEQTRACE_LABELS = 0x10_0000, None;
    /// `PAYLOAD_EXIT` and its kin: exit reasons travel behind the control message.
    EXIT_PAYLOAD = 0x40_0000, None;
    /// Large messages come in fragments.
    FRAGMENTS = 0x80_0000, None;
    /// The handshake of version 6, which this crate speaks.
    HANDSHAKE_23 = 0x100_0000, Some(25);
    /// The link protocol with `UNLINK_ID` and `UNLINK_ID_ACK`.
    UNLINK_ID = 0x200_0000, Some(26);
    /// One bit that stands for all of [`Self::MANDATORY_25`].
    MANDATORY_25_DIGEST = 0x400_0000, None;
    /// `SPAWN_REQUEST` and `SPAWN_REPLY`.
    SPAWN = 1 << 32, None;
    /// Not a capability but a request: the initiator has no name and asks the acceptor for one.
    NAME_ME = 1 << 33, None;
    /// Pids, ports and references with 64-bit numbers and up to five words.
    V4_NC = 1 << 34, Some(26);
    /// `ALIAS_SEND`.
    ALIAS = 1 << 35, None;
    /// `ALTACT_SIG_SEND`, new in OTP 28: sends to aliases, with priority.
    ALTACT_SIG = 1 << 37, None;
    /// `RECORD_EXT`, new in OTP 29.
    NATIVE_RECORDS = 1 << 38, None;
}

impl Flags {
    /// No flags.
    pub const NONE: Self = Self(0);

    /// What OTP 25 insists on, and what [`Self::MANDATORY_25_DIGEST`] stands for.
    /// (`DFLAG_DIST_MANDATORY_25` in `dist.h`, `MANDATORY_DFLAGS_25` in `dist.hrl`.)
    pub const MANDATORY_25: Self = Self::all_of(&[
        Self::EXTENDED_REFERENCES,
        Self::FUN_TAGS,
        Self::NEW_FUN_TAGS,
        Self::EXTENDED_PIDS_PORTS,
        Self::EXPORT_PTR_TAG,
        Self::BIT_BINARIES,
        Self::NEW_FLOATS,
        Self::UTF8_ATOMS,
        Self::MAP_TAG,
        Self::BIG_CREATION,
        Self::HANDSHAKE_23,
    ]);

    /// What OTP 26 and later insist on. (`DFLAG_DIST_MANDATORY` in `dist.h`.)
    ///
    /// `dist.hrl` announced that OTP 27 would insist on [`Self::MANDATORY_25_DIGEST`] as well; the
    /// `dist.h` of OTP 28 does not test for it. Whoever offers it is right in both cases.
    pub const MANDATORY_26: Self =
        Self::all_of(&[Self::MANDATORY_25, Self::V4_NC, Self::UNLINK_ID]);

    /// What this project offers as a hidden node: all that a release from OTP 25 to 29 offers.
    ///
    /// Left out on purpose: [`Self::PUBLISHED`] (visible nodes add it) and [`Self::NAME_ME`] (set
    /// where a name is asked for).
    pub const OFFERED: Self = Self::all_of(&[
        Self::MANDATORY_26,
        Self::MANDATORY_25_DIGEST,
        Self::DIST_MONITOR,
        Self::DIST_MONITOR_NAME,
        Self::UNICODE_IO,
        Self::DIST_HDR_ATOM_CACHE,
        Self::SMALL_ATOM_TAGS,
        Self::SEND_SENDER,
        Self::BIG_SEQTRACE_LABELS,
        Self::EXIT_PAYLOAD,
        Self::FRAGMENTS,
        Self::SPAWN,
        Self::ALIAS,
        Self::ALTACT_SIG,
        Self::NATIVE_RECORDS,
    ]);

    /// What this project insists on: the term formats that it writes without asking.
    ///
    /// [`Self::MANDATORY_25`] without [`Self::HANDSHAKE_23`], so that an OTP 22 node, which begins
    /// with the handshake of version 5, is still let in.
    pub const REQUIRED: Self = Self::MANDATORY_25.without(Self::HANDSHAKE_23);

    /// The low half, which is all that the messages of version 5 can carry.
    pub(crate) const LOW: Self = Self(0xffff_ffff);

    /// Flags as they stand on the wire.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// The bits on the wire.
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// Whether no flag is set.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether all of `others` are set.
    #[must_use]
    pub const fn contains(self, others: Self) -> bool {
        self.0 & others.0 == others.0
    }

    /// These flags and `others`.
    #[must_use]
    pub const fn with(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// These flags but for `others`.
    #[must_use]
    pub const fn without(self, others: Self) -> Self {
        Self(self.0 & !others.0)
    }

    /// With [`Self::MANDATORY_25_DIGEST`] written out, as every receiver since OTP 25 reads it.
    /// (`dist_util:expand_mandatory_25_flag/1`.)
    #[must_use]
    pub const fn expanded(self) -> Self {
        if self.contains(Self::MANDATORY_25_DIGEST) { self.with(Self::MANDATORY_25) } else { self }
    }

    /// What an OTP release, such as 26, insists on. Releases before 25 are counted as 25.
    #[must_use]
    pub fn mandatory_in(otp: u8) -> Self {
        let due = |row: &&Known| row.mandatory_since.is_some_and(|since| since <= otp.max(25));
        TABLE.iter().filter(due).fold(Self::NONE, |sum, row| sum.with(row.flag))
    }

    /// Which flags an OTP release would name as missing when it refuses a node that states these.
    #[must_use]
    pub fn missing_for(self, otp: u8) -> Self {
        Self::mandatory_in(otp).without(self.expanded())
    }

    /// One flag of each set bit, lowest first.
    fn each(self) -> impl Iterator<Item = Self> {
        (0..u64::BITS).map(|bit| Self(1 << bit)).filter(move |flag| self.contains(*flag))
    }

    const fn all_of(mut flags: &[Self]) -> Self {
        let mut sum = Self::NONE;
        while let [first, rest @ ..] = flags {
            sum = sum.with(*first);
            flags = rest;
        }
        sum
    }
}

impl BitOr for Flags {
    type Output = Self;

    fn bitor(self, others: Self) -> Self {
        self.with(others)
    }
}

/// What both sides can do: the flags of the link.
impl BitAnd for Flags {
    type Output = Self;

    fn bitand(self, others: Self) -> Self {
        Self(self.0 & others.0)
    }
}

impl fmt::Display for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("none");
        }
        for (index, flag) in self.each().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            match TABLE.iter().find(|row| row.flag == flag) {
                Some(row) => f.write_str(row.name)?,
                None => write!(f, "1<<{}", flag.0.trailing_zeros())?,
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Flags({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `erts_internal:get_dflags()` of OTP 25: default, and mandatory.
    const OTP_25_DEFAULT: Flags = Flags(55_966_662_588);
    const OTP_25_MANDATORY: Flags = Flags(17_239_956);

    #[test]
    fn bits_are_those_that_an_otp_25_node_reports_of_itself() {
        assert_eq!(Flags::MANDATORY_25, OTP_25_MANDATORY);
        let of_28_and_29 = Flags::ALTACT_SIG | Flags::NATIVE_RECORDS;
        assert_eq!(OTP_25_DEFAULT, Flags::OFFERED.without(of_28_and_29));
    }

    #[test]
    fn the_table_agrees_with_the_sets_that_the_releases_define() {
        assert_eq!(Flags::mandatory_in(25), Flags::MANDATORY_25);
        assert_eq!(Flags::mandatory_in(26), Flags::MANDATORY_26);
        assert_eq!(Flags::mandatory_in(29), Flags::MANDATORY_26);
        for row in TABLE {
            assert_eq!(row.flag.bits().count_ones(), 1, "{}", row.name);
        }
        assert!(TABLE.is_sorted_by(|a, b| a.flag.bits() < b.flag.bits()));
    }

    #[test]
    fn no_release_from_25_on_finds_a_mandatory_flag_missing_in_our_offer() {
        for otp in 25..=30 {
            assert_eq!(Flags::OFFERED.missing_for(otp), Flags::NONE);
        }
    }

    #[test]
    fn a_hidden_node_by_default_never_says_that_it_is_published() {
        assert!(!Flags::OFFERED.contains(Flags::PUBLISHED));
        assert!(!Flags::OFFERED.contains(Flags::NAME_ME));
    }

    #[test]
    fn the_digest_bit_alone_satisfies_otp_25_and_otp_26_names_the_two_it_still_misses() {
        let digest = Flags::MANDATORY_25_DIGEST;
        assert_eq!(digest.missing_for(25), Flags::NONE);
        assert_eq!(digest.missing_for(26).to_string(), "UNLINK_ID V4_NC");
        assert_eq!(Flags::NONE.expanded(), Flags::NONE);
    }

    #[test]
    fn unknown_bits_survive_and_are_printed_as_numbers() {
        let odd = Flags::from_bits(1 << 63 | 1 << 21 | 0x04);
        assert_eq!(odd.bits(), 1 << 63 | 1 << 21 | 0x04);
        assert_eq!(format!("{odd:?}"), "Flags(EXTENDED_REFERENCES 1<<21 1<<63)");
        assert_eq!(Flags::NONE.to_string(), "none");
    }
}
