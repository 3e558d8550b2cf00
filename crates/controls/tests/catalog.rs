//! Every entry of the catalog is what an entry has to be.

use std::{collections::BTreeSet, fs};

use redress_aws::session_policy;
use redress_controls::CATALOG;
use redress_model::{Class, ControlId, Finding, Intent, Trigger, known::KNOWN};
use redress_testkit::{events::event, stage::cases, top};

#[test]
fn ids_are_control_ids_and_unique() {
    let ids: BTreeSet<_> = CATALOG.iter().map(|entry| entry.spec.id).collect();
    assert_eq!(ids.len(), CATALOG.len());
    for id in ids {
        assert!(ControlId::try_from(id).is_ok(), "{id}");
    }
}

#[test]
fn every_control_documents_risk_remedy_impact_and_undo() {
    for entry in CATALOG {
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
        let (finding, intent) =
            Finding::admit(&event["detail"]["findings"][0], Trigger::Imported).unwrap_or_else(|why| panic!("{id}: {why}"));
        assert_eq!((finding.control.as_str(), intent), (id, Intent::Automatic));
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
    for entry in CATALOG {
        let names = |actions: &[redress_remediation::Action]| actions.iter().map(|action| action.name).collect::<Vec<_>>();
        let both = [names(entry.reads), names(entry.writes)].concat();
        session_policy(&both).unwrap_or_else(|error| panic!("{}: {error}", entry.spec.id));
        for read in names(entry.reads) {
            let verb = read.split_once(':').unwrap().1;
            assert!(["Get", "List", "Describe"].iter().any(|start| verb.starts_with(start)), "{read} is declared as a read");
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
fn the_router_knows_exactly_these_controls() {
    let known: Vec<_> = KNOWN.iter().map(|known| (known.id, known.class, known.scope)).collect();
    let here: Vec<_> = CATALOG.iter().map(|entry| (entry.spec.id, entry.spec.class, entry.spec.scope)).collect();
    assert_eq!(known, here);
}

#[test]
fn findings_of_one_standard_lead_to_the_same_control_as_consolidated_ones() {
    for (path, control) in [("cis-v1.4-S3.5", "S3.5"), ("fsbp-EC2.8", "EC2.8"), ("cis-v1.2-legacy", "IAM.15")] {
        let event = event(&format!("securityhub-standards/{path}.json"));
        let admitted = Finding::admit(&event["detail"]["findings"][0], Trigger::Imported);
        assert_eq!(admitted.map(|(finding, _)| finding.control.to_string()), Ok(control.to_owned()), "{path}");
    }
}
