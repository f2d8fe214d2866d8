//! Laws of the router: the table agrees with the linear reference, and normal paths stay normal.

use std::cell::Cell;
use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use ringgate::http::field::Fields;
use ringgate::http::method::Method;
use ringgate::route::config::{MatchConfig, ValueMatchConfig};
use ringgate::route::params::Params;
use ringgate::route::path::{EncodedSlash, PathRules, normalise};
use ringgate::route::plan::MatchPlan;
use ringgate::route::reference::{self, Answer, Verdict};
use ringgate::route::table::{HostCount, Outcome, RequestView, RouteIndex, Search, Table};

/// Small alphabets, so that patterns and requests meet often.
fn host() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "a.com",
        "b.a.com",
        "c.b.a.com",
        "com",
        "x.org",
        "*.a.com",
        "*.com",
        "*.b.a.com",
    ])
    .prop_map(str::to_owned)
}

fn pattern() -> impl Strategy<Value = String> {
    let segment = prop::sample::select(vec!["a", "b", "{}", "{}", "ab", ""]);
    let segments = prop::collection::vec(segment, 0..5);
    (segments, any::<bool>()).prop_map(|(segments, catches_all)| {
        let mut path = String::new();
        for (at, segment) in segments.iter().enumerate() {
            // An empty segment is merged away anywhere but at the end.
            let is_last = at + 1 == segments.len() && !catches_all;
            match *segment {
                "" if !is_last => {}
                "{}" => path.push_str(&format!("/{{p{at}}}")),
                text => path.push_str(&format!("/{text}")),
            }
        }
        if catches_all {
            path.push_str("/{*rest}");
        }
        if path.is_empty() { "/".to_owned() } else { path }
    })
}

/// Patterns that never ask for a choice on the way, so that matchit takes tables of many of them.
fn orderly_pattern() -> impl Strategy<Value = String> {
    let paths = vec![
        "/a",
        "/a/{}",
        "/a/{}/",
        "/a/{}/b",
        "/a/{}/c/",
        "/a/{}/ab/{*}",
        "/b",
        "/b/",
        "/b/{*}",
        "/ab/a",
        "/ab/b/",
        "/ab/c/{}/{*}",
        "/ab/ab/{}/{}",
    ];
    let names = (prop::sample::select(vec!["p", "q"]), prop::sample::select(vec!["rest", "more"]));
    (prop::sample::select(paths), names).prop_map(|(path, (name, rest))| {
        let named = path.replacen("{}", &format!("{{{name}}}"), 1).replace("{}", "{z}");
        named.replace("{*}", &format!("{{*{rest}}}"))
    })
}

/// An orderly pattern, or a prefix where nothing else of them is below it.
fn orderly_place() -> impl Strategy<Value = (String, bool)> {
    (orderly_pattern(), any::<bool>()).prop_map(|(path, is_prefix)| {
        let is_alone =
            path.contains("{*") || ["/b", "/b/", "/c/", "b/a"].iter().any(|end| path.ends_with(end));
        (path, is_prefix && is_alone)
    })
}

/// What the table itself gives to matchit.
fn literal_place() -> impl Strategy<Value = (String, bool)> {
    prop::sample::select(vec!["/", "/a", "/a/", "/b", "/a/b", "/a/b/", "/ab", "/b/a/c"])
        .prop_map(|path| (path.to_owned(), false))
}

fn methods() -> impl Strategy<Value = Vec<String>> {
    let method = prop::sample::select(vec!["GET", "HEAD", "POST", "PURGE", "LINK"]).prop_map(str::to_owned);
    prop_oneof![2 => Just(Vec::new()), 1 => prop::collection::vec(method, 1..3)]
}

fn values() -> impl Strategy<Value = BTreeMap<String, ValueMatchConfig>> {
    let text = || prop::sample::select(vec!["1", "12", "2"]).prop_map(str::to_owned);
    let rule = prop_oneof![
        text().prop_map(ValueMatchConfig::Exact),
        text().prop_map(ValueMatchConfig::Prefix),
        Just(ValueMatchConfig::Regex("1|12?".to_owned())),
        any::<bool>().prop_map(ValueMatchConfig::Present),
    ];
    let name = prop::sample::select(vec!["x", "Y"]).prop_map(str::to_owned);
    prop_oneof![3 => Just(BTreeMap::new()), 1 => prop::collection::btree_map(name, rule, 1..3)]
}

