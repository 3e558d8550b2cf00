//! Incidents: what somebody does is scored, contained, recorded and undone; and daily work is left alone.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use libtest_mimic::Trial;
use redress_e2e::World;
use redress_incidents::{Evidence, Incident, State, chain};
use redress_model::{AccountId, Region};
use redress_testkit::{events::unique, stage::Place};
use serde_json::{Value as Json, json};

use crate::{INCIDENTS, journeys::eventually, organization::answered, trial};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("incidents::an_attack_is_scored_contained_recorded_and_undone", attack),
        trial("incidents::a_pipeline_doing_its_daily_work_is_left_alone", daily_work),
        trial("incidents::the_same_event_twice_is_one_incident", twice),
        trial("incidents::a_listed_address_a_first_region_and_a_root_login_score_as_documented", documented),
        trial("incidents::what_two_of_them_asked_for_is_told_to_both", same_key),
        trial("incidents::a_trail_that_somebody_stops_is_started_again", stopped_trail),
        trial("incidents::between_the_thresholds_a_person_is_asked", asked),
        trial("incidents::an_instance_is_cut_off_with_a_yes_and_comes_back", instance),
        trial("incidents::a_yes_that_comes_too_late_is_told", terminated),
        trial("incidents::a_finding_of_guardduty_stops_the_key_that_it_names", finding),
    ]
}

const BAD: &str = "198.51.100.66";

async fn place() -> Place<'static> {
    let call =
        aws_sdk_s3::Client::new(INCIDENTS.admin()).put_object().bucket(INCIDENTS.local().output("PolicyBucket")).key("lists/bad.txt");
    call.body(format!("# known\n{BAD}/32\n").into_bytes().into()).send().await.unwrap();
    INCIDENTS.place().await
}

fn iam(place: &Place<'_>) -> aws_sdk_iam::Client {
    aws_sdk_iam::Client::new(&place.sdk)
}

/// A user with an access key: its name and the key's id. Not made by root: the key would be made inactive for that.
async fn user(place: &Place<'_>, name: &str) -> (String, String) {
    let name = format!("{name}-{}", unique());
    let iam = aws_sdk_iam::Client::new(&place.local.operators(&place.account, &place.region).await);
    iam.create_user().user_name(&name).send().await.unwrap();
    let key = iam.create_access_key().user_name(&name).send().await.unwrap().access_key.unwrap();
    (name, key.access_key_id)
}

async fn is_active(place: &Place<'_>, user: &str, key: &str) -> bool {
    let keys = iam(place).list_access_keys().user_name(user).send().await.unwrap();
    let key = keys.access_key_metadata().iter().find(|one| one.access_key_id() == Some(key)).unwrap();
    key.status() == Some(&aws_sdk_iam::types::StatusType::Active)
}

async fn is_locked(place: &Place<'_>, user: &str) -> bool {
    let answer = iam(place).list_attached_user_policies().user_name(user).send().await.unwrap();
    answer.attached_policies().iter().any(|policy| policy.policy_name() == Some("RedressLockdown"))
}

fn by_user(place: &Place<'_>, name: &str) -> Json {
    json!({"type": "IAMUser", "arn": format!("arn:aws:iam::{}:user/{name}", place.account), "accountId": place.account, "userName": name})
}

/// A call, as CloudTrail tells it.
pub(crate) fn call(place: &Place<'_>, call: &str, who: Json, from: &str, parameters: Json, response: Json) -> Json {
    let (service, name) = call.split_once(':').unwrap();
    let at = jiff::Timestamp::now();
    json!({"version": "0", "id": uuid(unique()), "source": format!("aws.{service}"), "detail-type": "AWS API Call via CloudTrail",
        "account": place.account, "region": "us-east-1", "time": at, "resources": [], "detail": {
        "eventVersion": "1.11", "eventID": uuid(unique()), "eventTime": at, "eventSource": format!("{service}.amazonaws.com"), "eventName": name,
        "awsRegion": "us-east-1", "sourceIPAddress": from, "userAgent": "aws-cli/2", "userIdentity": who, "requestParameters": parameters,
        "responseElements": response, "readOnly": false, "eventType": "AwsApiCall", "managementEvent": true, "recipientAccountId": place.account}})
}

