//! The polling halves: they ask and wait, and leave what an answer means to the pure halves.
