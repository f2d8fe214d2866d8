//! Names as maps of fields have them.

use http::header::HeaderName;

use crate::http::field::FieldId;

thread_local! {
    /// Of every known name, at the place of its id.
    static KNOWN: Vec<Option<HeaderName>> = known();
}

fn known() -> Vec<Option<HeaderName>> {
    let count = FieldId::ALL.iter().map(|id| *id as usize + 1).max().unwrap_or(0);
    let mut names = vec![None; count];
    for id in FieldId::ALL {
        names[*id as usize] = HeaderName::from_bytes(id.name().as_bytes()).ok();
    }
    names
}

/// The name of a field; None for what is no name.
pub fn of(id: FieldId, name: &[u8]) -> Option<HeaderName> {
    let known = KNOWN.with(|known| known.get(id as usize).cloned().flatten());
    known.or_else(|| HeaderName::from_bytes(name).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_and_unknown_names_are_found() {
        for id in FieldId::ALL {
            let name = of(*id, b"something else").unwrap();
            assert_eq!(name.as_str(), id.name().to_ascii_lowercase());
        }
        assert_eq!(of(FieldId::Other, b"X-Own").unwrap(), "x-own");
        assert!(of(FieldId::Other, b"no name").is_none());
    }
}
