//! `identity`: what services are told of who is asking.
