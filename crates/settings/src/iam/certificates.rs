//! Server certificates that were uploaded to IAM.

use std::collections::BTreeSet;

use futures::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use redress_aws::Called;
use redress_model::Region;
use redress_remediation::{Account, Action, Error, Kind, Result, Setting, Undo};
use serde::{Deserialize, Serialize};

use crate::{found, gated, incomplete};

const GET: &str = "iam:GetServerCertificate";
const DELETE: &str = "iam:DeleteServerCertificate";
const REGIONS: &str = "ec2:DescribeRegions";
const BALANCERS: &str = "elasticloadbalancing:DescribeLoadBalancers";
const LISTENERS: &str = "elasticloadbalancing:DescribeListeners";
const ON_LISTENERS: &str = "elasticloadbalancing:DescribeListenerCertificates";
const DISTRIBUTIONS: &str = "cloudfront:ListDistributions";
const CERTIFICATES: &str = "arn:${AWS::Partition}:iam::${AWS::AccountId}:server-certificate/*";

/// Regions that are asked at once.
const AT_ONCE: usize = 6;

/// One server certificate; `None` where there is none. Its private key can be read by nobody.
///
/// Elastic Load Balancing does not always notice that a certificate of its listeners is deleted, so every listener of every region is asked
/// before. See <https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteServerCertificate.html>.
#[derive(Debug, Clone)]
pub struct ServerCertificate {
    /// Its name, without path.
    pub name: String,
}

/// What can be kept of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// Its ARN.
    pub arn: String,
    /// Its unique id, by which `CloudFront` knows it.
    pub id: String,
    /// The certificate, in PEM.
    pub body: String,
    /// Its chain, in PEM.
    pub chain: Option<String>,
}

/// What else is to be known of it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CertificateFacts {
    /// Its name.
    pub name: String,
    /// Whole days since it expired; `None` while it is valid.
    pub expired_days: Option<i64>,
    /// The load balancers and distributions that use it; read only once it has expired.
    pub used_by: Vec<String>,
}

impl ServerCertificate {
    async fn regions(account: &Account) -> Result<Vec<Region>> {
        let answer = account.client(gated!(aws_sdk_ec2)).describe_regions().all_regions(false).send().await.called(REGIONS)?;
        Ok(answer.regions().iter().filter_map(|region| Region::try_from(region.region_name()?).ok()).collect())
    }

    /// The load balancers of one region that use the certificate.
    async fn balancers(account: &Account, arn: &str) -> Result<Vec<String>> {
        let mut used = BTreeSet::new();
        let region = account.region();
        let classic = account.client(gated!(aws_sdk_elasticloadbalancing));
        let mut pages = classic.describe_load_balancers().into_paginator().send();
        while let Some(page) = pages.next().await {
            for balancer in page.called(BALANCERS)?.load_balancer_descriptions() {
                let listeners = balancer.listener_descriptions().iter().filter_map(|described| described.listener());
                if listeners.filter_map(|listener| listener.ssl_certificate_id()).any(|id| id == arn) {
                    used.insert(format!("load balancer {} in {region}", balancer.load_balancer_name().unwrap_or("?")));
                }
            }
        }
        let client = account.client(gated!(aws_sdk_elasticloadbalancingv2));
        let mut pages = client.describe_load_balancers().into_paginator().send();
        while let Some(page) = pages.next().await {
            for balancer in page.called(BALANCERS)?.load_balancers() {
                let Some(balancer_arn) = balancer.load_balancer_arn() else { continue };
                let mut listeners = client.describe_listeners().load_balancer_arn(balancer_arn).into_paginator().send();
                while let Some(page) = listeners.next().await {
                    for listener in page.called(LISTENERS)?.listeners().iter().filter(|listener| !listener.certificates().is_empty()) {
                        let Some(listener_arn) = listener.listener_arn() else { continue };
                        let mut all = listener.certificates().to_vec();
                        let mut more = client.describe_listener_certificates().listener_arn(listener_arn).into_paginator().send();
                        while let Some(page) = more.next().await {
                            all.extend(page.called(ON_LISTENERS)?.certificates().to_vec());
                        }
                        if all.iter().any(|certificate| certificate.certificate_arn() == Some(arn)) {
                            used.insert(format!("load balancer {} in {region}", balancer.load_balancer_name().unwrap_or("?")));
                        }
                    }
                }
            }
        }
        Ok(used.into_iter().collect())
    }

