//! Limits and quotas across hosts: real gateways on one real redis-server, and the script they share.

mod redis;
mod script;