fn routes() -> impl Strategy<Value = Vec<MatchConfig>> {
    let any_place = || (pattern(), any::<bool>());
    prop_oneof![
        2 => prop::collection::vec(route(any_place()), 0..24),
        1 => prop::collection::vec(route(orderly_place()), 0..24),
        1 => prop::collection::vec(route(literal_place()), 0..24),
    ]
}

fn route(place: impl Strategy<Value = (String, bool)>) -> impl Strategy<Value = MatchConfig> {
    let hosts = prop_oneof![1 => Just(Vec::new()), 2 => prop::collection::vec(host(), 1..3)];
    (hosts, place, methods(), values(), values(), values()).prop_map(
        |(hosts, (path, is_prefix), methods, headers, query, cookies)| {
            let path = match path.split_once("/{*") {
                Some((path, _)) if is_prefix => format!("{path}/"),
                _ => path,
            };
            let (path, prefix) = if is_prefix { (None, Some(path)) } else { (Some(path), None) };
            MatchConfig { hosts, path, prefix, methods, headers, query, cookies, profile: None }
        },
    )
}

#[derive(Debug, Clone)]
struct Request {
    host: String,
    path: String,
    method: String,
    query: Option<String>,
    fields: Vec<(String, String)>,
}

fn request() -> impl Strategy<Value = Request> {
    let host = prop::sample::select(vec![
        "a.com",
        "b.a.com",
        "c.b.a.com",
        "d.c.b.a.com",
        "com",
        "x.org",
        "",
        ".a.com",
    ]);
    let segment = prop::sample::select(vec!["a", "b", "c", "ab"]);
    let path = (prop::collection::vec(segment, 0..5), any::<bool>()).prop_map(|(segments, ends_in_slash)| {
        let path: String = segments.iter().map(|segment| format!("/{segment}")).collect();
        if ends_in_slash || path.is_empty() { path + "/" } else { path }
    });
    let method = prop::sample::select(vec!["GET", "HEAD", "POST", "PUT", "PURGE", "LINK"]);
    let pair =
        (prop::sample::select(vec!["x", "y", "Y"]), prop::sample::select(vec!["", "1", "12", "2", "121"]));
    let query = prop::option::of(prop::collection::vec(pair.clone(), 0..3).prop_map(|pairs| {
        pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
    }));
    let fields = prop::collection::vec((any::<bool>(), pair), 0..4).prop_map(|fields| {
        let line = |(is_cookie, (name, value)): (bool, (&str, &str))| match is_cookie {
            true => ("cookie".to_owned(), format!("{name}={value}")),
            false => (name.to_owned(), value.to_owned()),
        };
        fields.into_iter().map(line).collect()
    });
    (host, path, method, query, fields).prop_map(|(host, path, method, query, fields)| Request {
        host: host.to_owned(),
        path,
        method: method.to_owned(),
        query,
        fields,
    })
}

/// The table's answer in the terms of the reference.
fn answer(table: &Table, view: &RequestView<'_>) -> Answer {
    let mut params = Params::new();
    match table.find(view, &mut params) {
        Outcome::NotFound => Answer::NotFound,
        Outcome::Found(route) => {
            let captured =
                (0..params.len()).map(|at| params.value(at, view.path).unwrap().to_owned()).collect();
            Answer::Found(route, captured)
        }
        Outcome::MethodNotAllowed(allowed) => {
            let mut text = Vec::new();
            table.write_allowed(allowed, &mut text);
            let text = String::from_utf8(text).unwrap();
            let mut names: Vec<_> = text.split(", ").map(str::to_owned).collect();
            names.sort_unstable();
            Answer::MethodNotAllowed(names)
        }
    }
}

