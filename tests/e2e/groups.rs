//! Security groups under a policy of their own: every trigger, every level of enforcement, and what must never happen.

use std::{collections::BTreeMap, time::Duration};

use aws_sdk_ec2::types::{IpPermission, IpRange, Tag};
use libtest_mimic::Trial;
use redress_e2e::{Seen, World};
use redress_testkit::{events::unique, stage::Place};
use serde_json::{Value as Json, json};

use crate::{GROUPS, SHIPPED, command::Operator, journeys::eventually, trial};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("groups::a_change_that_violates_the_policy_is_reported_within_seconds_and_nothing_else", reported),
        trial("groups::a_tag_says_what_is_wrong", tagged),
        trial("groups::only_what_offends_is_removed_its_finding_passes_and_undo_brings_all_back", remediated),
        trial("groups::an_emergency_locks_the_group_down_egress_too_and_undo_opens_it_again", locked_down),
        trial("groups::what_was_there_before_a_change_is_no_emergency", no_emergency),
        trial("groups::a_new_group_is_looked_at", created),
        trial("groups::a_modified_rule_is_looked_at", modified),
        trial("groups::every_kind_of_change_is_looked_at", every_kind),
        trial("groups::our_own_changes_and_failed_calls_are_no_triggers", no_triggers),
        trial("groups::a_principal_that_changes_groups_in_masses_is_told_and_quarantined_until_undone", crowd),
        trial("groups::a_dry_run_holds_on_every_path", dry_run),
        trial("groups::within_its_grace_a_violation_is_tagged_at_most", grace),
        trial("groups::an_exempt_group_is_left_as_it_is", exempt),
        trial("groups::what_somebody_else_mended_passes_and_is_no_longer_called_wrong", mended_by_hand),
        trial("groups::a_person_s_yes_on_our_own_finding_counts", approved),
        trial("groups::a_sweep_tells_of_every_account_and_region_whatever_is_broken", sweep),
        trial("groups::a_manual_scan_looks_where_it_was_asked_to", manual),
        trial("groups::without_named_regions_a_sweep_looks_at_all_that_are_open_and_the_shipped_policy_changes_nothing", all_regions),
        trial("groups::the_thousand_and_first_rule_is_seen", many_rules),
        trial("groups::a_prefix_list_that_is_the_world_is_the_world", prefix_list),
        trial("groups::a_throttled_scan_comes_again", throttled),
    ]
}

/// A member account whose security groups are judged by rules of its own.
async fn place(own: Json) -> Place<'static> {
    let place = GROUPS.place().await;
    GROUPS.rule(&place.account, "mode: auto").await;
    GROUPS.group_policy(&place.account, own).await;
    place
}

fn enforced(step: &str) -> Json {
    json!({"enforcement": {"steps": {"critical": step, "high": step, "medium": step}}})
}

fn emergency(action: &str) -> Json {
    json!({"real_time_scanning": {"emergency_action": action, "detection_rules": {"risky_rule_added": {"auto_remediate_critical": true}}}})
}

fn ec2(place: &Place<'_>) -> aws_sdk_ec2::Client {
    aws_sdk_ec2::Client::new(&place.sdk)
}

fn rule(port: i32, to: i32, source: &str, why: &str) -> IpPermission {
    IpPermission::builder()
        .ip_protocol("tcp")
        .from_port(port)
        .to_port(to)
        .ip_ranges(IpRange::builder().cidr_ip(source).description(why).build())
        .build()
}

/// A group that something has: what nobody has weighs less.
async fn group(place: &Place<'_>) -> String {
    let ec2 = ec2(place);
    let vpc = ec2.describe_vpcs().send().await.unwrap().vpcs()[0].vpc_id().unwrap().to_owned();
    let subnet = ec2.describe_subnets().send().await.unwrap().subnets()[0].subnet_id().unwrap().to_owned();
    let made = ec2.create_security_group().group_name(format!("app-{}", unique())).description("staged").vpc_id(vpc).send().await.unwrap();
    let id = made.group_id().unwrap().to_owned();
    ec2.create_network_interface().subnet_id(subnet).groups(&id).send().await.unwrap();
    id
}

async fn open(place: &Place<'_>, group: &str, rules: &[IpPermission]) {
    let call = ec2(place).authorize_security_group_ingress().group_id(group);
    call.set_ip_permissions(Some(rules.to_vec())).send().await.unwrap();
}

