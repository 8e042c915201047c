//! What was found, as lines for people or as JSON for programs.

use console::style;
use serde::Serialize;

use crate::output::print;
use crate::screen::printable;

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

    fn text(&self) -> String {
        let level = match self.level {
            Level::Ok => style("ok     ").green(),
            Level::Warning => style("warning").yellow(),
            Level::Problem => style("problem").red().bold(),
        };
        let mut text = format!("{level}  {:<10}  {}", self.what, printable(&self.says));
        if let Some(remedy) = &self.remedy {
            text.push_str(&format!("\n{:21}→ {}", "", printable(remedy)));
        }
        text
    }
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
            print(finding.text())?;
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
