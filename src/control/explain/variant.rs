//! Which variant of a route a request would go to, and why.

use std::fmt::Write;

use crate::policy::exchange::Exchange;
use crate::proxy::release::plan::{SplitPlan, StickyPlan};
use crate::proxy::release::shares::percent;
use crate::proxy::release::splitter;

/// Which variant it is, as far as that can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Likely {
    /// The variant's place.
    pub variant: usize,
    /// Why.
    pub why: Why,
}

/// Why a variant is the one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// The client's profile has it.
    Profile,
    /// The client stays with it.
    Stays,
    /// It has the largest share; each worker deals requests out in its own turn.
    LargestShare,
}

/// The variant of a request with the shares as they are in this plan.
pub fn likely(split: &SplitPlan, exchange: &Exchange) -> Likely {
    if let Some(variant) = splitter::by_profile(split, exchange) {
        return Likely { variant, why: Why::Profile };
    }
    let (_, shares) = split.live.load();
    let name = split.sticky.as_ref().and_then(|sticky| splitter::name(sticky, exchange));
    if let Some(name) = name {
        return Likely { variant: split.of_name(name, &shares), why: Why::Stays };
    }
    // Of equal ones the first.
    let places = (0..split.variants.len()).rev();
    let variant = places.max_by_key(|&variant| shares.of(variant)).unwrap_or(0);
    Likely { variant, why: Why::LargestShare }
}

pub(super) fn tell(out: &mut String, split: &SplitPlan, exchange: &Exchange) {
    let Likely { variant, why } = likely(split, exchange);
    let (_, shares) = split.live.load();
    let is_given = matches!(split.sticky, Some(StickyPlan::Cookie(_)));
    let sticky = split.sticky.as_ref().map(|sticky| match sticky {
        StickyPlan::Header(name) => format!("its field {}", String::from_utf8_lossy(name)),
        StickyPlan::Cookie(name) => format!("its cookie {}", String::from_utf8_lossy(name)),
        StickyPlan::Identity => "who is asking".to_owned(),
    });
    let name = &split.variants[variant].name;
    let why = match (why, sticky) {
        (Why::Profile, _) => "the client's profile has it".to_owned(),
        (Why::Stays, Some(sticky)) => format!("it stays with {sticky}"),
        _ if shares.only().is_some() => "it has all requests".to_owned(),
        (_, Some(sticky)) if is_given => {
            format!("most get it; the request does not have {sticky}, and its client is given one")
        }
        (_, Some(sticky)) => format!("most get it; the request does not have {sticky}, so it is dealt out"),
        (_, None) => "most get it; every request is dealt out".to_owned(),
    };
    let _ = writeln!(out, "variant     {name} ({why})");
    for (at, one) in split.variants.iter().enumerate() {
        let _ = writeln!(out, "  share     {} {}", one.name, percent(shares.of(at)));
    }
}