/// How often the scanner looked at a group.
fn looks(group: &str) -> usize {
    let is_look = |line: &&String| line.contains("\"looked\"") && line.contains(group);
    GROUPS.local().logs("SgComplianceScanner").iter().filter(is_look).count()
}

/// The rules and tags of a group as they are now, without the rules' ids, which never come back.
async fn state(place: &Place<'_>, group: &str) -> (Vec<String>, BTreeMap<String, String>) {
    let ec2 = ec2(place);
    let filter = aws_sdk_ec2::types::Filter::builder().name("group-id").values(group).build();
    let rules = ec2.describe_security_group_rules().filters(filter).send().await.unwrap();
    let mut told: Vec<String> = rules
        .security_group_rules()
        .iter()
        .map(|rule| {
            let way = if rule.is_egress() == Some(true) { "out" } else { "in" };
            let (from, to) = (rule.from_port().unwrap_or(-1), rule.to_port().unwrap_or(-1));
            let peer = rule.cidr_ipv4().or(rule.cidr_ipv6()).unwrap_or("?");
            let tags: Vec<_> = rule.tags().iter().map(|tag| format!("{}={}", tag.key().unwrap(), tag.value().unwrap())).collect();
            format!(
                "{way} {} {from}-{to} {peer} {} {}",
                rule.ip_protocol().unwrap(),
                rule.description().unwrap_or_default(),
                tags.join(",")
            )
        })
        .collect();
    told.sort();
    let groups = ec2.describe_security_groups().group_ids(group).send().await.unwrap();
    let tags = groups.security_groups()[0].tags().iter();
    (told, tags.map(|tag| (tag.key().unwrap().to_owned(), tag.value().unwrap().to_owned())).collect())
}

fn id(place: &Place<'_>, group: &str, rule: &str) -> String {
    format!("redress/security-groups/{}/{}/{group}/{rule}", place.region, place.account)
}

