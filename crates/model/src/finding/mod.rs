//! A finding, reduced to what a remediation needs, from wherever it comes.
//!
//! Security Hub's findings come in AWS Security Finding Format ([`asff`]: consolidated, or one per standard, or older than both), those of
//! Security Hub v2 in the Open Cybersecurity Schema Framework ([`ocsf`]), Prowler's in either, and AWS Config tells of a change of compliance
//! ([`config`]). All become the same [`Finding`], keyed on the control. What cannot be one is rejected: skipped, or refused as suspicious
//! where somebody seems to pose as a source that is trusted.

mod asff;
mod config;
mod ocsf;

use std::{collections::BTreeSet, str::FromStr};

use serde_json::Value;

use crate::{
    AccountId, Arn, ControlId, Intent, Partition, Region, Resource, Scope, Trigger,
    event::Format,
    job::FindingKey,
    known::{KNOWN, Known},
};

/// A finding that can be worked on.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// How it is identified where it is annotated; Config's changes of compliance are no findings and have none.
    pub key: Option<FindingKey>,
    /// The controls that it is of: one, but for checks that look at more than one control does.
    pub controls: Vec<ControlId>,
    /// What it is about, in the region in which to act.
    pub resource: Resource,
}

/// Why a finding is not worked on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// Nothing to do, or nothing that we can do.
    #[error("skipped: {0}")]
    Skipped(String),
    /// It claims to be what it is not.
    #[error("refused as suspicious: {0}")]
    Suspicious(String),
}

fn skipped(why: impl Into<String>) -> Rejection {
    Rejection::Skipped(why.into())
}

fn suspicious(why: impl Into<String>) -> Rejection {
    Rejection::Suspicious(why.into())
}

/// Who reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// Security Hub itself, in either version.
    SecurityHub,
    /// Prowler, through its integration with Security Hub.
    Prowler,
    /// AWS Config, by its rules' names.
    Config,
    /// Prowler, in a file that a person hands over.
    ProwlerFile,
    /// Ourselves: what a policy says of security groups.
    Ours,
}

/// With this begins the generator of findings that we import, followed by the rule of the policy.
pub const OUR_GENERATOR: &str = "redress-security-groups/";

/// The control behind them.
pub const SECURITY_GROUP: &str = "SecurityGroup.1";

/// The sources that are listened to. Security Hub always is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sources(BTreeSet<Source>);

impl Sources {
    /// Everything that a person may hand over.
    pub fn all() -> Self {
        Self([Source::SecurityHub, Source::Prowler, Source::Config, Source::ProwlerFile].into())
    }

    fn listens_to(&self, source: Source) -> Result<(), Rejection> {
        let name = match source {
            Source::SecurityHub | Source::Ours => return Ok(()),
            Source::Prowler | Source::ProwlerFile => "prowler",
            Source::Config => "config",
        };
        if self.0.contains(&source) { Ok(()) } else { Err(skipped(format!("the source {name} is not switched on"))) }
    }
}

impl Default for Sources {
    fn default() -> Self {
        Self([Source::SecurityHub].into())
    }
}

impl FromStr for Sources {
    type Err = String;

    /// A comma list of `security-hub`, `prowler` and `config`.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut sources = Self::default();
        for word in text.split(',').map(str::trim).filter(|word| !word.is_empty()) {
            sources.0.insert(match word {
                "security-hub" => Source::SecurityHub,
                "prowler" => Source::Prowler,
                "config" => Source::Config,
                _ => return Err(format!("`{word}` is not a source: write security-hub, prowler or config")),
            });
        }
        Ok(sources)
    }
}

/// How a finding came.
#[derive(Debug, Clone, Copy)]
pub struct Coming<'a> {
    /// What asked for our attention.
    pub trigger: Trigger,
    /// What it is written in.
    pub format: Format,
    /// The account from which the event came; empty where there was none.
    pub account: &'a str,
    /// Whom to listen to.
    pub sources: &'a Sources,
}

