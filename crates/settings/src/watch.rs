//! Services that watch: off, suspended, or on.

use serde::{Deserialize, Serialize};

/// How far a service watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Watch {
    /// It was never switched on, or is off again.
    Off,
    /// It is there with its settings and findings, and watches nothing.
    Suspended,
    /// It watches.
    On,
}

/// What happens, with what it costs where something begins.
pub(crate) fn changes(what: &str, from: Watch, to: Watch, costs: &str) -> Vec<String> {
    let line = match (from, to) {
        (Watch::Off, Watch::On) => format!("+ {what}; {costs}"),
        (Watch::Suspended, Watch::On) => format!("{what}: suspended -> on; {costs}"),
        (_, Watch::Off) => format!("- {what}"),
        (_, Watch::Suspended) => format!("{what}: -> suspended"),
        (Watch::On, Watch::On) => return Vec::new(),
    };
    vec![line]
}