/// Our finding as Security Hub has it, with its compliance status.
async fn finding(place: &Place<'_>, group: &str, rule: &str) -> Option<(String, Json, Seen)> {
    let id = id(place, group, rule);
    let filter = aws_sdk_securityhub::types::StringFilter::builder()
        .value(&id)
        .comparison(aws_sdk_securityhub::types::StringFilterComparison::Equals)
        .build();
    let filters = aws_sdk_securityhub::types::AwsSecurityFindingFilters::builder().id(filter).build();
    let answer = aws_sdk_securityhub::Client::new(GROUPS.admin()).get_findings().filters(filters).send().await.unwrap();
    let found = answer.findings().first()?;
    let status = found.compliance().and_then(|compliance| compliance.status()).map(|status| status.as_str().to_owned())?;
    let resource = found.resources().first()?;
    let asff = json!({
        "Id": id, "ProductArn": found.product_arn(), "GeneratorId": found.generator_id(), "AwsAccountId": found.aws_account_id(),
        "Compliance": {"Status": status}, "RecordState": "ACTIVE",
        "Workflow": {"Status": found.workflow().and_then(|workflow| workflow.status()).map(|status| status.as_str().to_owned())},
        "Resources": [{"Type": resource.r#type(), "Id": resource.id(), "Region": resource.region()}],
    });
    Some((status, asff, GROUPS.see(&json!({ "Id": id })).await?))
}

/// Waits until our finding has this compliance status.
async fn with_status(place: &Place<'_>, group: &str, rule: &str, wanted: &str) -> (Json, Seen) {
    eventually(&format!("{rule} of {group} being {wanted}"), async || {
        let (status, asff, seen) = finding(place, group, rule).await?;
        (status == wanted).then_some((asff, seen))
    })
    .await
}

/// Waits until a job about our finding ended so.
async fn with_outcome(place: &Place<'_>, group: &str, rule: &str, wanted: &str) -> (Json, Seen) {
    let mut last = None;
    for _ in 0..1200 {
        if let Some((_, asff, seen)) = finding(place, group, rule).await {
            if seen.outcome == wanted {
                return (asff, seen);
            }
            last = Some(seen);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let is_about = |line: &&String| line.contains(group) && !line.contains("\"looked\"");
    let logs: Vec<_> = GROUPS.local().logs("CisRemediator").iter().filter(is_about).cloned().collect();
    panic!("{rule} of {group} is not {wanted}: {last:?}\n{}", logs.join("\n"))
}

async fn reported() {
    let place = place(json!({})).await;
    let group = group(&place).await;
    open(&place, &group, &[rule(22, 22, "0.0.0.0/0", "hurry"), rule(443, 443, "0.0.0.0/0", "web")]).await;
    let before = state(&place, &group).await;
    let (asff, seen) = with_status(&place, &group, "SSH", "FAILED").await;
    assert_eq!(asff["ProductArn"], format!("arn:aws:securityhub:{}:{1}:product/{1}/default", place.region, place.account));
    assert!(finding(&place, &group, "RDP").await.is_none(), "public web traffic is nobody's business");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(state(&place, &group).await, before);
    assert_eq!(seen.outcome, "");
}

async fn tagged() {
    let place = place(enforced("tag")).await;
    let group = group(&place).await;
    open(&place, &group, &[rule(22, 22, "0.0.0.0/0", "hurry")]).await;
    let before = state(&place, &group).await.0;
    with_outcome(&place, &group, "SSH", "needs-person").await;
    let (rules, tags) = state(&place, &group).await;
    assert_eq!(rules, before);
    assert_eq!((tags["COMPLIANCE_STATUS"].as_str(), tags["COMPLIANCE_VIOLATION_COUNT"].as_str()), ("NON_COMPLIANT", "1"));
    assert_eq!(tags["COMPLIANCE_VIOLATION_REASON"], "port 22 is not for everybody");
    assert!(!tags.contains_key("COMPLIANCE_REMEDIATED"));
    let (_, seen) = with_status(&place, &group, "SSH", "FAILED").await;
    assert_ne!(seen.workflow, "RESOLVED", "what is only tagged is not resolved: {}", seen.note);
}

async fn remediated() {
    let place = place(enforced("remediate")).await;
    let group = group(&place).await;
    let wide = rule(20, 25, "0.0.0.0/0", "everything of the seventies");
    let call = ec2(&place).authorize_security_group_ingress().group_id(&group).ip_permissions(wide);
    let tag = Tag::builder().key("owner").value("ann").build();
    let on_rule = aws_sdk_ec2::types::TagSpecification::builder()
        .resource_type(aws_sdk_ec2::types::ResourceType::SecurityGroupRule)
        .tags(tag)
        .build();
    call.tag_specifications(on_rule).send().await.unwrap();
    let (asff, seen) = with_outcome(&place, &group, "SSH", "remediated").await;
    let (rules, tags) = state(&place, &group).await;
    let kept = |ports: &str| format!("in tcp {ports} 0.0.0.0/0 everything of the seventies owner=ann");
    assert_eq!(rules[..2], [kept("20-21"), kept("24-25")], "{rules:?}");
    assert_eq!((tags["COMPLIANCE_STATUS"].as_str(), tags["COMPLIANCE_REMEDIATED"].as_str()), ("COMPLIANT", "true"));
    assert_eq!(seen.workflow, "RESOLVED");
    with_status(&place, &group, "SSH", "PASSED").await;
    with_status(&place, &group, "TELNET", "PASSED").await;
    let result = scan(json!({"scan_type": "manual", "accounts": [place.account.as_str()]})).await;
    assert_eq!(row(&result, place.account.as_str(), "us-east-1")["jobs"], 0, "a second run wants nothing");
    assert_eq!(state(&place, &group).await, (rules, tags));
    GROUPS.choose("RedressUndo", &asff);
    eventually("the undo", async || (finding(&place, &group, "SSH").await?.2.outcome == "undone").then_some(())).await;
    let (rules, tags) = state(&place, &group).await;
    assert!(rules.contains(&kept("20-25")) && rules.len() == 2, "{rules:?}");
    assert!(tags.is_empty(), "{tags:?}");
    with_status(&place, &group, "SSH", "FAILED").await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(state(&place, &group).await.0.contains(&kept("20-25")), "what a person undid is not done again");
}

async fn locked_down() {
    let place = place(emergency("lockdown")).await;
    let group = group(&place).await;
    open(&place, &group, &[rule(443, 443, "10.0.0.0/8", "inside")]).await;
    let before = state(&place, &group).await;
    open(&place, &group, &[rule(22, 22, "0.0.0.0/0", "hurry")]).await;
    let open = state(&place, &group).await;
    assert_ne!(open, before);
    let (asff, _) = with_outcome(&place, &group, "SSH", "remediated").await;
    let (rules, tags) = state(&place, &group).await;
    assert_eq!(rules.len(), 1, "egress went too: {rules:?}");
    assert!(rules[0].starts_with("in tcp 65535-65535 127.0.0.1/32 ALL RULES REMOVED"), "{rules:?}");
    assert_eq!((tags["COMPLIANCE_STATUS"].as_str(), tags["COMPLIANCE_REMEDIATED"].as_str()), ("LOCKED_DOWN", "true"));
    GROUPS.choose("RedressUndo", &asff);
    eventually("the undo", async || (state(&place, &group).await == open).then_some(())).await;
}

async fn no_emergency() {
    let place = place(json!({})).await;
    let group = group(&place).await;
    open(&place, &group, &[rule(22, 22, "0.0.0.0/0", "for years")]).await;
    with_status(&place, &group, "SSH", "FAILED").await;
    // The look at the creation may have seen the rule already; the rule's own event must not come under what follows.
    eventually("a look at both", async || (looks(&group) > 1).then_some(())).await;
    GROUPS.group_policy(&place.account, emergency("lockdown")).await;
    // CloudTrail tells whole seconds: what was first seen within the second of a change might be its doing.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    // Another change, and one that brings nothing: neither is to blame.
    open(&place, &group, &[rule(3389, 3389, "0.0.0.0/0", "high, not critical")]).await;
    let call = ec2(&place).update_security_group_rule_descriptions_ingress().group_id(&group);
    call.ip_permissions(rule(22, 22, "0.0.0.0/0", "for years, still")).send().await.unwrap();
    with_status(&place, &group, "RDP", "FAILED").await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let (rules, tags) = state(&place, &group).await;
    assert!(rules.len() == 3 && tags.is_empty(), "{rules:?} {tags:?}");
}

async fn created() {
    let mail =
        json!({"rule_id": "MAIL", "direction": "outbound", "protocol": "tcp", "port_range": 25, "source": "0.0.0.0/0", "severity": "high"});
    let place = place(json!({"additional_prohibited_rules": [mail]})).await;
    let group = group(&place).await;
    with_status(&place, &group, "MAIL", "FAILED").await;
    ec2(&place).delete_security_group().group_id(&group).send().await.unwrap_err();
}

async fn modified() {
    let place = place(json!({})).await;
    let group = group(&place).await;
    open(&place, &group, &[rule(22, 22, "10.0.0.0/8", "inside")]).await;
    let ec2 = ec2(&place);
    let filter = aws_sdk_ec2::types::Filter::builder().name("group-id").values(&group).build();
    let rules = ec2.describe_security_group_rules().filters(filter).send().await.unwrap();
    let rule = rules.security_group_rules().iter().find(|rule| rule.is_egress() == Some(false)).unwrap();
    let to = aws_sdk_ec2::types::SecurityGroupRuleRequest::builder().ip_protocol("tcp").from_port(22).to_port(22).cidr_ipv4("0.0.0.0/0");
    let update = aws_sdk_ec2::types::SecurityGroupRuleUpdate::builder()
        .security_group_rule_id(rule.security_group_rule_id().unwrap())
        .security_group_rule(to.build())
        .build();
    ec2.modify_security_group_rules().group_id(&group).security_group_rules(update).send().await.unwrap();
    with_status(&place, &group, "SSH", "FAILED").await;
}

async fn every_kind() {
    let mail = json!({"rule_id": "MAIL", "direction": "outbound", "protocol": "tcp", "port_range": 25, "source": "203.0.113.0/24", "severity": "high"});
    let place = place(json!({"additional_prohibited_rules": [mail]})).await;
    let group = group(&place).await;
    let ec2 = ec2(&place);
    let everything = IpPermission::builder().ip_protocol("-1").ip_ranges(IpRange::builder().cidr_ip("0.0.0.0/0").build()).build();
    ec2.revoke_security_group_egress().group_id(&group).ip_permissions(everything).send().await.unwrap();
    let looks = || looks(&group);
    let looked_again = async |before: usize, what: &str| eventually(what, async || (looks() > before).then_some(())).await;
    looked_again(1, "a look at what was revoked").await;
    let before = looks();
    let call = ec2.authorize_security_group_egress().group_id(&group);
    call.ip_permissions(rule(25, 25, "203.0.113.0/24", "mail")).send().await.unwrap();
    looked_again(before, "a look at what was authorized").await;
    with_status(&place, &group, "MAIL", "FAILED").await;
    let before = looks();
    let call = ec2.update_security_group_rule_descriptions_egress().group_id(&group);
    call.ip_permissions(rule(25, 25, "203.0.113.0/24", "mail to them")).send().await.unwrap();
    looked_again(before, "a look at a new description").await;
    let before = looks();
    let call = ec2.run_instances().image_id("ami-12c6146b").min_count(1).max_count(1).security_group_ids(&group);
    call.send().await.unwrap();
    looked_again(before, "a look at the group of a new instance").await;
}

async fn no_triggers() {
    let place = place(enforced("remediate")).await;
    let group = group(&place).await;
    open(&place, &group, &[rule(22, 22, "0.0.0.0/0", "hurry")]).await;
    with_outcome(&place, &group, "SSH", "remediated").await;
    with_status(&place, &group, "SSH", "PASSED").await;
    let twice = [rule(443, 443, "10.0.0.0/8", "inside")];
    open(&place, &group, &twice).await;
    let again = ec2(&place).authorize_security_group_ingress().group_id(&group).set_ip_permissions(Some(twice.to_vec())).send().await;
    assert!(again.is_err());
    eventually("our own change being left alone", async || {
        let is_left = |line: &String| line.contains("left alone") && line.contains("a change of our own");
        GROUPS.local().logs("SgComplianceScanner").iter().any(is_left).then_some(())
    })
    .await;
    // The creation, the two changes, and the end of the job; any of them may come twice. A look at each of our own changes would never end.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let looks = looks(&group);
    assert!((1..=8).contains(&looks), "{looks} looks at one group");
}

async fn crowd() {
    let masses = json!({"enabled": true, "threshold": 5, "window_seconds": 60, "alert": true, "block_user": true});
    let place = place(json!({"real_time_scanning": {"detection_rules": {"mass_operations_detected": masses}}})).await;
    let group = group(&place).await;
    let name = format!("mallory-{}", unique());
    // Root's making of a key would be an incident of its own.
    let iam = aws_sdk_iam::Client::new(&place.local.operators(&place.account, &place.region).await);
    iam.create_user().user_name(&name).send().await.unwrap();
    let all = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "ec2:*", "Resource": "*"}]}).to_string();
    iam.put_user_policy().user_name(&name).policy_name("all").policy_document(all).send().await.unwrap();
    let key = iam.create_access_key().user_name(&name).send().await.unwrap().access_key.unwrap();
    let credentials = aws_credential_types::Credentials::new(key.access_key_id, key.secret_access_key, None, None, "test");
    let sdk =
        place.sdk.to_builder().credentials_provider(aws_credential_types::provider::SharedCredentialsProvider::new(credentials)).build();
    let mallory = aws_sdk_ec2::Client::new(&sdk);
    let open = async |port: i32| {
        mallory
            .authorize_security_group_ingress()
            .group_id(&group)
            .ip_permissions(rule(port, port, "10.0.0.0/8", "one of many"))
            .send()
            .await
    };
    for port in 1000..1006 {
        open(port).await.unwrap();
    }
    let attached = async || {
        let answer = iam.list_attached_user_policies().user_name(&name).send().await.unwrap();
        answer.attached_policies().iter().any(|policy| policy.policy_name() == Some("RedressQuarantine"))
    };
    eventually("the quarantine", async || attached().await.then_some(())).await;
    assert!(open(2000).await.is_err(), "the next change is refused");
    let told = eventually("the alert", async || {
        let logs = GROUPS.local().logs("SgComplianceScanner");
        logs.iter().find(|line| line.contains("mass operation") && line.contains(&name)).cloned()
    })
    .await;
    assert!(told.contains("\"deeds\":6"), "{told}");
    // The quarantine is a run as any other: it can be undone.
    let run = eventually("its record", async || {
        let logs = GROUPS.local().logs("CisRemediator");
        let line =
            logs.iter().find(|line| line.contains("SecurityGroup.2") && line.contains("remediated") && line.contains(&name))?.clone();
        serde_json::from_str::<Json>(&line).ok()?["run"].as_str().map(str::to_owned)
    })
    .await;
    let record = GROUPS.record(&run).await;
    assert_eq!(record["outcome"]["changes"][0], "+ may not change security groups");
    let ready = GROUPS.local().ready();
    let mut operator = Operator::of(&ready.endpoint, ready.admin.as_str(), ready.region.as_str());
    operator.environment.push(("REDRESS_DEPLOYMENT", "true".into()));
    let undone = operator.run(&["undo", &run]);
    assert!(undone.code == 0 && !attached().await, "{}{}", undone.out, undone.err);
    open(2000).await.unwrap();
}

