//! The table's precedence, rule by rule. The law behind them is tested against the reference in `tests/property`.

use super::config::{MatchConfig, ValueMatchConfig};
use super::params::Params;
use super::path::PathRules;
use super::plan::MatchPlan;
use super::reference::{self, Verdict};
use super::table::{EXTENSION_METHODS_MAX, HostCount, Outcome, RequestView, RouteIndex, Search, Table};
use crate::http::field::Fields;
use crate::http::method::Method;

/// A route written as `METHODS host path`, `-` for any; a path ending in `...` is a prefix; then `name=value` fields.
fn plan(written: &str) -> MatchPlan {
    let mut words = written.split(' ');
    let mut word = || words.next().filter(|word| *word != "-").map(str::to_owned);
    let (methods, host, path) = (word(), word(), word());
    let mut config = MatchConfig { hosts: host.into_iter().collect(), ..MatchConfig::default() };
    config.methods = methods.iter().flat_map(|methods| methods.split(',')).map(str::to_owned).collect();
    match path {
        Some(path) if path.ends_with("...") => config.prefix = Some(path.trim_end_matches("...").to_owned()),
        path => config.path = path,
    }
    for field in words {
        let (name, value) = field.split_once('=').unwrap();
        config.headers.insert(name.to_owned(), ValueMatchConfig::Exact(value.to_owned()));
    }
    MatchPlan::compile(&config, &PathRules::default()).unwrap()
}

struct Routes(Vec<MatchPlan>);

impl Routes {
    fn new(written: &[&str]) -> Self {
        Self(written.iter().map(|route| plan(route)).collect())
    }

    fn listed(&self) -> Vec<(RouteIndex, &MatchPlan)> {
        self.0.iter().enumerate().map(|(at, plan)| (RouteIndex(at as u32), plan)).collect()
    }

    fn find(&self, method: &str, host: &str, path: &str, fields: &Fields) -> (Outcome, Vec<String>) {
        let table = Table::build(&self.listed()).unwrap();
        let mut params = Params::new();
        let outcome = table.find(&view(method, host, path, fields), &mut params);
        let captured = (0..params.len()).filter_map(|at| params.value(at, path)).map(str::to_owned).collect();
        (outcome, captured)
    }

    fn route(&self, path: &str) -> Option<u32> {
        match self.find("GET", "a.example.com", path, &Fields::default()).0 {
            Outcome::Found(route) => Some(route.0),
            _ => None,
        }
    }
}

fn view<'a>(method: &'a str, host: &'a str, path: &'a str, fields: &'a Fields) -> RequestView<'a> {
    let method_text = method.as_bytes();
    RequestView { host, path, query: None, method: Method::parse(method_text), method_text, fields }
}

#[test]
fn a_prefix_matches_whole_segments() {
    let routes = Routes::new(&["- - /api..."]);
    for path in ["/api", "/api/", "/api/x", "/api//x"] {
        assert_eq!(routes.route(path), Some(0), "{path}");
    }
    for path in ["/apix", "/ap", "/", "/x/api"] {
        assert_eq!(routes.route(path), None, "{path}");
    }
}

#[test]
fn literals_beat_parameters_beat_catch_alls_and_prefixes() {
    let routes = Routes::new(&[
        "- - /...",
        "- - /{a}",
        "- - /x",
        "- - /x...",
        "- - /x/{*rest}",
        "- - /x/{id}",
        "- - /x/y",
    ]);
    for (path, route) in
        [("/", 0), ("/y", 1), ("/x", 2), ("/x/", 3), ("/x/y", 6), ("/x/z", 5), ("/x/z/w", 3), ("/q/w", 0)]
    {
        assert_eq!(routes.route(path), Some(route), "{path}");
    }
}

#[test]
fn a_dead_end_falls_back_to_the_less_specific_branch() {
    let routes = Routes::new(&["- - /a/b/c", "- - /a/{x}/d", "- - /{x}/b/{y}", "- - /..."]);
    for (path, route) in [("/a/b/c", 0), ("/a/b/d", 1), ("/a/b/e", 2), ("/a/q/e", 3)] {
        assert_eq!(routes.route(path), Some(route), "{path}");
    }
}