fn with_view<T>(request: &Request, use_it: impl FnOnce(&RequestView<'_>) -> T) -> T {
    let mut fields = Fields::default();
    for (name, value) in &request.fields {
        fields.append(name.as_bytes(), value.as_bytes());
    }
    use_it(&RequestView {
        host: &request.host,
        path: &request.path,
        query: request.query.as_deref().map(str::as_bytes),
        method: Method::parse(request.method.as_bytes()),
        method_text: request.method.as_bytes(),
        fields: &fields,
    })
}

/// What a run of the law has seen, so that neither way of searching goes untested.
#[derive(Default)]
struct Seen {
    by_matchit: Cell<usize>,
    by_trie: Cell<usize>,
    by_choice: Cell<usize>,
    by_large_matchit: Cell<usize>,
}

#[test]
fn the_table_agrees_with_the_linear_reference() {
    let seen = Seen::default();
    let config = ProptestConfig { cases: 1500, ..ProptestConfig::with_source_file(file!()) };
    let mut runner = TestRunner::new(config);
    let cases = (routes(), prop::collection::vec(request(), 1..24));
    let outcome = runner.run(&cases, |(configs, requests)| agrees(&configs, &requests, &seen));
    assert!(outcome.is_ok(), "{}", outcome.unwrap_err());
    for (what, seen) in [
        ("matches by matchit", &seen.by_matchit),
        ("matches by the trie", &seen.by_trie),
        ("matches by matchit where the table chose it", &seen.by_choice),
        ("matches by matchit among ten routes or more", &seen.by_large_matchit),
    ] {
        assert!(seen.get() > 20, "only {} {what}", seen.get());
    }
}

/// The table as it is built, with all that fits in matchit, and with all in the trie, against the reference.
fn agrees(configs: &[MatchConfig], requests: &[Request], seen: &Seen) -> Result<(), TestCaseError> {
    let rules = PathRules::default();
    let plans: Vec<_> = configs.iter().map(|config| MatchPlan::compile(config, &rules).unwrap()).collect();
    let routes: Vec<_> = plans.iter().enumerate().map(|(at, plan)| (RouteIndex(at as u32), plan)).collect();
    let [chosen, fitting, trie] = [Search::Fastest, Search::Matchit, Search::Trie]
        .map(|search| Table::build_for(&routes, search).unwrap());
    prop_assert_eq!(trie.host_count().matchit, 0);
    for request in requests {
        let (answers, expected, explained) = with_view(request, |view| {
            let answers = [&chosen, &fitting, &trie].map(|table| answer(table, view));
            (answers, reference::find(&routes, view), reference::explain(&routes, view))
        });
        for found in &answers {
            prop_assert_eq!(found, &expected, "{:?}", request);
        }
        prop_assert_eq!(explained.len(), routes.len());
        let winner = explained.iter().find(|candidate| candidate.verdict == Verdict::Matched);
        let route = if let Answer::Found(route, _) = &expected { Some(*route) } else { None };
        prop_assert_eq!(winner.map(|candidate| candidate.route), route);
        if route.is_some() {
            note(&fitting, routes.len(), seen);
            seen.by_choice.set(seen.by_choice.get() + usize::from(chosen.host_count().trie == 0));
        }
    }
    Ok(())
}

/// Counts a match in a table that is searched in one way only, where it is clear which way that was.
fn note(table: &Table, route_count: usize, seen: &Seen) {
    let add = |count: &Cell<usize>| count.set(count.get() + 1);
    match table.host_count() {
        HostCount { trie: 0, .. } => {
            add(&seen.by_matchit);
            if route_count >= 10 {
                add(&seen.by_large_matchit);
            }
        }
        HostCount { matchit: 0, .. } => add(&seen.by_trie),
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, ..ProptestConfig::default() })]

    #[test]
    fn a_normalised_path_is_normal(
        path in "/([a/.%]|%2[eEfF5]|%5[bBcC]|%4[1g]|%0[01]|//|\\.\\.|[ -~]){0,12}",
        slash in prop::sample::select(vec![EncodedSlash::Keep, EncodedSlash::Decode, EncodedSlash::Reject]),
        merge_slashes in any::<bool>(),
    ) {
        let rules = PathRules { encoded_slash: slash, merge_slashes };
        let mut scratch = Vec::new();
        if let Ok(once) = normalise(path.as_bytes(), &rules, &mut scratch) {
            prop_assert!(once.starts_with('/'));
            let padded = format!("{once}/");
            prop_assert!(!padded.contains("/../") && !padded.contains("/./"), "{}", once);
            prop_assert!(!merge_slashes || !once.contains("//"), "{}", once);
            prop_assert!(once.len() <= path.len());
            let mut again = Vec::new();
            prop_assert_eq!(normalise(once.as_bytes(), &rules, &mut again), Ok(once));
        }
    }
}