async fn dry_run() {
    let place = GROUPS.place().await;
    GROUPS.rule(&place.account, "mode: plan").await;
    GROUPS
        .group_policy(
            &place.account,
            json!({"enforcement": {"steps": {"high": "remediate"}}, "real_time_scanning": emergency("lockdown")["real_time_scanning"]}),
        )
        .await;
    let group = group(&place).await;
    open(&place, &group, &[rule(22, 22, "0.0.0.0/0", "hurry"), rule(3389, 3389, "0.0.0.0/0", "hurry")]).await;
    let before = state(&place, &group).await;
    let (_, seen) = with_outcome(&place, &group, "SSH", "planned").await;
    assert!(seen.note.contains("ALL") || seen.note.contains("- in: tcp 22"), "{}", seen.note);
    scan(json!({"scan_type": "manual", "accounts": [place.account.as_str()]})).await;
    with_outcome(&place, &group, "RDP", "planned").await;
    assert_eq!(state(&place, &group).await, before);
    let writes = ["Authorize", "Revoke", "CreateTags", "DeleteTags", "Modify"];
    let ours = |call: &redress_testkit::local::Call| call.account == place.account.as_str() && call.principal.contains("Redress");
    let calls: Vec<_> = GROUPS.local().calls().into_iter().filter(ours).map(|call| call.action).collect();
    assert!(!calls.is_empty() && !calls.iter().any(|action| writes.iter().any(|write| action.contains(write))), "{calls:?}");
}

