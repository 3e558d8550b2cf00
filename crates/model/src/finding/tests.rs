use serde_json::json;

use super::*;

fn raw() -> Value {
    json!({
        "Id": "arn:aws:securityhub:us-east-1:111122223333:security-control/S3.5/finding/1",
        "ProductArn": "arn:aws:securityhub:us-east-1::product/aws/securityhub",
        "AwsAccountId": "111122223333",
        "Region": "eu-central-1",
        "GeneratorId": "security-control/S3.5",
        "RecordState": "ACTIVE",
        "Workflow": {"Status": "NEW"},
        "Compliance": {"Status": "FAILED", "SecurityControlId": "S3.5"},
        "Resources": [{"Type": "AwsS3Bucket", "Id": "arn:aws:s3:::logs", "Region": "eu-central-1"}],
    })
}

fn with(pointer: &str, value: Value) -> Value {
    let mut raw = raw();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    raw.pointer_mut(parent).unwrap()[key] = value;
    raw
}

fn coming(trigger: Trigger, format: Format, sources: &Sources) -> Coming<'_> {
    Coming { trigger, format, account: "", sources }
}

fn admit(raw: &Value) -> Result<Finding, Rejection> {
    Finding::admit(raw, coming(Trigger::Imported, Format::Asff, &Sources::default())).map(|(finding, _)| finding)
}

#[test]
fn acts_in_the_resource_s_region() {
    assert_eq!(admit(&raw()).unwrap().resource.region.as_str(), "eu-central-1");
    let trail = with("/Resources", json!([{"Type": "T", "Id": "arn:aws:kms:ap-south-1:111122223333:key/k", "Region": "x-1"}]));
    assert_eq!(admit(&trail).unwrap().resource.region.as_str(), "ap-south-1");
}

#[test]
fn global_controls_are_one_job_whatever_region_reported_them() {
    let mut account = with("/Resources", json!([{"Type": "AwsAccount", "Id": "AWS::::Account:111122223333"}]));
    account["Compliance"]["SecurityControlId"] = json!("IAM.15");
    assert_eq!(admit(&account).unwrap().resource.region.as_str(), "us-east-1");
    account["ProductArn"] = json!("arn:aws-us-gov:securityhub:us-gov-east-1::product/aws/securityhub");
    assert_eq!(admit(&account).unwrap().resource.region.as_str(), "us-gov-west-1");
}

#[test]
fn only_active_failed_new_findings_are_worked_on_by_themselves() {
    for (pointer, value) in [
        ("/RecordState", json!("ARCHIVED")),
        ("/Compliance/Status", json!("PASSED")),
        ("/Compliance/Status", json!("WARNING")),
        ("/Compliance", json!({})),
        ("/Workflow/Status", json!("SUPPRESSED")),
        ("/Workflow/Status", json!("RESOLVED")),
        ("/Workflow/Status", json!("NOTIFIED")),
        ("/Compliance/SecurityControlId", json!("Lambda.1")),
        ("/Compliance/SecurityControlId", json!("nonsense")),
        ("/AwsAccountId", json!("12")),
        ("/Resources", json!([])),
        ("/Resources", json!("text")),
        ("/Id", json!(null)),
    ] {
        let rejected = admit(&with(pointer, value.clone()));
        assert!(matches!(rejected, Err(Rejection::Skipped(_))), "{pointer} = {value}: {rejected:?}");
    }
}

#[test]
fn a_person_may_ask_for_what_was_notified() {
    let notified = with("/Workflow/Status", json!("NOTIFIED"));
    let chosen = |raw: &Value, intent| {
        Finding::admit(raw, coming(Trigger::Chosen(intent), Format::Asff, &Sources::default())).map(|(_, intent)| intent)
    };
    assert_eq!(chosen(&notified, Intent::Requested), Ok(Intent::Requested));
    assert!(chosen(&with("/Workflow/Status", json!("SUPPRESSED")), Intent::Requested).is_err());
    let passed = with("/Compliance/Status", json!("PASSED"));
    assert!(chosen(&passed, Intent::Requested).is_err());
    assert_eq!(chosen(&passed, Intent::Undo), Ok(Intent::Undo));
    assert!(chosen(&with("/Workflow/Status", json!("SUPPRESSED")), Intent::Undo).is_err());
}

