//! The written form of sources, and reading and following them against servers that play a part.

use std::collections::VecDeque;
use std::path::Path;
use std::time::Duration;

use tokio::time::timeout;

use super::*;
use crate::config::secret::Secret;
use crate::control::check::load_fetched;
use crate::control::http_client::scripted::{Reply, Scripted};

const CONFIG: &str = "listeners: [{name: web, address: '127.0.0.1:0'}]\nroutes: [{name: r, cluster: c}]\n\
    clusters: {c: {endpoints: ['127.0.0.1:9']}}\n";

fn parsed(text: &str) -> Source {
    Source::parse(text, SourceAccess::default()).unwrap()
}

#[test]
fn takes_paths_and_urls_and_never_shows_credentials() {
    for (text, shown) in [
        ("conf/gateway.yaml", "conf/gateway.yaml"),
        ("https://u:s3cr3t@c.test/gw.yaml?sig=s3cr3t", "https://c.test/gw.yaml"),
        ("http://127.0.0.1:81/a", "http://127.0.0.1:81/a"),
        ("consul://127.0.0.1:8500/gw/?dc=eu", "consul://127.0.0.1:8500/gw/"),
        ("consul+https://c.test:8501/gw", "consul+https://c.test:8501/gw"),
        ("etcd://u:s3cr3t@one.test:2379,two.test:2379/gw/", "etcd://one.test:2379,two.test:2379/gw/"),
        ("etcd+https://[::1]:2379//gw/", "etcd+https://[::1]:2379//gw/"),
    ] {
        let source = parsed(text);
        assert_eq!(source.describe(), shown);
        assert!(!format!("{source:?}").contains("s3cr3t"), "{source:?}");
    }
}

#[test]
fn refuses_what_is_no_source() {
    for (text, said) in [
        ("", "no source"),
        ("ftp://c.test/a", "`ftp://` is no source"),
        ("consul://c.test/gw", "`c.test` is not `host:port`"),
        ("consul:///gw", "is not `host:port`"),
        ("consul://c.test:8500/gw?token=s3cr3t", "only `dc=NAME`"),
        ("etcd://c.test:2379/gw?dc=eu", "only consul:// has"),
        ("etcd://u@c.test:2379/gw", "`user:password`"),
        ("https://", "cannot be used"),
    ] {
        let refused = Source::parse(text, SourceAccess::default()).unwrap_err();
        assert!(refused.contains(said) && !refused.contains("s3cr3t"), "{text}: {refused}");
    }
}

#[tokio::test]
async fn a_page_is_asked_for_with_what_is_known_of_it() {
    let server = Scripted::start(|request| {
        if request.contains("if-none-match: \"1\"") {
            Reply::new(304, "").field("ETag", "\"1\"").field("Cache-Control", "max-age=1")
        } else {
            Reply::new(200, CONFIG).field("ETag", "\"1\"").field("Cache-Control", "max-age=1")
        }
    });
    let token = Some(Secret::new("t0ken"));
    let access = SourceAccess { token, ..SourceAccess::default() };
    let source = Source::parse(&server.url("http", "/gw.yaml"), access).unwrap();
    let environment = Environment::default();
    let fetched = source.read(&environment).await.unwrap();
    assert_eq!((fetched.version(), fetched.files().len()), ("\"1\"", 1));
    assert_eq!(load_fetched(&fetched, &environment).unwrap().config.routes.len(), 1);
    let (sender, mut changed) = mpsc::channel(1);
    let following = tokio::spawn(source.clone().follow(environment, sender));
    server.waits_for(4).await;
    assert!(changed.try_recv().is_err(), "nothing has changed");
    following.abort();
    let seen = server.seen();
    assert!(seen.iter().all(|request| request.contains("authorization: Bearer t0ken")), "{seen:?}");
    assert!(seen[1..].iter().all(|request| request.contains("if-none-match: \"1\"")), "{seen:?}");
    let (_, state) = source.state().load();
    assert_eq!((state.failures, state.failure.clone()), (0, None));
    assert!(state.fetched_at > 0);
}

#[tokio::test]
async fn a_page_that_changes_is_told_once_until_it_is_read() {
    let mut answers = VecDeque::from(["a: 1", "a: 1", "a: 2", "a: 2"]);
    let server = Scripted::start(move |_| {
        Reply::new(200, answers.pop_front().unwrap_or("a: 2")).field("Cache-Control", "max-age=1")
    });
    let source = parsed(&server.url("http", "/"));
    let environment = Environment::default();
    source.read(&environment).await.unwrap();
    let (sender, mut changed) = mpsc::channel(1);
    let following = tokio::spawn(source.clone().follow(environment.clone(), sender));
    assert!(timeout(Duration::from_secs(10), changed.recv()).await.is_ok());
    server.waits_for(5).await;
    assert!(changed.try_recv().is_err());
    assert_eq!(source.read(&environment).await.unwrap().files()[0].1, "a: 2");
    following.abort();
}

#[tokio::test]
async fn what_refuses_is_too_large_or_leads_elsewhere_gives_no_configuration() {
    for (reply, said) in [
        (Reply::new(404, "<html>"), "status 404 Not Found"),
        (Reply::new(401, ""), "status 401 Unauthorized"),
        (Reply::new(200, "a".repeat((16 << 20) + 1)), "larger than 16 MiB"),
        (Reply::new(302, "").field("Location", "http://127.0.0.2:1/"), "another host, `127.0.0.2`"),
        (Reply::new(304, ""), "status 304"),
    ] {
        let server = Scripted::start(move |_| reply.clone());
        let source = parsed(&server.url("http", "/"));
        let error = source.read(&Environment::default()).await.unwrap_err();
        assert!(error.reason.contains(said), "{said}: {error}");
        assert_eq!(error.hint.is_some(), said.contains("401"));
        let (_, state) = source.state().load();
        assert_eq!((state.failures, state.failure.as_deref()), (1, Some(&*error.reason)));
    }
    let source = parsed("http://127.0.0.1:1/");
    let error = source.read(&Environment::default()).await.unwrap_err();
    assert!(error.reason.contains("no connection: Connection refused"), "{error}");
}

