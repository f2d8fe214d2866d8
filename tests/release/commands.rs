//! Shares that somebody moves: by the command line, in force at once, held over reloads and restarts.

use super::Shop;

const SIDES: &str = "{variants: {blue: {cluster: v1}, green: {cluster: v2}}, blue_green: {active: blue}}";

#[test]
fn a_side_is_flipped_and_flipped_back_for_the_very_next_request() {
    let shop = Shop::start(SIDES);
    let mut wire = shop.gateway.wire();
    assert_eq!((wire.get("/shop").text().as_str(), shop.new_of(20, "")), ("old", 0));
    let told = shop.gateway.command(&["release", "flip", "shop", "--note", "v2 is ready"]);
    assert!(told.contains("route `shop`: variant `green` gets everything"), "{told}");
    assert_eq!((wire.get("/shop").text().as_str(), shop.new_of(20, "")), ("new", 20));
    assert!(shop.gateway.stderr().contains("release: route `shop`: variant `green` gets everything, by"));
    shop.gateway.command(&["release", "flip", "shop"]);
    assert_eq!((wire.get("/shop").text().as_str(), shop.new_of(20, "")), ("old", 0));
    let audit = shop.gateway.admin_get("/audit").text();
    assert!(audit.contains("release") && audit.contains("flip") && audit.contains("v2 is ready"), "{audit}");
}

#[test]
fn what_was_ordered_holds_over_reloads_and_restarts_until_it_is_written_otherwise() {
    let mut shop = Shop::start(SIDES);
    shop.gateway.command(&["release", "flip", "shop"]);
    shop.rewrite("log: {level: info}", SIDES);
    assert_eq!(shop.new_of(10, ""), 10, "another line of the file changes nothing");
    shop = shop.restart();
    assert_eq!(shop.new_of(10, ""), 10, "nor does a restart");
    assert!(shop.gateway.command(&["release", "list"]).contains("shop  by_hand  blue 0%, green 100%"));
    shop.rewrite("", &SIDES.replace("active: blue", "active: green"));
    assert!(shop.gateway.command(&["release", "list"]).contains("shop  steady  blue 0%, green 100%"));
    shop.rewrite("", SIDES);
    assert_eq!(shop.new_of(10, ""), 10, "back to what it was left at");
    shop.gateway.command(&["release", "restart", "shop"]);
    assert_eq!(shop.new_of(10, ""), 0, "as written");
}

#[test]
fn shares_are_set_promoted_and_aborted() {
    let shop = Shop::start("{variants: {old: {cluster: v1}, new: {cluster: v2, weight: 0}}}");
    assert_eq!(shop.new_of(20, ""), 0);
    shop.gateway.command(&["release", "set", "shop", "new=50%"]);
    let count = shop.new_of(40, "");
    assert!((19..=21).contains(&count), "{count} of 40, on two workers");
    shop.gateway.command(&["release", "promote", "shop", "new"]);
    assert_eq!(shop.new_of(20, ""), 20);
    shop.gateway.command(&["release", "abort", "shop", "new"]);
    assert_eq!(shop.new_of(20, ""), 0);
    let told = shop.gateway.command_ends(&["release", "show", "shop"], 1);
    assert!(
        told.contains("shop  aborted  new 0%, old 100%") && told.contains("new of cluster v2: "),
        "{told}"
    );
}

#[test]
fn orders_that_do_not_fit_say_why_and_change_nothing() {
    let shop = Shop::start("{variants: {old: {cluster: v1}, new: {cluster: v2}}}");
    for (order, code) in [
        (&["release", "pause", "shop"][..], "no_ramp"),
        (&["release", "promote", "shop"], "which_variant"),
        (&["release", "flip", "shop", "red"], "no_such_variant"),
        (&["release", "flip", "cart"], "no_such_release"),
        (&["release", "set", "shop", "new=60%", "old=60%"], "bad_shares"),
        (&["release", "set", "shop", "new=0.05%"], "bad_body"),
        (&["release", "set", "shop", "new=much"], "bad_body"),
        (&["release", "show", "cart"], "no_such_release"),
    ] {
        let said = shop.gateway.command_ends(order, 1);
        assert!(said.contains(code), "{order:?}: {said}");
    }
    assert!(shop.gateway.command(&["release", "list"]).contains("shop  steady  new 50%, old 50%"));
}
