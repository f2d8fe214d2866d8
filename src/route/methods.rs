//! Sets of methods, and the methods a 405 names.
//!
//! Known methods are bits. Extension methods are compared by name, in a list that is nearly always empty.

use crate::http::is_token;
use crate::http::method::Method;

use super::plan::PlanError;

/// Methods a route admits. An empty set admits every method.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MethodSet {
    known: u16,
    extensions: Vec<String>,
}

impl MethodSet {
    /// Reads the methods of a route. GET admits HEAD (RFC 9110 9.3.2).
    ///
    /// # Errors
    /// A name that is no token (RFC 9110 5.6.2), or is a known method in lower case.
    pub fn compile(written: &[String]) -> Result<Self, PlanError> {
        let mut set = Self::default();
        for (index, name) in written.iter().enumerate() {
            set.add(name).map_err(|reason| {
                PlanError::new(&format!("methods[{index}]"), reason, "write methods in capitals: GET, POST")
            })?;
        }
        Ok(set)
    }

    fn add(&mut self, name: &str) -> Result<(), String> {
        if !is_token(name.as_bytes()) {
            return Err(format!("`{name}` is not a method"));
        }
        match Method::parse(name.as_bytes()) {
            Method::Other if Method::parse(name.to_ascii_uppercase().as_bytes()) != Method::Other => {
                return Err(format!("`{name}` is not a method: methods are case-sensitive"));
            }
            Method::Other if self.extensions.iter().any(|known| known == name) => {}
            Method::Other => self.extensions.push(name.to_owned()),
            Method::Get => self.known |= bit(Method::Get) | bit(Method::Head),
            method => self.known |= bit(method),
        }
        Ok(())
    }

    /// Whether the route says nothing about methods.
    pub fn is_any(&self) -> bool {
        self.known == 0 && self.extensions.is_empty()
    }

    /// Whether a request with this method is admitted; `text` is looked at for extension methods only.
    pub fn admits(&self, method: Method, text: &[u8]) -> bool {
        match method {
            Method::Other => self.is_any() || self.extensions.iter().any(|name| name.as_bytes() == text),
            known => self.is_any() || self.known & bit(known) != 0,
        }
    }

    /// Extension methods, as written.
    pub fn extensions(&self) -> &[String] {
        &self.extensions
    }

    /// The names in the set, known ones first.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        known_names(self.known).chain(self.extensions.iter().map(String::as_str))
    }

    pub(super) fn known_bits(&self) -> u16 {
        self.known
    }
}

/// What the routes that failed by their method alone admit: the Allow field of a 405 (RFC 9110 15.5.6).
///
/// Extension methods are bits that index the table's list of them; `Table::write_allowed` names them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AllowedMethods {
    pub(super) known: u16,
    pub(super) extensions: u64,
}

impl AllowedMethods {
    pub(super) fn is_empty(self) -> bool {
        self.known == 0 && self.extensions == 0
    }

    /// Appends `GET, HEAD, POST`; `extensions` are those of the table.
    pub(super) fn write(self, extensions: &[String], out: &mut Vec<u8>) {
        let added = extensions.iter().enumerate().filter(|(at, _)| self.extensions >> at & 1 == 1);
        for (count, name) in known_names(self.known).chain(added.map(|(_, name)| name.as_str())).enumerate() {
            if count > 0 {
                out.extend_from_slice(b", ");
            }
            out.extend_from_slice(name.as_bytes());
        }
    }
}

fn known_names<'a>(bits: u16) -> impl Iterator<Item = &'a str> {
    let is_known = move |method: &Method| *method != Method::Other && bits & bit(*method) != 0;
    Method::ALL.into_iter().filter(is_known).map(|method| method.name())
}

fn bit(method: Method) -> u16 {
    1 << method.index()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(names: &[&str]) -> MethodSet {
        MethodSet::compile(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn get_admits_head_and_nothing_else() {
        let get = set(&["GET"]);
        assert!(get.admits(Method::Head, b"HEAD"));
        assert!(!get.admits(Method::Post, b"POST"));
        assert!(!set(&["HEAD"]).admits(Method::Get, b"GET"));
    }

    #[test]
    fn the_empty_set_admits_everything() {
        assert!(set(&[]).admits(Method::Other, b"PURGE"));
        assert!(set(&[]).admits(Method::Trace, b"TRACE"));
    }

    #[test]
    fn extension_methods_are_compared_by_their_name() {
        let purge = set(&["PURGE"]);
        assert!(purge.admits(Method::Other, b"PURGE"));
        assert!(!purge.admits(Method::Other, b"LINK"));
        assert!(!purge.admits(Method::Get, b"GET"));
    }

    #[test]
    fn refuses_lower_case_and_what_is_no_token() {
        for name in ["get", "", "GET POST", "a\r\nb"] {
            assert!(MethodSet::compile(&[name.to_owned()]).is_err(), "{name}");
        }
    }
}
