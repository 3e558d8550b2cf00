//! What tests share: the local AWS, the shelf of events, staged violations and their independent observation, and the rim held in memory.
//!
//! No function links it. Staging and observing use the SDKs directly and never the settings: what a setting does is judged by other code.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests fail by panicking")]
#![expect(clippy::disallowed_methods, reason = "tests have a clock of their own, and stage with the SDKs directly")]
#![expect(clippy::missing_panics_doc, reason = "tests fail by panicking")]

pub mod events;
pub mod local;
pub mod memory;
pub mod stage;

use std::path::{Path, PathBuf};

/// The workspace's top.
pub fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_path_buf()
}
