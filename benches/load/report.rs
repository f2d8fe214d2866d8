//! The table in Markdown, and what must be reached.

use std::fmt::Write as _;

use crate::contender::Contender;
use crate::estimate::Estimate;
use crate::machine;
use crate::row::{Measure, Must, ROWS, Row};
use crate::standing::{Outcome, Standing};

const HEAD: &str = "| | floor | Ringgate | nginx | HAProxy | Envoy | above floor | x nginx | x HAProxy | x Envoy | must | \
                    kept/thrown |\n|---|---|---|---|---|---|---|---|---|---|---|---|";

/// Everything that was measured.
#[derive(Default)]
pub struct Report {
    lines: Vec<String>,
    tunings: Vec<String>,
    details: Vec<String>,
    verdicts: Vec<String>,
    measured: Vec<&'static str>,
}

/// Where and with what it was measured.
pub fn conditions(contenders: &[Contender]) -> String {
    let versions = contenders
        .iter()
        .filter_map(|contender| Some(format!("{} {}", contender.name(), contender.version()?)));
    format!("{}; {}", machine::describe(), versions.collect::<Vec<_>>().join(", "))
}

impl Report {
    /// Adds a row.
    pub fn add(&mut self, row: &Row, outcome: Outcome) {
        let standings = &outcome.standings;
        let mut cells = vec![row.about.to_owned()];
        for contender in Contender::ALL {
            let own = standings.iter().filter(|standing| standing.contender == contender);
            let own =
                own.map(|own| own.median().map_or("no clean sample".into(), |own| cell(row, own.median)));
            cells.push(own.collect::<Vec<_>>().join(", "));
        }
        cells.push(above_floor(row, standings).map_or(String::new(), |above| format!("{above:+.2}")));
        for peer in [Contender::Nginx, Contender::Haproxy, Contender::Envoy] {
            let ratio = of(standings, Contender::Ringgate).zip(of(standings, peer));
            let ratio = ratio.and_then(|(own, peer)| own.ratio(peer));
            cells.push(ratio.map_or(String::new(), |ratio| format!("{ratio:.2}")));
        }
        let verdicts: Vec<Verdict> = row.musts.iter().map(|must| Verdict::of(must, standings)).collect();
        cells.push(verdicts.iter().map(Verdict::brief).collect::<Vec<_>>().join("; "));
        let kept: usize = standings.iter().map(Standing::kept).sum();
        let thrown: usize = standings.iter().map(Standing::thrown).sum();
        cells.push(format!("{kept}/{thrown}"));
        let line = cells.iter().map(|cell| if cell.is_empty() { "-" } else { cell });
        self.lines.push(format!("| {} |", line.collect::<Vec<_>>().join(" | ")));
        self.verdicts.extend(verdicts.iter().map(|verdict| format!("- {}: {}", row.name, verdict.full())));
        self.measured.push(row.name);
        self.details.extend(outcome.details);
        let chosen = standings.iter().filter(|standing| !standing.tuning.is_empty());
        let chosen: Vec<String> =
            chosen.map(|standing| format!("{} {}", standing.label, standing.tuning)).collect();
        if !chosen.is_empty() {
            self.tunings.push(format!("{}: {}", row.name, chosen.join(", ")));
        }
    }

    /// The whole text.
    pub fn text(&self) -> String {
        let mut text = format!(
            "CPU microseconds of the gateway per exchange, where no unit stands (medians; ratios are medians of ratios within rounds, in \
             brackets the interval in which that median lies)\n\n{HEAD}\n{}\n\n",
            self.lines.join("\n"),
        );
        for details in &self.details {
            let _ = writeln!(text, "{details}");
        }
        let _ = writeln!(text, "Musts:\n\n{}", self.verdicts.join("\n"));
        let rest: Vec<&str> =
            ROWS.iter().map(|row| row.name).filter(|name| !self.measured.contains(name)).collect();
        if !rest.is_empty() {
            let _ = writeln!(text, "- not measured in this run: {}", rest.join(", "));
        }
        let _ = writeln!(text, "\nTunings taken: {}.", self.tunings.join("; "));
        text
    }
}

/// Whether something that must be reached was reached.
struct Verdict {
    what: String,
    /// None where something that it takes was not measured.
    value: Option<Estimate>,
    limit: f64,
    digits: usize,
}

impl Verdict {
    fn of(must: &Must, standings: &[Standing]) -> Self {
        let own = of(standings, Contender::Ringgate);
        let median = own.and_then(Standing::median);
        let (value, limit, digits) = match *must {
            Must::Ratio(peer, limit) => {
                let ratio = own.zip(of(standings, peer)).and_then(|(own, peer)| own.ratio(peer));
                (ratio, limit, 2)
            }
            Must::AboveFloor(limit) => {
                let above =
                    own.zip(of(standings, Contender::Relay)).and_then(|(own, floor)| own.above(floor));
                (above, limit, 2)
            }
            Must::Pair(limit) => {
                let ratio = own.zip(standings.last()).and_then(|(first, last)| last.ratio(first));
                (ratio, limit, 3)
            }
            Must::IdleBytes(limit) => (median.map(|bytes| bytes.scaled(1.0 / 1024.0)), limit / 1024.0, 2),
            Must::StartWithin(limit) => (median, limit.as_secs_f64() * 1e3, 1),
        };
        Self { what: must.to_string(), value, limit, digits }
    }

    fn word(&self) -> &'static str {
        match self.value {
            None => "not measured",
            Some(value) if value.median <= self.limit => "reached",
            Some(_) => "**not reached**",
        }
    }

    /// For the table: whether it was reached, and if noise could have turned that.
    fn brief(&self) -> String {
        let is_resolved = self.value.is_none_or(|value| value.resolves(self.limit));
        format!("{}: {}{}", self.what, self.word(), if is_resolved { "" } else { " (not resolved)" })
    }

    /// For the list: with the value, and by how much a limit was missed.
    fn full(&self) -> String {
        let Some(value) = self.value else { return self.brief() };
        let mut text = format!("{}, is {value:.*}", self.brief(), self.digits);
        if value.median > self.limit {
            let _ = write!(text, ", {:.1} % too much", (value.median / self.limit - 1.0) * 100.0);
        }
        text
    }
}

fn of(standings: &[Standing], contender: Contender) -> Option<&Standing> {
    standings.iter().find(|standing| standing.contender == contender)
}

fn above_floor(row: &Row, standings: &[Standing]) -> Option<Estimate> {
    let is_cost = matches!(row.measure, Measure::Exchanges { .. } | Measure::Latency { .. });
    let (own, floor) = of(standings, Contender::Ringgate).zip(of(standings, Contender::Relay))?;
    own.above(floor).filter(|_| is_cost)
}

fn cell(row: &Row, value: f64) -> String {
    match row.measure {
        Measure::Latency { .. } => format!("{value:.0} us"),
        Measure::Idle { .. } => format!("{:.2} KiB", value / 1024.0),
        Measure::Start => format!("{value:.1} ms"),
        _ if value < 100.0 => format!("{value:.2}"),
        _ => format!("{value:.0}"),
    }
}
