//! Automatic minor version upgrades of a database.

use redress_aws::Called;
use redress_remediation::{Account, Action, Result, Setting};
use serde::{Deserialize, Serialize};

use super::{CLUSTERS, INSTANCES, MODIFY_INSTANCE, ON_CLUSTERS, ON_INSTANCES};
use crate::{found, gated, incomplete};

const MODIFY_CLUSTER: &str = "rds:ModifyDBCluster";

/// Whether a database takes minor engine upgrades in its maintenance window.
///
/// A member of a Multi-AZ DB cluster is changed through its cluster; a member of an Aurora cluster on its own. The change is made without
/// `ApplyImmediately`, which would also apply whatever else is pending for the maintenance window.
/// See <https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_ModifyDBInstance.html>.
#[derive(Debug, Clone)]
pub struct MinorVersionUpgrades {
    /// The instance's identifier.
    pub instance: String,
}

/// The value, and where it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upgrades {
    /// Whether minor upgrades are automatic.
    pub auto_minor_version_upgrade: bool,
    /// The Multi-AZ DB cluster that keeps the flag, where it is not the instance itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
}

/// What else is to be known of a database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabaseFacts {
    /// The state of what would be modified; changes are taken in `available` only.
    pub status: String,
}

impl Setting for MinorVersionUpgrades {
    type Value = Upgrades;
    type Facts = DatabaseFacts;

    const NAME: &'static str = "rds.minor_version_upgrades";
    const READS: &'static [Action] = &[Action::on(INSTANCES, ON_INSTANCES), Action::on(CLUSTERS, ON_CLUSTERS)];
    const WRITES: &'static [Action] = &[Action::on(MODIFY_INSTANCE, ON_INSTANCES), Action::on(MODIFY_CLUSTER, ON_CLUSTERS)];

    async fn get(&self, account: &Account) -> Result<Option<(Upgrades, DatabaseFacts)>> {
        let client = account.client(gated!(aws_sdk_rds));
        let call = client.describe_db_instances().db_instance_identifier(&self.instance);
        let Some(answer) = found(call.send().await.called(INSTANCES))? else { return Ok(None) };
        let Some(instance) = answer.db_instances().first() else { return Ok(None) };
        // Aurora, Neptune and DocumentDB have clusters too, and keep the flag on each instance.
        let is_multi_az_engine = instance.engine().is_some_and(|engine| ["mysql", "postgres"].contains(&engine));
        let Some(cluster) = instance.db_cluster_identifier().filter(|_| is_multi_az_engine) else {
            let auto = instance.auto_minor_version_upgrade.unwrap_or(false);
            let status = instance.db_instance_status().unwrap_or_default().to_owned();
            return Ok(Some((Upgrades { auto_minor_version_upgrade: auto, cluster: None }, DatabaseFacts { status })));
        };
        let answer = client.describe_db_clusters().db_cluster_identifier(cluster).send().await.called(CLUSTERS)?;
        let found = answer.db_clusters().first().ok_or_else(|| incomplete(CLUSTERS, "cluster"))?;
        let auto = found.auto_minor_version_upgrade.unwrap_or(false);
        let status = found.status().unwrap_or_default().to_owned();
        Ok(Some((Upgrades { auto_minor_version_upgrade: auto, cluster: Some(cluster.to_owned()) }, DatabaseFacts { status })))
    }

    async fn put(&self, account: &Account, _from: &Upgrades, to: &Upgrades) -> Result<()> {
        let client = account.client(gated!(aws_sdk_rds));
        let auto = to.auto_minor_version_upgrade;
        if let Some(cluster) = &to.cluster {
            let call = client.modify_db_cluster().db_cluster_identifier(cluster).auto_minor_version_upgrade(auto);
            call.send().await.called(MODIFY_CLUSTER).map(|_| ())
        } else {
            let call = client.modify_db_instance().db_instance_identifier(&self.instance).auto_minor_version_upgrade(auto);
            call.send().await.called(MODIFY_INSTANCE).map(|_| ())
        }
    }
}
