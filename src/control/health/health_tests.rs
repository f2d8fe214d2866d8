//! Tests of [`super`]: the thread, with snapshots compiled from text.
