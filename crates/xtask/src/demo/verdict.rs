//! What independent scanners say of the accounts, before and after.

use std::{collections::BTreeMap, fs, io, path::Path, process::Command};

use redress_e2e::World;
use redress_model::{AccountId, Region, Scope};
use redress_testkit::stage::Ending;
use serde::Serialize;
use serde_json::Value as Json;

use super::{Violation, show};
use crate::files::top;

/// What they say of every account, by account.
pub(super) type Scans = BTreeMap<AccountId, Json>;

/// Their verdict on the staged resource of each control.
#[derive(Debug, Serialize)]
pub(super) struct Verdicts(BTreeMap<&'static str, Verdict>);

/// Controls whose remedy deletes: of what is gone there is no verdict.
const DELETED: &[&str] = &["IAM.26"];

#[derive(Debug, Serialize)]
struct Verdict {
    before: String,
    after: String,
    is_fixed: bool,
}

impl Verdicts {
    pub(super) fn of(before: &Scans, after: &Scans, violations: &[Violation<'_>]) -> Self {
        let verdict = |violation: &Violation<'_>| {
            let spec = violation.entry.spec;
            let say = |scans: &Scans| {
                scans.get(&violation.place.account).map_or_else(|| "none".to_owned(), |scan| status(scan, spec.id, violation))
            };
            (spec.id, Verdict { before: say(before), after: say(after), is_fixed: violation.case.ending == Ending::Fixed })
        };
        Self(violations.iter().map(verdict).collect())
    }

    /// `FAIL -> PASS`.
    pub(super) fn of_control(&self, control: &str) -> String {
        self.0.get(control).map_or_else(String::new, |verdict| format!("{} -> {}", verdict.before, verdict.after))
    }

    /// The remediated controls whose verdict did not turn from FAIL to PASS.
    pub(super) fn unconvinced(&self) -> Vec<&'static str> {
        let turned = |control: &str, verdict: &Verdict| {
            let good = if DELETED.contains(&control) { "none" } else { "PASS" };
            verdict.before == "FAIL" && verdict.after == good
        };
        self.0.iter().filter(|(control, verdict)| verdict.is_fixed && !turned(control, verdict)).map(|(control, _)| *control).collect()
    }
}

/// Scans every account in these regions; the python of Prowler's environment is given.
pub(super) fn scan(python: &Path, world: &World, accounts: &[AccountId], regions: &[Region], when: &str) -> io::Result<Scans> {
    show::step(&format!("asking Prowler and SRA Verify, {when}"));
    let directory = top().join("target/demo");
    fs::create_dir_all(&directory)?;
    let mut scans = Scans::new();
    for account in accounts {
        let out = directory.join(format!("prowler-{when}-{account}.json"));
        let _ = fs::remove_file(&out);
        let mut command = Command::new(python);
        command.arg(top().join("tests/prowler/scan.py"));
        command.args(["--endpoint", &world.local().ready().endpoint, "--account", account.as_str()]);
        for region in regions {
            command.args(["--region", region.as_str()]);
        }
        let done = command.arg("--prowler").arg(python.with_file_name("prowler")).arg("--out").arg(&out).output()?;
        // What could not be read might be what fails.
        if !done.status.success() {
            return Err(io::Error::other(format!("there is no whole verdict: {}", String::from_utf8_lossy(&done.stderr))));
        }
        scans.insert(account.clone(), serde_json::from_str(&fs::read_to_string(out)?)?);
    }
    Ok(scans)
}

/// The worst status of the staged resource; of all in its region where scanners name none alike (accounts, policies).
fn status(scan: &Json, control: &str, violation: &Violation<'_>) -> String {
    let last = |id: &str| id.rsplit(['/', ':']).next().unwrap_or(id).to_owned();
    let name = last(&violation.staged.resource);
    let checks = scan.get(control).and_then(Json::as_object).into_iter().flat_map(|checks| checks.values());
    let rows: Vec<_> = checks.filter_map(Json::as_array).flatten().collect();
    let text = |row: &Json, key: &str| row.get(key).and_then(Json::as_str).unwrap_or_default().to_owned();
    let named: Vec<_> = rows.iter().filter(|row| last(&text(row, "resource")) == name).copied().collect();
    let about = |row: &&&Json| text(row, "resource").contains(&name) && !text(row, "resource").contains("-redress-");
    let about: Vec<_> = rows.iter().filter(about).copied().collect();
    let is_global = violation.entry.spec.scope == Scope::Global;
    let here = |row: &&&Json| is_global || text(row, "region") == violation.place.region.as_str();
    // An account is spoken of by region, and the policy of IAM.27 once for all who have it. What is gone has no row.
    let is_whole = violation.entry.spec.resources == ["AwsAccount"] || control == "IAM.27";
    let judged = match (is_whole, named.is_empty()) {
        (true, _) => rows.iter().filter(here).copied().collect(),
        (false, false) => named,
        (false, true) => about,
    };
    let has = |status: &str| judged.iter().any(|row| text(row, "status") == status);
    ["FAIL", "MANUAL", "PASS"].into_iter().find(|status| has(status)).unwrap_or("none").to_owned()
}