    async fn distributions(account: &Account, id: &str) -> Result<Vec<String>> {
        let client = account.client(gated!(aws_sdk_cloudfront));
        let (mut used, mut marker) = (Vec::new(), None);
        loop {
            let answer = client.list_distributions().set_marker(marker).send().await.called(DISTRIBUTIONS)?;
            let Some(list) = answer.distribution_list else { return Ok(used) };
            let theirs = |item: &&aws_sdk_cloudfront::types::DistributionSummary| {
                item.viewer_certificate().and_then(|certificate| certificate.iam_certificate_id()) == Some(id)
            };
            used.extend(list.items().iter().filter(theirs).map(|item| format!("CloudFront distribution {}", item.id())));
            marker = list.next_marker.filter(|_| list.is_truncated);
            if marker.is_none() {
                return Ok(used);
            }
        }
    }

    /// Everything that uses it, in all regions that the account has.
    async fn used_by(account: &Account, certificate: &Certificate) -> Result<Vec<String>> {
        let places = Self::regions(account).await?;
        let asked = places.into_iter().map(|region| {
            let (place, arn) = (account.in_region(&region), certificate.arn.clone());
            async move {
                match Self::balancers(&place, &arn).await {
                    // A region may be closed to us; what is there is not known then.
                    Err(error) if error.kind == Kind::Denied => Ok(vec![format!("whatever is in {region}, where we may not look")]),
                    asked => asked,
                }
            }
        });
        let regional: Vec<Vec<String>> = stream::iter(asked).buffered(AT_ONCE).try_collect().await?;
        let mut used = regional.concat();
        // Other partitions have no CloudFront.
        if ["aws", "aws-cn"].contains(&account.partition().as_str()) {
            used.extend(Self::distributions(account, &certificate.id).await?);
        }
        Ok(used)
    }
}

impl Setting for ServerCertificate {
    type Value = Option<Certificate>;
    type Facts = CertificateFacts;

    const NAME: &'static str = "iam.server_certificate";
    const READS: &'static [Action] = &[
        Action::on(GET, CERTIFICATES),
        Action::anywhere(REGIONS),
        Action::anywhere(BALANCERS),
        Action::anywhere(LISTENERS),
        Action::anywhere(ON_LISTENERS),
        Action::anywhere(DISTRIBUTIONS),
    ];
    const WRITES: &'static [Action] = &[Action::on(DELETE, CERTIFICATES)];

    async fn get(&self, account: &Account) -> Result<Option<(Self::Value, CertificateFacts)>> {
        let client = account.client(gated!(aws_sdk_iam));
        let mut facts = CertificateFacts { name: self.name.clone(), ..CertificateFacts::default() };
        let answer = found(client.get_server_certificate().server_certificate_name(&self.name).send().await.called(GET))?;
        let Some(certificate) = answer.and_then(|answer| answer.server_certificate) else { return Ok(Some((None, facts))) };
        let metadata = certificate.server_certificate_metadata().ok_or_else(|| incomplete(GET, "metadata"))?;
        let value = Certificate {
            arn: metadata.arn().to_owned(),
            id: metadata.server_certificate_id().to_owned(),
            body: certificate.certificate_body().to_owned(),
            chain: certificate.certificate_chain().map(str::to_owned),
        };
        let expires = metadata.expiration().ok_or_else(|| incomplete(GET, "date of expiration"))?;
        let expires = Timestamp::from_second(expires.secs()).map_err(|error| Error::malformed(GET, error.to_string()))?;
        if expires < account.now() {
            facts.expired_days = Some((account.now().as_second() - expires.as_second()) / 86_400);
            facts.used_by = Self::used_by(account, &value).await?;
        }
        Ok(Some((Some(value), facts)))
    }

    async fn put(&self, account: &Account, from: &Self::Value, to: &Self::Value) -> Result<()> {
        match (from, to) {
            (Some(_), None) => {
                let client = account.client(gated!(aws_sdk_iam));
                client.delete_server_certificate().server_certificate_name(&self.name).send().await.called(DELETE).map(|_| ())
            }
            (from, to) if from == to => Ok(()),
            _ => {
                let why = format!(
                    "the certificate cannot be uploaded without its private key, which only its owner has; its body and chain are in the image: \
                     aws iam upload-server-certificate --server-certificate-name {} --certificate-body ... --private-key ...",
                    self.name
                );
                Err(Error::new(Kind::Rejected, Self::NAME, why))
            }
        }
    }

    fn undo(from: &Self::Value, to: &Self::Value) -> Undo {
        if from == to { Undo::Exact } else { Undo::Partly("its body and chain are kept; whoever has its private key can upload it again") }
    }

    fn changes(from: &Self::Value, to: &Self::Value) -> Vec<String> {
        let arn = |value: &Self::Value| value.as_ref().map(|certificate| certificate.arn.clone());
        let line = |sign: &str, arn: Option<String>| arn.map(|arn| format!("{sign} {arn}"));
        if from == to { Vec::new() } else { line("-", arn(from)).into_iter().chain(line("+", arn(to))).collect() }
    }
}
