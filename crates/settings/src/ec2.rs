//! EC2: the rules of security groups and network ACLs, flow logs, default encryption of volumes, the metadata options of an
//! instance, and whether it is cut off.

mod default_group;
mod flow_logs;
mod ingress;
mod isolation;
mod metadata;
mod network_acl;
mod rules;
mod security_group;
pub mod survey;
mod volumes;

pub use default_group::{DefaultGroupFacts, DefaultGroupRules, GroupRules};
pub use flow_logs::{FlowLog, FlowLogFacts, FlowLogs};
pub use ingress::{Ingress, IngressFacts, IngressRules};
pub use isolation::{InstanceIsolation, Isolation, IsolationFacts};
pub use metadata::{InstanceFacts, Metadata, MetadataOptions};
pub use network_acl::{AclEntry, AclFacts, Entries, NetworkAclEntries};
pub use redress_exposure::{Rule, Source};
pub use security_group::{GroupFacts, GroupState, SecurityGroup};
pub use volumes::{DefaultEncryption, VolumeEncryption};
