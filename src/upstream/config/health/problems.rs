//! What cannot be meant in the written forms of health, outliers and breakers.
//!
//! Each problem comes with its path below the form. Whether names exist is not looked at here.

use super::{BreakerConfig, CheckConfig, CheckMethodConfig, HealthConfig, HttpCheckConfig, OutliersConfig};
use crate::config::units::{Share, Span, UnitError};

/// What cannot be meant, with the path below.
pub type Problems = Vec<(&'static str, UnitError)>;

/// The longest window: what it remembers is one row of a few numbers whatever its length, but older is not of today.
const WINDOW_MAX: Span = Span::from_secs(3600);

fn refuse(problems: &mut Problems, path: &'static str, reason: String, hint: &str) {
    problems.push((path, UnitError::new(reason).hint(hint)));
}

fn some_time(problems: &mut Problems, spans: &[(&'static str, Span)]) {
    for (path, span) in spans {
        if span.duration().as_millis() == 0 {
            refuse(problems, path, format!("{span} is less than a millisecond"), "write 1s, for instance");
        }
    }
}

fn window(problems: &mut Problems, window: Span) {
    some_time(problems, &[("window", window)]);
    if window > WINDOW_MAX {
        let reason = format!("a window of {window} is longer than {WINDOW_MAX}");
        refuse(problems, "window", reason, "write 10s, for instance");
    }
}

impl HealthConfig {
    /// What cannot be meant, with the path below `health`.
    pub fn problems(&self) -> Problems {
        let mut problems = Problems::new();
        let spans = [
            ("interval", self.interval),
            ("interval_failing", self.interval_failing),
            ("timeout", self.timeout),
        ];
        some_time(&mut problems, &spans);
        if self.interval_failing > self.interval {
            let reason = format!("{} is longer than `interval` ({})", self.interval_failing, self.interval);
            refuse(&mut problems, "interval_failing", reason, "who fails is asked more often, not less");
        }
        if self.jitter.fraction() > 0.9 {
            let reason = format!("{} would make some intervals next to nothing", self.jitter);
            refuse(&mut problems, "jitter", reason, "write 20%, for instance");
        }
        if let CheckConfig::Http(http) = &self.check {
            http.problems(&mut problems);
        }
        problems
    }
}

impl HttpCheckConfig {
    fn problems(&self, problems: &mut Problems) {
        let is_plain = |byte: u8| (0x21..0x7f).contains(&byte) && byte != b'#';
        if !self.path.starts_with('/') || !self.path.bytes().all(is_plain) {
            let reason = format!("`{}` is not the path of a request", self.path);
            refuse(problems, "check.http.path", reason, "it begins with `/` and is written as it is sent");
        }
        if self.body.is_some() && self.method == CheckMethodConfig::Head {
            let reason = "an answer to HEAD has no body".to_owned();
            refuse(problems, "check.http.body", reason, "write `method: GET`");
        }
        if self.body.as_ref().is_some_and(String::is_empty) {
            let reason = "an empty text is in every body".to_owned();
            refuse(problems, "check.http.body", reason, "leave it out");
        }
    }
}

impl OutliersConfig {
    /// What cannot be meant, with the path below `outliers`.
    pub fn problems(&self) -> Problems {
        let mut problems = Problems::new();
        window(&mut problems, self.window);
        some_time(&mut problems, &[("time", self.time)]);
        if self.time > self.time_max {
            let reason = format!("{} is more than `time_max` ({})", self.time, self.time_max);
            refuse(&mut problems, "time", reason, "it grows, up to `time_max`");
        }
        if self.latency.as_ref().is_some_and(|latency| !(1.1..=1000.0).contains(&latency.times)) {
            let reason = "that is not 1.1 to 1000 times".to_owned();
            refuse(&mut problems, "latency.times", reason, "write 3, for instance");
        }
        if self.consecutive_failures == 0 && self.failures == Share::NONE && self.latency.is_none() {
            let reason = "nothing makes an endpoint an outlier".to_owned();
            refuse(&mut problems, "", reason, "leave `outliers` out, or look at one thing at least");
        }
        problems
    }
}

impl BreakerConfig {
    /// What cannot be meant, with the path below the breaker.
    pub fn problems(&self) -> Problems {
        let mut problems = Problems::new();
        window(&mut problems, self.window);
        some_time(&mut problems, &[("open", self.open)]);
        if self.open > self.open_max {
            let reason = format!("{} is more than `open_max` ({})", self.open, self.open_max);
            refuse(&mut problems, "open", reason, "it grows, up to `open_max`");
        }
        if !(1.0..=10.0).contains(&self.growth) {
            let reason = format!("{} is not 1 to 10", self.growth);
            refuse(&mut problems, "growth", reason, "write 2, for instance");
        }
        if self.failures == Share::NONE {
            let reason = "0% opens it without a failure".to_owned();
            refuse(&mut problems, "failures", reason, "write 50%, for instance");
        }
        if let Some(slow) = &self.slow {
            some_time(&mut problems, &[("slow.after", slow.after)]);
            if slow.share == Share::NONE {
                let reason = "0% opens it without a slow call".to_owned();
                refuse(&mut problems, "slow.share", reason, "write 50%, for instance");
            }
        }
        problems
    }

    /// Nanoseconds from which a call is slow; never, where nothing is.
    pub fn slow_nanos(&self) -> u64 {
        let after = self.slow.as_ref().map(|slow| slow.after.duration().as_nanos());
        after.map_or(u64::MAX, |nanos| u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_have_no_problems() {
        assert!(HealthConfig::default().problems().is_empty());
        assert!(OutliersConfig::default().problems().is_empty());
        assert!(BreakerConfig::default().problems().is_empty());
    }

    #[test]
    fn what_cannot_be_meant_is_named() {
        let second = Span::from_secs(1);
        let health = HealthConfig { interval: Span::from_millis(100), ..HealthConfig::default() };
        assert_eq!(health.problems()[0].0, "interval_failing");
        let http = HttpCheckConfig { path: "healthz".to_owned(), ..HttpCheckConfig::default() };
        let health = HealthConfig { check: CheckConfig::Http(http), ..HealthConfig::default() };
        assert_eq!(health.problems()[0].0, "check.http.path");
        let breaker = BreakerConfig { open_max: second, growth: 0.5, ..BreakerConfig::default() };
        let paths: Vec<_> = breaker.problems().into_iter().map(|(path, _)| path).collect();
        assert_eq!(paths, ["open", "growth"]);
        let outliers = OutliersConfig {
            consecutive_failures: 0,
            failures: Share::NONE,
            window: Span::from_secs(7200),
            ..OutliersConfig::default()
        };
        let paths: Vec<_> = outliers.problems().into_iter().map(|(path, _)| path).collect();
        assert_eq!(paths, ["window", ""]);
    }

    #[test]
    fn reads_what_people_write() {
        let check: CheckConfig = serde_json::from_str("\"tcp\"").unwrap();
        assert_eq!(check, CheckConfig::Tcp);
        let text = r#"{"check": {"http": {"path": "/up", "statuses": [200, "3xx"], "body": "ok"}}, "interval": "2s"}"#;
        let health: HealthConfig = serde_json::from_str(text).unwrap();
        let CheckConfig::Http(http) = &health.check else { panic!("{health:?}") };
        assert!(http.statuses[0].contains(200) && http.statuses[1].contains(302));
        assert_eq!((http.path.as_str(), health.unhealthy_after), ("/up", 3));
    }
}