async fn grace() {
    let place = place(json!({"enforcement": {"steps": {"critical": "remediate"}, "grace_period_hours": {"critical": 24}}})).await;
    let group = group(&place).await;
    open(&place, &group, &[rule(22, 22, "0.0.0.0/0", "hurry")]).await;
    let before = state(&place, &group).await.0;
    with_outcome(&place, &group, "SSH", "needs-person").await;
    let (rules, tags) = state(&place, &group).await;
    assert_eq!((rules, tags["COMPLIANCE_STATUS"].as_str()), (before, "NON_COMPLIANT"));
}

async fn exempt() {
    let place = place(json!({"excluded_rules": ["SSH"], "enforcement": {"steps": {"critical": "remediate", "high": "remediate"}}})).await;
    let group = group(&place).await;
    open(&place, &group, &[rule(22, 22, "0.0.0.0/0", "legacy"), rule(3389, 3389, "0.0.0.0/0", "hurry")]).await;
    with_outcome(&place, &group, "RDP", "remediated").await;
    let (rules, _) = state(&place, &group).await;
    assert!(rules.iter().any(|rule| rule.starts_with("in tcp 22-22 0.0.0.0/0")), "{rules:?}");
}

async fn mended_by_hand() {
    let place = place(enforced("tag")).await;
    let group = group(&place).await;
    let open_rule = rule(22, 22, "0.0.0.0/0", "hurry");
    open(&place, &group, std::slice::from_ref(&open_rule)).await;
    with_outcome(&place, &group, "SSH", "needs-person").await;
    ec2(&place).revoke_security_group_ingress().group_id(&group).ip_permissions(open_rule).send().await.unwrap();
    with_status(&place, &group, "SSH", "PASSED").await;
    eventually("the tag", async || (state(&place, &group).await.1.get("COMPLIANCE_STATUS")? == "COMPLIANT").then_some(())).await;
    assert!(!state(&place, &group).await.1.contains_key("COMPLIANCE_REMEDIATED"), "it was not us");
}

