//! `authorize`: who may do what.
