//! IAM: the password policy of an account, what its users, roles and groups have, its certificates, and its root user.

mod certificates;
mod credentials;
mod grants;
mod identities;
mod lockdown;
mod passwords;
mod quarantine;
mod root;
mod support;

pub use certificates::{Certificate, CertificateFacts, ServerCertificate};
pub use credentials::{CredentialFacts, Credentials, FactorFacts, Factors, KeyFacts, SecondFactor, UserCredentials};
pub use grants::{GrantFacts, Grants, GroupGrants, UserGrants};
pub use identities::{AttachedPolicies, IdentityFacts, IdentityKind};
pub use lockdown::{AccessKey, KeySwitch, Lockdown, PrincipalLockdown};
pub use passwords::{PasswordPolicy, Passwords};
pub use quarantine::{DENIED, PrincipalKind, PrincipalQuarantine, QuarantineFacts, Quarantined};
pub use root::{RootAccessKeys, RootKeys, RootMfa, RootSecondFactor};
pub use support::{SupportFacts, SupportRole, SupportRoles};

const USERS: &str = "arn:${AWS::Partition}:iam::${AWS::AccountId}:user/*";
const ROLES: &str = "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/*";
const GROUPS: &str = "arn:${AWS::Partition}:iam::${AWS::AccountId}:group/*";