#[test]
fn the_host_comes_before_the_path() {
    let routes = Routes::new(&["- - /a/b", "- *.com /a/b", "- *.example.com /a...", "- a.example.com /..."]);
    let fields = Fields::default();
    for (host, route) in
        [("a.example.com", 3), ("b.example.com", 2), ("b.com", 1), ("com", 0), ("", 0), (".com", 0)]
    {
        assert_eq!(routes.find("GET", host, "/a/b", &fields).0, Outcome::Found(RouteIndex(route)), "{host}");
    }
    assert_eq!(routes.find("GET", "b.example.com", "/b", &fields).0, Outcome::NotFound);
}

#[test]
fn more_conditions_win_then_the_one_written_first() {
    let routes = Routes::new(&["- - /a", "GET - /a", "GET - /a x=1", "GET - /a y=1", "- - /a"]);
    let mut fields = Fields::default();
    assert_eq!(routes.find("GET", "", "/a", &fields).0, Outcome::Found(RouteIndex(1)));
    assert_eq!(routes.find("PUT", "", "/a", &fields).0, Outcome::Found(RouteIndex(0)));
    fields.append(b"Y", b"1");
    assert_eq!(routes.find("GET", "", "/a", &fields).0, Outcome::Found(RouteIndex(3)));
    fields.append(b"X", b"1");
    assert_eq!(routes.find("HEAD", "", "/a", &fields).0, Outcome::Found(RouteIndex(2)));
}

#[test]
fn failed_conditions_fall_through_to_less_specific_paths_and_hosts() {
    let routes =
        Routes::new(&["- a.example.com /u/me x=1", "PUT a.example.com /u/{id}", "- *.example.com /u..."]);
    let (outcome, captured) = routes.find("GET", "a.example.com", "/u/me", &Fields::default());
    assert_eq!((outcome, captured), (Outcome::Found(RouteIndex(2)), vec![]));
    let (outcome, captured) = routes.find("PUT", "a.example.com", "/u/me", &Fields::default());
    assert_eq!((outcome, captured), (Outcome::Found(RouteIndex(1)), vec!["me".to_owned()]));
}

#[test]
fn a_405_names_the_methods_of_candidates_that_failed_by_method_alone() {
    let routes = Routes::new(&["POST,PURGE - /a", "GET - /{x}", "DELETE - /a x=1", "LINK - /b"]);
    let table = Table::build(&routes.listed()).unwrap();
    let fields = Fields::default();
    let Outcome::MethodNotAllowed(allowed) = table.find(&view("PUT", "", "/a", &fields), &mut Params::new())
    else {
        panic!("not a 405");
    };
    let mut text = Vec::new();
    table.write_allowed(allowed, &mut text);
    assert_eq!(String::from_utf8(text).unwrap(), "GET, HEAD, POST, PURGE");
    let outcome = table.find(&view("LINK", "", "/a/b", &fields), &mut Params::new());
    assert_eq!(outcome, Outcome::NotFound);
}

#[test]
fn captures_are_those_of_the_route_that_won() {
    let routes = Routes::new(&["- - /{a}/{b}/x", "- - /{t}/files/{*rest}", "- - /{only}..."]);
    let captured = |path| routes.find("GET", "", path, &Fields::default()).1;
    assert_eq!(captured("/1/2/x"), ["1", "2"]);
    assert_eq!(captured("/1/files/a/b%2Fc"), ["1", "a/b%2Fc"]);
    assert_eq!(captured("/1/2/y"), ["1"]);
    assert_eq!(captured("/1/files/"), ["1"]);
    assert!(captured("/").is_empty());
}