async fn approved() {
    let place = GROUPS.place().await;
    GROUPS.rule(&place.account, "mode: approve").await;
    GROUPS.group_policy(&place.account, json!({"enforcement": {"steps": {"critical": "remediate"}}})).await;
    let group = group(&place).await;
    open(&place, &group, &[rule(22, 22, "0.0.0.0/0", "hurry"), rule(3389, 3389, "0.0.0.0/0", "only reported")]).await;
    let before = state(&place, &group).await;
    let (asff, _) = with_outcome(&place, &group, "SSH", "needs-approval").await;
    assert_eq!(state(&place, &group).await, before);
    tokio::time::sleep(Duration::from_millis(1100)).await;
    GROUPS.choose("RedressApprove", &asff);
    with_outcome(&place, &group, "SSH", "remediated").await;
    let (rules, _) = state(&place, &group).await;
    assert!(!rules.iter().any(|rule| rule.contains(" 22-22 ")), "{rules:?}");
    assert!(rules.iter().any(|rule| rule.contains(" 3389-3389 ")), "the yes was to the question, and to no more: {rules:?}");
}

/// Asks for a scan as people do, and waits for its result.
async fn scan(detail: Json) -> Json {
    scan_in(&GROUPS, detail).await
}

async fn scan_in(world: &World, detail: Json) -> Json {
    let before = sweeps(world).await;
    let entry = aws_sdk_eventbridge::types::PutEventsRequestEntry::builder()
        .source("custom.security.compliance")
        .detail_type("Manual Compliance Scan")
        .detail(detail.to_string())
        .build();
    let put = aws_sdk_eventbridge::Client::new(world.admin()).put_events().entries(entry).send().await.unwrap();
    assert_eq!(put.failed_entry_count(), 0);
    let wanted = detail["accounts"].clone();
    eventually("the result of the scan", async || {
        for sweep in sweeps(world).await.into_iter().filter(|sweep| !before.contains(sweep)) {
            let Some(result) = world.report(&format!("security-groups/sweeps/{sweep}/result.json")).await else { continue };
            let accounts: Vec<&Json> = result["rows"].as_array()?.iter().map(|row| &row["account"]).collect();
            if wanted.as_array().is_none_or(|wanted| accounts.iter().all(|account| wanted.contains(account))) {
                return Some(result);
            }
        }
        None
    })
    .await
}

