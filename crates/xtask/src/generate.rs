//! Generated files: what nobody wants to write. They are checked in, and `generate --check` fails when one is stale.
//!
//! Two kinds: module lists and the catalog come from the names of files; everything else comes from the compiled catalog. So after a new
//! file the first run writes the lists, and the second, compiled with them, the rest; `make generate` runs both.

mod catalog;
mod group_policy_schema;
mod incident_policy;
mod management_role;
mod member_role;
mod policy_schema;
mod reference;

use std::{fs, io, path::PathBuf};

use crate::files::top;

/// A generated file: its path from the top, and its text.
struct Generated {
    path: PathBuf,
    text: String,
}

fn all() -> io::Result<Vec<Generated>> {
    let mut files = catalog::files()?;
    files.push(catalog::known());
    files.push(reference::file()?);
    files.push(member_role::file()?);
    files.push(management_role::file()?);
    files.push(policy_schema::file()?);
    files.push(group_policy_schema::file()?);
    files.extend(incident_policy::files()?);
    Ok(files)
}

/// Writes what is stale.
pub(crate) fn write() -> io::Result<()> {
    for Generated { path, text } in all()? {
        let whole = top().join(&path);
        if fs::read_to_string(&whole).ok().as_ref() != Some(&text) {
            fs::write(&whole, text)?;
            println!("wrote {}", path.display());
        }
    }
    Ok(())
}

/// Names what is stale.
pub(crate) fn check() -> io::Result<()> {
    let mut stale = Vec::new();
    for Generated { path, text } in all()? {
        if fs::read_to_string(top().join(&path)).ok().as_ref() != Some(&text) {
            stale.push(path.display().to_string());
        }
    }
    if stale.is_empty() {
        println!("generated files are current");
        return Ok(());
    }
    Err(io::Error::other(format!("stale: {}; run `make generate`", stale.join(", "))))
}
