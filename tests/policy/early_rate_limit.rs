//! `early_rate_limit`: how often, before anybody is asked who they are.

use crate::harness::{FaultOrigin, Setup};

#[test]
fn a_flood_of_bad_credentials_is_refused_before_they_are_looked_at() {
    let origin = FaultOrigin::echo();
    let gateway = Setup::before(origin.address())
        .top("rate_limits: {per_address: {rate: 3/h}}")
        .top("authenticators: {cert: {certificate: {}}}")
        .route("policies: {early_rate_limit: {limits: [per_address]}, authenticate: {any_of: [cert]}}")
        .start();
    for _ in 0..3 {
        gateway.get("/").has_status(401);
    }
    gateway.get("/").has_problem(429, "rate_limited");
}

#[test]
fn both_policies_tell_how_their_limits_stand() {
    let origin = FaultOrigin::echo();
    let gateway = Setup::before(origin.address())
        .top("rate_limits: {early: {rate: 3/h}, late: {rate: 9/h, key: []}}")
        .route("policies: {early_rate_limit: {limits: [early]}, rate_limit: {limits: [late]}}")
        .start();
    let response = gateway.get("/").has_status(200);
    let told = response.fields_named("ratelimit-policy").join(", ");
    assert!(told.contains("\"early\";q=3") && told.contains("\"late\";q=9"), "{told}");
}
