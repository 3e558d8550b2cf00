//! The first file and the event of a new control.

use std::{fs, io};

use clap::Args;

use crate::files::top;

/// What a control is named by.
#[derive(Args)]
pub(crate) struct NewControl {
    /// Its Security Hub id, such as KMS.4.
    id: String,
    /// The service's directory under crates/controls/src, such as kms.
    service: String,
    /// The file, named after the good state, such as `key_rotation`.
    name: String,
}

impl NewControl {
    pub(crate) fn write(&self) -> io::Result<()> {
        let Self { id, service, name } = self;
        let directory = top().join("crates/controls/src").join(service);
        let file = directory.join(format!("{name}.rs"));
        let event = top().join(format!("events/securityhub/{id}.json"));
        for path in [&file, &event] {
            if path.exists() {
                return Err(io::Error::other(format!("{} exists already", path.display())));
            }
        }
        let example = top().join("events/securityhub/S3.5.json");
        let text = fs::read_to_string(example)?.replace("S3.5", id);
        fs::create_dir_all(&directory)?;
        let type_name: String = name.split('_').map(capitalized).collect();
        fs::write(&file, TEMPLATE.replace("{id}", id).replace("{Type}", &type_name))?;
        fs::write(&event, text)?;
        println!("wrote {} and {}", file.display(), event.display());
        println!(
            "next: fill in both and a row of crates/model/clauses.csv, stage its bad example in crates/testkit/src/stage, then `make generate` and `make test`"
        );
        Ok(())
    }
}

fn capitalized(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

const TEMPLATE: &str = r#"//! # Risk
//! What can happen while the control fails.
//!
//! # Remedy
//! The smallest change that satisfies it.
//!
//! # Impact
//! What people will notice.
//!
//! # Undo
//! Exact, in part, or not at all, and why.

use redress_model::{Class, Resource, Scope, Severity};
use redress_remediation::{Control, Entry, FactsOf, InCode, Located, Spec, ValueOf, Want};

/// {id}
pub struct {Type};

/// The entry of the catalog.
pub static ENTRY: Entry = Entry::of::<{Type}>();

impl Control for {Type} {
    const SPEC: Spec = Spec {
        id: "{id}",
        title: "The good state in a sentence",
        severity: Severity::Medium,
        class: Class::Tell,
        scope: Scope::Regional,
        resources: &["AwsS3Bucket"],
        prowler: &[],
        config_rules: &[],
        in_code: InCode { cloudformation: "", terraform: "" },
    };
    type Setting = redress_settings::s3::BucketPolicy;
    type Params = ();

    fn locate(resource: &Resource, _params: &()) -> Located<Self::Setting> {
        Err(crate::not_a("the resource of {id}", &resource.id))
    }

    fn want(_value: &ValueOf<Self>, _facts: &FactsOf<Self>, _params: &()) -> Want<ValueOf<Self>> {
        Want::Tell("write the opinion, and a table test for it".into())
    }
}
"#;
