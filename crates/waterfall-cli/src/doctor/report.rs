//! What was found, as lines for people or as JSON for programs.

use console::{Term, measure_text_width, style};
use serde::Serialize;

use crate::output::print;
use crate::screen::printable;

/// Where the words of a finding begin.
const INDENT: usize = 21;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Level {
    /// It works.
    Ok,
    /// It works in part, or only in some networks.
    Warning,
    /// It does not work.
    Problem,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    what: &'static str,
    level: Level,
    says: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<String>,
}

impl Finding {
    /// It works.
    pub(super) fn ok(what: &'static str, says: impl Into<String>) -> Self {
        Self { what, level: Level::Ok, says: says.into(), remedy: None }
    }

    /// It works in part; `remedy` says what to do.
    pub(super) fn warning(what: &'static str, says: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { what, level: Level::Warning, says: says.into(), remedy: Some(remedy.into()) }
    }

    /// It does not work; `remedy` says what to do.
    pub(super) fn problem(what: &'static str, says: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { what, level: Level::Problem, says: says.into(), remedy: Some(remedy.into()) }
    }

    /// `columns` is where lines are to end.
    fn text(&self, columns: usize) -> String {
        let level = match self.level {
            Level::Ok => style("ok     ").green(),
            Level::Warning => style("warning").yellow(),
            Level::Problem => style("problem").red().bold(),
        };
        let mut text = format!("{level}  {:<10}  {}", self.what, wrap(&printable(&self.says), columns, INDENT));
        if let Some(remedy) = &self.remedy {
            let remedy = wrap(&printable(remedy), columns, INDENT + 2);
            text.push_str(&format!("\n{:INDENT$}→ {remedy}", ""));
        }
        text
    }
}

/// Breaks a text between words, so that it fits between `indent` and `columns` where it can.
fn wrap(text: &str, columns: usize, indent: usize) -> String {
    let room = columns.saturating_sub(indent).max(20);
    let mut wrapped = String::with_capacity(text.len());
    let mut used = 0;
    for word in text.split(' ') {
        let width = measure_text_width(word);
        if used > 0 && used + 1 + width > room {
            wrapped.push_str(&format!("\n{:indent$}", ""));
            used = 0;
        } else if used > 0 {
            wrapped.push(' ');
            used += 1;
        }
        wrapped.push_str(word);
        used += width;
    }
    wrapped
}

/// All that was found.
#[derive(Debug)]
pub(super) struct Report {
    findings: Vec<Finding>,
    json: bool,
}

/// The report in JSON.
#[derive(Serialize)]
pub(super) struct Summary<'a> {
    findings: &'a [Finding],
    warnings: usize,
    problems: usize,
}

impl Report {
    /// With `json` nothing is printed before the end.
    pub(super) fn new(json: bool) -> Self {
        Self { findings: Vec::new(), json }
    }

    /// Takes a finding, and prints it: some take seconds, and people wait.
    pub(super) fn add(&mut self, finding: Finding) -> std::io::Result<()> {
        if !self.json {
            let term = Term::stdout();
            // Elsewhere a finding is a line, as programs like it.
            let columns = if term.is_term() { usize::from(term.size().1) } else { usize::MAX };
            print(finding.text(columns))?;
        }
        self.findings.push(finding);
        Ok(())
    }

    pub(super) fn problems(&self) -> usize {
        self.count(Level::Problem)
    }

    pub(super) fn summary(&self) -> Summary<'_> {
        Summary { findings: &self.findings, warnings: self.count(Level::Warning), problems: self.problems() }
    }

    fn count(&self, level: Level) -> usize {
        self.findings.iter().filter(|finding| finding.level == level).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_findings_are_broken_between_words() {
        assert_eq!(wrap("one two three four five", 24, 4), "one two three four\n    five");
        assert_eq!(
            wrap("a-word-that-is-longer-than-all-the-room b", 24, 4),
            "a-word-that-is-longer-than-all-the-room\n    b"
        );
        assert_eq!(wrap("one two", usize::MAX, INDENT), "one two");
        assert_eq!(wrap("", 0, INDENT), "");
    }
}
