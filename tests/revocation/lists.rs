//! Lists of revocations, from files and from elsewhere.

use super::{is_refused, key, keys, setup};
use crate::harness::{FaultOrigin, Nginx, ringgate};

#[test]
fn a_file_is_taken_up_and_a_broken_one_lets_nobody_in_again() {
    let (origin, keys) = (FaultOrigin::echo(), keys());
    let list = tempfile::NamedTempFile::new().expect("a file");
    let gateway =
        setup(&origin, &keys).top(&format!("revocations: {{files: ['{}']}}", list.path().display())).start();
    gateway.get_with("/", &key("ann")).has_status(200);
    std::fs::write(list.path(), "# who left\nkey ann\n").expect("it can be written");
    is_refused(&gateway, "ann");
    gateway.get_with("/", &key("bob")).has_status(200);
    std::fs::write(list.path(), "key\n").expect("it can be written");
    gateway.metric_becomes("ringgate_revocation_sources_wrong", 1.0);
    gateway.get_with("/", &key("ann")).has_problem(401, "credentials_revoked");
    std::fs::write(list.path(), "").expect("it can be written");
    crate::harness::eventually("a list that is empty revokes nobody", || {
        gateway.get_with("/", &key("ann")).status == 200
    });
}

#[test]
fn a_list_behind_a_url_is_asked_for_and_holds_when_its_server_is_gone() {
    let (origin, keys) = (FaultOrigin::echo(), keys());
    let nginx = Nginx::start("");
    nginx.write("revoked.txt", b"subject bob\n");
    let gateway = setup(&origin, &keys)
        .top(&format!("revocations: {{urls: ['http://{}/revoked.txt'], poll: 100ms}}", nginx.address()))
        .start();
    // The first list is there before the first request is.
    gateway.get_with("/", &key("bob")).has_problem(401, "credentials_revoked");
    // Of another length: nginx tells two versions of one second apart by that alone.
    nginx.write("revoked.txt", b"subject ann # who left\n");
    is_refused(&gateway, "ann");
    gateway.get_with("/", &key("bob")).has_status(200);
    drop(nginx);
    gateway.metric_becomes("ringgate_revocation_sources_wrong", 1.0);
    gateway.get_with("/", &key("ann")).has_problem(401, "credentials_revoked");
}

#[test]
fn the_command_revokes_and_takes_back() {
    let (origin, keys) = (FaultOrigin::echo(), keys());
    let gateway = setup(&origin, &keys).start();
    let admin = gateway.admin().to_string();
    let command = |words: &[&str]| {
        ringgate(&[&["revoke"][..], words, &["--admin", &admin][..]].concat()).succeeded();
    };
    command(&["key", "ann", "--note", "found in a log"]);
    is_refused(&gateway, "ann");
    command(&["key", "ann", "--undo"]);
    crate::harness::eventually("what is taken back is good again", || {
        gateway.get_with("/", &key("ann")).status == 200
    });
    command(&[]);
}