fn uuid(number: usize) -> String {
    format!("00000000-0000-4000-8000-{number:012}")
}

/// The incidents of an account, newest first.
async fn incidents(world: &World, account: &AccountId) -> Vec<Incident> {
    let client = aws_sdk_s3::Client::new(world.admin());
    let bucket = world.local().output("ReportsBucket");
    let listed = client.list_objects_v2().bucket(&bucket).prefix("incidents/").send().await.unwrap();
    let mut all = Vec::new();
    for key in listed.contents().iter().filter_map(|object| object.key()).filter(|key| key.ends_with("/incident.json")) {
        let incident: Incident = serde_json::from_value(world.report(key).await.unwrap()).unwrap();
        if incident.account == *account {
            all.push(incident);
        }
    }
    all.sort_by_key(|incident| std::cmp::Reverse(incident.opened));
    all
}

/// The incidents of one actor. What tests stage as root is told, too.
async fn of_actor(world: &World, place: &Place<'_>, actor: &str) -> Vec<Incident> {
    incidents(world, &place.account).await.into_iter().filter(|incident| incident.actor.contains(actor)).collect()
}

pub(crate) async fn in_state(world: &World, place: &Place<'_>, actor: &str, wanted: State) -> Incident {
    let mut last = None;
    for _ in 0..2400 {
        last = of_actor(world, place, actor).await.into_iter().next();
        if let Some(incident) = last.clone().filter(|incident| incident.state == wanted) {
            return incident;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let logs = world.local().logs("IncidentResponder");
    panic!("no incident of {} is {wanted:?}: {last:#?}\n{}", place.account, logs[logs.len().saturating_sub(12)..].join("\n"))
}

/// The pieces of evidence of an incident, in order.
async fn evidence(incident: &Incident) -> Vec<Evidence> {
    let client = aws_sdk_s3::Client::new(INCIDENTS.admin());
    let prefix = format!("incidents/{}/{}/", &incident.id[..10], incident.id);
    let listed = client.list_objects_v2().bucket(INCIDENTS.local().output("ReportsBucket")).prefix(&prefix).send().await.unwrap();
    let mut keys: Vec<String> = listed.contents().iter().filter_map(|object| object.key().map(str::to_owned)).collect();
    keys.retain(|key| !key.ends_with("/incident.json"));
    keys.sort();
    let mut pieces = Vec::new();
    for key in keys {
        pieces.push(serde_json::from_value(INCIDENTS.report(&key).await.unwrap()).unwrap());
    }
    pieces
}

async fn attack() {
    let place = place().await;
    let ((bob, made), (mallory, own)) = (user(&place, "bob").await, user(&place, "mallory").await);
    let key = json!({"accessKey": {"accessKeyId": made, "userName": bob, "status": "Active"}});
    let event = call(&place, "iam:CreateAccessKey", by_user(&place, &mallory), BAD, json!({ "userName": bob }), key);
    INCIDENTS.local().send_event(&event);
    let incident = in_state(&INCIDENTS, &place, &mallory, State::Contained).await;
    assert_eq!(incident.score, 85, "{incident:#?}");
    assert!(!is_active(&place, &bob, &made).await && !is_active(&place, &mallory, &own).await);
    assert!(is_locked(&place, &mallory).await && !is_locked(&place, &bob).await, "the target is told apart from the actor");
    // What comes meanwhile is evidence, too.
    let pieces = eventually("the chain of evidence", async || {
        let incident = of_actor(&INCIDENTS, &place, &mallory).await.into_iter().next()?;
        let pieces = evidence(&incident).await;
        chain(&pieces, incident.head.as_ref()).is_ok().then_some(pieces)
    })
    .await;
    assert_eq!(pieces[0].what, "deed", "evidence comes first");
    for asked in &incident.responses {
        let record = answered(&INCIDENTS, &place, asked.run.as_deref().unwrap(), "undo").await;
        assert_eq!(record["outcome"]["outcome"], "undone", "{record:#}");
    }
    assert!(is_active(&place, &bob, &made).await && is_active(&place, &mallory, &own).await && !is_locked(&place, &mallory).await);
    in_state(&INCIDENTS, &place, &mallory, State::Undone).await;
}

async fn daily_work() {
    let place = place().await;
    let role = format!("arn:aws:iam::{}:role/deploy", place.account);
    let who = json!({"type": "AssumedRole", "arn": format!("arn:aws:sts::{}:assumed-role/deploy/ci", place.account), "accountId": place.account,
        "sessionContext": {"sessionIssuer": {"type": "Role", "arn": role, "userName": "deploy"}}});
    for name in ["AttachRolePolicy", "CreateRole", "PutRolePolicy"] {
        let event = call(
            &place,
            &format!("iam:{name}"),
            who.clone(),
            "192.0.2.10",
            json!({"roleName": "app", "policyArn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}),
            Json::Null,
        );
        INCIDENTS.local().send_event(&event);
    }
    let is_scored = |name: &&str| {
        let logs = INCIDENTS.local().logs("IncidentResponder");
        logs.iter().any(|line| line.contains("\"scored\"") && line.contains(&role) && line.contains(&format!("iam:{name}")))
    };
    let all = || ["AttachRolePolicy", "CreateRole", "PutRolePolicy"].iter().all(is_scored);
    eventually("three scores", async || all().then_some(())).await;
    assert!(of_actor(&INCIDENTS, &place, "role/deploy").await.is_empty());
    assert!(
        INCIDENTS
            .local()
            .calls()
            .iter()
            .all(|call| call.account != place.account.as_str() || !call.principal.contains("RedressMemberRole"))
    );
}

async fn twice() {
    let place = place().await;
    let (bob, made) = user(&place, "bob").await;
    let (mallory, _) = user(&place, "mallory").await;
    let key = json!({"accessKey": {"accessKeyId": made, "userName": bob}});
    let event = call(&place, "iam:CreateAccessKey", by_user(&place, &mallory), BAD, json!({ "userName": bob }), key);
    INCIDENTS.local().send_event(&event);
    let first = in_state(&INCIDENTS, &place, &mallory, State::Contained).await;
    INCIDENTS.local().send_event(&event);
    tokio::time::sleep(Duration::from_secs(2)).await;
    let all = of_actor(&INCIDENTS, &place, &mallory).await;
    assert_eq!((all.len(), all[0].deeds.len(), all[0].responses.len()), (1, 1, first.responses.len()), "{all:#?}");
}

/// The score that was logged for a call of an actor.
async fn scored(place: &Place<'_>, actor: &str, action: &str, region: &str) -> u64 {
    let is_it = |line: &Json| {
        let has = |key: &str, text: &str| line[key].as_str().is_some_and(|value| value.ends_with(text));
        line["message"] == "scored"
            && has("account", place.account.as_str())
            && has("actor", actor)
            && has("action", action)
            && has("region", region)
    };
    let find = async || {
        let logs = INCIDENTS.local().logs("IncidentResponder");
        logs.iter().filter_map(|line| serde_json::from_str::<Json>(line).ok()).find(is_it)
    };
    eventually(&format!("a score of {action}"), find).await["score"].as_u64().unwrap()
}

async fn documented() {
    let place = place().await;
    let ann = format!("ann-{}", unique());
    let now = jiff::Timestamp::now();
    let at = |mut event: Json, days: i64, region: &str| {
        let at = now - jiff::SignedDuration::from_hours(24 * days);
        (event["time"], event["detail"]["eventTime"]) = (json!(at), json!(at));
        (event["region"], event["detail"]["awsRegion"]) = (json!(region), json!(region));
        event
    };
    let role = |call: &str| self::call(&place, call, by_user(&place, &ann), "192.0.2.10", json!({"roleName": "app"}), Json::Null);
    // What somebody did for days, at this time of the day and from this network, is habit.
    for days in [3, 2, 1] {
        INCIDENTS.local().send_event(&at(role("iam:CreateRole"), days, "us-east-1"));
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    scored(&place, &ann, "iam:CreateRole", "us-east-1").await;
    INCIDENTS.local().send_event(&at(role("iam:CreateRole"), 0, "eu-west-1"));
    assert_eq!(scored(&place, &ann, "iam:CreateRole", "eu-west-1").await, 15 + 15, "the call, and the first in this region");
    let key = json!({"accessKey": {"accessKeyId": "AKIANOBODY", "userName": "bob"}});
    let listed = call(&place, "iam:CreateAccessKey", by_user(&place, "eve"), BAD, json!({"userName": "bob"}), key);
    INCIDENTS.local().send_event(&listed);
    assert_eq!(scored(&place, "user/eve", "iam:CreateAccessKey", "us-east-1").await, 30 + 45 + 10, "the call, the list and a stranger");
    let root = json!({"type": "Root", "arn": format!("arn:aws:iam::{}:root", place.account), "accountId": place.account});
    let mut login = call(&place, "signin:ConsoleLogin", root, "192.0.2.10", Json::Null, json!({"ConsoleLogin": "Success"}));
    login["detail-type"] = json!("AWS Console Sign In via CloudTrail");
    login["detail"]["eventType"] = json!("AwsConsoleSignIn");
    login["detail"]["additionalEventData"] = json!({"MFAUsed": "No"});
    INCIDENTS.local().send_event(&login);
    assert_eq!(scored(&place, ":root", "signin:ConsoleLogin", "us-east-1").await, 40 + 30 + 10, "root, no second factor and a stranger");
}

async fn same_key() {
    let place = place().await;
    let (bob, made) = user(&place, "bob").await;
    let (mallory, eve) = (format!("mallory-{}", unique()), format!("eve-{}", unique()));
    for actor in [&mallory, &eve] {
        let response = json!({"accessKey": {"accessKeyId": made, "userName": bob}});
        INCIDENTS.local().send_event(&call(
            &place,
            "iam:CreateAccessKey",
            by_user(&place, actor),
            BAD,
            json!({ "userName": bob }),
            response,
        ));
        let of_key = async || {
            let incident = of_actor(&INCIDENTS, &place, actor).await.into_iter().next()?;
            incident.responses.into_iter().find(|asked| asked.response.control == "Incident.2" && asked.outcome.is_some())
        };
        eventually("the key's answer", of_key).await;
    }
    assert!(!is_active(&place, &bob, &made).await);
    let of_key = async |actor: &str| {
        let incident = of_actor(&INCIDENTS, &place, actor).await.into_iter().next().unwrap();
        incident.responses.into_iter().find(|asked| asked.response.control == "Incident.2").unwrap()
    };
    let run = of_key(&mallory).await.run.unwrap();
    assert_eq!(answered(&INCIDENTS, &place, &run, "undo").await["outcome"]["outcome"], "undone");
    assert!(is_active(&place, &bob, &made).await);
    for actor in [&mallory, &eve] {
        let is_told = async || (of_key(actor).await.outcome.as_deref() == Some("undone")).then_some(());
        eventually("both incidents being told", is_told).await;
    }
}

async fn stopped_trail() {
    let place = place().await;
    let bucket = format!("trail-{}", place.account);
    let s3 = aws_sdk_s3::Client::new(&place.sdk);
    s3.create_bucket().bucket(&bucket).send().await.unwrap();
    let policy = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"},
        "Action": ["s3:GetBucketAcl", "s3:PutObject"], "Resource": [format!("arn:aws:s3:::{bucket}"), format!("arn:aws:s3:::{bucket}/*")]}]});
    s3.put_bucket_policy().bucket(&bucket).policy(policy.to_string()).send().await.unwrap();
    let trail = aws_sdk_cloudtrail::Client::new(&place.sdk);
    let call = trail.create_trail().name("main").s3_bucket_name(&bucket).is_multi_region_trail(true).include_global_service_events(true);
    call.send().await.unwrap();
    trail.start_logging().name("main").send().await.unwrap();
    // A call of the account itself, forwarded by its own rule.
    trail.stop_logging().name("main").send().await.unwrap();
    let is_logging = async || trail.get_trail_status().name("main").send().await.unwrap().is_logging == Some(true);
    eventually("the trail that records again", async || is_logging().await.then_some(())).await;
    let incident = in_state(&INCIDENTS, &place, ":root", State::Contained).await;
    assert!(incident.left.iter().any(|why| why.contains("root")), "root is told and not contained: {:?}", incident.left);
    // And again, though the incident is contained.
    trail.stop_logging().name("main").send().await.unwrap();
    eventually("the trail that records once more", async || is_logging().await.then_some(())).await;
    let again = eventually("the incident that is contained once more", async || {
        of_actor(&INCIDENTS, &place, ":root")
            .await
            .into_iter()
            .next()
            .filter(|again| again.state == State::Contained && !again.untold)
            .filter(|again| again.responses.iter().filter(|asked| asked.response.control == "CloudTrail.1").count() == 2)
    })
    .await;
    assert_eq!(again.id, incident.id);
}

async fn asked() {
    let place = place().await;
    let (bob, made) = user(&place, "bob").await;
    let key = json!({"accessKey": {"accessKeyId": made, "userName": bob}});
    // A role from a bad address: 30 for the key, 45 for the list, 10 for a stranger; a role waits for a yes whatever the score.
    let who = json!({"type": "AssumedRole", "arn": format!("arn:aws:sts::{}:assumed-role/ops/ann", place.account),
        "sessionContext": {"sessionIssuer": {"arn": format!("arn:aws:iam::{}:role/ops", place.account)}}});
    let trust = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]});
    iam(&place).create_role().role_name("ops").assume_role_policy_document(trust.to_string()).send().await.unwrap();
    INCIDENTS.local().send_event(&call(&place, "iam:CreateAccessKey", who, BAD, json!({ "userName": bob }), key));
    let incident = in_state(&INCIDENTS, &place, "role/ops", State::AwaitingApproval).await;
    let of_role = incident.responses.iter().find(|asked| asked.response.control == "Incident.1").unwrap();
    assert_eq!(of_role.outcome.as_deref(), Some("needs-approval"));
    let has_lockdown = async || {
        let answer = iam(&place).list_attached_role_policies().role_name("ops").send().await.unwrap();
        answer.attached_policies().iter().any(|policy| policy.policy_name() == Some("RedressLockdown"))
    };
    assert!(!has_lockdown().await);
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let record = answered(&INCIDENTS, &place, of_role.run.as_deref().unwrap(), "approved").await;
    assert_eq!(record["outcome"]["outcome"], "remediated", "{record:#}");
    assert!(has_lockdown().await);
    in_state(&INCIDENTS, &place, "role/ops", State::Contained).await;
    let run = record["run"].as_str().unwrap().replace('-', "");
    assert_eq!(answered(&INCIDENTS, &place, &run, "undo").await["outcome"]["outcome"], "undone");
    assert!(!has_lockdown().await);
}

