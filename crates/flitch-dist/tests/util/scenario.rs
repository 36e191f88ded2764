//! What the Erlang node is told to do, and what it then sends.

/// A step, and the frames that follow it.
pub(crate) type Step = (&'static str, &'static [&'static str]);

/// To a node that offers all that we know.
pub(crate) const MODERN: &[Step] = &[
    ("send", &["SEND_SENDER them us | hello"]),
    ("reg_send", &["REG_SEND them orders | hello"]),
    ("alias_send", &["ALIAS_SEND them our-ref | hello"]),
    ("link", &["LINK them us"]),
    ("unlink", &["UNLINK_ID id them us"]),
    ("monitor", &["MONITOR_P them us their-ref"]),
    ("demonitor", &["DEMONITOR_P them us their-ref"]),
    ("monitor_name", &["MONITOR_P them orders their-ref"]),
    ("demonitor", &["DEMONITOR_P them orders their-ref"]),
    ("exit2", &["PAYLOAD_EXIT2 them us | bye"]),
    ("exit", &["LINK them us", "PAYLOAD_EXIT them us | crash"]),
    ("group_leader", &["GROUP_LEADER them us"]),
    (
        "spawn_request",
        &["SPAWN_REQUEST their-ref them them orders:list/2 [link,monitor] | [1,two]"],
    ),
    ("{traced,send}", &["SEND_SENDER_TT them us | hello"]),
    ("{traced,reg_send}", &["REG_SEND_TT them orders | hello"]),
    ("{traced,alias_send}", &["ALIAS_SEND_TT them our-ref | hello"]),
    ("traced_exit", &["LINK them us", "PAYLOAD_EXIT_TT them us | crash"]),
    (
        "{traced,spawn_request}",
        &["SPAWN_REQUEST_TT their-ref them them orders:list/2 [link,monitor] | [1,two]"],
    ),
];

/// To a node that knows no payloads of exits, no senders and no ids of unlinks.
pub(crate) const OLD: &[Step] = &[
    ("send", &["SEND us | hello"]),
    ("reg_send", &["REG_SEND them orders | hello"]),
    ("link", &["LINK them us"]),
    ("unlink", &["UNLINK them us"]),
    ("exit2", &["EXIT2 them us | bye"]),
    ("exit", &["LINK them us", "EXIT them us | crash"]),
    ("{traced,send}", &["SEND_TT us | hello"]),
    ("traced_exit", &["LINK them us", "EXIT_TT them us | crash"]),
];
