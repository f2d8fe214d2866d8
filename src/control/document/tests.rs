//! Files, includes, drafts and the schema.

use std::time::{Duration, Instant};

use super::*;
use crate::config::units::FORMATS;

const LISTENERS: &str = "listeners: [{name: web, address: '127.0.0.1:0'}]\n";

fn folder(files: &[(&str, &str)]) -> (tempfile::TempDir, Environment) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let environment = Environment { base: folder.path().to_owned(), ..Environment::default() };
    (folder, environment)
}

fn read(files: &[(&str, &str)]) -> (Document, Diagnostics) {
    let (_folder, environment) = folder(files);
    Document::read(Path::new(files[0].0), &environment)
}

#[test]
fn puts_included_files_together_in_the_order_of_their_names() {
    let root = format!(
        "{LISTENERS}include: [conf.d/*.yaml]\nroutes: [{{name: r, cluster: a}}]\nclusters: {{a: {{endpoints: ['h:1']}}}}\n"
    );
    let (document, diagnostics) = read(&[
        ("root.yaml", &root),
        ("conf.d/2.yaml", "routes: [{name: two, cluster: b}]\n"),
        ("conf.d/1.yaml", "include: [deep/x.yaml]\nroutes: [{name: one, cluster: b}]\n"),
        ("conf.d/.hidden.yaml", "zzz: 1\n"),
        ("conf.d/deep/x.yaml", "clusters: {b: {endpoints: ['h:2']}}\nsecrets: {s: {env: S}}\n"),
    ]);
    assert!(diagnostics.is_empty(), "{diagnostics}");
    let config = document.config().unwrap();
    assert_eq!(config.routes.iter().map(|route| &*route.name).collect::<Vec<_>>(), ["r", "one", "two"]);
    assert_eq!(config.clusters.len(), 2);
    assert_eq!(config.secrets.len(), 1);
    let place = document.sources().place(document.tree().mark_at("clusters.b"));
    assert_eq!((&*place.file, place.line), ("conf.d/deep/x.yaml", 1));
}

#[test]
fn faults_of_included_files_are_placed_in_them() {
    let root = format!("{LISTENERS}include: [a.yaml, b.yaml]\nclusters: {{a: {{endpoints: ['h:1']}}}}\n");
    let (_, diagnostics) = read(&[
        ("root.yaml", &root),
        ("a.yaml", "routes:\n  - nmae: x\n"),
        ("b.yaml", "clusters:\n  a: {endpoints: ['h:2']}\nlimits: {}\nroute: []\n"),
    ]);
    let found: Vec<_> =
        diagnostics.iter().map(|one| (one.code, one.place.as_ref().unwrap().to_string())).collect();
    let at = |code, place: &str| (code, place.to_owned());
    let expected = [
        at("unknown-key", "a.yaml:2:5"),
        at("duplicate-key", "b.yaml:2:3"),
        at("include-key", "b.yaml:3:1"),
        at("include-key", "b.yaml:4:1"),
    ];
    assert_eq!(found, expected, "{diagnostics}");
    let hints: Vec<_> = diagnostics.iter().map(|one| one.hint.clone().unwrap()).collect();
    assert!(hints[1].contains("root.yaml:3:12"), "{}", hints[1]);
    assert!(hints[3].contains("did you mean `routes`?"), "{}", hints[3]);
}

#[test]
fn cycles_repeats_absent_files_and_wrong_stars_are_refused() {
    for (include, other, code) in [
        ("[a.yaml]", "include: [root.yaml]\n", "include-cycle"),
        ("['*.yaml']", "", "include-cycle"),
        ("[a.yaml, ./a.yaml]", "", "included-twice"),
        ("[absent.yaml]", "", "include"),
        ("['*/a.yaml']", "", "include"),
        ("[conf.d/]", "", "include"),
    ] {
        let root = format!("{LISTENERS}include: {include}\n");
        let (_, diagnostics) = read(&[("root.yaml", &root), ("a.yaml", other)]);
        assert_eq!(
            diagnostics.iter().map(|one| one.code).collect::<Vec<_>>(),
            [code],
            "{include}\n{diagnostics}"
        );
        assert!(diagnostics.iter().all(|one| one.hint.is_some() || code == "include"));
    }
}

