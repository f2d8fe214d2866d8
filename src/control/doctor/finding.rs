//! What an examination finds, and how it is shown.
//!
//! Owns the shape that programs read (`--json`) and the text that people read. The names of the fields, the ids and
//! the words of the severities are stable; what stands in `found`, `costs` and `fix` is for people.

use std::fmt::Write;

use serde::Serialize;

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// As it should be.
    Ok,
    /// Worth knowing; costs nothing, little, or could not be seen.
    Info,
    /// Costs speed, capacity or safety under load.
    Warning,
    /// The gateway does not start, or does not serve.
    Critical,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at, in kebab-case. Together with `subject` unique in a report.
    pub id: String,
    /// Which one, where there are several: a setting, a listener, an interface.
    pub subject: Option<String>,
    /// How much it matters.
    pub severity: Severity,
    /// False if it could not be seen from here; `found` says why.
    pub readable: bool,
    /// What is there.
    pub found: String,
    /// What that costs.
    pub costs: Option<String>,
    /// The command, or the line of a unit or configuration, that mends it.
    pub fix: Option<String>,
}

impl Finding {
    /// A finding without costs and fix.
    pub fn new(id: impl Into<String>, severity: Severity, found: impl Into<String>) -> Self {
        let (id, found) = (id.into(), found.into());
        Self { id, subject: None, severity, readable: true, found, costs: None, fix: None }
    }

    /// All is well.
    pub fn ok(id: impl Into<String>, found: impl Into<String>) -> Self {
        Self::new(id, Severity::Ok, found)
    }

    /// Worth knowing.
    pub fn info(id: impl Into<String>, found: impl Into<String>) -> Self {
        Self::new(id, Severity::Info, found)
    }

    /// Costs something.
    pub fn warning(id: impl Into<String>, found: impl Into<String>) -> Self {
        Self::new(id, Severity::Warning, found)
    }

    /// Does not work.
    pub fn critical(id: impl Into<String>, found: impl Into<String>) -> Self {
        Self::new(id, Severity::Critical, found)
    }

    /// Could not be seen from here, which is never hidden.
    pub fn unreadable(id: impl Into<String>, why: impl std::fmt::Display) -> Self {
        Self { readable: false, ..Self::new(id, Severity::Info, format!("not readable: {why}")) }
    }

    /// With the name of the one it is about.
    pub fn about(mut self, subject: impl Into<String>) -> Self {
        self.subject = Some(subject.into());
        self
    }

    /// With what it costs.
    pub fn costs(mut self, costs: impl Into<String>) -> Self {
        self.costs = Some(costs.into());
        self
    }

    /// With what mends it.
    pub fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = Some(fix.into());
        self
    }
}

/// How many of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Findings of [`Severity::Critical`].
    pub critical: usize,
    /// Findings of [`Severity::Warning`].
    pub warning: usize,
    /// Findings of [`Severity::Info`], those that could not be seen among them.
    pub info: usize,
    /// Findings of [`Severity::Ok`].
    pub ok: usize,
    /// What could not be seen from here.
    pub unreadable: usize,
    /// The exit code of the command.
    pub exit_code: u8,
}

/// Everything that was looked at, the worst first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// How many of each.
    pub summary: Summary,
    /// All of them, the good ones too.
    pub findings: Vec<Finding>,
}

impl Report {
    /// Sorts and counts.
    pub fn new(mut findings: Vec<Finding>) -> Self {
        // Stable: within a severity they stay in the order in which they were looked at.
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        let count = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
        let (critical, warning) = (count(Severity::Critical), count(Severity::Warning));
        let summary = Summary {
            critical,
            warning,
            info: count(Severity::Info),
            ok: count(Severity::Ok),
            unreadable: findings.iter().filter(|finding| !finding.readable).count(),
            exit_code: if critical > 0 { 2 } else { u8::from(warning > 0) },
        };
        Self { summary, findings }
    }

    /// For people; those that are well only with `all`.
    pub fn text(&self, all: bool) -> String {
        let mut out = String::new();
        for finding in self.findings.iter().filter(|finding| all || finding.severity > Severity::Ok) {
            finding.write(&mut out);
        }
        let Summary { critical, warning, info, ok, unreadable, .. } = self.summary;
        let _ = write!(out, "{critical} critical, {warning} warning, {info} info, {ok} ok");
        if unreadable > 0 {
            let _ = write!(out, "; {unreadable} of them not readable from here");
        }
        out.push('\n');
        out
    }
}

impl Finding {
    fn write(&self, out: &mut String) {
        let severity = match self.severity {
            Severity::Ok => "ok",
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Critical => "critical",
        };
        // Writing to a string does not fail.
        let _ = writeln!(out, "{severity:<8}  {}", self.title());
        let _ = writeln!(out, "          {}", self.found);
        for (word, text) in [("costs", &self.costs), ("fix", &self.fix)] {
            if let Some(text) = text {
                let _ = writeln!(out, "          {word:<6} {text}");
            }
        }
    }

    /// The subject is left out where the id or what was found names it.
    fn title(&self) -> String {
        match &self.subject {
            Some(subject) if !self.found.contains(&**subject) => format!("{} ({subject})", self.id),
            _ => self.id.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        Report::new(vec![
            Finding::ok("clock", "tsc"),
            Finding::warning("swap", "swap is on").costs("stalls").fix("swapoff -a"),
            Finding::critical("port", "taken").about("public"),
            Finding::unreadable("irq", "permission denied"),
        ])
    }

    #[test]
    fn the_worst_comes_first_and_decides_the_exit_code() {
        let report = report();
        let ids: Vec<&str> = report.findings.iter().map(|finding| &*finding.id).collect();
        assert_eq!(ids, ["port", "swap", "irq", "clock"]);
        assert_eq!(report.summary.exit_code, 2);
        assert_eq!(Report::new(vec![Finding::warning("a", "b")]).summary.exit_code, 1);
        assert_eq!(Report::new(vec![Finding::info("a", "b")]).summary.exit_code, 0);
    }

    #[test]
    fn what_is_well_is_shown_on_demand_and_what_is_not_readable_always() {
        let text = report().text(false);
        assert!(!text.contains("tsc") && report().text(true).contains("tsc"), "{text}");
        assert!(text.contains("not readable: permission denied"), "{text}");
        assert!(text.contains("critical  port (public)\n          taken\n"), "{text}");
        assert!(text.contains("          costs  stalls\n          fix    swapoff -a\n"), "{text}");
        assert!(text.ends_with("1 critical, 1 warning, 1 info, 1 ok; 1 of them not readable from here\n"));
    }

    #[test]
    fn every_finding_has_every_field_for_programs() {
        let json = serde_json::to_value(report()).unwrap();
        assert_eq!(json["summary"]["exit_code"], 2);
        for finding in json["findings"].as_array().unwrap() {
            let keys: Vec<&String> = finding.as_object().unwrap().keys().collect();
            assert_eq!(keys, ["id", "subject", "severity", "readable", "found", "costs", "fix"]);
        }
    }
}
