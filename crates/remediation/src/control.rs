//! A control: an opinion about a setting.

use redress_model::{Class, Label, Resource, Scope, Severity, clauses::clauses};
use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};

use crate::{Error, FactsOf, Setting, ValueOf};

/// What is said about a control.
#[derive(Debug, Clone, Copy)]
pub struct Spec {
    /// Security Hub's control id: the key of everything.
    pub id: &'static str,
    /// The good state, in a sentence.
    pub title: &'static str,
    /// Security Hub's severity.
    pub severity: Severity,
    /// How far it may go on its own.
    pub class: Class,
    /// Where its resource lives.
    pub scope: Scope,
    /// The ASFF resource types of its findings.
    pub resources: &'static [&'static str],
    /// The checks of Prowler that report the same.
    pub prowler: &'static [&'static str],
    /// The managed rules of AWS Config that report the same, and name a resource by which it can be found.
    pub config_rules: &'static [&'static str],
    /// The same change in infrastructure code.
    pub in_code: InCode,
}

/// How a change is written in infrastructure code; empty where it is none of its business.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct InCode {
    /// In a CloudFormation template.
    pub cloudformation: &'static str,
    /// In Terraform.
    pub terraform: &'static str,
}

impl Spec {
    /// The clauses of standards that it satisfies.
    pub fn labels(&self) -> &'static [Label] {
        clauses(self.id)
    }

    /// AWS's page on the control; for one of our own, AWS's page on what it is about.
    pub fn link(&self) -> String {
        let (service, number) = self.id.split_once('.').unwrap_or((self.id, ""));
        let service = service.to_ascii_lowercase();
        let own = match (service.as_str(), number) {
            ("securitygroup", _) => "vpc/latest/userguide/security-group-rules.html",
            ("baseline", "1") => "securityhub/latest/userguide/securityhub-settingup.html",
            ("baseline", "2") => "securityhub/latest/userguide/enable-standards.html",
            ("baseline", "3") => "config/latest/developerguide/conformance-packs.html",
            ("baseline", "4") => "guardduty/latest/ug/guardduty_settingup.html",
            ("baseline", "5") => "macie/latest/user/getting-started.html",
            ("baseline", "6") => "inspector/latest/user/getting_started_tutorial.html",
            ("baseline", "7") => "audit-manager/latest/userguide/audit-manager-availability-change.html",
            ("organization", "5") => "organizations/latest/userguide/orgs_integrate_services.html",
            ("organization", _) => "securityhub/latest/userguide/securityhub-accounts-orgs.html",
            ("incident", _) => "IAM/latest/UserGuide/security-audit-guide.html",
            _ => "",
        };
        if !own.is_empty() {
            return format!("https://docs.aws.amazon.com/{own}");
        }
        format!("https://docs.aws.amazon.com/securityhub/latest/userguide/{service}-controls.html#{service}-{number}")
    }
}

/// What a control wants of a value.
#[derive(Debug, Clone, PartialEq)]
pub enum Want<V> {
    /// It is good as it is.
    Keep,
    /// It should be this.
    Set(V),
    /// It cannot be changed now.
    Wait(String),
    /// It should be this, but a person must consent.
    Ask {
        /// What it should be.
        to: V,
        /// What makes it delicate.
        why: String,
    },
    /// Only a person can do it.
    Tell(String),
}

/// A setting found from a resource, or why it cannot be.
pub type Located<S> = std::result::Result<S, Error>;

/// An opinion about a setting.
pub trait Control: 'static {
    /// What is said about it.
    const SPEC: Spec;
    /// What it is about.
    type Setting: Setting;
    /// What people may adjust.
    type Params: Default + DeserializeOwned + Serialize + JsonSchema + Send + Sync + 'static;

    /// The setting of the resource that a finding names.
    ///
    /// # Errors
    /// When the resource's id is not of the kind that the control is about.
    fn locate(resource: &Resource, params: &Self::Params) -> Located<Self::Setting>;

    /// What should be, given what is. Pure.
    fn want(value: &ValueOf<Self>, facts: &FactsOf<Self>, params: &Self::Params) -> Want<ValueOf<Self>>
    where
        Self: Sized;
}