/// What an instance of an Auto Scaling group looks like from outside.
struct Serving<'a> {
    ec2: aws_sdk_ec2::Client,
    scaling: aws_sdk_autoscaling::Client,
    place: &'a Place<'a>,
    instance: String,
}

impl<'a> Serving<'a> {
    /// An instance with two interfaces and three groups, in an Auto Scaling group that holds no other.
    async fn new(place: &'a Place<'a>) -> Self {
        let (ec2, scaling) = (aws_sdk_ec2::Client::new(&place.sdk), aws_sdk_autoscaling::Client::new(&place.sdk));
        let subnets = ec2.describe_subnets().send().await.unwrap();
        let subnet = subnets.subnets()[0].clone();
        let (subnet, vpc) = (subnet.subnet_id.unwrap(), subnet.vpc_id.unwrap());
        let mut groups = Vec::new();
        for name in ["web", "ops", "data"] {
            let call = ec2.create_security_group().group_name(name).description(name).vpc_id(&vpc);
            groups.push(call.send().await.unwrap().group_id.unwrap());
        }
        let data = aws_sdk_ec2::types::RequestLaunchTemplateData::builder().image_id("ami-12c6146b").build();
        ec2.create_launch_template().launch_template_name("web").launch_template_data(data).send().await.unwrap();
        let template = aws_sdk_autoscaling::types::LaunchTemplateSpecification::builder().launch_template_name("web").version("1").build();
        let call = scaling.create_auto_scaling_group().auto_scaling_group_name("web").launch_template(template);
        call.min_size(1).max_size(1).desired_capacity(1).vpc_zone_identifier(&subnet).send().await.unwrap();
        let members = scaling.describe_auto_scaling_instances().send().await.unwrap();
        let instance = members.auto_scaling_instances()[0].instance_id().unwrap().to_owned();
        let made = ec2.create_network_interface().subnet_id(&subnet).groups(&groups[2]).send().await.unwrap();
        let second = made.network_interface.unwrap().network_interface_id.unwrap();
        ec2.attach_network_interface().instance_id(&instance).network_interface_id(second).device_index(1).send().await.unwrap();
        let serving = Self { ec2, scaling, place, instance };
        let first = serving.interfaces().await.into_iter().find(|(_, own)| !own.contains(&groups[2])).unwrap().0;
        let call = serving.ec2.modify_network_interface_attribute().network_interface_id(first);
        call.groups(&groups[0]).groups(&groups[1]).send().await.unwrap();
        serving
    }