#[test]
fn includes_are_at_most_eight_deep() {
    let chain = |last: usize| {
        let mut files = vec![("root.yaml".to_owned(), format!("{LISTENERS}include: [1.yaml]\n"))];
        files.extend((1..last).map(|n| (format!("{n}.yaml"), format!("include: [{}.yaml]\n", n + 1))));
        files.push((format!("{last}.yaml"), "routes: []\n".to_owned()));
        let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (&**name, &**text)).collect();
        read(&files).1
    };
    assert!(chain(8).is_empty(), "{}", chain(8));
    assert!(chain(9).has_errors());
}

#[test]
fn a_file_that_cannot_be_read_is_one_clear_line() {
    let (_folder, environment) = folder(&[("folder/x", "")]);
    for (path, words) in
        [("absent.yaml", "absent.yaml: cannot be read"), ("folder", "folder: there is no file in it")]
    {
        let (document, diagnostics) = Document::read(Path::new(path), &environment);
        assert!(diagnostics.to_string().contains(words), "{diagnostics}");
        assert!(document.config().is_none());
        assert_eq!(diagnostics.error_count(), 1);
    }
}

#[test]
fn files_of_a_folder_are_equals_and_nothing_is_said_twice() {
    let (_folder, environment) = folder(&[
        ("conf/2.yml", "routes: [{name: two, cluster: a}]\nlimits: {connections: 9}\n"),
        ("conf/1.yaml", &format!("{LISTENERS}routes: [{{name: one, cluster: a}}]\ninclude: [more/c.yaml]\n")),
        ("conf/more/c.yaml", "clusters: {a: {endpoints: ['h:1']}}\n"),
        ("conf/notes.txt", "not: read"),
    ]);
    let read = || Document::read(Path::new("conf"), &environment);
    let (document, diagnostics) = read();
    assert!(diagnostics.is_empty(), "{diagnostics}");
    let config = document.config().unwrap();
    assert_eq!(config.routes.iter().map(|route| &*route.name).collect::<Vec<_>>(), ["one", "two"]);
    assert_eq!(document.environment(&environment).base, environment.base.join("conf"));

    let twice = "limits: {connections: 8}\nclusters: {a: {endpoints: ['h:2']}}\n";
    std::fs::write(environment.base.join("conf/3.yaml"), twice).unwrap();
    let (_, diagnostics) = read();
    let found: Vec<_> = diagnostics
        .iter()
        .map(|one| (one.code, one.place.as_ref().unwrap().to_string(), one.hint.clone().unwrap()))
        .collect();
    assert_eq!((found[0].0, &*found[0].1), ("duplicate-key", "conf/3.yaml:1:1"));
    assert!(found[0].2.ends_with("the other is at conf/2.yml:2:1"), "{}", found[0].2);
    assert_eq!((found[1].0, &*found[1].1), ("duplicate-key", "conf/3.yaml:2:12"));
    assert_eq!(found.len(), 2);
}

#[test]
fn a_file_of_a_folder_that_is_included_too_is_refused() {
    let (_folder, environment) =
        folder(&[("1.yaml", &format!("{LISTENERS}include: [2.yaml]\n")), ("2.yaml", "routes: []\n")]);
    let (_, diagnostics) = Document::read(Path::new("."), &environment);
    assert!(diagnostics.to_string().contains("included by another file of it"), "{diagnostics}");
}

#[test]
fn texts_from_elsewhere_are_put_together_and_shown_by_their_names() {
    let file = |name: &str, text: &str| (format!("etcd://h:1/gw/{name}"), text.to_owned());
    let routes = file("b.yaml", "routes:\n  - nmae: r\nclusters: {}\n");
    let (_, diagnostics) = Document::from_files(vec![file("a.yaml", LISTENERS), routes]);
    let places: Vec<_> =
        diagnostics.iter().filter_map(|one| one.place.as_ref()).map(ToString::to_string).collect();
    assert_eq!(places[0], "etcd://h:1/gw/b.yaml:2:5", "{diagnostics}");
    let include = file("a.yaml", "include: [b.yaml]\n");
    let (_, diagnostics) = Document::from_files(vec![include, file("b.yaml", LISTENERS)]);
    assert!(diagnostics.iter().any(|one| one.code == "include"), "{diagnostics}");
}

#[test]
fn an_empty_file_is_said_to_be_empty() {
    let (_, diagnostics) = Document::from_text("x.yaml", "# nothing\n");
    assert_eq!(diagnostics.iter().map(|one| one.code).collect::<Vec<_>>(), ["empty-file"]);
}

