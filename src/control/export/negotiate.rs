//! Which format a scraper gets (RFC 9110 12.5.1, as far as two formats need it).
//!
//! OpenMetrics unless the scraper prefers plain text. It never answers 406: a scraper that accepts neither gets
//! OpenMetrics and may say so itself.

/// A text format for metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// OpenMetrics 1.0.0.
    OpenMetrics,
    /// Prometheus text 0.0.4.
    Prometheus,
}

impl Format {
    /// The format for this Accept field.
    pub fn accepted(accept: Option<&str>) -> Self {
        let accept = accept.unwrap_or("*/*");
        let weight = |names: &[&str]| {
            let matching = accept.split(',').filter(|range| names.contains(&media_type(range).as_str()));
            matching.map(quality).max()
        };
        let anything = weight(&["*/*"]).unwrap_or(0);
        let open_metrics = weight(&["application/openmetrics-text", "application/*"]).unwrap_or(anything);
        let plain = weight(&["text/plain", "text/*"]).unwrap_or(0);
        if plain > open_metrics { Self::Prometheus } else { Self::OpenMetrics }
    }

    /// Its Content-Type.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

fn media_type(range: &str) -> String {
    range.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// The weight in thousandths; 1000 where none is given or it cannot be read.
fn quality(range: &str) -> u32 {
    let parameter = range.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("q").then(|| value.trim())
    });
    let weight = parameter.and_then(|value| value.parse::<f64>().ok()).unwrap_or(1.0);
    (weight.clamp(0.0, 1.0) * 1000.0) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_what_the_scraper_prefers() {
        const PROMETHEUS: &str = "application/openmetrics-text;version=1.0.0,\
            application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        for (accept, format) in [
            (None, Format::OpenMetrics),
            (Some("*/*"), Format::OpenMetrics),
            (Some(PROMETHEUS), Format::OpenMetrics),
            (Some("text/plain"), Format::Prometheus),
            (Some("Text/Plain; version=0.0.4"), Format::Prometheus),
            (Some("text/plain;q=0.5, application/openmetrics-text;q=0.4"), Format::Prometheus),
            (Some("text/plain;version=0.0.4;q=0.5,*/*;q=0.1"), Format::Prometheus),
            (Some("text/html,*/*;q=0.8"), Format::OpenMetrics),
            (Some("application/json"), Format::OpenMetrics),
            (Some("text/plain;q=nonsense"), Format::Prometheus),
        ] {
            assert_eq!(Format::accepted(accept), format, "{accept:?}");
        }
    }
}
