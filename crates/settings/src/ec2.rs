//! EC2: the ingress rules of a security group, default encryption of volumes, and the metadata options of an instance.

mod ingress;
mod metadata;
mod volumes;

pub use ingress::{Ingress, IngressFacts, IngressRules, Rule, Source};
pub use metadata::{InstanceFacts, Metadata, MetadataOptions};
pub use volumes::{DefaultEncryption, VolumeEncryption};
