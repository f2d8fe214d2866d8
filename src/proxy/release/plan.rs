//! A split as it was compiled, the same for all workers.

use crate::proxy::release::shares::Shares;
use crate::proxy::release::sticky;
use crate::route::profile::Profiles;
use crate::route::rewrite::RewritePlan;
use crate::shared::frozen::Frozen;
use crate::shared::published::Published;

/// Which of several variants of a service a request goes to.
pub struct SplitPlan {
    /// Its place among the splits of its generation.
    pub at: usize,
    /// The variants in the order of their names.
    pub variants: Vec<VariantPlan>,
    /// How much each of them gets. Control replaces it; goes on from generation to generation.
    pub live: Published<Shares>,
    /// How it is written, as far as that decides about shares: with another form shares begin anew.
    pub form: Box<str>,
    /// What keeps a client with its variant.
    pub sticky: Option<StickyPlan>,
    /// Variants of client profiles, by the place of the profile.
    pub by_profile: Option<ByProfile>,
}

/// A variant of a service.
pub struct VariantPlan {
    /// Its name.
    pub name: Box<str>,
    /// The cluster that answers, by index.
    pub cluster: usize,
    /// Changes to the path.
    pub rewrite: Option<RewritePlan>,
    /// The Host field sent upstream, if neither the client's nor the cluster's.
    pub host: Option<Box<[u8]>>,
    /// What it draws with for names.
    pub salt: u64,
}

/// What keeps a client with its variant.
pub enum StickyPlan {
    /// The value of this field.
    Header(Box<[u8]>),
    /// The value of this cookie.
    Cookie(Box<[u8]>),
    /// Who is asking.
    Identity,
}

/// Variants of client profiles.
pub struct ByProfile {
    /// All profiles.
    pub profiles: Frozen<Profiles>,
    /// The variant of each, where it has one.
    pub variants: Vec<Option<usize>>,
}

impl SplitPlan {
    /// The variant of a name that stays with one.
    pub fn of_name(&self, name: &[u8], shares: &Shares) -> usize {
        let salts = self.variants.iter().map(|variant| variant.salt);
        sticky::choose(sticky::name_hash(name), salts, shares)
    }

    /// The place of a variant.
    pub fn place(&self, name: &str) -> Option<usize> {
        self.variants.iter().position(|variant| *variant.name == *name)
    }
}
