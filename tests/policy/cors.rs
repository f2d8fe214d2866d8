//! `cors`: what browsers are told.