#[test]
fn each_host_is_in_matchit_unless_its_patterns_do_not_fit() {
    let hosts = |written: &[&str], search| {
        let HostCount { matchit, trie } =
            Table::build_for(&Routes::new(written).listed(), search).unwrap().host_count();
        (matchit, trie)
    };
    let apart = ["- - /a...", "- a.com /a/{id}", "- *.com /a/me"];
    assert_eq!(hosts(&apart, Search::Matchit), (3, 0));
    assert_eq!(hosts(&apart, Search::Fastest), (1, 2));
    assert_eq!(hosts(&apart, Search::Trie), (0, 3));
    let conflicting = ["- - /a...", "- - /a/{id}", "- a.com /a/me", "- a.com /a/{id}", "- *.com /b/{id}"];
    assert_eq!(hosts(&conflicting, Search::Matchit), (1, 2));
}

#[test]
fn hosts_searched_in_different_ways_keep_their_order() {
    let routes = Routes::new(&["PUT a.com /a", "- *.com /a/{x}", "- *.com /a/me...", "- - /a", "- - /b"]);
    assert_eq!(Table::build(&routes.listed()).unwrap().host_count(), HostCount { matchit: 2, trie: 1 });
    let found = |method, path| routes.find(method, "a.com", path, &Fields::default()).0;
    for (method, path, route) in [("PUT", "/a", 0), ("GET", "/a", 3), ("GET", "/a/me", 2), ("GET", "/b", 4)] {
        assert_eq!(found(method, path), Outcome::Found(RouteIndex(route)), "{method} {path}");
    }
}

#[test]
fn refuses_more_extension_methods_than_a_word_has_bits() {
    let written: Vec<_> = (0..=EXTENSION_METHODS_MAX).map(|at| format!("X{at} - /")).collect();
    let routes = Routes::new(&written.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(Table::build(&routes.listed()).unwrap_err().route, RouteIndex(EXTENSION_METHODS_MAX as u32));
    assert!(Table::build(&routes.listed()[1..]).is_ok());
}

#[test]
fn patterns_made_to_branch_everywhere_stay_within_one_visit_a_node() {
    // Two ways at each of 12 depths: 4096 patterns, and a path that follows all of them to miss at the end.
    let written: Vec<_> = (0..1 << 12)
        .map(|bits: u32| {
            (0..12).map(|at| if bits >> at & 1 == 1 { "/a" } else { "/{p}" }).collect::<String>()
        })
        .map(|path| {
            path.split("{p}").enumerate().map(|(at, part)| format!("{}{part}", name(at))).collect::<String>()
        })
        .map(|path| format!("- - {path}/end"))
        .collect();
    let routes = Routes::new(&written.iter().map(String::as_str).collect::<Vec<_>>());
    let table = Table::build(&routes.listed()).unwrap();
    let fields = Fields::default();
    let path = format!("{}/miss", "/a".repeat(12));
    let start = std::time::Instant::now();
    assert_eq!(table.find(&view("GET", "", &path, &fields), &mut Params::new()), Outcome::NotFound);
    assert!(start.elapsed() < std::time::Duration::from_millis(100), "{:?}", start.elapsed());
}

fn name(at: usize) -> String {
    if at == 0 { String::new() } else { format!("{{p{at}}}") }
}

#[test]
fn a_path_that_is_none_matches_nothing() {
    assert_eq!(Routes::new(&["- - -"]).route("*"), None);
}

#[test]
fn explains_every_route_in_order_of_precedence() {
    let routes = Routes::new(&["- b.example.com /a", "- - /...", "PUT - /a", "- - /a x-a=1", "- - /b"]);
    let fields = Fields::default();
    let explained = reference::explain(&routes.listed(), &view("GET", "a.example.com", "/a", &fields));
    let lines: Vec<_> = explained
        .iter()
        .map(|candidate| match &candidate.verdict {
            Verdict::Matched => format!("{} takes it", candidate.route.0),
            Verdict::Rejected(reason) => format!("{} {reason}", candidate.route.0),
        })
        .collect();
    let expected = [
        "2 method is GET, not one of PUT",
        "3 field x-a is absent",
        "1 takes it",
        "0 host is a.example.com, not b.example.com",
        "4 path is /a, not /b",
    ];
    assert_eq!(lines, expected);
}
