//! YAML's corners.
use super::*;
