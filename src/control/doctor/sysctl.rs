//! The kernel's settings against `tuning/sysctl.conf`, the file that `tuning/host` applies.
//!
//! Owns the reading of that file and its rules. Judges as `tuning/host verify` does, line by line; a test holds the
//! two together.

use super::case::Case;
use super::finding::{Finding, Severity};
use super::host::Reading;
use crate::control::config::DriverConfig;

/// The settings this binary was built with.
const SETTINGS: &str = include_str!("../../../tuning/sysctl.conf");

/// How a host's value is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    AtLeast,
    AtMost,
    Equals,
    RangeCovers,
    EachAtLeast,
}

/// One setting with its notes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Setting<'a> {
    key: &'a str,
    wanted: Vec<i128>,
    rule: Rule,
    without: &'a str,
}

pub(super) fn examine(case: &Case, out: &mut Vec<Finding>) {
    match parse(SETTINGS) {
        Ok(settings) => out.extend(settings.iter().map(|setting| examine_one(case, setting))),
        Err(why) => out.push(Finding::unreadable("sysctl", why)),
    }
}

/// The id of a setting's finding: `sysctl-net-core-somaxconn`.
fn id(key: &str) -> String {
    format!("sysctl-{}", key.replace(['.', '_'], "-"))
}

fn examine_one(case: &Case, setting: &Setting) -> Finding {
    let (key, id) = (setting.key, id(setting.key));
    let wanted = setting.in_words();
    let finding = match case.host.read(&format!("/proc/sys/{}", key.replace('.', "/"))) {
        Reading::Absent if setting.wanted == [0] => {
            Finding::ok(id, format!("{key}: this kernel does not have it, which is as good as 0"))
        }
        Reading::Absent => Finding::unreadable(
            id,
            format!("this kernel does not have {key} (or hides it here), wanted {wanted}"),
        ),
        Reading::Refused(why) => Finding::unreadable(id, why),
        Reading::Text(text) => match numbers(&text) {
            None => Finding::unreadable(id, format!("{key} holds `{text}`, not numbers")),
            Some(has) if setting.is_satisfied(&has) => Finding::ok(id, format!("{key} = {}", join(&has))),
            Some(has) => {
                let value = join(&setting.improved(&has));
                Finding::new(id, severity(case, key), format!("{key} = {}, wanted {wanted}", join(&has)))
                    .costs(setting.without)
                    .fix(format!(
                        "sudo tuning/host apply   (this one alone: sudo sysctl -w {key}=\"{value}\")"
                    ))
            }
        },
    };
    finding.about(key)
}

/// A difference that cannot matter here is worth a note and no more.
fn severity(case: &Case, key: &str) -> Severity {
    let nodes = case.host.names("/sys/devices/system/node").into_iter();
    let nodes =
        nodes.filter(|name| name.strip_prefix("node").is_some_and(|n| n.parse::<u16>().is_ok())).count();
    match key {
        "kernel.numa_balancing" if nodes == 1 => Severity::Info,
        "kernel.io_uring_disabled" if case.needs.driver == DriverConfig::Epoll => Severity::Info,
        _ => Severity::Warning,
    }
}

impl Setting<'_> {
    fn is_satisfied(&self, has: &[i128]) -> bool {
        let mut pairs = has.iter().zip(&self.wanted);
        has.len() == self.wanted.len()
            && match self.rule {
                Rule::AtLeast | Rule::EachAtLeast => pairs.all(|(has, wanted)| has >= wanted),
                Rule::AtMost => pairs.all(|(has, wanted)| has <= wanted),
                Rule::Equals => has == self.wanted,
                Rule::RangeCovers => has[0] <= self.wanted[0] && has[1] >= self.wanted[1],
            }
    }

    /// What to set: as wanted, but no number worse than it is.
    fn improved(&self, has: &[i128]) -> Vec<i128> {
        let better = |(index, &wanted): (usize, &i128)| match (self.rule, has.get(index)) {
            (Rule::EachAtLeast, Some(&has)) => has.max(wanted),
            (Rule::RangeCovers, Some(&has)) => {
                if index == 0 {
                    has.min(wanted)
                } else {
                    has.max(wanted)
                }
            }
            _ => wanted,
        };
        self.wanted.iter().enumerate().map(better).collect()
    }

    fn in_words(&self) -> String {
        let wanted = join(&self.wanted);
        match self.rule {
            Rule::AtLeast | Rule::EachAtLeast => format!("at least {wanted}"),
            Rule::AtMost => format!("at most {wanted}"),
            Rule::Equals => wanted,
            Rule::RangeCovers => format!("all of {wanted}"),
        }
    }
}

