//! In how many availability zones a database stands. Only read: a second one costs as much as the first.

use redress_aws::Called;
use redress_remediation::{Account, Action, Error, Kind, Result, Setting};
use serde::{Deserialize, Serialize};

use super::{CLUSTERS, INSTANCES, ON_CLUSTERS, ON_INSTANCES};
use crate::{found, gated};

/// Whether an instance has a standby in another availability zone.
#[derive(Debug, Clone)]
pub struct InstanceAvailability {
    /// The instance's identifier.
    pub instance: String,
}

/// Whether a cluster has instances in more than one availability zone.
#[derive(Debug, Clone)]
pub struct ClusterAvailability {
    /// The cluster's identifier.
    pub cluster: String,
}

/// The value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MultiAz {
    /// Whether one zone may fail.
    pub multi_az: bool,
}

/// What the steps name.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct MultiAzFacts {
    /// The identifier.
    pub name: String,
    /// The region.
    pub region: String,
    /// The engine, such as `postgres`.
    pub engine: String,
    /// The class of the instance, or of the cluster's writer.
    pub class: String,
}

fn only_people(name: &str) -> Error {
    Error::new(Kind::Rejected, name, "only people decide about a second availability zone: it costs as much as the first")
}

impl Setting for InstanceAvailability {
    type Value = MultiAz;
    type Facts = MultiAzFacts;

    const NAME: &'static str = "rds.instance_availability";
    const READS: &'static [Action] = &[Action::on(INSTANCES, ON_INSTANCES)];
    const WRITES: &'static [Action] = &[];

    async fn get(&self, account: &Account) -> Result<Option<(MultiAz, MultiAzFacts)>> {
        let client = account.client(gated!(aws_sdk_rds));
        let call = client.describe_db_instances().db_instance_identifier(&self.instance);
        let Some(answer) = found(call.send().await.called(INSTANCES))? else { return Ok(None) };
        let Some(instance) = answer.db_instances().first() else { return Ok(None) };
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        let facts = MultiAzFacts {
            name: self.instance.clone(),
            region: account.region().to_string(),
            engine: text(instance.engine()),
            class: text(instance.db_instance_class()),
        };
        Ok(Some((MultiAz { multi_az: instance.multi_az.unwrap_or(false) }, facts)))
    }

    async fn put(&self, _account: &Account, _from: &MultiAz, _to: &MultiAz) -> Result<()> {
        Err(only_people(Self::NAME))
    }
}

impl Setting for ClusterAvailability {
    type Value = MultiAz;
    type Facts = MultiAzFacts;

    const NAME: &'static str = "rds.cluster_availability";
    const READS: &'static [Action] = &[Action::on(CLUSTERS, ON_CLUSTERS), Action::on(INSTANCES, ON_INSTANCES)];
    const WRITES: &'static [Action] = &[];

    async fn get(&self, account: &Account) -> Result<Option<(MultiAz, MultiAzFacts)>> {
        let client = account.client(gated!(aws_sdk_rds));
        let Some(answer) = found(client.describe_db_clusters().db_cluster_identifier(&self.cluster).send().await.called(CLUSTERS))? else {
            return Ok(None);
        };
        let Some(cluster) = answer.db_clusters().first() else { return Ok(None) };
        let mut facts = MultiAzFacts { name: self.cluster.clone(), region: account.region().to_string(), ..MultiAzFacts::default() };
        cluster.engine().unwrap_or_default().clone_into(&mut facts.engine);
        let writer = cluster.db_cluster_members().iter().find(|member| member.is_cluster_writer() == Some(true));
        if let Some(writer) = writer.and_then(|writer| writer.db_instance_identifier()) {
            let instance = found(client.describe_db_instances().db_instance_identifier(writer).send().await.called(INSTANCES))?;
            let class = instance.and_then(|answer| answer.db_instances().first()?.db_instance_class.clone());
            facts.class = class.unwrap_or_default();
        }
        Ok(Some((MultiAz { multi_az: cluster.multi_az.unwrap_or(false) }, facts)))
    }

    async fn put(&self, _account: &Account, _from: &MultiAz, _to: &MultiAz) -> Result<()> {
        Err(only_people(Self::NAME))
    }
}
