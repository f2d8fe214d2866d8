//! Cost of finding a route with 10, 1,000 and 10,000 of them, beside raw matchit, and of building the table.
//!
//! Prints nanoseconds per lookup, the best of several passes, so that a busy machine disturbs little. Paths are
//! visited in a scattered order: the caches see what a gateway with that many routes in use sees.

use std::hint::black_box;
use std::time::{Duration, Instant};

use ringgate::http::field::Fields;
use ringgate::http::method::Method;
use ringgate::route::config::MatchConfig;
use ringgate::route::params::Params;
use ringgate::route::path::{PathRules, normalise};
use ringgate::route::plan::MatchPlan;
use ringgate::route::table::{Outcome, RequestView, RouteIndex, Table};

const LOOKUPS: usize = 200_000;
const PASSES: usize = 7;

fn main() {
    println!("{:>7}  {:>11}  {:>11}  {:>11}  {:>11}", "routes", "build", "table", "matchit", "not found");
    for count in [10, 1_000, 10_000] {
        measure(count);
    }
    println!(
        "normalise, 40 bytes: {:.1} ns plain, {:.1} ns encoded",
        normalising(PLAIN),
        normalising(ENCODED)
    );
}

const PLAIN: &str = "/tenants/acme/projects/ringgate/files/ab";
const ENCODED: &str = "/tenants/%61cme/projects/ringgate/file/b";

/// A third each of literal paths, paths with two parameters, and prefixes; all below 1 in 8 shared first segments.
fn pattern(at: usize) -> (String, bool) {
    let area = at / 8;
    match at % 3 {
        0 => (format!("/api/area{area}/resource{at}/list"), false),
        1 => (format!("/api/area{area}/resource{at}/{{id}}/items/{{item}}"), false),
        _ => (format!("/api/area{area}/resource{at}"), true),
    }
}

fn path(at: usize) -> String {
    let area = at / 8;
    match at % 3 {
        0 => format!("/api/area{area}/resource{at}/list"),
        1 => format!("/api/area{area}/resource{at}/4711/items/9"),
        _ => format!("/api/area{area}/resource{at}/deep/er"),
    }
}

fn measure(count: usize) {
    let start = Instant::now();
    let plans: Vec<_> = (0..count).map(|at| plan(pattern(at))).collect();
    let routes: Vec<_> = plans.iter().enumerate().map(|(at, plan)| (RouteIndex(at as u32), plan)).collect();
    let table = Table::build(&routes).expect("the patterns are sound");
    let build = start.elapsed();

    let raw = matchit_of(count);
    let paths: Vec<_> = (0..count).map(|at| path(at * 7919 % count)).collect();
    let misses: Vec<_> =
        (0..count).map(|at| format!("{}/x/y/z", path(at * 7919 % count).replace("res", "rse"))).collect();
    let mut params = Params::new();
    let fields = Fields::default();
    let mut look = |path: &str| table.find(&view(path, &fields), &mut params);
    for path in &paths {
        assert!(matches!(look(path), Outcome::Found(_)), "{path}");
        assert!(raw.at(path).is_ok(), "{path}");
    }
    let ours = nanoseconds(&paths, |path| {
        black_box(look(path));
    });
    let theirs = nanoseconds(&paths, |path| {
        black_box(raw.at(path).map(|found| (*found.value, found.params.len())).ok());
    });
    let missing = nanoseconds(&misses, |path| {
        black_box(look(path));
    });
    let build = format!("{:.1} ms", build.as_secs_f64() * 1e3);
    println!("{count:>7}  {build:>11}  {ours:>8.1} ns  {theirs:>8.1} ns  {missing:>8.1} ns");
}

fn plan((path, is_prefix): (String, bool)) -> MatchPlan {
    let (path, prefix) = if is_prefix { (None, Some(path)) } else { (Some(path), None) };
    let config = MatchConfig { path, prefix, ..MatchConfig::default() };
    MatchPlan::compile(&config, &PathRules::default()).expect("the patterns are sound")
}

/// The same routes in matchit, a prefix as its three patterns.
fn matchit_of(count: usize) -> matchit::Router<usize> {
    let mut router = matchit::Router::new();
    for at in 0..count {
        let (path, is_prefix) = pattern(at);
        let endings: &[&str] = if is_prefix { &["", "/", "/{*rest}"] } else { &[""] };
        for ending in endings {
            router.insert(format!("{path}{ending}"), at).expect("the patterns do not overlap");
        }
    }
    router
}

fn view<'a>(path: &'a str, fields: &'a Fields) -> RequestView<'a> {
    RequestView {
        host: "api.example.com",
        path,
        query: None,
        method: Method::Get,
        method_text: b"GET",
        fields,
    }
}

fn nanoseconds(paths: &[String], mut look: impl FnMut(&str)) -> f64 {
    let mut best = Duration::MAX;
    for _ in 0..PASSES {
        let start = Instant::now();
        for path in paths.iter().cycle().take(LOOKUPS) {
            look(black_box(path));
        }
        best = best.min(start.elapsed());
    }
    best.as_nanos() as f64 / LOOKUPS as f64
}

fn normalising(path: &str) -> f64 {
    let rules = PathRules::default();
    let mut scratch = Vec::new();
    nanoseconds(&[path.to_owned()], |path| {
        black_box(normalise(path.as_bytes(), &rules, &mut scratch).is_ok());
    })
}
