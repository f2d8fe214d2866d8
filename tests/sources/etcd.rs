//! A prefix of a real etcd as the source of a configuration.

use super::etcd_server::Etcd;
use super::{FRONT, checked, route, run, saying, says};
use crate::harness::eventually;

#[test]
fn keys_below_a_prefix_are_one_configuration_and_faults_name_their_key() {
    let etcd = Etcd::start();
    etcd.put("gw/1-front.yaml", FRONT);
    etcd.put("gw/2-routes.yaml", &format!("routes: [{}]\n", route("hello")));
    etcd.put("gw2/other.yaml", "not: ours");
    let (code, said) = checked(&etcd.url("gw/"), &[]);
    assert!(code == 0 && said.contains("1 listener, 1 route"), "{said}");
    etcd.put("gw/3-more.yaml", "routes:\n  - nmae: x\n");
    let (code, said) = checked(&etcd.url("gw"), &[]);
    let place = format!("{}:2:5", etcd.url("gw/3-more.yaml"));
    assert!(code == 1 && said.contains(&place), "{place} in {said}");
    let (code, said) = checked(&etcd.url("nothing/"), &[]);
    assert!(code == 1 && said.contains("there is no key at `nothing/`"), "{said}");
}

#[test]
fn a_user_is_let_in_and_nothing_of_the_password_is_shown() {
    let etcd = Etcd::start();
    etcd.put("gw/a.yaml", &saying("hello"));
    etcd.protect("s3cr3t");
    let (code, said) = checked(&etcd.url("gw/"), &[]);
    assert!(code == 1 && said.contains("user name is empty"), "{said}");
    let (code, said) = checked(&etcd.url("gw/"), &[("RINGGATE_SOURCE_TOKEN", "root:s3cr3t")]);
    assert_eq!(code, 0, "{said}");
    let (code, said) = checked(&etcd.url("gw/").replace("etcd://", "etcd://root:s3cr3t@"), &[]);
    assert_eq!(code, 0, "{said}");
    assert!(!said.contains("s3cr3t"), "{said}");
    let (code, said) = checked(&etcd.url("gw/"), &[("RINGGATE_SOURCE_TOKEN", "root:wr0ng")]);
    assert!(code == 1 && said.contains("authentication failed") && !said.contains("wr0ng"), "{said}");
}

#[test]
fn a_change_is_taken_up_across_compactions_and_restarts_of_etcd() {
    let mut etcd = Etcd::start();
    etcd.put("gw/front.yaml", FRONT);
    etcd.put("gw/routes.yaml", &format!("routes: [{}]\n", route("one")));
    let gateway = run(&etcd.url("gw/"), &[]);
    says(&gateway, "one");
    etcd.put("gw/routes.yaml", &format!("routes: [{}]\n", route("two")));
    says(&gateway, "two");

    // What the watch stands on is forgotten, while others write.
    let revisions: Vec<i64> = (0..20).map(|count| etcd.put("other", &count.to_string())).collect();
    etcd.compact(revisions[19]);
    etcd.put("gw/routes.yaml", &format!("routes: [{}]\n", route("three")));
    says(&gateway, "three");

    // A broken one changes nothing.
    etcd.put("gw/routes.yaml", "routes: nonsense\n");
    eventually("it is refused", || gateway.stderr().contains("routes.yaml:1"));
    assert_eq!(gateway.get("/").text(), "three");

    etcd.end();
    eventually("it is missed", || gateway.metric("ringgate_config_source_failures_total") > 0.0);
    assert_eq!(gateway.get("/").text(), "three");
    etcd.begin();
    let last = etcd.put("gw/routes.yaml", &format!("routes: [{}]\n", route("four")));
    etcd.compact(last);
    says(&gateway, "four");
    let age = gateway.metric("ringgate_config_source_age_seconds");
    assert!(age < 15.0, "{age}");
}

#[test]
fn a_fleet_follows_one_prefix() {
    let etcd = Etcd::start();
    etcd.put("fleet/gw.yaml", &saying("one"));
    let fleet = [run(&etcd.url("fleet/"), &[]), run(&etcd.url("fleet/"), &[])];
    for text in ["two", "three"] {
        etcd.put("fleet/gw.yaml", &saying(text));
        for gateway in &fleet {
            says(gateway, text);
        }
    }
}