    /// The groups of each interface.
    async fn interfaces(&self) -> BTreeMap<String, BTreeSet<String>> {
        let answer = self.ec2.describe_instances().instance_ids(&self.instance).send().await.unwrap();
        let groups = |interface: &aws_sdk_ec2::types::InstanceNetworkInterface| {
            let all = interface.groups().iter().map(|group| group.group_id().unwrap().to_owned()).collect();
            (interface.network_interface_id().unwrap().to_owned(), all)
        };
        answer.reservations()[0].instances()[0].network_interfaces().iter().map(groups).collect()
    }

    /// Whether it carries the tag that says so.
    async fn is_marked(&self) -> bool {
        let answer = self.ec2.describe_instances().instance_ids(&self.instance).send().await.unwrap();
        answer.reservations()[0].instances()[0].tags().iter().any(|tag| tag.key() == Some("redress:isolated"))
    }

    /// The members of the Auto Scaling group.
    async fn members(&self) -> Vec<String> {
        let answer = self.scaling.describe_auto_scaling_instances().send().await.unwrap();
        answer.auto_scaling_instances().iter().map(|member| member.instance_id().unwrap().to_owned()).collect()
    }

    /// How many snapshots are evidence of it.
    async fn snapshots(&self) -> usize {
        let filter = aws_sdk_ec2::types::Filter::builder().name("tag:redress:evidence-of").values(&self.instance).build();
        let answer = self.ec2.describe_snapshots().owner_ids(self.place.account.as_str()).filters(filter).send().await.unwrap();
        answer.snapshots().len()
    }