impl Finding {
    /// Reads one finding of an event and decides whether it is to be worked on.
    ///
    /// # Errors
    /// [`Rejection`]: never a failure of the event, whose other findings go on.
    pub fn admit(raw: &Value, coming: Coming<'_>) -> Result<(Self, Intent), Rejection> {
        match coming.format {
            Format::Asff => asff::admit(raw, coming),
            Format::Ocsf => ocsf::admit(raw, coming),
            Format::ConfigChange => config::admit(raw, coming),
        }
    }
}

/// Where a finding stands, in words that all formats share.
#[expect(clippy::struct_excessive_bools, reason = "each is a word of its own in the formats")]
struct Standing<'a> {
    is_active: bool,
    is_failed: bool,
    has_passed: bool,
    /// Whether an outcome of ours on it wants a person.
    waits: bool,
    workflow: &'a str,
}

/// Whether a finding is to be worked on, and as what.
fn wanted(standing: &Standing<'_>, trigger: Trigger) -> Result<Intent, Rejection> {
    let Standing { is_active, is_failed, has_passed, waits, workflow } = *standing;
    // The resource may well have passed since: a change can be undone whatever has become of its finding.
    // But who suppressed a finding wants to hear nothing of it, and our answer would lift that.
    if trigger == Trigger::Chosen(Intent::Undo) && workflow != "SUPPRESSED" {
        return Ok(Intent::Undo);
    }
    if !is_active {
        return Err(skipped("it is archived"));
    }
    // What we said on it wanted a person: now that it has passed nothing is to remain open.
    // Security Hub sets it RESOLVED by itself.
    if has_passed && waits && trigger == Trigger::Imported && ["NOTIFIED", "RESOLVED"].contains(&workflow) {
        return Ok(Intent::Passed);
    }
    if !is_failed {
        return Err(skipped("its compliance status is not FAILED"));
    }
    match (trigger, workflow) {
        (Trigger::Imported, "NEW") => Ok(Intent::Automatic),
        (Trigger::Chosen(intent), "NEW" | "NOTIFIED") => Ok(intent),
        _ => Err(skipped(format!("workflow status {workflow}"))),
    }
}

/// Where a finding says that its resource is.
struct Place<'a> {
    partition: Partition,
    account: &'a str,
    /// In order of trust; what is no region is passed over.
    regions: Vec<Option<&'a str>>,
    /// The resource type in ASFF's or CloudFormation's words.
    kind: &'a str,
    id: &'a str,
    name: Option<String>,
    path: Option<String>,
}

impl Place<'_> {
    /// The resource that `controls`, which share a scope, are to look at.
    fn resource(self, controls: &[ControlId]) -> Result<Resource, Rejection> {
        let Self { partition, account, regions, kind, id, name, path } = self;
        let known: Vec<_> = controls.iter().filter_map(known).collect();
        let first = *known.first().ok_or_else(|| skipped("none of its controls is ours"))?;
        let account = AccountId::try_from(account).map_err(|error| skipped(error.to_string()))?;
        if let Some(owner) = owner_of(id).filter(|owner| *owner != account.as_str()) {
            // Members see the trail of their organization, which belongs to the management account.
            if asff_kind(kind) == "AwsCloudTrailTrail" {
                return Err(skipped(format!("the trail belongs to account {owner}; it is remediated there")));
            }
            return Err(suspicious(format!("the resource lies in account `{owner}`, the finding in {account}")));
        }
        let arn = Arn::parse(id).ok();
        if let Some(arn) = arn.as_ref().filter(|arn| arn.partition != partition.as_str()) {
            return Err(suspicious(format!("the resource lies in partition `{}`, the finding in {partition}", arn.partition)));
        }
        let region = match first.scope {
            Scope::Global => partition.global_region(),
            Scope::Regional => std::iter::once(arn.as_ref().map(|arn| arn.region))
                .chain(regions)
                .flatten()
                .find_map(|region| Region::try_from(region).ok())
                .ok_or_else(|| skipped("it names no region"))?,
        };
        // What is a property of the account goes by the account's own id, whatever the source calls it.
        let (kind, id) = if first.resources == ["AwsAccount"] {
            ("AwsAccount".to_owned(), format!("AWS::::Account:{account}"))
        } else {
            let id =
                arn.map(|_| id.to_owned()).or_else(|| arn_of(kind, id, &partition, &region, &account)).unwrap_or_else(|| id.to_owned());
            (asff_kind(kind).to_owned(), id)
        };
        Ok(Resource { kind, id, account, region, partition, name, path })
    }
}

