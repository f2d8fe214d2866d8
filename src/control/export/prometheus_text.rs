//! From OpenMetrics text to the Prometheus format 0.0.4.
//!
//! Works on what [`super::Exporter`] renders, where HELP comes before TYPE and there are no exemplars and no
//! timestamps. Samples are the same in both; what differs is the name a counter or an info has in its comments,
//! and the comments that 0.0.4 does not know.

/// The same metrics in the older format.
pub fn from_open_metrics(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 16);
    let mut help = None;
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            help = rest.split_once(' ');
        } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' '))
        {
            write_comments(name, kind, help.take(), &mut out);
        } else if !line.starts_with('#') {
            push(&mut out, &[line]);
        }
    }
    out
}

fn write_comments(name: &str, kind: &str, help: Option<(&str, &str)>, out: &mut String) {
    let (suffix, kind) = match kind {
        "counter" => ("_total", "counter"),
        "info" => ("_info", "gauge"),
        "unknown" => ("", "untyped"),
        other => ("", other),
    };
    if let Some((_, words)) = help {
        push(out, &["# HELP ", name, suffix, " ", words]);
    }
    push(out, &["# TYPE ", name, suffix, " ", kind]);
}

fn push(out: &mut String, parts: &[&str]) {
    parts.iter().for_each(|part| out.push_str(part));
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_are_renamed_and_samples_stay() {
        let open_metrics = "# HELP a Counts.\n# TYPE a counter\na_total{x=\"# TYPE y\"} 1\n\
            # HELP b_seconds Lasts.\n# TYPE b_seconds histogram\n# UNIT b_seconds seconds\n\
            b_seconds_sum 0.5\nb_seconds_bucket{le=\"+Inf\"} 1\n\
            # HELP c Is.\n# TYPE c info\nc_info{v=\"1\"} 1\n# TYPE d unknown\nd 1\n# EOF\n";
        assert_eq!(
            from_open_metrics(open_metrics),
            "# HELP a_total Counts.\n# TYPE a_total counter\na_total{x=\"# TYPE y\"} 1\n\
            # HELP b_seconds Lasts.\n# TYPE b_seconds histogram\n\
            b_seconds_sum 0.5\nb_seconds_bucket{le=\"+Inf\"} 1\n\
            # HELP c_info Is.\n# TYPE c_info gauge\nc_info{v=\"1\"} 1\n# TYPE d untyped\nd 1\n"
        );
    }
}