#[test]
fn findings_that_pose_as_security_hub_s_are_suspicious() {
    for product in [
        "arn:aws:securityhub:us-east-1:111122223333:product/111122223333/default",
        "arn:aws:securityhub:us-east-1::product/aws/guardduty",
        "arn:aws:securityhub:us-east-1:111122223333:product/aws/securityhub",
        "arn:aws:securityhub:us-east-1::product/aws/securityhub/x",
        "product/aws/securityhub",
    ] {
        let rejected = admit(&with("/ProductArn", json!(product)));
        assert!(matches!(rejected, Err(Rejection::Suspicious(_))), "{product}: {rejected:?}");
    }
}

#[test]
fn a_resource_of_another_account_is_suspicious() {
    for id in ["arn:aws:kms:us-east-1:999988887777:key/k", "AWS::::Account:999988887777"] {
        let rejected = admit(&with("/Resources", json!([{"Type": "T", "Id": id, "Region": "us-east-1"}])));
        assert!(matches!(rejected, Err(Rejection::Suspicious(_))), "{id}: {rejected:?}");
    }
}

/// Every finding of `events/legacy`, and the control that it is of.
const LEGACY: &[(&str, &str, &str)] = &[
    ("cis12-before-consolidation", include_str!("../../../../events/legacy/cis12-before-consolidation.json"), "KMS.4"),
    ("cis12-of-2020", include_str!("../../../../events/legacy/cis12-of-2020.json"), "IAM.16"),
    ("cis12-today", include_str!("../../../../events/legacy/cis12-today.json"), "CloudTrail.4"),
    ("cis14-before-consolidation", include_str!("../../../../events/legacy/cis14-before-consolidation.json"), "IAM.16"),
    ("cis30", include_str!("../../../../events/legacy/cis30.json"), "EC2.7"),
    ("cis50", include_str!("../../../../events/legacy/cis50.json"), "EC2.7"),
    ("control-tower", include_str!("../../../../events/legacy/control-tower.json"), "S3.5"),
    ("fsbp-before-consolidation", include_str!("../../../../events/legacy/fsbp-before-consolidation.json"), "RDS.13"),
    ("nist80053", include_str!("../../../../events/legacy/nist80053.json"), "S3.5"),
    (
        "pci321-cloudtrail3-before-consolidation",
        include_str!("../../../../events/legacy/pci321-cloudtrail3-before-consolidation.json"),
        "CloudTrail.4",
    ),
    ("pci321-iam1", include_str!("../../../../events/legacy/pci321-iam1.json"), "IAM.4"),
    ("pci321-kms1-before-consolidation", include_str!("../../../../events/legacy/pci321-kms1-before-consolidation.json"), "KMS.4"),
    ("pci321-s36-before-consolidation", include_str!("../../../../events/legacy/pci321-s36-before-consolidation.json"), "S3.1"),
];

#[test]
fn derives_the_control_of_findings_of_every_standard_and_age() {
    for (name, text, control) in LEGACY {
        let finding = admit(&serde_json::from_str(text).unwrap()).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(finding.controls[0].as_str(), *control, "{name}");
        assert_eq!(finding.resource.region.as_str(), "us-east-1", "{name}");
    }
}

#[test]
fn a_clause_without_its_standard_says_nothing() {
    let legacy = |generator: &str, fields: Value| {
        let mut raw = with("/Compliance", json!({"Status": "FAILED"}));
        raw["Id"] = json!("finding");
        raw["GeneratorId"] = json!(generator);
        raw["ProductFields"] = fields;
        admit(&raw).map(|finding| finding.controls[0].to_string())
    };
    assert_eq!(legacy("x", json!({"ControlId": "EC2.8"})), Ok("EC2.8".into()));
    assert_eq!(legacy("x", json!({"ControlId": "CT.EC2.8"})), Ok("EC2.8".into()));
    for (generator, fields) in [
        ("x", json!({"RuleId": "1.9"})),
        ("x", json!({"ControlId": "1.9"})),
        ("x", json!({"ControlId": "PCI.KMS.1"})),
        ("pci-dss/v/3.2.1/PCI.KMS.4", json!({})),
        ("arn:aws:securityhub:::ruleset/cis-aws-foundations-benchmark/v/1.2.0/rule/1.1", json!({})),
        ("cis-aws-foundations-benchmark/v/1.4.0/2.1.5", json!({})),
        ("prowler-s3_bucket_secure_transport_policy", json!({})),
    ] {
        assert!(legacy(generator, fields.clone()).is_err(), "{generator} {fields}");
    }
}

fn prowler(check: &str, kind: &str, id: &str) -> Value {
    json!({
        "Id": format!("prowler-{check}-111122223333-eu-central-1-0a1b2c3d4"),
        "ProductArn": "arn:aws:securityhub:eu-central-1::product/prowler/prowler",
        "GeneratorId": format!("prowler-{check}"),
        "AwsAccountId": "111122223333",
        "RecordState": "ACTIVE",
        "Compliance": {"Status": "FAILED"},
        "Resources": [{"Type": kind, "Id": id, "Partition": "aws", "Region": "eu-central-1"}],
    })
}

