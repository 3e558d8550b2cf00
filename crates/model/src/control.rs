//! What is said about a control: its class, severity, scope and the clauses of standards that it satisfies.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How far a remediation may go on its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Class {
    /// Automatic when the mode allows it: the change breaks nothing that should work.
    #[serde(rename = "A")]
    Automatic,
    /// Guarded: the control's own checks must be clean, or a person approves.
    #[serde(rename = "G")]
    Guarded,
    /// Tell: the finding is annotated with the steps; nothing is changed.
    #[serde(rename = "T")]
    Tell,
}

impl Class {
    /// The letter used in modes and documents.
    pub fn letter(self) -> &'static str {
        match self {
            Self::Automatic => "A",
            Self::Guarded => "G",
            Self::Tell => "T",
        }
    }
}

/// Security Hub's severity of a control.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Severity {
    /// Fix at leisure.
    Low,
    /// Fix soon.
    Medium,
    /// Fix now.
    High,
    /// Fix first.
    Critical,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Low => "LOW",
            Self::Medium => "MEDIUM",
            Self::High => "HIGH",
            Self::Critical => "CRITICAL",
        })
    }
}

/// Where the thing that a control looks at lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Once in a region.
    Regional,
    /// Once in an account, whatever region the finding came from: findings of all regions are one job.
    Global,
}

/// A published standard. Standards are labels on controls, never keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Standard {
    /// CIS AWS Foundations Benchmark v1.2.0.
    Cis12,
    /// CIS AWS Foundations Benchmark v1.4.0.
    Cis14,
    /// CIS AWS Foundations Benchmark v3.0.0.
    Cis30,
    /// CIS AWS Foundations Benchmark v5.0.0.
    Cis50,
    /// AWS Foundational Security Best Practices v1.0.0; its clauses are the control ids.
    Fsbp,
    /// PCI DSS v3.2.1, by Security Hub's former control ids, which were numbered on their own (`PCI.KMS.1` is KMS.4).
    Pci321,
    /// PCI DSS v4.0.1, by requirement.
    Pci401,
    /// NIST SP 800-53 revision 5, by control of NIST.
    Nist80053,
}

impl Standard {
    /// All of them, in the order of the table of clauses.
    pub const ALL: [Self; 8] =
        [Self::Cis12, Self::Cis14, Self::Cis30, Self::Cis50, Self::Fsbp, Self::Pci321, Self::Pci401, Self::Nist80053];

    /// The part of Security Hub's ARNs that names the standard and its version.
    ///
    /// See <https://docs.aws.amazon.com/securityhub/latest/userguide/standards-reference.html>.
    pub fn slug(self) -> &'static str {
        match self {
            Self::Cis12 => "cis-aws-foundations-benchmark/v/1.2.0",
            Self::Cis14 => "cis-aws-foundations-benchmark/v/1.4.0",
            Self::Cis30 => "cis-aws-foundations-benchmark/v/3.0.0",
            Self::Cis50 => "cis-aws-foundations-benchmark/v/5.0.0",
            Self::Fsbp => "aws-foundational-security-best-practices/v/1.0.0",
            Self::Pci321 => "pci-dss/v/3.2.1",
            Self::Pci401 => "pci-dss/v/4.0.1",
            Self::Nist80053 => "nist-800-53/v/5.0.0",
        }
    }

    /// The name that people use.
    pub fn title(self) -> &'static str {
        match self {
            Self::Cis12 => "CIS 1.2.0",
            Self::Cis14 => "CIS 1.4.0",
            Self::Cis30 => "CIS 3.0.0",
            Self::Cis50 => "CIS 5.0.0",
            Self::Fsbp => "FSBP",
            Self::Pci321 => "PCI DSS 3.2.1",
            Self::Pci401 => "PCI DSS 4.0.1",
            Self::Nist80053 => "NIST 800-53 r5",
        }
    }
}

/// One clause of one standard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Label {
    /// The standard.
    pub standard: Standard,
    /// Its clause, such as `2.1.1`.
    pub clause: &'static str,
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.standard.title(), self.clause)
    }
}
