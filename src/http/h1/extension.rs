//! Chunk extensions (RFC 9112 7.1.1), byte by byte.
//!
//! Owns where in the grammar we are. Nobody uses extensions; they are read because a reader that skips to the next
//! line end can be made to see another chunk than one that does not:
//! `*( BWS ";" BWS chunk-ext-name [ BWS "=" BWS chunk-ext-val ] )`, where the value is a token or a quoted string.

use crate::http::ascii::{FIELD_VALUE, QUOTED, TOKEN, is};

/// What has been read of the extensions of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extension {
    /// White space; a semicolon must follow.
    Before,
    /// A semicolon; a name must follow.
    Semicolon,
    Name,
    /// White space after a name.
    AfterName,
    /// An equals sign; a value must follow.
    Equals,
    Token,
    Quoted,
    /// A backslash within a quoted string.
    Escape,
    /// A closed quoted string.
    Closed,
}

impl Extension {
    /// Where `byte` leads; `None` if it may not stand here. Never CR or LF.
    pub(super) fn next(self, byte: u8) -> Option<Extension> {
        use Extension::*;
        Some(match (self, byte) {
            (Before | Name | AfterName | Token | Closed, b';') => Semicolon,
            (Before | Token | Closed, b' ' | b'\t') => Before,
            (Semicolon, b' ' | b'\t') => Semicolon,
            (Name | AfterName, b' ' | b'\t') => AfterName,
            (Semicolon | Name, _) if is(byte, TOKEN) => Name,
            (Name | AfterName, b'=') => Equals,
            (Equals, b' ' | b'\t') => Equals,
            (Equals | Token, _) if is(byte, TOKEN) => Token,
            (Equals, b'"') => Quoted,
            (Quoted, b'"') => Closed,
            (Quoted, b'\\') => Escape,
            (Quoted, _) if is(byte, QUOTED) => Quoted,
            (Escape, _) if is(byte, FIELD_VALUE) => Quoted,
            _ => return None,
        })
    }

    /// Whether the line may end here. White space is only allowed before a semicolon or around an equals sign.
    pub(super) fn may_end(self) -> bool {
        matches!(self, Extension::Name | Extension::Token | Extension::Closed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_valid(text: &str) -> bool {
        let end = text.bytes().try_fold(Extension::Before, Extension::next);
        end.is_some_and(Extension::may_end)
    }

    #[test]
    fn takes_what_the_grammar_of_rfc_9112_7_1_1_takes() {
        for text in [
            ";a",
            ";a=b",
            ";a;b",
            " ;a",
            "\t; a \t=\t b",
            ";a=\"\"",
            ";a=\"x y\\\"z;\\\\\"",
            ";a=b ;c=\"d\" ; e",
            ";a=\"\u{e9}\\\u{e9}\"",
        ] {
            assert!(is_valid(text), "{text:?}");
        }
    }

    #[test]
    fn refuses_everything_else() {
        for text in [
            "",
            " ",
            ";",
            "; ",
            ";;a",
            ";a ",
            ";a=",
            ";a= ",
            ";a=b ",
            ";a=\"b",
            ";a=\"b\" ",
            ";a=\"b\"c",
            ";a=b=c",
            ";=b",
            "a",
            ";a b",
            ";a=\"\\",
            ";a=\"\n\"",
            ";a=\"\\\r\"",
            ";a\n",
            ";a=\"\0\"",
            ";\u{e9}",
            ";a,b",
        ] {
            assert!(!is_valid(text), "{text:?}");
        }
    }
}