    /// Whether each interface has one group only, which has no rules.
    async fn is_cut_off(&self) -> bool {
        let all: BTreeSet<_> = self.interfaces().await.into_values().collect();
        let Some(only) = all.first().filter(|groups| all.len() == 1 && groups.len() == 1).and_then(BTreeSet::first) else { return false };
        let answer = self.ec2.describe_security_groups().group_ids(only).send().await.unwrap();
        let group = &answer.security_groups()[0];
        group.ip_permissions().is_empty() && group.ip_permissions_egress().is_empty()
    }
}

/// GuardDuty says that an instance digs for coins.
fn mining(place: &Place<'_>, instance: &str) -> Json {
    let now = jiff::Timestamp::now();
    json!({"version": "0", "id": uuid(unique()), "source": "aws.guardduty", "detail-type": "GuardDuty Finding", "account": place.account,
        "region": "us-east-1", "time": now, "resources": [], "detail": {
        "schemaVersion": "2.0", "accountId": place.account, "region": "us-east-1", "partition": "aws", "id": format!("f-{}", unique()), "severity": 8,
        "type": "CryptoCurrency:EC2/BitcoinTool.B!DNS", "createdAt": now, "updatedAt": now,
        "service": {"resourceRole": "TARGET"}, "resource": {"resourceType": "Instance", "instanceDetails": {"instanceId": instance}}}})
}