/// The sweeps that were ever begun.
async fn sweeps(world: &World) -> Vec<String> {
    let client = aws_sdk_s3::Client::new(world.admin());
    let call = client.list_objects_v2().bucket(world.local().output("ReportsBucket")).prefix("security-groups/sweeps/").delimiter("/");
    let answer = call.send().await.unwrap();
    let name = |prefix: &str| prefix.trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_owned();
    answer.common_prefixes().iter().filter_map(|prefix| prefix.prefix().map(name)).collect()
}

fn row<'a>(result: &'a Json, account: &str, region: &str) -> &'a Json {
    let is = |row: &&Json| row["account"] == account && row["region"] == region;
    result["rows"].as_array().unwrap().iter().find(is).unwrap_or_else(|| panic!("no row of {account} {region} in {result}"))
}

async fn sweep() {
    // Nobody looks but the sweep.
    let good = place(json!({"real_time_scanning": {"enabled": false}, "enforcement": enforced("remediate")["enforcement"]})).await;
    let group = group(&good).await;
    let other = Place::new(GROUPS.local(), good.account.clone(), "eu-west-1".try_into().unwrap()).await;
    let far = self::group(&other).await;
    for (place, group) in [(&good, &group), (&other, &far)] {
        open(place, group, &[rule(22, 22, "0.0.0.0/0", "hurry")]).await;
    }
    let suspended = GROUPS.place_with(json!({"state": "SUSPENDED"})).await;
    let without = GROUPS.place_with(json!({"role": false})).await;
    let closed = GROUPS.place().await;
    GROUPS.local().post("regions", &json!({"account": closed.account.as_str(), "region": "eu-west-1", "state": "closed"}));
    let before = sweeps(&GROUPS).await;
    let fired = GROUPS.local().post("schedules", &json!({"name": "SweepSecurityGroups"}));
    assert_eq!(fired["fired"].as_array().unwrap().len(), 1, "{fired}");
    let result = eventually("the result of the sweep", async || {
        for sweep in sweeps(&GROUPS).await.into_iter().filter(|sweep| !before.contains(sweep)) {
            let result = GROUPS.report(&format!("security-groups/sweeps/{sweep}/result.json")).await;
            if let Some(result) = result.filter(|result| result["scan_type"] == "scheduled") {
                return Some(result);
            }
        }
        None
    })
    .await;
    for region in ["us-east-1", "eu-west-1"] {
        let scanned = row(&result, good.account.as_str(), region);
        let about = |line: &&String| line.contains(good.account.as_str()) && line.contains("\"looked\"");
        let logs: Vec<_> = GROUPS.local().logs("Sg").iter().filter(about).cloned().collect();
        assert_eq!(
            (&scanned["verdict"], &scanned["violations"]["critical"]),
            (&json!("scanned"), &json!(1)),
            "{scanned}\n{}",
            logs.join("\n")
        );
        assert_eq!(row(&result, suspended.account.as_str(), region)["verdict"], "inactive");
        assert_eq!(row(&result, without.account.as_str(), region)["verdict"], "no-role");
    }
    assert_eq!(row(&result, closed.account.as_str(), "us-east-1")["verdict"], "scanned");
    assert_eq!(row(&result, closed.account.as_str(), "eu-west-1")["verdict"], "closed");
    with_outcome(&good, &group, "SSH", "remediated").await;
    eventually("the other region", async || (!state(&other, &far).await.0.iter().any(|rule| rule.contains(" 22-22 "))).then_some(())).await;
    let metrics = GROUPS.local().logs("SgSweepScanner");
    assert!(metrics.iter().any(|line| line.contains("ComplianceViolations") && line.contains("SecurityGroup/Compliance")));
}

