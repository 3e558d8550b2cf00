//! Where things are in the workspace.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// The workspace's top.
pub(crate) fn top() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}

/// The directories of controls of our own, which no finding of Security Hub is about, and what is said of them.
pub(crate) const OWN: [(&str, &str); 3] = [
    ("baseline", "The controls of the account baseline."),
    ("incident", "The controls that incidents ask for."),
    ("organization", "The controls of the organization, which are about the management and the administrator's account."),
];

/// The directories of controls, by service.
pub(crate) fn services() -> io::Result<Vec<String>> {
    names(&top().join("crates/controls/src"), std::path::Path::is_dir)
}

/// The modules of one service: its controls, and what they share.
pub(crate) fn modules(service: &str) -> io::Result<Vec<String>> {
    let is_module = |path: &Path| path.extension().is_some_and(|end| end == "rs") && !path.ends_with("mod.rs");
    names(&top().join("crates/controls/src").join(service), is_module)
}

/// Whether a module holds a control.
pub(crate) fn is_control(service: &str, module: &str) -> io::Result<bool> {
    let file = top().join("crates/controls/src").join(service).join(format!("{module}.rs"));
    Ok(fs::read_to_string(file)?.contains("pub static ENTRY: Entry"))
}

fn names(directory: &Path, keep: impl Fn(&Path) -> bool) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if keep(&path)
            && let Some(name) = path.file_stem().and_then(|name| name.to_str())
        {
            names.push(name.to_owned());
        }
    }
    names.sort();
    Ok(names)
}
