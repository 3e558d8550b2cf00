//! The KMS key with which a trail's log files are encrypted.

use aws_sdk_kms::types::{KeyState, Tag};
use redress_aws::Called;
use redress_model::{Arn, Region};
use redress_remediation::{Account, Action, Error, Result, Setting, Undo};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{GET_TRAIL, TRAILS, UPDATE_TRAIL};
use crate::{found, gated, incomplete};

const DESCRIBE: &str = "kms:DescribeKey";
const ALIASES: &str = "kms:ListAliases";
const CREATE: &str = "kms:CreateKey";
const TAG: &str = "kms:TagResource";
const ALIAS: &str = "kms:CreateAlias";
const ROTATE: &str = "kms:EnableKeyRotation";
const KEYS: &str = "arn:${AWS::Partition}:kms:*:${AWS::AccountId}:key/*";
const OUR_ALIAS: &str = "arn:${AWS::Partition}:kms:*:${AWS::AccountId}:alias/redress-cloudtrail";

const NAME: &str = "alias/redress-cloudtrail";

/// The key of one trail; `None` where S3's own keys do.
///
/// One key per account and region, found by its alias and used for every trail there. CloudTrail may use it for the trails of this account
/// only, and people read with it only what IAM lets them. See
/// <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/create-kms-key-policy-for-cloudtrail.html>.
#[derive(Debug, Clone)]
pub struct TrailEncryption {
    /// The trail's ARN.
    pub trail: String,
}

/// Which key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EncryptionKey {
    /// The one that Redress makes for trails, in the trail's home region.
    Ours,
    /// Another one, by its ARN.
    Other(String),
}

/// What else is to be known.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct EncryptionFacts {
    /// Whether the trail is the organization's.
    pub is_organization_trail: bool,
    /// The bucket of its log files.
    pub bucket: String,
    /// Whether our key is there already.
    pub key_exists: bool,
}

impl TrailEncryption {
    fn home(&self, account: &Account) -> Result<Account> {
        let region = Arn::parse(&self.trail).ok().and_then(|arn| Region::try_from(arn.region).ok());
        region
            .map(|region| account.in_region(&region))
            .ok_or_else(|| Error::malformed(GET_TRAIL, format!("`{}` is not the ARN of a trail", self.trail)))
    }

    /// The ARN of our key and whether it can be used, if it is there.
    ///
    /// Aliases are listed: who asks for one that does not exist is denied where only keys are granted.
    async fn ours(client: &aws_sdk_kms::Client) -> Result<Option<(String, bool)>> {
        let mut pages = client.list_aliases().into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.called(ALIASES)?;
            let ours = page.aliases().iter().find(|alias| alias.alias_name() == Some(NAME));
            if let Some(id) = ours.and_then(|alias| alias.target_key_id()) {
                let answer = found(client.describe_key().key_id(id).send().await.called(DESCRIBE))?;
                let key = answer.and_then(|answer| answer.key_metadata).ok_or_else(|| incomplete(DESCRIBE, "key"))?;
                let works = key.key_state() == Some(&KeyState::Enabled);
                return Ok(key.arn.map(|arn| (arn, works)));
            }
        }
        Ok(None)
    }

    async fn ensure(account: &Account) -> Result<String> {
        let client = account.client(gated!(aws_sdk_kms));
        match Self::ours(&client).await? {
            Some((arn, true)) => return Ok(arn),
            Some((arn, false)) => {
                return Err(Error::malformed(CREATE, format!("the key {arn} behind {NAME} is not enabled; enable it, or move the alias")));
            }
            None => {}
        }
        let malformed = |error: aws_smithy_types::error::operation::BuildError| Error::malformed(CREATE, error.to_string());
        let (partition, id, region) = (account.partition(), account.id(), account.region());
        let trails = format!("arn:{partition}:cloudtrail:*:{id}:trail/*");
        let service = json!({"Service": "cloudtrail.amazonaws.com"});
        let policy = json!({"Version": "2012-10-17", "Statement": [
            {
                "Sid": "AccountDecidesByIam", "Effect": "Allow", "Principal": {"AWS": format!("arn:{partition}:iam::{id}:root")},
                "Action": "kms:*", "Resource": "*"
            },
            {
                "Sid": "TrailsEncrypt", "Effect": "Allow", "Principal": service, "Action": "kms:GenerateDataKey*", "Resource": "*",
                "Condition": {
                    "StringLike": {"kms:EncryptionContext:aws:cloudtrail:arn": trails, "aws:SourceArn": format!("arn:{partition}:cloudtrail:{region}:{id}:trail/*")}
                }
            },
            {
                "Sid": "TrailsDescribe", "Effect": "Allow", "Principal": service, "Action": "kms:DescribeKey", "Resource": "*",
                "Condition": {"StringLike": {"aws:SourceArn": format!("arn:{partition}:cloudtrail:{region}:{id}:trail/*")}}
            }
        ]});
        let tag = Tag::builder().tag_key("made-by").tag_value("redress").build().map_err(malformed)?;
        let call = client.create_key().description("Log files of CloudTrail. Made by Redress for CloudTrail.2.").policy(policy.to_string());
        let key = call.tags(tag).send().await.called(CREATE)?.key_metadata.ok_or_else(|| incomplete(CREATE, "key"))?;
        client.create_alias().alias_name(NAME).target_key_id(key.key_id()).send().await.called(ALIAS)?;
        client.enable_key_rotation().key_id(key.key_id()).send().await.called(ROTATE)?;
        key.arn.ok_or_else(|| incomplete(CREATE, "ARN"))
    }
}

