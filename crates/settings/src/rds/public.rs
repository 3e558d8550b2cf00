//! Whether a database has a public address.

use std::collections::BTreeSet;

use aws_sdk_ec2::types::Filter;
use redress_aws::Called;
use redress_remediation::{Account, Action, Result, Setting};
use serde::{Deserialize, Serialize};

use super::{INSTANCES, MODIFY_INSTANCE, ON_INSTANCES};
use crate::{found, gated};

const RULES: &str = "ec2:DescribeSecurityGroupRules";

/// Whether the name of a database resolves to a public address.
///
/// The change is made at once, without what else is pending for the maintenance window: AWS applies this one immediately in any case.
/// See <https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_ModifyDBInstance.html>.
#[derive(Debug, Clone)]
pub struct PublicDatabase {
    /// The instance's identifier.
    pub instance: String,
}

/// The value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reachability {
    /// Whether it has a public address.
    pub publicly_accessible: bool,
}

/// Who may come from outside today.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PublicDatabaseFacts {
    /// The state; changes are taken in `available` only.
    pub status: String,
    /// The public networks and prefix lists that its security groups let in, each as `group: source`; read only where it is public.
    pub admits: Vec<String>,
}

/// Whether addresses of this network are reached over the internet only.
fn is_public(cidr: &str) -> bool {
    let Ok(net) = cidr.parse::<ipnet::IpNet>() else { return true };
    let private =
        ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16", "127.0.0.0/8", "fc00::/7", "fe80::/10"];
    !private.iter().filter_map(|private| private.parse::<ipnet::IpNet>().ok()).any(|private| private.contains(&net))
}

impl Setting for PublicDatabase {
    type Value = Reachability;
    type Facts = PublicDatabaseFacts;

    const NAME: &'static str = "rds.public_database";
    const READS: &'static [Action] = &[Action::on(INSTANCES, ON_INSTANCES), Action::anywhere(RULES)];
    const WRITES: &'static [Action] = &[Action::on(MODIFY_INSTANCE, ON_INSTANCES)];

    async fn get(&self, account: &Account) -> Result<Option<(Reachability, PublicDatabaseFacts)>> {
        let client = account.client(gated!(aws_sdk_rds));
        let call = client.describe_db_instances().db_instance_identifier(&self.instance);
        let Some(answer) = found(call.send().await.called(INSTANCES))? else { return Ok(None) };
        let Some(instance) = answer.db_instances().first() else { return Ok(None) };
        let publicly_accessible = instance.publicly_accessible.unwrap_or(false);
        let status = instance.db_instance_status().unwrap_or_default().to_owned();
        let groups: Vec<_> = instance.vpc_security_groups().iter().filter_map(|group| group.vpc_security_group_id.clone()).collect();
        let mut admits = BTreeSet::new();
        if publicly_accessible && !groups.is_empty() {
            let filter = Filter::builder().name("group-id").set_values(Some(groups)).build();
            let ec2 = account.client(gated!(aws_sdk_ec2));
            let mut pages = ec2.describe_security_group_rules().filters(filter).max_results(1000).into_paginator().send();
            while let Some(page) = pages.next().await {
                for rule in page.called(RULES)?.security_group_rules().iter().filter(|rule| rule.is_egress() == Some(false)) {
                    let net = rule.cidr_ipv4().or_else(|| rule.cidr_ipv6()).filter(|net| is_public(net));
                    if let Some(source) = net.or_else(|| rule.prefix_list_id()) {
                        admits.insert(format!("{}: {source}", rule.group_id().unwrap_or("?")));
                    }
                }
            }
        }
        Ok(Some((Reachability { publicly_accessible }, PublicDatabaseFacts { status, admits: admits.into_iter().collect() })))
    }

    async fn put(&self, account: &Account, _from: &Reachability, to: &Reachability) -> Result<()> {
        let client = account.client(gated!(aws_sdk_rds));
        let call = client.modify_db_instance().db_instance_identifier(&self.instance).publicly_accessible(to.publicly_accessible);
        call.send().await.called(MODIFY_INSTANCE).map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_within_private_networks_is_not_public() {
        for private in ["10.1.0.0/16", "192.168.1.5/32", "fd00::/8", "172.31.0.0/16"] {
            assert!(!is_public(private), "{private}");
        }
        for public in ["0.0.0.0/0", "::/0", "203.0.113.0/24", "8.0.0.0/6", "172.0.0.0/8"] {
            assert!(is_public(public), "{public}");
        }
    }
}