#[test]
fn prowler_is_listened_to_where_it_is_switched_on() {
    let raw = prowler("s3_bucket_secure_transport_policy", "AwsS3Bucket", "arn:aws:s3:::logs");
    assert!(matches!(admit(&raw), Err(Rejection::Skipped(why)) if why.contains("not switched on")));
    let sources: Sources = "security-hub, prowler".parse().unwrap();
    let admit = |raw: &Value| Finding::admit(raw, coming(Trigger::Imported, Format::Asff, &sources)).map(|(finding, _)| finding);
    assert_eq!(admit(&raw).unwrap().controls[0].as_str(), "S3.5");
    let password =
        admit(&prowler("iam_password_policy_minimum_length_14", "AwsIamUser", "arn:aws:iam::111122223333:password-policy")).unwrap();
    assert_eq!((password.resource.kind.as_str(), password.resource.id.as_str()), ("AwsAccount", "AWS::::Account:111122223333"));
    let ssh = prowler(
        "ec2_securitygroup_allow_ingress_from_internet_to_tcp_port_22",
        "AwsEc2SecurityGroup",
        "arn:aws:ec2:eu-central-1:111122223333:security-group/sg-1",
    );
    assert_eq!(admit(&ssh).unwrap().controls.len(), 2, "the check looks at both address families");
    assert!(admit(&prowler("no_such_check", "T", "x")).is_err());
    assert!("prowler,nonsense".parse::<Sources>().unwrap_err().contains("`nonsense`"));
}

fn v2() -> Value {
    let event: Value = serde_json::from_str(include_str!("../../../../events/securityhub-v2/S3.5.json")).unwrap();
    event["detail"]["findings"][0].clone()
}

fn admit_v2(raw: &Value) -> Result<(Finding, Intent), Rejection> {
    Finding::admit(raw, coming(Trigger::Imported, Format::Ocsf, &Sources::default()))
}

#[test]
fn a_finding_of_version_2_becomes_the_same_finding() {
    let (finding, intent) = admit_v2(&v2()).unwrap();
    assert_eq!((finding.controls[0].as_str(), intent), ("S3.5", Intent::Automatic));
    assert_eq!(finding.resource.kind, "AwsS3Bucket");
    assert!(finding.resource.id.starts_with("arn:aws:s3:::"), "{}", finding.resource.id);
    assert_eq!(finding.key.unwrap().ocsf_account.as_deref(), Some(finding.resource.account.as_str()));
}

#[test]
fn a_resource_of_version_2_without_its_arn_is_found_by_its_type() {
    let mut raw = v2();
    raw["compliance"]["control"] = json!("EC2.8");
    raw["resources"] = json!([{"type": "AWS::EC2::Instance", "uid": "i-0abc", "region": "eu-west-1"}]);
    let account = raw["cloud"]["account"]["uid"].as_str().unwrap().to_owned();
    let (finding, _) = admit_v2(&raw).unwrap();
    assert_eq!(finding.resource.id, format!("arn:aws:ec2:eu-west-1:{account}:instance/i-0abc"));
    raw["compliance"]["control"] = json!("IAM.15");
    raw["resources"] = json!([{"type": "AWS::::Account", "uid": account, "region": "global"}]);
    let (finding, _) = admit_v2(&raw).unwrap();
    assert_eq!((finding.resource.id, finding.resource.region.as_str()), (format!("AWS::::Account:{account}"), "us-east-1"));
}

#[test]
fn of_version_2_only_open_failed_control_findings_are_worked_on() {
    for (pointer, value) in [
        ("/class_uid", json!(2004)),
        ("/activity_id", json!(3)),
        ("/activity_name", json!("Close")),
        ("/status_id", json!(2)),
        ("/status_id", json!(3)),
        ("/status_id", json!(4)),
        ("/status_id", json!(5)),
        ("/compliance", json!({"status": "Pass", "status_id": 1, "control": "S3.5"})),
        ("/compliance", json!({"status": "Fail"})),
        ("/compliance/control", json!("Lambda.1")),
        ("/resources", json!([])),
        ("/metadata/product/uid", json!("arn:aws:securityhub:us-east-1::productv2/aws/securityhub-coverage")),
    ] {
        let mut raw = v2();
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        raw.pointer_mut(parent).unwrap()[key] = value.clone();
        let rejected = admit_v2(&raw);
        assert!(matches!(rejected, Err(Rejection::Skipped(_))), "{pointer} = {value}: {rejected:?}");
    }
}