impl Setting for TrailEncryption {
    type Value = Option<EncryptionKey>;
    type Facts = EncryptionFacts;

    const NAME: &'static str = "cloudtrail.encryption";
    const READS: &'static [Action] = &[Action::on(GET_TRAIL, TRAILS), Action::anywhere(ALIASES), Action::on(DESCRIBE, KEYS)];
    const WRITES: &'static [Action] = &[
        Action::on(UPDATE_TRAIL, TRAILS),
        // A key has no name before it is made: it is known by the tag that it is made with.
        Action::anywhere(CREATE).when("StringEquals", "aws:RequestTag/made-by", "redress"),
        Action::anywhere(TAG).when("StringEquals", "aws:RequestTag/made-by", "redress"),
        Action::on(ALIAS, OUR_ALIAS),
        // A new key's tag takes minutes to count; the alias is the one above in any case.
        Action::on(ALIAS, KEYS),
        Action::on(ROTATE, KEYS),
    ];

    async fn get(&self, account: &Account) -> Result<Option<(Self::Value, EncryptionFacts)>> {
        let home = self.home(account)?;
        let client = home.client(gated!(aws_sdk_cloudtrail));
        let Some(answer) = found(client.get_trail().name(&self.trail).send().await.called(GET_TRAIL))? else { return Ok(None) };
        let trail = answer.trail.ok_or_else(|| incomplete(GET_TRAIL, "trail"))?;
        let ours = Self::ours(&home.client(gated!(aws_sdk_kms))).await?;
        let facts = EncryptionFacts {
            is_organization_trail: trail.is_organization_trail().unwrap_or(false),
            bucket: trail.s3_bucket_name().unwrap_or_default().to_owned(),
            key_exists: ours.as_ref().is_some_and(|(_, works)| *works),
        };
        let key = trail.kms_key_id.filter(|key| !key.is_empty());
        Ok(Some((
            key.map(
                |key| if ours.as_ref().is_some_and(|(ours, _)| *ours == key) { EncryptionKey::Ours } else { EncryptionKey::Other(key) },
            ),
            facts,
        )))
    }

    async fn put(&self, account: &Account, _from: &Self::Value, to: &Self::Value) -> Result<()> {
        let home = self.home(account)?;
        let key = match to {
            None => String::new(),
            Some(EncryptionKey::Other(key)) => key.clone(),
            Some(EncryptionKey::Ours) => Self::ensure(&home).await?,
        };
        let client = home.client(gated!(aws_sdk_cloudtrail));
        client.update_trail().name(&self.trail).kms_key_id(key).send().await.called(UPDATE_TRAIL).map(|_| ())
    }

    fn undo(from: &Self::Value, to: &Self::Value) -> Undo {
        match to {
            _ if from == to => Undo::Exact,
            Some(EncryptionKey::Ours) => Undo::Partly("the key stays: log files that were encrypted with it need it"),
            Some(EncryptionKey::Other(_)) | None => Undo::Exact,
        }
    }

    fn changes(from: &Self::Value, to: &Self::Value) -> Vec<String> {
        let show = |key: &Self::Value| match key {
            None => "S3's own keys".to_owned(),
            Some(EncryptionKey::Ours) => format!("KMS key {NAME}"),
            Some(EncryptionKey::Other(key)) => key.clone(),
        };
        vec![format!("log files encrypted with: {} -> {}", show(from), show(to))]
    }
}