async fn manual() {
    let place = place(json!({})).await;
    let result = scan(json!({"scan_type": "manual", "accounts": [place.account.as_str()], "regions": ["us-east-1"]})).await;
    assert_eq!(result["rows"].as_array().unwrap().len(), 1, "{result}");
    assert_eq!(row(&result, place.account.as_str(), "us-east-1")["verdict"], "scanned");
    assert_eq!(result["scan_type"], "manual");
}

async fn all_regions() {
    let place = SHIPPED.place().await;
    let group = group(&place).await;
    open(&place, &group, &[rule(22, 22, "0.0.0.0/0", "hurry")]).await;
    let before = state(&place, &group).await;
    let result = scan_in(&SHIPPED, json!({"scan_type": "manual", "accounts": [place.account.as_str()]})).await;
    assert!(result["rows"].as_array().unwrap().len() > 10, "{result}");
    let here = row(&result, place.account.as_str(), "us-east-1");
    assert_eq!((&here["violations"]["critical"], &here["jobs"]), (&json!(1), &json!(0)), "{here}");
    assert_eq!(state(&place, &group).await, before);
}

async fn many_rules() {
    let place = place(json!({})).await;
    let rules = |from: usize, count: usize| {
        (from..from + count)
            .map(|index| json!({"protocol": "tcp", "from": 1000 + index, "to": 1000 + index, "cidr": "10.0.0.0/8"}))
            .collect::<Vec<_>>()
    };
    let mut groups: Vec<Json> = (0..20).map(|index| json!({"name": format!("many-{index}"), "ingress": rules(index * 50, 50)})).collect();
    groups.push(json!({"name": "the-last", "ingress": [{"protocol": "tcp", "from": 22, "to": 22, "cidr": "0.0.0.0/0"}]}));
    let made = GROUPS.local().post("security-groups", &json!({"account": place.account.as_str(), "region": "us-east-1", "groups": groups}));
    let last = made["groups"].as_array().or(made.as_array()).unwrap().last().unwrap().clone();
    let last = last.as_str().map_or_else(|| last["id"].as_str().unwrap().to_owned(), str::to_owned);
    let result = scan(json!({"scan_type": "manual", "accounts": [place.account.as_str()], "regions": ["us-east-1"]})).await;
    let row = row(&result, place.account.as_str(), "us-east-1");
    assert!(row["rules"].as_u64().unwrap() > 1000, "{row}");
    with_status(&place, &last, "SSH", "FAILED").await;
}

async fn prefix_list() {
    let place = place(json!({})).await;
    let group = group(&place).await;
    let ec2 = ec2(&place);
    let entry = |cidr: &str| aws_sdk_ec2::types::AddPrefixListEntry::builder().cidr(cidr).build();
    let call = ec2.create_managed_prefix_list().prefix_list_name("halves").address_family("IPv4").max_entries(2);
    let made = call.entries(entry("0.0.0.0/1")).entries(entry("128.0.0.0/1")).send().await.unwrap();
    let list = made.prefix_list().and_then(|list| list.prefix_list_id()).unwrap().to_owned();
    let from_list = aws_sdk_ec2::types::PrefixListId::builder().prefix_list_id(list).build();
    let rule = IpPermission::builder().ip_protocol("tcp").from_port(22).to_port(22).prefix_list_ids(from_list).build();
    open(&place, &group, &[rule]).await;
    with_status(&place, &group, "SSH", "FAILED").await;
}

async fn throttled() {
    let place = place(json!({})).await;
    let group = group(&place).await;
    let fault = json!({"service": "ec2", "operation": "DescribeSecurityGroupRules", "account": place.account.as_str(), "times": 6, "status": 503, "code": "RequestLimitExceeded"});
    GROUPS.local().post("faults", &fault);
    open(&place, &group, &[rule(22, 22, "0.0.0.0/0", "hurry")]).await;
    with_status(&place, &group, "SSH", "FAILED").await;
}
