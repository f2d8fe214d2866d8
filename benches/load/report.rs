//! The table in Markdown.

use std::fmt::Write as _;

use crate::contender::Contender;
use crate::machine;
use crate::row::{Measure, Must, Row};
use crate::standing::Standing;

/// Everything that was measured.
#[derive(Default)]
pub struct Report {
    lines: Vec<String>,
    tunings: Vec<String>,
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
    pub fn add(&mut self, row: &Row, standings: &[Standing]) {
        let mut line = format!("| {} ", row.about);
        let own = of(standings, Contender::Ringgate);
        for contender in Contender::ALL {
            let cells: Vec<String> = standings
                .iter()
                .filter(|standing| standing.contender == contender)
                .map(|standing| standing.median().map_or("no clean sample".into(), |value| cell(row, value)))
                .collect();
            let _ = write!(line, "| {} ", or_dash(cells.join(", ")));
        }
        let above = match row.measure {
            Measure::Exchanges { .. } => own.zip(of(standings, Contender::Relay)),
            _ => None,
        };
        let above = above.and_then(|(own, floor)| own.above(floor));
        let _ = write!(line, "| {} ", or_dash(above.map_or(String::new(), |above| format!("{above:+.2}"))));
        for peer in [Contender::Nginx, Contender::Haproxy, Contender::Envoy] {
            let ratio = own.zip(of(standings, peer)).and_then(|(own, peer)| own.ratio(peer));
            let _ =
                write!(line, "| {} ", or_dash(ratio.map_or(String::new(), |ratio| format!("{ratio:.2}"))));
        }
        let musts: Vec<String> = row.musts.iter().filter_map(|must| judge(must, standings)).collect();
        let kept: usize = standings.iter().map(Standing::kept).sum();
        let thrown: usize = standings.iter().map(Standing::thrown).sum();
        let _ = write!(line, "| {} | {kept}/{thrown} |", or_dash(musts.join("; ")));
        self.lines.push(line);
        let chosen = standings.iter().filter(|standing| !standing.tuning.is_empty());
        let chosen = chosen.map(|standing| format!("{} {}", standing.label, standing.tuning));
        let chosen = chosen.collect::<Vec<_>>().join(", ");
        if !chosen.is_empty() {
            self.tunings.push(format!("{}: {chosen}", row.name));
        }
    }

    /// The whole text.
    pub fn text(&self) -> String {
        let head = "| | floor | Ringgate | nginx | HAProxy | Envoy | above floor | x nginx | x HAProxy | x Envoy \
                    | must | kept/thrown |\n|---|---|---|---|---|---|---|---|---|---|---|---|";
        format!(
            "CPU microseconds of the gateway per exchange (medians; ratios are medians of ratios)\n\n{head}\n{}\n\n\
             Tunings taken: {}.\n",
            self.lines.join("\n"),
            self.tunings.join("; "),
        )
    }
}

fn of(standings: &[Standing], contender: Contender) -> Option<&Standing> {
    standings.iter().find(|standing| standing.contender == contender)
}

fn cell(row: &Row, value: f64) -> String {
    match row.measure {
        Measure::Exchanges { .. } | Measure::Routes { .. } if value < 100.0 => format!("{value:.2}"),
        Measure::Exchanges { .. } | Measure::Routes { .. } => format!("{value:.0}"),
        Measure::Idle { .. } => format!("{:.2} KiB", value / 1024.0),
        Measure::Start => format!("{value:.1} ms"),
    }
}

fn or_dash(text: String) -> String {
    if text.is_empty() { "-".to_owned() } else { text }
}

/// `0.80 nginx: reached`. None where something that it takes was not measured.
fn judge(must: &Must, standings: &[Standing]) -> Option<String> {
    let own = of(standings, Contender::Ringgate)?;
    let (what, value, limit) = match *must {
        Must::Ratio(peer, limit) => {
            (format!("{limit:.2} {}", peer.name()), own.ratio(of(standings, peer)?)?, limit)
        }
        Must::AboveFloor(limit) => {
            (format!("{limit:.1} us above floor"), own.above(of(standings, Contender::Relay)?)?, limit)
        }
        Must::Routes(limit) => {
            let ratio = standings.last()?.ratio(own)?;
            (format!("{limit:.2}, is {ratio:.3}"), ratio, limit)
        }
        Must::IdleBytes(limit) => (format!("{:.0} KiB", limit / 1024.0), own.median()?, limit),
        Must::StartWithin(limit) => {
            (format!("{} ms", limit.as_millis()), own.median()?, limit.as_secs_f64() * 1e3)
        }
    };
    Some(format!("{what}: {}", if value <= limit { "reached" } else { "**not reached**" }))
}