fn numbers(text: &str) -> Option<Vec<i128>> {
    let numbers: Option<Vec<i128>> = text.split_whitespace().map(|word| word.parse().ok()).collect();
    numbers.filter(|numbers| !numbers.is_empty())
}

fn join(numbers: &[i128]) -> String {
    let texts: Vec<String> = numbers.iter().map(i128::to_string).collect();
    texts.join(" ")
}

fn parse(text: &str) -> Result<Vec<Setting<'_>>, String> {
    let mut settings = Vec::new();
    let (mut rule, mut without) = (None, "");
    for (index, line) in text.lines().enumerate() {
        let error = |what: &str| format!("tuning/sysctl.conf:{}: {what}: {line}", index + 1);
        if let Some(name) = line.strip_prefix("# rule: ") {
            rule = Some(Rule::parse(name).ok_or_else(|| error("no rule that is known here"))?);
        } else if let Some(costs) = line.strip_prefix("# without: ") {
            without = costs;
        } else if let Some((key, value)) = line.split_once(" = ").filter(|_| !line.starts_with('#')) {
            let wanted = numbers(value).ok_or_else(|| error("not numbers"))?;
            let rule = rule.take().ok_or_else(|| error("a setting without a rule"))?;
            if rule == Rule::RangeCovers && wanted.len() != 2 {
                return Err(error("a range has two numbers"));
            }
            settings.push(Setting { key, wanted, rule, without: std::mem::take(&mut without) });
        } else if !line.is_empty() && !line.starts_with('#') {
            return Err(error("neither a note nor a setting"));
        }
    }
    Ok(settings)
}

impl Rule {
    fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "at-least" => Self::AtLeast,
            "at-most" => Self::AtMost,
            "equals" => Self::Equals,
            "range-covers" => Self::RangeCovers,
            "each-at-least" => Self::EachAtLeast,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_settings_can_be_read_and_all_say_what_they_cost() {
        let settings = parse(SETTINGS).unwrap();
        assert!(settings.len() >= 10, "{settings:#?}");
        assert!(settings.iter().all(|setting| !setting.without.is_empty()));
        assert_eq!(id(settings[0].key), "sysctl-net-core-somaxconn");
    }

    #[test]
    fn each_rule_compares_in_its_own_way() {
        let cases = [
            ("at-least", "10", "10", true),
            ("at-least", "10", "9", false),
            ("at-most", "10", "11", false),
            ("at-most", "0", "0", true),
            ("equals", "1", "2", false),
            ("equals", "1 2", "1\t2", true),
            ("range-covers", "1024 65535", "1000 65535", true),
            ("range-covers", "1024 65535", "1024 60999", false),
            ("each-at-least", "1 2 3", "1 2 4", true),
            ("each-at-least", "1 2 3", "1 1 4", false),
            ("each-at-least", "1 2 3", "5", false),
        ];
        for (rule, wanted, has, expected) in cases {
            let text = format!("# without: x\n# rule: {rule}\na.b = {wanted}\n");
            let settings = parse(&text).unwrap();
            assert_eq!(settings[0].is_satisfied(&numbers(has).unwrap()), expected, "{rule} {wanted}: {has}");
        }
    }

    #[test]
    fn what_is_already_better_is_not_made_worse() {
        let text = "# rule: each-at-least\na.b = 1 20 300\n# rule: range-covers\na.c = 1024 60000\n";
        let settings = parse(text).unwrap();
        assert_eq!(settings[0].improved(&[5, 10, 400]), [5, 20, 400]);
        assert_eq!(settings[1].improved(&[500, 50_000]), [500, 60_000]);
    }

    #[test]
    fn refuses_a_file_it_does_not_understand() {
        for text in
            ["a.b = 1\n", "# rule: about\n", "# rule: equals\na.b = x\n", "# rule: equals\nnonsense\n"]
        {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
