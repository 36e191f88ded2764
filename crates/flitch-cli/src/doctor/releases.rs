//! What is known of OTP's releases: which are still mended, and which have known holes.

use super::Step;

/// The oldest release that OTP's team still mends: it looks after the newest three, and 29 is the
/// newest. ("Supported Versions" in `SECURITY.md` of erlang/otp.)
const OLDEST_MENDED: u32 = 27;

/// CVE-2025-32433: who can reach the SSH daemon runs code without a login. By release, the version
/// of the application `ssh` that is mended. (GHSA-37cp-fgq5-7wc2.)
const SSH_MENDED: [(u32, [u32; 4]); 3] =
    [(25, [4, 15, 3, 12]), (26, [5, 1, 4, 8]), (27, [5, 2, 10, 0])];

/// What to say of a release, and of the `ssh` that is loaded in it, if it is.
pub(super) fn judge(release: &str, ssh: Option<&str>) -> Step {
    let Ok(major) = release.parse::<u32>() else {
        return Step::skipped("release", format!("OTP {release} is not known to this program"));
    };
    if let Some(version) = ssh.filter(|version| has_hole(major, version)) {
        return Step::warn(
            "release",
            format!(
                "OTP {release} with ssh {version}: CVE-2025-32433, code for everybody who reaches \
                 its SSH daemon"
            ),
            "update to OTP 27.3.3, 26.2.5.11, 25.3.2.20 or later; or, if a distribution's package \
             has the patch without the number, see its changelog",
        );
    }
    if major < OLDEST_MENDED {
        return Step::warn(
            "release",
            format!("OTP {release} gets no more security fixes from OTP's team"),
            format!(
                "update to OTP {OLDEST_MENDED} or later, unless a distribution mends this package"
            ),
        );
    }
    Step::ok("release", format!("OTP {release}, which has no hole that this program knows of"))
}

fn has_hole(major: u32, version: &str) -> bool {
    let mut numbers = [0; 4];
    for (number, text) in numbers.iter_mut().zip(version.split('.')) {
        match text.parse() {
            Ok(parsed) => *number = parsed,
            Err(_) => return false,
        }
    }
    match SSH_MENDED.iter().find(|(release, _)| *release == major) {
        Some((_, mended)) => numbers < *mended,
        None => major < 25,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    #[test]
    fn an_ssh_with_the_hole_is_told_and_one_that_is_mended_or_not_loaded_is_not() {
        for (release, ssh, verdict) in [
            ("27", Some("5.2.9"), Verdict::Warn),
            ("27", Some("5.2.10"), Verdict::Ok),
            ("27", Some("5.2.10.1"), Verdict::Ok),
            ("29", Some("6.0"), Verdict::Ok),
            ("27", Some("odd"), Verdict::Ok),
            ("27", None, Verdict::Ok),
            ("26", None, Verdict::Warn),
            ("R16B", None, Verdict::Skipped),
        ] {
            assert_eq!(judge(release, ssh).verdict, verdict, "{release} {ssh:?}");
        }
        assert!(judge("26", Some("5.1.4.7")).seen.contains("CVE-2025-32433"));
        assert!(!judge("26", Some("5.1.4.8")).seen.contains("CVE"));
        assert!(judge("24", Some("4.13")).seen.contains("CVE"));
    }
}
