//! Cost of finding a route among 10 to 10,000: matchit's tree, the trie, and what the table chooses.
//!
//! Prints nanoseconds per lookup, the best of several passes, so that a busy machine disturbs little. Paths come in
//! scattered order, copied to one place first as a connection's buffer is: the caches see what a gateway with that
//! many routes in use sees. `hot` asks for one path again and again. A lookup that allocates is a failure.

mod heap;

use std::hint::black_box;
use std::time::{Duration, Instant};

use ringgate::http::field::Fields;
use ringgate::http::method::Method;
use ringgate::route::config::MatchConfig;
use ringgate::route::params::Params;
use ringgate::route::path::{PathRules, normalise};
use ringgate::route::plan::MatchPlan;
use ringgate::route::table::{Outcome, RequestView, RouteIndex, Search, Table};

const LOOKUPS: usize = 200_000;
const PASSES: usize = 7;

fn main() {
    for shape in SHAPES {
        println!("\n{}", shape.name);
        println!(
            "{:>7} {:>9} {:>7} {:>9} {:>9} {:>9} {:>7} {:>9}",
            "routes", "build ms", "copying", "trie", "matchit", "table", "by", "not found"
        );
        for count in [10, 30, 100, 300, 1_000, 3_000, 10_000] {
            measure(&shape, count);
        }
    }
    println!(
        "\nnormalise, 40 bytes: {:.1} ns plain, {:.1} ns encoded",
        normalising(PLAIN),
        normalising(ENCODED)
    );
}

const PLAIN: &str = "/tenants/acme/projects/ringgate/files/ab";
const ENCODED: &str = "/tenants/%61cme/projects/ringgate/file/b";

/// A kind of configuration: the pattern of route `at`, whether it is a prefix, and a path it takes.
struct Shape {
    name: &'static str,
    route: fn(usize) -> (String, bool, String),
}

const SHAPES: [Shape; 4] = [
    Shape { name: "literals of four segments", route: literal },
    Shape { name: "a prefix for each service", route: service },
    Shape { name: "a parameter below each of many literals", route: parameter },
    Shape { name: "a third each of literals, two parameters, prefixes", route: mixed },
];

fn literal(at: usize) -> (String, bool, String) {
    let path = format!("/api/area{}/resource{at}/list", at / 8);
    (path.clone(), false, path)
}

fn service(at: usize) -> (String, bool, String) {
    (format!("/service-{at}"), true, format!("/service-{at}/deep/er"))
}

fn parameter(at: usize) -> (String, bool, String) {
    (format!("/v1/resource{at}/{{id}}"), false, format!("/v1/resource{at}/4711"))
}

fn mixed(at: usize) -> (String, bool, String) {
    let base = format!("/api/area{}/resource{at}", at / 8);
    match at % 3 {
        0 => (format!("{base}/list"), false, format!("{base}/list")),
        1 => (format!("{base}/{{id}}/items/{{item}}"), false, format!("{base}/4711/items/9")),
        _ => (base.clone(), true, format!("{base}/deep/er")),
    }
}

fn measure(shape: &Shape, count: usize) {
    let plans: Vec<_> = (0..count).map(|at| plan((shape.route)(at))).collect();
    let routes: Vec<_> = plans.iter().enumerate().map(|(at, plan)| (RouteIndex(at as u32), plan)).collect();
    let start = Instant::now();
    let table = Table::build(&routes).expect("the patterns are sound");
    let build = start.elapsed().as_secs_f64() * 1e3;
    // A clone, as each worker has: its nodes lie in the order of the tree.
    let built = |search| Table::build_for(&routes, search).expect("the patterns are sound").clone();
    let (trie, radix) = (built(Search::Trie), built(Search::Matchit));
    assert_eq!((trie.host_count().trie, radix.host_count().matchit), (1, 1));

    let paths: Vec<_> = (0..count).map(|at| (shape.route)(at * 7919 % count).2).collect();
    let misses: Vec<_> = paths.iter().map(|path| format!("{}x", path.replace("r", "q"))).collect();
    let copying = nanoseconds(&paths, |_| {});
    let [by_trie, by_radix, chosen] = [&trie, &radix, &table].map(|table| finding(table, &paths));
    let [trie_hot, radix_hot, chosen_hot] =
        [&trie, &radix, &table].map(|table| finding(table, &paths[count / 2..][..1]));
    let missing = nanoseconds(&misses, |path| {
        black_box(table.find(&view(path, &Fields::default()), &mut Params::new()));
    });
    let by = if table.host_count().matchit == 1 { "matchit" } else { "trie" };
    println!(
        "{count:>7} {build:>9.1} {copying:>7.1} {by_trie:>9.1} {by_radix:>9.1} {chosen:>9.1} {by:>7} {missing:>9.1}"
    );
    println!("{:>7} {:>9} {:>7} {trie_hot:>9.1} {radix_hot:>9.1} {chosen_hot:>9.1}", "", "", "hot");
}

fn finding(table: &Table, paths: &[String]) -> f64 {
    let mut params = Params::new();
    let fields = Fields::default();
    let mut look = |path: &str| table.find(&view(path, &fields), &mut params);
    for path in paths {
        assert!(matches!(look(path), Outcome::Found(_)), "{path}");
    }
    nanoseconds(paths, |path| {
        black_box(look(path));
    })
}

fn plan((path, is_prefix, _): (String, bool, String)) -> MatchPlan {
    let (path, prefix) = if is_prefix { (None, Some(path)) } else { (Some(path), None) };
    let config = MatchConfig { path, prefix, ..MatchConfig::default() };
    MatchPlan::compile(&config, &PathRules::default()).expect("the patterns are sound")
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
    let mut buffer = String::with_capacity(256);
    let before = heap::allocations();
    for _ in 0..PASSES {
        let start = Instant::now();
        for path in paths.iter().cycle().take(LOOKUPS) {
            buffer.clear();
            buffer.push_str(path);
            look(black_box(&buffer));
        }
        best = best.min(start.elapsed());
    }
    assert_eq!(heap::allocations(), before, "a lookup allocated");
    best.as_nanos() as f64 / LOOKUPS as f64
}

fn normalising(path: &str) -> f64 {
    let rules = PathRules::default();
    let mut scratch = Vec::with_capacity(path.len());
    nanoseconds(&[path.to_owned()], |path| {
        black_box(normalise(path.as_bytes(), &rules, &mut scratch).is_ok());
    })
}