#[test]
fn a_text_cannot_include() {
    let (document, diagnostics) = Document::from_text("x.yaml", format!("{LISTENERS}include: [a.yaml]\n"));
    assert_eq!(diagnostics.iter().map(|one| one.code).collect::<Vec<_>>(), ["include"]);
    assert!(document.config().is_none());
}

#[test]
fn a_wrong_shape_leaves_a_draft_and_no_configuration() {
    let (document, diagnostics) =
        Document::from_text("x.yaml", format!("{LISTENERS}limits: {{head_timeout: 5}}\n"));
    assert!(diagnostics.has_errors());
    assert!(document.config().is_none());
    assert!(document.draft().is_some());
    assert!(
        document.has_refused("limits.head_timeout")
            && document.has_refused("limits")
            && !document.has_refused("routes")
    );
}

#[test]
fn relative_secrets_are_beside_the_file() {
    let (folder, environment) = folder(&[("etc/root.yaml", LISTENERS)]);
    let (document, _) = Document::read(Path::new("etc/root.yaml"), &environment);
    assert_eq!(document.environment(&environment).base, folder.path().join("etc"));
}

#[test]
fn what_is_written_reads_back_as_the_same_configuration() {
    let text = format!(
        "{LISTENERS}clusters: {{a: {{endpoints: ['h:1', {{address: 'h:2', weight: 3}}], balance: {{maglev: address}}}}}}\nroutes: [{{name: r, cluster: a, match: {{headers: {{x-a: {{present: true}}}}}}}}]\n"
    );
    let (document, diagnostics) = Document::from_text("x.yaml", text);
    let config = document.config().unwrap_or_else(|| panic!("{diagnostics}"));
    let written = serde_json::to_string(config).unwrap();
    // JSON is YAML.
    let (again, diagnostics) = Document::from_text("x.json", written);
    assert_eq!(again.config().unwrap_or_else(|| panic!("{diagnostics}")), config);
}

/// Every schema object, wherever it is nested.
fn each(schema: &serde_json::Value, look: &mut dyn FnMut(&serde_json::Map<String, serde_json::Value>)) {
    match schema {
        serde_json::Value::Object(object) => {
            look(object);
            object.values().for_each(|value| each(value, look));
        }
        serde_json::Value::Array(items) => items.iter().for_each(|item| each(item, look)),
        _ => {}
    }
}

#[test]
fn every_format_of_the_schema_is_known() {
    let mut seen = 0;
    each(&schema(), &mut |object| {
        let Some(format) = object.get("format").and_then(|format| format.as_str()) else { return };
        let is_number = format.starts_with("uint") || format.starts_with("int") || format == "double";
        assert!(is_number || FORMATS.iter().any(|(known, _)| *known == format), "{format}");
        seen += 1;
    });
    assert!(seen > 10);
}

#[test]
fn the_schema_says_what_it_is_and_refuses_unknown_keys() {
    let schema = schema();
    assert!(schema["$schema"].as_str().unwrap().contains("json-schema.org"));
    assert_eq!(schema["title"], "Ringgate configuration");
    each(&schema, &mut |object| {
        if object.get("properties").is_some_and(|all| all.as_object().is_some_and(|all| all.len() > 1))
            && object.contains_key("type")
        {
            assert_eq!(object.get("additionalProperties"), Some(&false.into()), "{object:?}");
        }
    });
}

#[test]
fn ten_thousand_routes_are_read_and_checked_quickly() {
    let mut text = format!("{LISTENERS}clusters: {{a: {{endpoints: ['h:1']}}}}\nroutes:\n");
    for n in 0..10_000 {
        text.push_str(&format!("  - name: r{n}\n    match: {{hosts: ['h{n}.example.com'], path: '/v1/{{id}}', methods: [GET]}}\n    cluster: a\n"));
    }
    let begun = Instant::now();
    let (document, diagnostics) = Document::from_text("x.yaml", text);
    let read = begun.elapsed();
    let found =
        crate::control::check::check(document.config().unwrap_or_else(|| panic!("{diagnostics}")), &document);
    assert!(found.is_empty(), "{found}");
    eprintln!("read {read:?}, checked {:?}", begun.elapsed() - read);
    // Without optimisation and beside other tests; a tenth of it in a release.
    assert!(begun.elapsed() < Duration::from_secs(20));
}
