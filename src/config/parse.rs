//! YAML text to a tree with positions.
//!
//! YAML 1.2 with the core schema: `no`, `on` and `yes` are text. Keys are text and stand once. Aliases are
//! followed within bounds; merge keys, tags and further documents are refused, because whoever reads the file
//! cannot see what they make of it. Faults are collected as far as the grammar lets reading go on.

mod build;
mod scalar;
mod syntax;
#[cfg(test)]
mod tests;

use saphyr_parser::{Event, Parser};

use super::diagnostic::Report;
use super::source::FileId;
use super::tree::Node;
use build::Builder;

/// Largest text. A hundred thousand routes fit.
pub const TEXT_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Deepest nesting. The written form needs a dozen.
pub const DEPTH_MAX: usize = 64;
/// Most nodes that aliases may add, so that a small file cannot become a large tree.
pub const ALIAS_NODES_MAX: usize = 10_000;

/// Reads one text of the report's sources. None if its grammar is broken; an empty text is nothing.
pub fn parse(file: FileId, report: &mut Report<'_>) -> Option<Node> {
    let sources = report.sources();
    let text = sources.text(file);
    // RFC 9512 4.1 admits a byte order mark; the parser below would take it for content.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut builder = Builder::new(file, report);
    for event in Parser::new_from_str(text) {
        match event {
            Ok((Event::StreamEnd, _)) => break,
            Ok((event, span)) => {
                if builder.take(event, span).is_none() {
                    return None;
                }
            }
            Err(error) => {
                syntax::report(&error, text, &mut builder);
                return None;
            }
        }
    }
    Some(builder.finish())
}
