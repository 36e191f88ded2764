//! The walk from our own configuration to what a node says of its cluster: each step is ok, a
//! warning or a failure, with what was seen and what to change.

pub(crate) mod inside;
pub(crate) mod ours;
mod releases;
pub(crate) mod way;

use serde::Serialize;

use crate::failure::{Failure, Status};
use crate::out;
use crate::out::view::{Block, Document};

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Verdict {
    Ok,
    /// It cannot be told from here, or a step before it failed.
    Skipped,
    Warn,
    Fail,
}

/// One step.
#[derive(Debug, Serialize)]
pub(crate) struct Step {
    pub(crate) step: &'static str,
    pub(crate) verdict: Verdict,
    /// What was seen.
    pub(crate) seen: String,
    /// What to change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) change: Option<String>,
}

impl Step {
    pub(crate) fn ok(step: &'static str, seen: impl Into<String>) -> Self {
        Self { step, verdict: Verdict::Ok, seen: seen.into(), change: None }
    }

    pub(crate) fn skipped(step: &'static str, seen: impl Into<String>) -> Self {
        Self { verdict: Verdict::Skipped, ..Self::ok(step, seen) }
    }

    pub(crate) fn warn(
        step: &'static str,
        seen: impl Into<String>,
        change: impl Into<String>,
    ) -> Self {
        Self { verdict: Verdict::Warn, change: Some(change.into()), ..Self::ok(step, seen) }
    }
}

/// All steps so far.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) node: String,
    /// The worst of all steps.
    pub(crate) verdict: Verdict,
    pub(crate) steps: Vec<Step>,
    /// Of the first failure.
    #[serde(skip)]
    pub(crate) status: Option<Status>,
}

impl Report {
    pub(crate) fn new(node: String) -> Self {
        Self { node, verdict: Verdict::Ok, steps: Vec::new(), status: None }
    }

    pub(crate) fn add(&mut self, step: Step) {
        if step.verdict != Verdict::Skipped {
            self.verdict = self.verdict.max(step.verdict);
        }
        self.steps.push(step);
    }

    /// A step that failed. What the sentence says is both what was seen and what to change, unless
    /// more is known of that.
    pub(crate) fn fail(&mut self, step: &'static str, failure: &Failure, change: Option<String>) {
        self.status = self.status.or(Some(failure.status));
        let seen = failure.message.clone();
        self.add(Step { step, verdict: Verdict::Fail, seen, change });
    }

    /// The steps that a failure keeps from being taken.
    pub(crate) fn skip(&mut self, steps: &[&'static str]) {
        for step in steps {
            self.add(Step::skipped(step, NOT_TRIED));
        }
    }

    /// The steps that were not tried.
    fn left_out(&self) -> Vec<&str> {
        let left_out = self.steps.iter().filter(|step| step.seen == NOT_TRIED);
        left_out.map(|step| step.step).collect()
    }
}

const NOT_TRIED: &str = "not tried: a step before it failed";

impl Document for Report {
    fn blocks(&self, _wide: bool) -> Vec<Block> {
        let width = out::width().unwrap_or(usize::MAX);
        let mut lines = Vec::new();
        let tried = self.steps.iter().filter(|step| step.seen != NOT_TRIED);
        for Step { step, verdict, seen, change } in tried {
            let word = match verdict {
                Verdict::Ok => "ok",
                Verdict::Skipped => "-",
                Verdict::Warn => "warn",
                Verdict::Fail => "FAIL",
            };
            let change = change.as_ref().map(|change| format!("-> {change}"));
            let mut head = format!("{word:5} {step:14} ");
            for text in [Some(seen), change.as_ref()].into_iter().flatten() {
                for line in wrapped(&out::text::harmless(text).replace('\n', " "), width) {
                    lines.push(format!("{head}{line}"));
                    head = " ".repeat(MARGIN);
                }
            }
        }
        let left_out = self.left_out();
        if !left_out.is_empty() {
            lines.push(format!("-     not tried: {}", left_out.join(", ")));
        }
        let count = |verdict| self.steps.iter().filter(|step| step.verdict == verdict).count();
        let (failed, warned) = (count(Verdict::Fail), count(Verdict::Warn));
        let end = match (failed, warned) {
            (0, 0) => format!("{}: nothing is wrong", self.node),
            (0, _) => format!("{}: it can be reached; warnings: {warned}", self.node),
            _ => format!("{}: failed: {failed}, warnings: {warned}", self.node),
        };
        vec![Block::Lines(lines), Block::Lines(vec![out::text::harmless(&end)])]
    }
}

/// Where the sentences begin.
const MARGIN: usize = 21;

/// A sentence in lines that fit beside the margin.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let room = width.saturating_sub(MARGIN).max(20);
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.chars().count() + 1 + word.chars().count() <= room => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::View;
    use crate::failure::Stage;
    use crate::out::view;

    fn report() -> Report {
        let mut report = Report::new("app@h.x".to_owned());
        report.add(Step::ok("name", "a long name"));
        report.add(Step::warn("cookie", "it is short", "take a longer one"));
        report
    }

    #[test]
    fn warnings_alone_are_no_failure_to_a_script() {
        let report = report();
        assert_eq!((report.verdict, report.status), (Verdict::Warn, None));
        let text = view::print(&report, View::Text).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "ok    name           a long name");
        assert_eq!(lines[2], "                     -> take a longer one");
        assert!(text.ends_with("app@h.x: it can be reached; warnings: 1\n"), "{text}");
    }

    #[test]
    fn the_first_failure_is_the_one_that_a_script_gets() {
        let mut report = report();
        report.fail("dns", &Failure::timeout(Stage::Dns, "no answer"), None);
        report.fail("link", &Failure::new(Stage::Call, "no"), None);
        report.skip(&["tick", "global"]);
        assert_eq!((report.verdict, report.status), (Verdict::Fail, Some(Status::Timeout)));
        assert_eq!(report.steps.last().unwrap().verdict, Verdict::Skipped);
        let json = view::print(&report, View::Json).unwrap();
        assert!(json.contains("\"verdict\":\"fail\"") && !json.contains("status"), "{json}");
        let text = view::print(&report, View::Text).unwrap();
        assert!(text.contains("-     not tried: tick, global\n"), "{text}");
    }

    #[test]
    fn a_long_sentence_is_broken_beside_the_margin_and_never_inside_a_word() {
        assert_eq!(
            wrapped("aaaa bbbbbbbbb cccccccccccccc dd", 41),
            ["aaaa bbbbbbbbb", "cccccccccccccc dd"]
        );
        let long = "x".repeat(99);
        assert_eq!(wrapped(&long, 10), [long]);
    }
}