#[test]
fn findings_that_pose_as_version_2_s_are_suspicious() {
    for product in [
        "arn:aws:securityhub:us-east-1:111122223333:productv2/111122223333/default",
        "arn:aws:securityhub:us-east-1::productv2/aws/securityhubx",
        "arn:aws:securityhub:us-east-1::product/aws/securityhub",
        "arn:aws:securityhub:us-east-1::productv2/aws/guardduty",
        "prowler",
    ] {
        let mut raw = v2();
        raw["metadata"]["product"]["uid"] = json!(product);
        let rejected = admit_v2(&raw);
        assert!(matches!(rejected, Err(Rejection::Suspicious(_))), "{product}: {rejected:?}");
    }
    let mut file = v2();
    file["metadata"] = json!({"event_code": "s3_bucket_secure_transport_policy", "product": {"name": "Prowler", "uid": "prowler"}});
    file["status_code"] = json!("FAIL");
    assert!(matches!(admit_v2(&file), Err(Rejection::Suspicious(_))), "nothing proves who wrote it");
    let handed_over = coming(Trigger::Chosen(Intent::Shown), Format::Ocsf, &Sources::all()).sources.clone();
    let (finding, _) = Finding::admit(&file, coming(Trigger::Chosen(Intent::Shown), Format::Ocsf, &handed_over)).unwrap();
    assert_eq!((finding.controls[0].as_str(), finding.key), ("S3.5", None));
}

fn change() -> (Value, String) {
    let event: Value = serde_json::from_str(include_str!("../../../../events/config/s3-bucket-ssl-requests-only.json")).unwrap();
    (event["detail"].clone(), event["account"].as_str().unwrap().to_owned())
}

fn admit_change(raw: &Value, account: &str, sources: &str) -> Result<Finding, Rejection> {
    let sources: Sources = sources.parse().unwrap();
    let coming = Coming { account, ..coming(Trigger::Imported, Format::ConfigChange, &sources) };
    Finding::admit(raw, coming).map(|(finding, _)| finding)
}

#[test]
fn config_s_rules_are_known_by_the_names_that_aws_gives_them() {
    let (change, account) = change();
    let named = |name: &str| {
        let mut change = change.clone();
        change["configRuleName"] = json!(name);
        admit_change(&change, &account, "config").map(|finding| finding.controls[0].to_string())
    };
    for name in [
        "s3-bucket-ssl-requests-only",
        "OrgConfigRule-s3-bucket-ssl-requests-only-dbgzf8ba",
        "s3-bucket-ssl-requests-only-conformance-pack-ab12cd3ef",
    ] {
        assert_eq!(named(name), Ok("S3.5".into()), "{name}");
    }
    for name in [
        "my-s3-bucket-ssl-requests-only",
        "s3-bucket-ssl-requests-only-2",
        "OrgConfigRule-s3-bucket-ssl-requests-only",
        "iam-password-policy",
        "",
    ] {
        assert!(named(name).is_err(), "{name}");
    }
}

#[test]
fn config_is_listened_to_where_it_is_switched_on_and_only_about_its_own_account() {
    let (change, account) = change();
    assert!(matches!(admit_change(&change, &account, "prowler"), Err(Rejection::Skipped(_))));
    let finding = admit_change(&change, &account, "config").unwrap();
    assert!(finding.key.is_none() && finding.resource.id.starts_with("arn:aws:s3:::"), "{finding:?}");
    assert!(matches!(admit_change(&change, "999988887777", "config"), Err(Rejection::Suspicious(_))));
    let mut elsewhere = change.clone();
    elsewhere["configRuleARN"] = json!("arn:aws:config:us-east-1:999988887777:config-rule/config-rule-1");
    assert!(matches!(admit_change(&elsewhere, &account, "config"), Err(Rejection::Suspicious(_))));
    let mut of_the_hub = change.clone();
    of_the_hub["configRuleARN"] = json!(format!(
        "arn:aws:config:{}:{account}:config-rule/aws-service-rule/securityhub.amazonaws.com/config-rule-a",
        change["awsRegion"].as_str().unwrap()
    ));
    assert!(matches!(admit_change(&of_the_hub, &account, "config"), Err(Rejection::Skipped(why)) if why.contains("of Security Hub")));
    let mut compliant = change;
    compliant["newEvaluationResult"]["complianceType"] = json!("COMPLIANT");
    assert!(matches!(admit_change(&compliant, &account, "config"), Err(Rejection::Skipped(_))));
}
