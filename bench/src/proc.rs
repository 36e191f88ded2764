//! What the system says about a process.

use std::fs;

/// In bytes.
#[derive(Clone, Copy)]
pub(crate) struct Memory {
    pub(crate) resident: f64,
    /// Without what is the program's own file.
    pub(crate) allocated: f64,
}

/// Nought of one that is gone.
pub(crate) fn memory(pid: u32) -> Memory {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let of = |name| field(&status, name) * 1024.0;
    Memory { resident: of("VmRSS:"), allocated: of("RssAnon:") }
}

/// How often its threads went to sleep until now.
pub(crate) fn wake_ups(pid: u32) -> f64 {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let status = threads.filter_map(|thread| fs::read_to_string(thread.path().join("status")).ok());
    status.map(|status| field(&status, "voluntary_ctxt_switches:")).sum()
}

/// Processor time until now, in seconds.
pub(crate) fn processor(pid: u32) -> f64 {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let spent = threads.filter_map(|thread| {
        let spent = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        spent.split(' ').next()?.parse::<f64>().ok()
    });
    spent.sum::<f64>() / 1e9
}

fn field(status: &str, name: &str) -> f64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_knows_what_this_very_process_takes() {
        let us = std::process::id();
        assert!(memory(us).resident > memory(us).allocated);
        assert!(memory(us).allocated > 0.0 && processor(us) > 0.0 && wake_ups(us) >= 0.0);
        assert_eq!(memory(u32::MAX).resident, 0.0);
    }
}
