//! Every entry of the catalog is what an entry has to be.

use std::{collections::BTreeSet, fs};

use redress_aws::session_policy;
use redress_controls::{CATALOG, all, check, find};
use redress_model::{Class, Coming, ControlId, Finding, Format, Intent, Modes, Policy, Rejection, Sources, Trigger, known::KNOWN};
use redress_settings::surroundings;
use redress_testkit::{events::event, stage::cases, top};
use serde_json::Value;

#[test]
fn ids_are_control_ids_and_unique() {
    let ids: BTreeSet<_> = all().map(|entry| entry.spec.id).collect();
    assert_eq!(ids.len(), all().count());
    for id in ids {
        assert!(ControlId::try_from(id).is_ok(), "{id}");
    }
}

#[test]
fn every_control_documents_risk_remedy_impact_and_undo() {
    for entry in all() {
        let source = fs::read_to_string(top().join(entry.file)).unwrap();
        let doc: Vec<_> = source.lines().map_while(|line| line.strip_prefix("//!")).map(str::trim).collect();
        let headings: Vec<_> = doc.iter().filter(|line| line.starts_with('#')).copied().collect();
        assert_eq!(headings, ["# Risk", "# Remedy", "# Impact", "# Undo"], "{}", entry.file);
    }
}

#[test]
fn every_control_s_event_is_admitted_and_located() {
    for entry in CATALOG {
        let id = entry.spec.id;
        let event = event(&format!("securityhub/{id}.json"));
        let (finding, intent) = admitted(&event).unwrap_or_else(|why| panic!("{id}: {why}"));
        assert_eq!((finding.controls[0].as_str(), intent), (id, Intent::Automatic));
        assert!(entry.spec.resources.contains(&finding.resource.kind.as_str()), "{id}: {}", finding.resource.kind);
    }
}

#[test]
fn every_control_has_a_bad_example() {
    let staged: BTreeSet<_> = cases().iter().map(|case| case.control).collect();
    let known: BTreeSet<_> = CATALOG.iter().map(|entry| entry.spec.id).collect();
    assert_eq!(staged, known);
}

#[test]
fn every_session_policy_fits_and_a_dry_run_s_names_no_write() {
    for entry in all() {
        let names = |actions: &[redress_remediation::Action]| actions.iter().map(|action| action.name).collect::<Vec<_>>();
        let both = [names(entry.reads), names(surroundings::READS), names(entry.writes)].concat();
        session_policy(&both).unwrap_or_else(|error| panic!("{}: {error}", entry.spec.id));
        for read in names(entry.reads) {
            let verb = read.split_once(':').unwrap().1;
            assert!(["Get", "List", "Describe", "BatchGet"].iter().any(|start| verb.starts_with(start)), "{read} is declared as a read");
        }
    }
}

#[test]
fn controls_that_only_tell_can_write_nothing() {
    for entry in CATALOG.iter().filter(|entry| entry.spec.class == Class::Tell) {
        assert!(entry.writes.is_empty(), "{}", entry.spec.id);
    }
}

#[test]
fn what_code_can_say_has_its_words_for_code() {
    for entry in all().filter(|entry| entry.spec.in_code.cloudformation.is_empty() && entry.spec.in_code.terraform.is_empty()) {
        // The guard of what belongs to code leaves these alone.
        let is_of_incidents = entry.spec.id.starts_with("Incident.") || entry.spec.id == "SecurityGroup.2";
        assert!(is_of_incidents || entry.writes.is_empty(), "{}", entry.spec.id);
    }
}

#[test]
fn the_router_knows_exactly_these_controls() {
    let known: Vec<_> = KNOWN.iter().map(|known| (known.id, known.class, known.scope)).collect();
    let here: Vec<_> = all().map(|entry| (entry.spec.id, entry.spec.class, entry.spec.scope)).collect();
    assert_eq!(known, here);
}

#[test]
fn findings_of_one_standard_lead_to_the_same_control_as_consolidated_ones() {
    for (path, control) in [("cis-v1.4-S3.5", "S3.5"), ("fsbp-EC2.8", "EC2.8"), ("cis-v1.2-legacy", "IAM.15")] {
        let event = event(&format!("securityhub-standards/{path}.json"));
        let admitted = admitted(&event).map(|(finding, _)| finding.controls[0].to_string());
        assert_eq!(admitted, Ok(control.to_owned()), "{path}");
    }
}

#[test]
fn a_prowler_run_leads_to_controls_that_can_find_its_resources() {
    let mut unmapped = BTreeSet::new();
    for (file, format) in [("asff", Format::Asff), ("ocsf", Format::Ocsf)] {
        let text = fs::read_to_string(top().join(format!("tests/prowler/files/{file}.json"))).unwrap();
        let findings: Vec<Value> = serde_json::from_str(&text).unwrap();
        assert!(findings.len() > 10);
        for finding in findings {
            let coming = Coming { trigger: Trigger::Chosen(Intent::Shown), format, account: "", sources: &Sources::all() };
            match Finding::admit(&finding, coming) {
                Ok((admitted, _)) => {
                    for control in &admitted.controls {
                        let kinds = find(control.as_str()).unwrap().spec.resources;
                        assert!(kinds.contains(&admitted.resource.kind.as_str()), "{file}: {control}: {:?}", admitted.resource);
                    }
                }
                Err(Rejection::Skipped(why)) => _ = unmapped.insert(why.split('`').nth(1).unwrap().to_owned()),
                Err(why) => panic!("{file}: {why}"),
            }
        }
    }
    // One finding for all identities that have the policy; and clusters are RDS.35.
    let expected = ["iam_policy_cloudshell_admin_not_attached", "rds_cluster_minor_version_upgrade_enabled"];
    assert_eq!(unmapped.iter().map(String::as_str).collect::<Vec<_>>(), expected);
}

#[test]
fn the_example_of_a_policy_is_right_and_says_what_it_claims() {
    let text = fs::read_to_string(top().join("infra/policy.example.yaml")).unwrap();
    let policy = Policy::parse(&text, Modes::default(), &check).unwrap_or_else(|problems| panic!("{problems:?}"));
    assert!(policy.asks_for_places());
    assert!(policy.exemptions().count() > 0);
}

#[test]
fn parameters_of_a_policy_are_judged_by_the_control() {
    for (params, expected) in [
        ("IAM.15: {minimum_length: 16}", None),
        ("IAM.15: {minimum_length: 8}", Some("from 14 to 128")),
        ("EC2.53: {also_ports: [5432], except: [sgr-1]}", None),
        ("EC2.53: {ports: [5432]}", Some("did you mean `also_ports`?")),
        ("S3.5: {}", None),
        ("S3.5: {a: 1}", Some("takes no parameters")),
    ] {
        let text = format!("version: 1\nrules:\n  - params:\n      {params}\n");
        let said = Policy::parse(&text, Modes::default(), &check).err().map(|problems| problems[0].to_string());
        match (expected, said) {
            (None, None) => {}
            (Some(words), Some(said)) => assert!(said.contains(words) && said.contains("line 4"), "{params}: {said}"),
            (expected, said) => panic!("{params}: {expected:?}, {said:?}"),
        }
    }
}

fn admitted(event: &Value) -> Result<(Finding, Intent), Rejection> {
    let coming = Coming { trigger: Trigger::Imported, format: Format::Asff, account: "", sources: &Sources::default() };
    Finding::admit(event.pointer("/detail/findings/0").unwrap_or(&Value::Null), coming)
}
