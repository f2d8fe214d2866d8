//! Splits and client profiles, from their written form to plans.
//!
//! Shares that live go on from the generation before, where they are written in the same form.

use super::compile::Compiler;
use crate::control::config::RouteConfig;
use crate::proxy::release::config::{SplitConfig, StickyConfig};
use crate::proxy::release::plan::{ByProfile, SplitPlan, StickyPlan, VariantPlan};
use crate::proxy::release::shares::Shares;
use crate::proxy::release::sticky::salt;
use crate::proxy::snapshot::Snapshot;
use crate::route::path::PathRules;
use crate::route::profile::Profiles;
use crate::route::rewrite::RewritePlan;
use crate::shared::frozen::Frozen;
use crate::shared::published::Published;

impl Compiler<'_> {
    /// Kinds of clients. `check` has said what is wrong with them.
    pub(super) fn profiles(&mut self) -> Frozen<Profiles> {
        let profiles = Profiles::compile(&self.config.profiles).unwrap_or_else(|errors| {
            for error in errors {
                self.error("bad-profile", format!("profiles{}", error.at), error.reason, &error.hint);
            }
            Profiles::default()
        });
        Frozen::new(profiles)
    }

    /// The variants of a route, whose path captures `names`.
    pub(super) fn split(
        &mut self,
        place: &str,
        route: &RouteConfig,
        split: &SplitConfig,
        names: &[String],
        rules: &PathRules,
    ) -> Option<SplitPlan> {
        for (at, why) in split.problems() {
            let hint = why.hint.unwrap_or_default();
            self.error("bad-split", format!("{place}.split.{at}"), why.reason, &hint);
        }
        let mut variants = Vec::new();
        for (name, variant) in &split.variants {
            let place = format!("{place}.split.variants.{name}");
            let cluster = self.index(&variant.cluster, format!("{place}.cluster"));
            let (written, at) = match &variant.rewrite {
                Some(rewrite) => (rewrite, format!("{place}.rewrite")),
                None => (&route.rewrite, String::new()),
            };
            let rewrite = RewritePlan::compile(written, names, rules);
            let rewrite = rewrite.map_err(|errors| self.plan_errors(&at, errors)).ok();
            if let (Some(cluster), Some(rewrite)) = (cluster, rewrite) {
                let host = rewrite.host().map(|host| host.as_bytes().into());
                let rewrite = (!rewrite.keeps_path()).then_some(rewrite);
                let (salt, name) = (salt(&route.name, name), name.as_str().into());
                variants.push(VariantPlan { name, cluster, rewrite, host, salt });
            }
        }
        let first = split.first_shares().filter(|_| variants.len() == split.variants.len())?;
        let form: Box<str> = split.form().into();
        self.splits += 1;
        Some(SplitPlan {
            at: self.splits - 1,
            live: live(self.previous, &route.name, &form, first),
            form,
            variants,
            sticky: split.sticky.as_ref().map(sticky),
            by_profile: self.by_profile(split, &format!("{place}.split.by_profile")),
        })
    }

    fn by_profile(&mut self, split: &SplitConfig, place: &str) -> Option<ByProfile> {
        let profiles = self.profiles.clone();
        let mut variants = vec![None; profiles.names().count()];
        for (profile, variant) in &split.by_profile {
            match profiles.place(profile) {
                Some(at) => variants[at] = split.place(variant),
                None => {
                    let reason = format!("there is no profile `{profile}`");
                    self.error(
                        "unknown-profile",
                        format!("{place}.{profile}"),
                        reason,
                        "write it under `profiles`",
                    );
                }
            }
        }
        (!split.by_profile.is_empty()).then_some(ByProfile { profiles, variants })
    }
}

fn sticky(config: &StickyConfig) -> StickyPlan {
    match config {
        StickyConfig::Header(name) => StickyPlan::Header(name.to_ascii_lowercase().into_bytes().into()),
        StickyConfig::Cookie(name) => StickyPlan::Cookie(name.as_bytes().into()),
        StickyConfig::Identity => StickyPlan::Identity,
    }
}

/// The shares that live: those of the generation before, or new ones.
fn live(previous: Option<&Snapshot>, route: &str, form: &str, first: Shares) -> Published<Shares> {
    let former = previous.and_then(|snapshot| {
        let at = *snapshot.routes_by_name.get(route)?;
        snapshot.routes[at as usize].action.split()
    });
    match former.filter(|former| *former.form == *form) {
        Some(former) => former.live.clone(),
        None => Published::new(Frozen::new(first)),
    }
}
