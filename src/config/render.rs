//! How diagnostics look on a terminal: place, code, reason, the line with a caret, help. No colours.

use std::fmt;

use super::diagnostic::{Diagnostic, Diagnostics, Severity};

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
        })
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        write!(f, "{}[{}]: ", self.severity, self.code)?;
        if !self.path.is_empty() {
            write!(f, "{}: ", visible(&self.path))?;
        }
        writeln!(f, "{}", visible(&self.reason))?;
        self.excerpt(f)?;
        self.hint.as_ref().map_or(Ok(()), |hint| writeln!(f, "  help: {}", visible(hint)))
    }
}

impl Diagnostic {
    fn excerpt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Some(place), Some(line)) = (&self.place, &self.line_text) else { return Ok(()) };
        let before = usize::try_from(place.column.saturating_sub(1)).unwrap_or(0);
        let rest: String = line.chars().skip(before).collect();
        let number = place.line.to_string();
        let gutter = " ".repeat(number.len());
        writeln!(f, " {gutter} |")?;
        writeln!(f, " {number} | {}", visible(line))?;
        // A tab stays a tab, so that the caret stands below the text however wide tabs are.
        let indent: String = line.chars().take(before).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
        writeln!(f, " {gutter} | {indent}{}", "^".repeat(underlined(&rest, &self.text)))
    }
}

/// How many characters the carets cover: the offending text, with its quotes.
fn underlined(rest: &str, text: &str) -> usize {
    let first = text.lines().next().unwrap_or("");
    let quoted = rest.strip_prefix(['"', '\'']).is_some_and(|inner| inner.starts_with(first));
    if first.is_empty() {
        1
    } else if quoted {
        first.chars().count() + 2
    } else if rest.starts_with(first) {
        first.chars().count()
    } else {
        1
    }
}

/// Without what would move a terminal's cursor.
fn visible(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\t' { '\u{fffd}' } else { c }).collect()
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for diagnostic in self.iter() {
            writeln!(f, "{diagnostic}")?;
        }
        if self.more() > 0 {
            writeln!(f, "... and {} more", self.more())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::config::diagnostic::{Diagnostics, LIMIT, Report};
    use crate::config::source::{Mark, Sources};
    use crate::config::units::UnitError;

    fn report(count: usize, is_warning: bool) -> Diagnostics {
        let mut sources = Sources::default();
        let file = sources.add("a.yaml", "routes:\n  - nmae: x\n".to_owned()).unwrap();
        let mut report = Report::new(&sources);
        for _ in 0..count {
            let mark = Mark { file, line: 2, column: 5 };
            let why = UnitError::new("unknown key `nmae`").hint("did you mean `name`?");
            if is_warning {
                report.warning("unknown-key", mark, "routes[0].nmae", "nmae", why);
            } else {
                report.error("unknown-key", mark, "routes[0].nmae", "nmae", why);
            }
        }
        report.diagnostics
    }

    #[test]
    fn shows_place_line_caret_and_help() {
        let expected = "\
a.yaml:2:5: error[unknown-key]: routes[0].nmae: unknown key `nmae`
   |
 2 |   - nmae: x
   |     ^^^^
  help: did you mean `name`?

";
        assert_eq!(report(1, false).to_string(), expected);
    }

    #[test]
    fn is_written_as_json_with_its_place() {
        let json = serde_json::to_value(report(1, false)).unwrap();
        let first = &json["diagnostics"][0];
        assert_eq!(
            (&first["file"], &first["line"], &first["column"]),
            (&"a.yaml".into(), &2.into(), &5.into())
        );
        assert_eq!((&first["severity"], &first["hint"]), (&"error".into(), &"did you mean `name`?".into()));
        assert_eq!((&json["errors"], &json["more"]), (&1.into(), &0.into()));
    }

    #[test]
    fn is_bounded_and_says_how_many_more() {
        let diagnostics = report(LIMIT + 7, false);
        assert_eq!(diagnostics.iter().count(), LIMIT);
        assert_eq!(diagnostics.error_count(), LIMIT + 7);
        assert!(diagnostics.to_string().ends_with("... and 7 more\n"));
    }

    #[test]
    fn warnings_never_crowd_out_an_error() {
        let mut diagnostics = report(LIMIT, true);
        diagnostics.extend(report(1, false));
        assert!(diagnostics.has_errors());
        assert!(
            diagnostics
                .iter()
                .any(|kept| kept.code == "unknown-key" && kept.severity == super::Severity::Error)
        );
        assert_eq!(diagnostics.more(), 1);
    }

    #[test]
    fn a_control_character_cannot_move_the_cursor() {
        let mut diagnostics = report(1, false);
        let mut one = diagnostics.iter().next().unwrap().clone();
        one.reason = "bad \u{1b}[2J".to_owned();
        diagnostics.push(one);
        assert!(!diagnostics.to_string().contains('\u{1b}'));
    }
}
