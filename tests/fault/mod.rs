//! The ugly day: origins that break, clients that crawl, and all of it at once for a while.

mod matrix;
mod origin_faults;
mod slow_clients;
mod soak;
mod soak_traffic;
