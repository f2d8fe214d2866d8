//! A folder as the source of a configuration.

use std::os::unix::fs::symlink;

use super::{FRONT, checked, route, run, says};

#[test]
fn a_folder_is_one_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("1.yaml", FRONT);
    write("2.yml", &format!("routes: [{}]\n", route("hello")));
    write("notes.md", "not yaml: [");
    let path = folder.path().to_str().unwrap();
    let (code, said) = checked(path, &[]);
    assert!(code == 0 && said.contains("1 listener, 1 route"), "{said}");
    write("3.yaml", "admin: {address: \"127.0.0.1:1\"}\n");
    let (code, said) = checked(path, &[]);
    assert!(code == 1 && said.contains("`admin` is written in two files"), "{said}");
    let (code, said) = checked(&format!("{path}/absent"), &[]);
    assert!(code == 1 && said.contains("cannot be read"), "{said}");
}

/// As the kubelet replaces a mounted ConfigMap: a new folder, and one rename of the link `..data`.
#[test]
fn a_config_map_that_is_replaced_is_taken_up() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let version = |name: &str, text: &str| {
        std::fs::create_dir(at(name)).unwrap();
        std::fs::write(at(name).join("front.yaml"), FRONT).unwrap();
        std::fs::write(at(name).join("routes.yaml"), format!("routes: [{}]\n", route(text))).unwrap();
    };
    version("..2026_11_22_1", "one");
    symlink("..2026_11_22_1", at("..data")).unwrap();
    for name in ["front.yaml", "routes.yaml"] {
        symlink(format!("..data/{name}"), at(name)).unwrap();
    }
    let gateway = run(folder.path().to_str().unwrap(), &[]);
    says(&gateway, "one");
    version("..2026_11_22_2", "two");
    symlink("..2026_11_22_2", at("..data_tmp")).unwrap();
    std::fs::rename(at("..data_tmp"), at("..data")).unwrap();
    std::fs::remove_dir_all(at("..2026_11_22_1")).unwrap();
    says(&gateway, "two");
}
