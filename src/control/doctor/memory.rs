//! Memory habits of the kernel that cost latency: huge pages by force, swap.
//!
//! Owns two judgements; how much memory is allowed is in `quota`.

use super::case::Case;
use super::finding::Finding;
use super::host::Reading;

pub(super) fn examine(case: &Case, out: &mut Vec<Finding>) {
    out.push(huge_pages(case));
    out.push(swap(case));
}

/// The choice in brackets: `always [madvise] never`.
fn chosen(text: &str) -> &str {
    text.split_whitespace().find_map(|word| word.strip_prefix('[')?.strip_suffix(']')).unwrap_or(text)
}

fn huge_pages(case: &Case) -> Finding {
    let id = "transparent-huge-pages";
    let folder = "/sys/kernel/mm/transparent_hugepage";
    let enabled = match case.host.read(&format!("{folder}/enabled")) {
        Reading::Absent => return Finding::ok(id, "this kernel has none"),
        Reading::Refused(why) => return Finding::unreadable(id, why),
        Reading::Text(text) => text,
    };
    let defrag = case.host.text(&format!("{folder}/defrag")).unwrap_or_default();
    let found = format!("{}, defrag {}", chosen(&enabled), chosen(&defrag));
    if chosen(&enabled) != "always" {
        return Finding::ok(id, found);
    }
    let fix = format!("echo madvise | sudo tee {folder}/enabled");
    // Waiting for a huge page to be made is what costs; without it, there is only more resident memory.
    if chosen(&defrag) == "always" {
        let costs = "a worker that touches new memory may wait for milliseconds while the kernel moves pages together";
        return Finding::warning(id, found).costs(costs).fix(fix);
    }
    Finding::info(id, found).costs("some more resident memory; no latency that was seen").fix(fix)
}

fn swap(case: &Case) -> Finding {
    let id = "swap";
    let Some(text) = case.host.text("/proc/swaps") else { return Finding::unreadable(id, "/proc/swaps") };
    let areas: Vec<&str> = text.lines().skip(1).filter_map(|line| line.split_whitespace().next()).collect();
    if areas.is_empty() {
        return Finding::ok(id, "off");
    }
    Finding::info(id, format!("on: {}", areas.join(", ")))
        .costs("a worker whose pages were swapped out stands still until they are read again, with all its clients")
        .fix("MemorySwapMax=0 in the unit keeps the gateway out of it; sudo swapoff -a for the whole host")
}
