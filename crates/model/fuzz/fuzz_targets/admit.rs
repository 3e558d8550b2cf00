//! Feeds arbitrary texts to the parser of events and findings. `make fuzz` runs it for a minute.
#![no_main]

#[path = "../../tests/examine/mod.rs"]
mod examine;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    examine::examine(text);
});