async fn instance() {
    let place = place().await;
    let serving = Serving::new(&place).await;
    let before = serving.interfaces().await;
    assert!(before.len() == 2 && before.values().map(BTreeSet::len).sum::<usize>() == 3, "{before:?}");
    INCIDENTS.local().send_event(&mining(&place, &serving.instance));
    let of_instance = async || incidents(&INCIDENTS, &place.account).await.into_iter().find(|one| one.title.starts_with("CryptoCurrency"));
    let in_state = async |wanted: State| {
        eventually(&format!("{wanted:?}"), async || of_instance().await.filter(|incident| incident.state == wanted)).await
    };
    let incident = in_state(State::AwaitingApproval).await;
    assert_eq!((serving.interfaces().await, serving.snapshots().await), (before.clone(), 0), "nothing without a yes");
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let record = answered(&INCIDENTS, &place, incident.responses[0].run.as_deref().unwrap(), "approved").await;
    assert_eq!(record["outcome"]["outcome"], "remediated", "{record:#}");
    assert!(serving.is_cut_off().await && serving.is_marked().await && serving.snapshots().await == 1, "{:?}", serving.interfaces().await);
    let members = serving.members().await;
    assert!(members.len() == 1 && members[0] != serving.instance, "another serves in its place: {members:?}");
    in_state(State::Contained).await;
    let run = record["run"].as_str().unwrap().replace('-', "");
    // The group is full with the other: nothing comes back half-way, and it is said.
    let refused = answered(&INCIDENTS, &place, &run, "undo").await;
    assert_eq!(refused["outcome"]["outcome"], "failed", "{refused:#}");
    assert!(serving.is_cut_off().await);
    let is_said = |incident: &Incident| incident.timeline.iter().any(|moment| moment.what.contains("max-size"));
    let told = eventually("the refusal in the incident", async || of_instance().await.filter(is_said)).await;
    assert_eq!(
        (told.state, told.responses[0].run.as_deref()),
        (State::Contained, Some(run.as_str())),
        "the run that did it can still be undone"
    );
    serving.scaling.update_auto_scaling_group().auto_scaling_group_name("web").max_size(2).send().await.unwrap();
    let undone = answered(&INCIDENTS, &place, &run, "undo").await;
    assert_eq!(undone["outcome"]["outcome"], "undone", "{undone:#}");
    assert_eq!((serving.interfaces().await, serving.snapshots().await), (before, 1), "the evidence stays");
    assert!(serving.members().await.contains(&serving.instance) && !serving.is_marked().await);
    in_state(State::Undone).await;
}

