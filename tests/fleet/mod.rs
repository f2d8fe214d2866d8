//! Limits and quotas across hosts: real gateways on one real redis-server, and the script they share.

mod hosts;
mod quotas;
mod redis;
mod script;
