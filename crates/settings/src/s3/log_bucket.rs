//! Buckets that Redress makes for logs, where there is none: private, encrypted, over TLS only, and of this account.

use aws_sdk_s3::types::{
    BucketLocationConstraint, CreateBucketConfiguration, ObjectOwnership, OwnershipControls, OwnershipControlsRule,
    PublicAccessBlockConfiguration, ServerSideEncryption, ServerSideEncryptionByDefault, ServerSideEncryptionConfiguration,
    ServerSideEncryptionRule,
};
use redress_aws::Called;
use redress_remediation::{Account, Action, Error, Kind, Result};
use serde_json::{Value as Json, json};

use crate::gated;

const CREATE: &str = "s3:CreateBucket";
const GET_POLICY: &str = "s3:GetBucketPolicy";
const PUT_POLICY: &str = "s3:PutBucketPolicy";
const PUT_BLOCK: &str = "s3:PutBucketPublicAccessBlock";
const PUT_ENCRYPTION: &str = "s3:PutEncryptionConfiguration";
const PUT_OWNERSHIP: &str = "s3:PutBucketOwnershipControls";
const LOGS: &str = "arn:${AWS::Partition}:s3:::redress-logs-*";

/// What it takes to make one.
pub(crate) const WRITES: [Action; 6] = [
    Action::on(GET_POLICY, LOGS),
    Action::on(CREATE, LOGS),
    Action::on(PUT_POLICY, LOGS),
    Action::on(PUT_BLOCK, LOGS),
    Action::on(PUT_ENCRYPTION, LOGS),
    Action::on(PUT_OWNERSHIP, LOGS),
];

/// The name of the bucket for logs of one account and region.
pub(crate) fn name(account: &Account) -> String {
    format!("redress-logs-{}-{}", account.id(), account.region())
}

/// Makes the bucket, or finds the one that was made before, and lets CloudTrail and S3's access logs deliver to it.
///
/// The name may belong to somebody else: only a bucket of this account is taken.
///
/// # Errors
/// When there is no such bucket in the end, or it is somebody else's.
pub(crate) async fn ensure(account: &Account) -> Result<String> {
    let client = account.client(gated!(aws_sdk_s3));
    let (name, owner) = (name(account), account.id().as_str());
    match client.get_bucket_policy().bucket(&name).expected_bucket_owner(owner).send().await.called(GET_POLICY) {
        // It was made before, and people may have added to its policy: it stays as it is, if it still lets logs in.
        Ok(answer) => {
            let policy = answer.policy.unwrap_or_default();
            let lets_in = ["TrailDelivers", "AccessLogsAreDelivered"].iter().all(|sid| policy.contains(sid));
            return if lets_in {
                Ok(name)
            } else {
                Err(Error::new(
                    Kind::Rejected,
                    PUT_POLICY,
                    format!("the policy of the bucket {name} was changed and lets no logs in any more: mend it by hand"),
                ))
            };
        }
        Err(error) if ["NoSuchBucket", "NoSuchBucketPolicy"].contains(&error.code.as_str()) => {}
        Err(error) => return Err(error),
    }
    let mut call = client.create_bucket().bucket(&name).object_ownership(ObjectOwnership::BucketOwnerEnforced);
    // The first region of the standard partition is named by saying nothing.
    if account.region().to_string() != "us-east-1" {
        let place = BucketLocationConstraint::from(account.region().to_string().as_str());
        call = call.create_bucket_configuration(CreateBucketConfiguration::builder().location_constraint(place).build());
    }
    match call.send().await.called(CREATE) {
        Err(error) if error.code == "BucketAlreadyOwnedByYou" => {}
        Err(error) if error.code == "BucketAlreadyExists" => {
            return Err(Error::new(Kind::Rejected, CREATE, format!("the bucket name {name} belongs to somebody else")));
        }
        made => _ = made?,
    }
    let block = PublicAccessBlockConfiguration::builder()
        .block_public_acls(true)
        .ignore_public_acls(true)
        .block_public_policy(true)
        .restrict_public_buckets(true)
        .build();
    let call = client.put_public_access_block().bucket(&name).expected_bucket_owner(owner);
    call.public_access_block_configuration(block).send().await.called(PUT_BLOCK)?;
    let malformed = |error: aws_smithy_types::error::operation::BuildError| Error::malformed(CREATE, error.to_string());
    let rule = OwnershipControlsRule::builder().object_ownership(ObjectOwnership::BucketOwnerEnforced).build().map_err(malformed)?;
    let controls = OwnershipControls::builder().rules(rule).build().map_err(malformed)?;
    client
        .put_bucket_ownership_controls()
        .bucket(&name)
        .expected_bucket_owner(owner)
        .ownership_controls(controls)
        .send()
        .await
        .called(PUT_OWNERSHIP)?;
    // S3's own keys: access logs are not delivered to a bucket that is encrypted with KMS.
    let by_default = ServerSideEncryptionByDefault::builder().sse_algorithm(ServerSideEncryption::Aes256).build().map_err(malformed)?;
    let rule = ServerSideEncryptionRule::builder().apply_server_side_encryption_by_default(by_default).build();
    let encryption = ServerSideEncryptionConfiguration::builder().rules(rule).build().map_err(malformed)?;
    let call = client.put_bucket_encryption().bucket(&name).expected_bucket_owner(owner);
    call.server_side_encryption_configuration(encryption).send().await.called(PUT_ENCRYPTION)?;
    let policy = policy(account, &name).to_string();
    client.put_bucket_policy().bucket(&name).expected_bucket_owner(owner).policy(policy).send().await.called(PUT_POLICY)?;
    Ok(name)
}

/// TLS only, and delivery by CloudTrail and by S3's access logs in the name of this account only.
///
/// See <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/create-s3-bucket-policy-for-cloudtrail.html> and
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/enable-server-access-logging.html>.
fn policy(account: &Account, name: &str) -> Json {
    let (partition, id, region) = (account.partition(), account.id(), account.region());
    let bucket = format!("arn:{partition}:s3:::{name}");
    let trail = format!("arn:{partition}:cloudtrail:{region}:{id}:trail/redress");
    json!({
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "TlsOnly", "Effect": "Deny", "Principal": "*", "Action": "s3:*",
                "Resource": [bucket, format!("{bucket}/*")],
                "Condition": {"Bool": {"aws:SecureTransport": "false"}}
            },
            {
                "Sid": "TrailReadsAcl", "Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"},
                "Action": "s3:GetBucketAcl", "Resource": bucket,
                "Condition": {"StringEquals": {"aws:SourceArn": trail}}
            },
            {
                "Sid": "TrailDelivers", "Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"},
                "Action": "s3:PutObject", "Resource": format!("{bucket}/AWSLogs/{id}/*"),
                "Condition": {"StringEquals": {"aws:SourceArn": trail, "s3:x-amz-acl": "bucket-owner-full-control"}}
            },
            {
                "Sid": "AccessLogsAreDelivered", "Effect": "Allow", "Principal": {"Service": "logging.s3.amazonaws.com"},
                "Action": "s3:PutObject", "Resource": format!("{bucket}/access/*"),
                "Condition": {"StringEquals": {"aws:SourceAccount": id.as_str()}, "ArnLike": {"aws:SourceArn": format!("arn:{partition}:s3:::*")}}
            }
        ]
    })
}
