//! Patterns of names: `spiffe://example.org/ns/*/sa/orders`, `*.internal`.
//!
//! `*` stands for any run of characters that the separator does not end, `**` for any run at all. Case counts, unless the
//! name has none. Matching takes time proportional to both lengths at worst.

/// A pattern, compiled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    parts: Box<[Part]>,
    separator: u8,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Byte(u8),
    /// Anything up to a separator.
    Segment,
    /// Anything.
    All,
}

impl Pattern {
    /// Compiles `text` for names whose parts `separator` separates.
    pub fn new(text: &str, separator: u8) -> Self {
        let mut parts = Vec::new();
        for &byte in text.as_bytes() {
            match (byte, parts.last()) {
                (b'*', Some(Part::Segment)) => {
                    parts.pop();
                    parts.push(Part::All);
                }
                // Three stars are no more than two.
                (b'*', Some(Part::All)) => {}
                (b'*', _) => parts.push(Part::Segment),
                _ => parts.push(Part::Byte(byte)),
            }
        }
        Self { parts: parts.into(), separator }
    }

    /// Whether the whole of `name` fits.
    pub fn matches(&self, name: &[u8]) -> bool {
        // Which prefixes of the pattern fit what was read of the name; a set of places, moved byte by byte.
        let mut places = vec![false; self.parts.len() + 1];
        places[0] = true;
        self.pass_over(&mut places);
        for &byte in name {
            let mut next = vec![false; places.len()];
            for (at, part) in self.parts.iter().enumerate() {
                match part {
                    Part::Byte(wanted) => next[at + 1] |= places[at] && *wanted == byte,
                    Part::Segment => next[at] |= places[at] && byte != self.separator,
                    Part::All => next[at] |= places[at],
                }
            }
            self.pass_over(&mut next);
            places = next;
        }
        places[self.parts.len()]
    }

    /// Stars stand for nothing as well.
    fn pass_over(&self, places: &mut [bool]) {
        for (at, part) in self.parts.iter().enumerate() {
            if places[at] && !matches!(part, Part::Byte(_)) {
                places[at + 1] = true;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_star_ends_at_a_separator_and_two_do_not() {
        for (pattern, separator, name, fits) in [
            ("spiffe://a/ns/*/sa/orders", b'/', "spiffe://a/ns/prod/sa/orders", true),
            ("spiffe://a/ns/*/sa/orders", b'/', "spiffe://a/ns/prod/x/sa/orders", false),
            ("spiffe://a/**", b'/', "spiffe://a/ns/prod/sa/orders", true),
            ("spiffe://a/**", b'/', "spiffe://ab/ns", false),
            ("*.internal", b'.', "orders.internal", true),
            ("*.internal", b'.', "a.orders.internal", false),
            ("**.internal", b'.', "a.orders.internal", true),
            ("*.internal", b'.', "orders.internal.evil", false),
            ("orders", b'.', "orders", true),
            ("orders", b'.', "Orders", false),
            ("orders-*", b'.', "orders-", true),
            ("*", b'.', "", true),
            ("", b'.', "", true),
            ("", b'.', "a", false),
        ] {
            assert_eq!(Pattern::new(pattern, separator).matches(name.as_bytes()), fits, "{pattern} {name}");
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_obvious_matcher(pattern in "[ab/*]{0,8}", name in "[ab/]{0,10}") {
            let regex = pattern.replace("***", "**").replace("***", "**").replace("**", "%");
            let regex = format!("^{}$", regex.replace('*', "[^/]*").replace('%', ".*"));
            let expected = regex::Regex::new(&regex).unwrap().is_match(&name);
            prop_assert_eq!(Pattern::new(&pattern, b'/').matches(name.as_bytes()), expected, "{}", regex);
        }
    }
}