/// As Consul 1.15 answers `/v1/kv/PREFIX?recurse` and blocking queries, after its documentation.
#[tokio::test]
async fn keys_of_consul_are_files_and_an_index_that_goes_back_begins_anew() {
    // Index and value of one answer after the other; the third is the state of another agent, the fourth of a restored one.
    let mut answers = VecDeque::from([(7, "a: 1"), (7, "a: 1"), (9, "a: 2"), (3, "a: 2"), (3, "a: 3")]);
    let server = Scripted::start(move |_| {
        let (index, value) = answers.pop_front().unwrap_or((3, "a: 3"));
        let mut digits = Vec::new();
        crate::http::base64::encode(value.as_bytes(), &mut digits);
        let value = String::from_utf8(digits).unwrap();
        let body = format!(
            r#"[{{"LockIndex":0,"Key":"gw/","Flags":0,"Value":null,"CreateIndex":1,"ModifyIndex":1}},
                {{"LockIndex":0,"Key":"gw/a.yaml","Flags":0,"Value":"{value}","CreateIndex":2,"ModifyIndex":{index}}}]"#
        );
        Reply::new(200, body).field("X-Consul-Index", index.to_string())
    });
    let access = SourceAccess { token: Some(Secret::new("acl")), ..SourceAccess::default() };
    let source = Source::parse(&format!("{}?dc=eu", server.url("consul", "/gw")), access).unwrap();
    let environment = Environment::default();
    let fetched = source.read(&environment).await.unwrap();
    assert_eq!(fetched.files(), [(server.url("consul", "/gw/a.yaml"), "a: 1".to_owned())]);
    assert_eq!(fetched.version(), "7");
    let (sender, mut changed) = mpsc::channel(1);
    let following = tokio::spawn(source.clone().follow(environment.clone(), sender));
    assert!(timeout(Duration::from_secs(10), changed.recv()).await.is_ok());
    server.waits_for(6).await;
    following.abort();
    let seen = server.seen();
    assert!(seen.iter().all(|request| request.contains("x-consul-token: acl")), "{seen:?}");
    let asked: Vec<&str> = seen.iter().map(|request| request.split(' ').nth(1).unwrap()).collect();
    assert_eq!(asked[0], "/v1/kv/gw?recurse=true&dc=eu");
    assert_eq!(asked[1], asked[0]);
    assert!(asked[2].ends_with("&index=7&wait=240s"), "{asked:?}");
    assert!(asked[3].ends_with("&index=9&wait=240s"), "{asked:?}");
    assert!(asked[4].ends_with("&index=0&wait=240s"), "{asked:?}");
}

#[tokio::test]
async fn a_source_that_comes_back_is_read_at_once_and_failures_are_counted() {
    let mut asked = 0;
    let server = Scripted::start(move |_| {
        asked += 1;
        if (2..4).contains(&asked) { Reply::new(503, "") } else { Reply::new(200, format!("a: {asked}")) }
    });
    let source = parsed(&server.url("http", "/"));
    source.read(&Environment::default()).await.unwrap();
    let (sender, mut changed) = mpsc::channel(1);
    let following = tokio::spawn(source.clone().follow(Environment::default(), sender));
    // Long before the usual interval is over.
    assert!(timeout(Duration::from_secs(8), changed.recv()).await.is_ok());
    following.abort();
    let (_, state) = source.state().load();
    assert_eq!((state.failures, &state.failure), (2, &None));
}

#[tokio::test]
async fn a_folder_is_followed_with_what_it_includes() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    std::fs::create_dir(folder.path().join("more")).unwrap();
    write("1.yaml", "listeners: [{name: web, address: '127.0.0.1:0'}]\ninclude: [more/*.yaml]\n");
    write("2.yml", "routes: [{name: r, cluster: c}]\nlimits: {connections: 5}\n");
    write("3.txt", "not: read");
    write("more/c.yaml", "clusters: {c: {endpoints: ['127.0.0.1:9']}}\n");
    let source = Source::at_path(folder.path());
    let environment = Environment { base: Path::new("/").to_owned(), ..Environment::default() };
    let load = async || load_fetched(&source.read(&environment).await.unwrap(), &environment);
    assert_eq!(load().await.unwrap().config.routes.len(), 1);
    let (sender, mut changed) = mpsc::channel(1);
    let following = tokio::spawn(source.clone().follow(environment.clone(), sender));
    write("more/d.yaml", "routes: [{name: s, match: {path: /s}, cluster: c}]\n");
    assert!(timeout(Duration::from_secs(10), changed.recv()).await.is_ok());
    let config = load().await;
    assert_eq!(config.map(|it| it.config.routes.len()).map_err(|it| it.to_string()), Ok(2));
    write("2.yml", "routes: nonsense\n");
    assert!(timeout(Duration::from_secs(10), changed.recv()).await.is_ok());
    assert!(load().await.is_err());
    std::fs::remove_file(folder.path().join("more/d.yaml")).unwrap();
    write("2.yml", "routes: [{name: r, cluster: c}]\nsecrets: {key: {file: key.txt}}\n");
    write("key.txt", "one");
    assert!(timeout(Duration::from_secs(10), changed.recv()).await.is_ok());
    assert!(load().await.is_ok());
    write("key.txt", "two, of another length");
    assert!(timeout(Duration::from_secs(10), changed.recv()).await.is_ok(), "a secret counts");
    following.abort();
}