async fn terminated() {
    let place = place().await;
    let ec2 = aws_sdk_ec2::Client::new(&place.sdk);
    let run = ec2.run_instances().image_id("ami-12c6146b").min_count(1).max_count(1).send().await.unwrap();
    let instance = run.instances()[0].instance_id().unwrap();
    INCIDENTS.local().send_event(&mining(&place, instance));
    let of_instance = async || incidents(&INCIDENTS, &place.account).await.into_iter().find(|one| one.title.starts_with("CryptoCurrency"));
    let in_state = async |wanted: State| {
        eventually(&format!("{wanted:?}"), async || of_instance().await.filter(|incident| incident.state == wanted)).await
    };
    let incident = in_state(State::AwaitingApproval).await;
    assert!(incident.actor.contains(instance), "nobody is known who did it: {}", incident.actor);
    ec2.terminate_instances().instance_ids(instance).send().await.unwrap();
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let record = answered(&INCIDENTS, &place, incident.responses[0].run.as_deref().unwrap(), "approved").await;
    assert_eq!(record["outcome"]["outcome"], "absent", "{record:#}");
    in_state(State::Contained).await;
}

async fn finding() {
    let place = place().await;
    let (bob, key) = user(&place, "bob").await;
    let region = Region::try_from("us-east-1").unwrap();
    let event = json!({"version": "0", "id": uuid(unique()), "source": "aws.guardduty", "detail-type": "GuardDuty Finding", "account": place.account,
        "region": region, "time": jiff::Timestamp::now(), "resources": [], "detail": {
        "schemaVersion": "2.0", "accountId": place.account, "region": region, "partition": "aws", "id": format!("f-{}", unique()), "severity": 8,
        "type": "UnauthorizedAccess:IAMUser/MaliciousIPCaller.Custom", "createdAt": jiff::Timestamp::now(), "updatedAt": jiff::Timestamp::now(),
        "resource": {"resourceType": "AccessKey", "accessKeyDetails": {"accessKeyId": key, "userName": bob, "userType": "IAMUser"}}}});
    INCIDENTS.local().send_event(&event);
    let incident = in_state(&INCIDENTS, &place, &bob, State::Contained).await;
    assert!(!is_active(&place, &bob, &key).await, "{incident:#?}");
}
