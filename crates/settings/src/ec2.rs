//! EC2: the rules of security groups and network ACLs, flow logs, default encryption of volumes, and the metadata options of an instance.

mod default_group;
mod flow_logs;
mod ingress;
mod metadata;
mod network_acl;
mod volumes;

pub use default_group::{DefaultGroupFacts, DefaultGroupRules, GroupRules};
pub use flow_logs::{FlowLog, FlowLogFacts, FlowLogs};
pub use ingress::{Ingress, IngressFacts, IngressRules, Rule, Source};
pub use metadata::{InstanceFacts, Metadata, MetadataOptions};
pub use network_acl::{AclEntry, AclFacts, Entries, NetworkAclEntries};
pub use volumes::{DefaultEncryption, VolumeEncryption};
