//! RDS: who reaches a database, how it is kept up to date and available, and its way to an encrypted one.

mod availability;
mod encryption;
mod public;
mod upgrades;

pub use availability::{ClusterAvailability, InstanceAvailability, MultiAz, MultiAzFacts};
pub use encryption::{EncryptedInstance, MigrationFacts, Stage, StageOf};
pub use public::{PublicDatabase, PublicDatabaseFacts, Reachability};
pub use upgrades::{DatabaseFacts, MinorVersionUpgrades, Upgrades};

const INSTANCES: &str = "rds:DescribeDBInstances";
const CLUSTERS: &str = "rds:DescribeDBClusters";
const MODIFY_INSTANCE: &str = "rds:ModifyDBInstance";
const ON_INSTANCES: &str = "arn:${AWS::Partition}:rds:*:${AWS::AccountId}:db:*";
const ON_CLUSTERS: &str = "arn:${AWS::Partition}:rds:*:${AWS::AccountId}:cluster:*";
