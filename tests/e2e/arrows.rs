//! Arrows between crates point down, and the router links no service.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, MetadataCommand, PackageId};
use libtest_mimic::Trial;

use crate::trial;

/// From the bottom: a crate may depend on crates of lower floors only.
const FLOORS: &[&[&str]] = &[
    &["redress-model", "redress-exposure"],
    &["redress-aws", "redress-incidents"],
    &["redress-remediation", "redress-lambda"],
    &["redress-settings"],
    &["redress-controls"],
    &["redress-organization"],
    &[
        "redress-testkit",
        "finding-router",
        "cis-remediator",
        "finding-sweeper",
        "sg-compliance-scanner",
        "member-onboarder",
        "account-baseline",
        "incident-responder",
        "compliance-reporter",
        "redress-cli",
    ],
    &["redress-e2e"],
    &["xtask"],
];

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("arrows::point_down_only", || async { point_down_only() }),
        trial("arrows::only_settings_link_the_sdks_of_what_is_changed", || async { only_settings_link_services() }),
        trial("arrows::the_router_links_no_service", || async { router_links_no_service() }),
    ]
}

type Names = BTreeMap<String, BTreeSet<String>>;

/// The direct dependencies of every package of the graph, without those of tests and builds.
fn graph() -> Names {
    let metadata = MetadataCommand::new().manifest_path(redress_testkit::top().join("Cargo.toml")).exec().unwrap();
    let names: BTreeMap<&PackageId, String> = metadata.packages.iter().map(|package| (&package.id, package.name.to_string())).collect();
    let nodes = &metadata.resolve.as_ref().unwrap().nodes;
    nodes
        .iter()
        .map(|node| {
            let normal = node.deps.iter().filter(|dep| dep.dep_kinds.iter().any(|kind| kind.kind == DependencyKind::Normal));
            (names[&node.id].clone(), normal.map(|dep| names[&dep.pkg].clone()).collect())
        })
        .collect()
}

fn floor(name: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&name))
}

fn point_down_only() {
    let graph = graph();
    for (name, needs) in &graph {
        let Some(here) = floor(name) else {
            assert!(!name.starts_with("redress"), "{name} stands on no floor");
            continue;
        };
        for need in needs.iter().filter_map(|need| Some((need, floor(need)?))) {
            assert!(need.1 < here, "{name} depends on {}", need.0);
        }
    }
}

/// Services that settings change. S3 is among them, and also where the vault is.
const CHANGED: &[&str] = &[
    "aws-sdk-cloudtrail",
    "aws-sdk-cloudwatch",
    "aws-sdk-config",
    "aws-sdk-ec2",
    "aws-sdk-iam",
    "aws-sdk-kms",
    "aws-sdk-rds",
    "aws-sdk-resourcegroupstagging",
    "aws-sdk-s3control",
];

fn only_settings_link_services() {
    for (name, needs) in graph().iter().filter(|(name, _)| !["redress-settings", "redress-testkit", "redress-e2e"].contains(&name.as_str()))
    {
        let services: Vec<_> = needs.iter().filter(|need| CHANGED.contains(&need.as_str())).collect();
        assert!(services.is_empty(), "{name} links {services:?}");
    }
}

fn router_links_no_service() {
    let graph = graph();
    let mut linked = BTreeSet::from(["finding-router".to_owned()]);
    let mut todo = vec!["finding-router".to_owned()];
    while let Some(name) = todo.pop() {
        for need in &graph[&name] {
            if linked.insert(need.clone()) {
                todo.push(need.clone());
            }
        }
    }
    let services: Vec<_> = linked.iter().filter(|name| CHANGED.contains(&name.as_str()) || *name == "redress-settings").collect();
    assert!(services.is_empty(), "{services:?}");
}
