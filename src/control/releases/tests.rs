//! Releases from generation to generation, and over restarts.

use std::path::Path;

use super::*;
use crate::config::secret::Environment;
use crate::control::check::load_text;
use crate::control::compile::compile;

fn generation(cluster: &str, previous: Option<&Snapshot>) -> (Config, Snapshot) {
    let text = format!(
        "listeners: [{{name: a, address: '127.0.0.1:0'}}]\n\
         clusters: {{v1: {{endpoints: ['127.0.0.1:1']}}, {cluster}: {{endpoints: ['127.0.0.1:2']}}}}\n\
         routes:\n  - name: shop\n    split:\n      variants: {{stable: {{cluster: v1, weight: 9}}, canary: {{cluster: {cluster}}}}}\n"
    );
    let loaded = load_text("t.yaml", &text).unwrap_or_else(|diagnostics| panic!("{diagnostics}"));
    let environment = Environment { variables: BTreeMap::new(), base: Path::new(".").to_owned() };
    let snapshot = compile(&loaded.config, &environment, 1, previous).expect("it compiles");
    (loaded.config, snapshot)
}

fn shares(snapshot: &Snapshot) -> Vec<u32> {
    snapshot.routes[0].action.split().expect("a split").live.load().1.parts().to_vec()
}

fn set(desk: &ReleaseDesk, canary: u32) {
    let order = ReleaseOrder::Set([("canary".to_owned(), canary)].into());
    desk.order("shop", &order, &Change::default()).expect("it fits");
}

#[test]
fn a_reload_in_the_same_form_goes_on_and_another_form_begins_anew() {
    let desk = ReleaseDesk::default();
    let (config, first) = generation("v2", None);
    desk.attach(&config, &first);
    set(&desk, 300);
    assert_eq!(shares(&first), [300, 700], "in the order of names");
    let (config, second) = generation("v2", Some(&first));
    assert_eq!(shares(&second), [300, 700], "before anything is attached");
    desk.attach(&config, &second);
    set(&desk, 400);
    assert_eq!(
        (shares(&first), shares(&second)),
        (vec![400, 600], vec![400, 600]),
        "whoever still runs the former"
    );
    let (config, third) = generation("v3", Some(&second));
    desk.attach(&config, &third);
    assert_eq!((shares(&second), shares(&third)), (vec![400, 600], vec![100, 900]));
    let (config, back) = generation("v2", Some(&third));
    desk.attach(&config, &back);
    assert_eq!(shares(&back), [400, 600], "a rollback finds what it left");
}

#[test]
fn what_was_ordered_holds_after_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let (config, snapshot) = generation("v2", None);
    let desk = ReleaseDesk::default();
    desk.begin(Some(folder.path()), &config, &snapshot).expect("an empty one");
    set(&desk, 250);
    let (config, snapshot) = generation("v2", None);
    ReleaseDesk::default().begin(Some(folder.path()), &config, &snapshot).expect("it can be read");
    assert_eq!(shares(&snapshot), [250, 750]);
    std::fs::write(folder.path().join(FILE), "nonsense").expect("it can be written");
    assert!(ReleaseDesk::default().begin(Some(folder.path()), &config, &snapshot).is_err());
}

#[test]
fn what_cannot_be_written_down_is_not_done() {
    let folder = tempfile::tempdir().expect("a folder");
    let (config, snapshot) = generation("v2", None);
    let desk = ReleaseDesk::default();
    desk.begin(Some(folder.path()), &config, &snapshot).expect("an empty one");
    drop(folder);
    let order = ReleaseOrder::Promote(Some("canary".to_owned()));
    let refusal = desk.order("shop", &order, &Change::default()).expect_err("no folder");
    assert_eq!((refusal.code, shares(&snapshot)), ("cannot_keep", vec![100, 900]));
    assert_eq!(
        desk.order("cart", &order, &Change::default()).map_err(|refusal| refusal.code),
        Err("no_such_release")
    );
    let view = desk.view(&Registry::new(1), None);
    assert_eq!((view.len(), view[0].phase), (1, Phase::Steady));
}