/// What the catalog says of a control.
pub fn known(control: &ControlId) -> Option<&'static Known> {
    KNOWN.iter().find(|known| known.id == control.as_str())
}

fn ids<'a>(known: impl Iterator<Item = &'a Known>) -> Vec<ControlId> {
    known.filter_map(|known| ControlId::try_from(known.id).ok()).collect()
}

/// The controls that look at what a check of Prowler looks at.
fn of_prowler(check: &str) -> Result<Vec<ControlId>, Rejection> {
    let controls = ids(KNOWN.iter().filter(|known| known.prowler.contains(&check)));
    if controls.is_empty() { Err(skipped(format!("no control of ours is behind Prowler's check `{check}`"))) } else { Ok(controls) }
}

/// The account that a resource id names, if it names one.
fn owner_of(id: &str) -> Option<&str> {
    let is_account = |text: &&str| AccountId::try_from(*text).is_ok();
    id.strip_prefix("AWS::::Account:")
        .or_else(|| Arn::parse(id).ok().map(|arn| arn.account).filter(|account| !account.is_empty()))
        .or_else(|| Some(id).filter(is_account))
}

/// CloudFormation's name of a resource type, and ASFF's.
const KINDS: &[(&str, &str)] = &[
    ("AWS::::Account", "AwsAccount"),
    ("AWS::CloudTrail::Trail", "AwsCloudTrailTrail"),
    ("AWS::EC2::Instance", "AwsEc2Instance"),
    ("AWS::EC2::NetworkAcl", "AwsEc2NetworkAcl"),
    ("AWS::EC2::SecurityGroup", "AwsEc2SecurityGroup"),
    ("AWS::EC2::VPC", "AwsEc2Vpc"),
    ("AWS::EFS::FileSystem", "AwsEfsFileSystem"),
    ("AWS::IAM::Group", "AwsIamGroup"),
    ("AWS::IAM::Role", "AwsIamRole"),
    ("AWS::IAM::ServerCertificate", "AwsIamServerCertificate"),
    ("AWS::IAM::User", "AwsIamUser"),
    ("AWS::KMS::Key", "AwsKmsKey"),
    ("AWS::RDS::DBCluster", "AwsRdsDbCluster"),
    ("AWS::RDS::DBInstance", "AwsRdsDbInstance"),
    ("AWS::S3::Bucket", "AwsS3Bucket"),
];

fn asff_kind(kind: &str) -> &str {
    KINDS.iter().find(|(of_cloudformation, _)| *of_cloudformation == kind).map_or(kind, |(_, asff)| asff)
}

/// The name of a type in CloudFormation, AWS Config and OCSF for one in ASFF, where it is one of ours.
pub fn cloudformation_kind(asff: &str) -> Option<&'static str> {
    KINDS.iter().find(|(_, kind)| *kind == asff).map(|(of_cloudformation, _)| *of_cloudformation)
}

/// The ARN of a resource of which a source gives the bare id, for types whose ARN is made of it.
fn arn_of(kind: &str, id: &str, partition: &Partition, region: &Region, account: &AccountId) -> Option<String> {
    let regional = |service: &str, what: &str| format!("arn:{partition}:{service}:{region}:{account}:{what}/{id}");
    match asff_kind(kind) {
        "AwsS3Bucket" => Some(format!("arn:{partition}:s3:::{id}")),
        "AwsEc2Instance" => Some(regional("ec2", "instance")),
        "AwsEc2SecurityGroup" => Some(regional("ec2", "security-group")),
        "AwsEc2Vpc" => Some(regional("ec2", "vpc")),
        "AwsEc2NetworkAcl" => Some(regional("ec2", "network-acl")),
        "AwsEfsFileSystem" => Some(regional("elasticfilesystem", "file-system")),
        "AwsKmsKey" => Some(regional("kms", "key")),
        _ => None,
    }
}

fn excerpt(text: &str) -> String {
    text.chars().take(160).collect()
}

#[cfg(test)]
mod tests;
