//! Subsets through the real binary, with as many workers as there are CPUs.

use super::fleet;
use crate::harness::Setup;

#[test]
fn an_endpoint_has_connections_of_as_many_workers_as_are_to_use_it() {
    let origins = fleet(4);
    let setup = origins.iter().fold(Setup::default(), |setup, origin| setup.endpoint(origin.address()));
    let gateway = setup.cluster("subset: {workers: 1, endpoints: 1}").start();
    for _ in 0..120 {
        gateway.get("/").has_status(200);
    }
    let accepted: Vec<usize> = origins.iter().map(|origin| origin.accepted()).collect();
    let requests: Vec<usize> = origins.iter().map(|origin| origin.requests().len()).collect();
    // One request at a time: a worker needs one connection to each of its endpoints.
    assert_eq!(accepted, [1; 4], "{requests:?}");
    // Each worker is even over its own.
    let halves = requests.chunks(2).all(|half| half[0].abs_diff(half[1]) <= 1);
    let all = requests.iter().max().unwrap() - requests.iter().min().unwrap() <= 1;
    assert!(halves || all, "{requests:?}");
}

#[test]
fn an_endpoint_of_a_subset_that_refuses_is_replaced_by_others() {
    let origins = fleet(3);
    let dead = crate::harness::free_address();
    let setup = Setup::before(dead);
    let setup = origins.iter().fold(setup, |setup, origin| setup.endpoint(origin.address()));
    // A quarter of the requests is tried again.
    let setup = setup.cluster("retry_budget: {share: 100%, per_second: 10}");
    let gateway = setup.cluster("subset: {workers: 1, endpoints: 1}").start();
    for _ in 0..60 {
        gateway.get("/").has_status(200);
    }
}
