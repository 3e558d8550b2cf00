//! Journeys: what keeps a careful team's production from breakage.

use std::{io::Read as _, net::TcpListener, sync::mpsc, time::Duration};

use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use libtest_mimic::Trial;
use redress_e2e::{Seen, World};
use redress_model::{Digest, RunId};
use redress_testkit::{
    events::{chosen, finding, unique},
    stage::{Place, Staged},
};
use serde_json::{Value as Json, json};
use tokio::sync::Mutex;

use crate::{
    ALONE, GUARDED,
    journeys::{case, eventually, staged},
    trial,
};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("guardrails::a_change_waits_for_the_approve_action_and_who_chose_it_is_on_record", approved),
        trial("guardrails::the_plan_action_shows_what_would_be_done_and_changes_nothing", shown),
        trial("guardrails::one_click_on_many_findings_approves_each_of_them", approved_together),
        trial("guardrails::what_is_exempt_is_left_alone_until_the_exemption_ends", exempt),
        trial("guardrails::an_exemption_of_one_rule_leaves_that_rule_and_is_never_called_resolved", exempt_rule),
        trial("guardrails::beyond_the_blast_radius_nothing_is_changed_in_this_hour", blast_radius),
        trial("guardrails::what_does_not_last_is_held_and_who_undoes_it_is_named", contested),
        trial("guardrails::what_cloudformation_owns_is_held_with_the_change_to_make_there", owned),
        trial("guardrails::protected_tags_and_break_glass_principals_are_not_touched", protected),
        trial("guardrails::a_rule_for_an_organizational_unit_holds_for_the_accounts_below_it", by_unit),
        trial("guardrails::a_rule_about_tags_decides_before_anything_can_be_written", by_tags),
        trial("guardrails::outside_of_its_window_a_change_waits_and_then_is_made", window),
        trial("guardrails::what_was_resolved_and_still_fails_a_day_later_is_opened_again", false_success),
        trial("guardrails::the_kill_switch_stops_a_burst_in_its_midst", kill_switch),
        trial("guardrails::a_policy_that_is_missing_or_broken_leaves_nothing_but_plans", broken_policy),
        trial("guardrails::people_get_a_digest_and_every_outcome_is_an_event", digest),
    ]
}

/// A violation in an account of its own, under a rule about that account.
async fn bad(control: &str, rule: &str) -> (Place<'static>, Staged, Json) {
    bad_in(json!({}), control, rule).await
}

async fn bad_in(options: Json, control: &str, rule: &str) -> (Place<'static>, Staged, Json) {
    let place = GUARDED.place_with(options).await;
    GUARDED.rule(&place.account, rule).await;
    staged(place, control).await
}

/// Sends a finding through, and says what became of it.
async fn sent(finding: &Json) -> Seen {
    GUARDED.import(finding).await;
    GUARDED.answer(finding, None).await
}

/// A person chooses an action on a finding that was answered before.
async fn choose(action: &str, finding: &Json, before: &Seen) -> Seen {
    // Events carry whole seconds; an answer within the second of the question would count as earlier.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let mut now = finding.clone();
    now["Workflow"]["Status"] = json!(before.workflow);
    GUARDED.choose(action, &now);
    GUARDED.answer(finding, Some(before)).await
}

async fn approved() {
    let (place, staged, finding) = bad("S3.5", "mode: approve").await;
    let before = staged.observe(&place).await;
    let asked = sent(&finding).await;
    assert_eq!((asked.outcome.as_str(), asked.workflow.as_str()), ("needs-approval", "NOTIFIED"));
    let again = choose("RedressRemediate", &finding, &asked).await;
    assert_eq!((again.outcome.as_str(), staged.observe(&place).await), ("needs-approval", before));
    let done = choose("RedressApprove", &finding, &again).await;
    assert_eq!((done.outcome.as_str(), done.workflow.as_str()), ("remediated", "RESOLVED"), "{}", done.note);
    let record = GUARDED.record(&done.run).await;
    assert!(record["by"].as_str().unwrap().starts_with("custom action in account"), "{record}");
    assert!(record["decided_by"]["line"][0].as_u64().is_some(), "{record}");
}

async fn shown() {
    let (place, staged, finding) = bad("S3.5", "mode: approve").await;
    let before = staged.observe(&place).await;
    let asked = sent(&finding).await;
    let seen = choose("RedressPlan", &finding, &asked).await;
    assert_eq!((seen.outcome.as_str(), seen.workflow.as_str()), ("planned", "NOTIFIED"), "{}", seen.note);
    assert_eq!(staged.observe(&place).await, before);
}

async fn approved_together() {
    let (place, _, first) = bad("S3.5", "mode: approve").await;
    let second = finding("S3.5", &case("S3.5").stage(&place).await);
    let mut asked = Vec::new();
    for finding in [&first, &second] {
        asked.push(sent(finding).await);
    }
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let findings: Vec<Json> = [&first, &second].into_iter().cloned().collect();
    let ready = GUARDED.local().ready();
    GUARDED.local().send_event(&chosen("RedressApprove", ready.admin.as_str(), &ready.region, &findings));
    for (finding, asked) in [&first, &second].into_iter().zip(&asked) {
        assert_eq!(GUARDED.answer(finding, Some(asked)).await.outcome, "remediated");
    }
}

async fn exempt() {
    let (place, staged, finding) = bad("S3.5", "mode: approve").await;
    let before = staged.observe(&place).await;
    let asked = sent(&finding).await;
    let exempt = choose("RedressExempt", &finding, &asked).await;
    assert_eq!((exempt.outcome.as_str(), exempt.workflow.as_str()), ("exempt", "NOTIFIED"));
    let in_thirty_days = (jiff::Timestamp::now() + jiff::SignedDuration::from_hours(30 * 24)).strftime("%Y-%m-%d").to_string();
    assert!(exempt.note.contains(&in_thirty_days), "{}", exempt.note);
    GUARDED.rule(&place.account, "mode: auto").await;
    let still = choose("RedressRemediate", &finding, &exempt).await;
    assert_eq!((still.outcome.as_str(), staged.observe(&place).await), ("exempt", before), "{}", still.note);
    // A person shortens it; when it has ended, the sweeper opens the finding again, and it is worked on.
    let until = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(2);
    let shortened = send_job(&finding, &staged, "exempted", json!({"until": until, "reason": "no longer needed", "by": "ann"})).await;
    let seen = GUARDED.answer(&finding, Some(&still)).await;
    assert!(seen.note.contains("no longer needed, allowed by ann"), "{shortened}: {}", seen.note);
    tokio::time::sleep(Duration::from_secs(3)).await;
    GUARDED.sweep();
    let done = GUARDED.answer(&finding, Some(&seen)).await;
    assert_eq!((done.outcome.as_str(), done.workflow.as_str()), ("remediated", "RESOLVED"), "{}", done.note);
}

/// Puts a job into the suite's queue, as the operator's command does.
async fn send_job(finding: &Json, staged: &Staged, intent: &str, request: Json) -> Json {
    let resource = json!({"kind": "AwsS3Bucket", "id": staged.resource, "account": staged.account.as_str(), "region": staged.region.as_str(), "partition": "aws"});
    let mut whole = json!({"event": format!("test-{}", unique()), "at": jiff::Timestamp::now()});
    whole.as_object_mut().unwrap().extend(request.as_object().unwrap().clone());
    let key = json!({"id": finding["Id"], "product": finding["ProductArn"]});
    let job = json!({"intent": intent, "controls": ["S3.5"], "resource": resource, "finding": key, "request": whole});
    let lane = Digest::of(format!("{}/{}/{}", staged.account, staged.region, staged.resource).as_bytes());
    let call = aws_sdk_sqs::Client::new(GUARDED.admin()).send_message().queue_url(GUARDED.local().output("JobsQueueUrl"));
    let call = call.message_body(job.to_string()).message_group_id(lane.as_str()).message_deduplication_id(format!("test-{}", unique()));
    call.send().await.unwrap();
    job
}

async fn exempt_rule() {
    let place = GUARDED.place().await;
    GUARDED.exemption(&place.account, "controls: [EC2.53], rule: tcp 22 from 0.0.0.0/0, until: 2099-12-31").await;
    let (place, staged, finding) = staged(place, "EC2.53").await;
    let group = staged.resource.rsplit('/').next().unwrap().to_owned();
    let range = aws_sdk_ec2::types::IpRange::builder().cidr_ip("0.0.0.0/0").build();
    let rdp = aws_sdk_ec2::types::IpPermission::builder().ip_protocol("tcp").from_port(3389).to_port(3389).ip_ranges(range).build();
    let client = aws_sdk_ec2::Client::new(&place.sdk);
    client.authorize_security_group_ingress().group_id(&group).ip_permissions(rdp).send().await.unwrap();
    let seen = sent(&finding).await;
    assert_eq!((seen.outcome.as_str(), seen.workflow.as_str()), ("exempt", "NOTIFIED"), "{}", seen.note);
    let after = staged.observe(&place).await.to_string();
    assert!(!after.contains("3389"), "the other rule is gone: {after}");
    assert!(after.contains("0.0.0.0/0") && after.contains("22"), "the exempt rule stays: {after}");
}

async fn blast_radius() {
    let (place, _, first) = bad("S3.8", "mode: auto, blast_radius: {changes: 5, percent: 50}").await;
    // Of two buckets one is half.
    let second_staged = case("S3.8").stage(&place).await;
    let before = second_staged.observe(&place).await;
    let second = finding("S3.8", &second_staged);
    assert_eq!(sent(&first).await.outcome, "remediated");
    let seen = sent(&second).await;
    assert_eq!((seen.outcome.as_str(), seen.workflow.as_str()), ("deferred", "NEW"), "{}", seen.note);
    assert!(seen.note.contains("blast radius"), "{}", seen.note);
    assert_eq!(second_staged.observe(&place).await, before);
}

async fn contested() {
    let (place, staged, finding) = bad("S3.5", "mode: auto, contested: {times: 1, hours: 24}").await;
    let bad_policy = staged.observe(&place).await;
    let first = sent(&finding).await;
    assert_eq!(first.outcome, "remediated");
    let deployer = user(&place, "deployer").await;
    let bucket = staged.resource.rsplit(':').next().unwrap();
    aws_sdk_s3::Client::new(&deployer).put_bucket_policy().bucket(bucket).policy(bad_policy.to_string()).send().await.unwrap();
    GUARDED.reopen(&finding).await;
    let seen = GUARDED.answer(&finding, Some(&first)).await;
    assert_eq!((seen.outcome.as_str(), seen.workflow.as_str()), ("held", "NOTIFIED"), "{}", seen.note);
    assert!(seen.note.contains(&format!("arn:aws:iam::{}:user/deployer", place.account)), "{}", seen.note);
    assert_eq!(staged.observe(&place).await, bad_policy);
}

/// An IAM user of the member account who may do anything with S3.
async fn user(place: &Place<'_>, name: &str) -> aws_types::SdkConfig {
    let iam = aws_sdk_iam::Client::new(&place.sdk);
    iam.create_user().user_name(name).send().await.unwrap();
    let all = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]});
    iam.put_user_policy().user_name(name).policy_name("all").policy_document(all.to_string()).send().await.unwrap();
    let key = iam.create_access_key().user_name(name).send().await.unwrap().access_key.unwrap();
    let credentials = Credentials::new(key.access_key_id, key.secret_access_key, None, None, "test");
    place.sdk.to_builder().credentials_provider(SharedCredentialsProvider::new(credentials)).build()
}

fn tag(world: &World, staged: &Staged, tags: Json) {
    let Staged { account, region, resource, .. } = staged;
    world.local().post("tags", &json!({"account": account.as_str(), "region": region.as_str(), "arn": resource, "tags": tags}));
}

async fn owned() {
    let (place, staged, finding) = bad("S3.8", "mode: auto").await;
    let before = staged.observe(&place).await;
    tag(&GUARDED, &staged, json!({"aws:cloudformation:stack-name": "website", "aws:cloudformation:logical-id": "Pages"}));
    let held = sent(&finding).await;
    assert_eq!((held.outcome.as_str(), held.workflow.as_str()), ("held", "NOTIFIED"), "{}", held.note);
    for part in ["CloudFormation stack website (Pages)", "PublicAccessBlockConfiguration"] {
        assert!(held.note.contains(part), "{}", held.note);
    }
    assert_eq!(staged.observe(&place).await, before);
    let done = choose("RedressApprove", &finding, &held).await;
    assert_eq!(done.outcome, "remediated", "{}", done.note);
}

async fn protected() {
    let rule = "mode: auto, protected_tags: {tier: gold}, break_glass: ['arn:aws:iam::*:user/*']";
    let (place, staged, finding) = bad("S3.8", rule).await;
    tag(&GUARDED, &staged, json!({"tier": "gold"}));
    let user = case("IAM.27").stage(&place).await;
    for (staged, finding, word) in
        [(&staged, &finding, "tier=gold"), (&user, &redress_testkit::events::finding("IAM.27", &user), "break-glass")]
    {
        let before = staged.observe(&place).await;
        let held = sent(finding).await;
        assert_eq!((held.outcome.as_str(), held.workflow.as_str()), ("held", "NOTIFIED"), "{}", held.note);
        assert!(held.note.contains(word), "{}", held.note);
        let still = choose("RedressApprove", finding, &held).await;
        assert_eq!((still.outcome.as_str(), staged.observe(&place).await), ("held", before), "{}", still.note);
    }
}

async fn by_unit() {
    let place = GUARDED.place_with(json!({"ou": "/Workloads/Prod", "name": "payments"})).await;
    GUARDED.rule(&place.account, "mode: plan").await;
    // The account keeps the rule away from the accounts of other tests.
    GUARDED.rule_for(&format!("{{ou: [/Workloads], accounts: ['{}']}}", place.account), "mode: approve").await;
    let (_, _, finding) = staged(place, "S3.5").await;
    let seen = sent(&finding).await;
    assert_eq!(seen.outcome, "needs-approval", "{}", seen.note);
}

async fn by_tags() {
    let place = GUARDED.place().await;
    GUARDED.rule(&place.account, "mode: plan").await;
    GUARDED.rule_for(&format!("{{accounts: ['{}'], tags: {{env: [dev, test]}}}}", place.account), "mode: auto").await;
    let (place, production, first) = staged(place, "S3.8").await;
    let development = case("S3.8").stage(&place).await;
    tag(&GUARDED, &development, json!({"env": "dev"}));
    let before = production.observe(&place).await;
    let seen = sent(&first).await;
    assert_eq!((seen.outcome.as_str(), production.observe(&place).await), ("planned", before), "{}", seen.note);
    assert_eq!(sent(&finding("S3.8", &development)).await.outcome, "remediated");
}

async fn window() {
    let opens = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(61);
    let (from, to) = (opens.strftime("%H:%M"), (opens + jiff::SignedDuration::from_hours(1)).strftime("%H:%M"));
    let rule =
        format!("mode: auto, change_windows: [{{days: [mon, tue, wed, thu, fri, sat, sun], from: '{from}', to: '{to}', zone: UTC}}]");
    let (place, staged, finding) = bad("S3.8", &rule).await;
    let before = staged.observe(&place).await;
    let seen = sent(&finding).await;
    assert_eq!((seen.outcome.as_str(), seen.workflow.as_str()), ("deferred", "NEW"), "{}", seen.note);
    assert_eq!(staged.observe(&place).await, before);
    let minute = opens.as_second() / 60 * 60;
    while jiff::Timestamp::now().as_second() <= minute {
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    GUARDED.sweep();
    let done = GUARDED.answer(&finding, Some(&seen)).await;
    assert_eq!((done.outcome.as_str(), done.workflow.as_str()), ("remediated", "RESOLVED"), "{}", done.note);
}

async fn false_success() {
    let (_, _, finding) = bad("S3.8", "mode: plan").await;
    let planned = sent(&finding).await;
    assert_eq!(planned.outcome, "planned");
    // As if a run of two days ago had called it resolved.
    let long_ago = RunId::new(jiff::Timestamp::now() - jiff::SignedDuration::from_hours(48), [7; 10]).to_string();
    let text = |name: &str| finding[name].as_str().unwrap().to_owned();
    let id = aws_sdk_securityhub::types::AwsSecurityFindingIdentifier::builder().id(text("Id")).product_arn(text("ProductArn")).build();
    let resolved = aws_sdk_securityhub::types::WorkflowUpdate::builder().status("RESOLVED".into()).build();
    let call = aws_sdk_securityhub::Client::new(GUARDED.admin()).batch_update_findings().finding_identifiers(id).workflow(resolved);
    call.user_defined_fields("redress-run", &long_ago).user_defined_fields("redress-outcome", "remediated").send().await.unwrap();
    GUARDED.sweep();
    eventually("it is opened again", async || {
        let seen = GUARDED.see(&finding).await?;
        (seen.workflow == "NEW").then_some(())
    })
    .await;
    eventually("it is counted for the alarm", async || {
        let logs = GUARDED.local().logs("FindingSweeper");
        logs.iter().any(|line| line.contains("FalseSuccesses") && line.contains("CloudWatchMetrics")).then_some(())
    })
    .await;
}

/// Tests of a whole deployment take turns.
static TURN: Mutex<()> = Mutex::const_new(());

const NOTHING_SAID: &str = "version: 1\n";

async fn set_switch(value: &str) {
    let name = ALONE.local().output("KillSwitchName");
    let call = aws_sdk_ssm::Client::new(ALONE.admin()).put_parameter().name(name).value(value).overwrite(true);
    call.r#type("String".into()).send().await.unwrap();
}

async fn alone(control: &str) -> (Place<'static>, Staged, Json) {
    staged(ALONE.place().await, control).await
}

async fn kill_switch() {
    let _turn = TURN.lock().await;
    ALONE.write_policy(NOTHING_SAID).await;
    let mut burst = Vec::new();
    for index in 0..12 {
        let bad = alone("S3.5").await;
        if index >= 4 {
            // The later ones are still reading when the switch is thrown.
            let fault = json!({"account": bad.0.account.as_str(), "service": "s3", "operation": "GetBucketWebsite", "times": 1, "status": 0, "delay_seconds": 1.5});
            ALONE.local().post("faults", &fault);
        }
        burst.push(bad);
    }
    for (_, _, finding) in &burst {
        ALONE.import(finding).await;
    }
    eventually("the burst has begun", async || {
        let writes = ALONE
            .local()
            .calls()
            .iter()
            .filter(|call| call.action == "s3:PutBucketPolicy" && call.principal.contains("RedressMemberRole"))
            .count();
        (writes > 0).then_some(())
    })
    .await;
    set_switch("incident 4711").await;
    // What had asked the switch a moment before may still be on its way.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let mut after = Vec::new();
    for (place, staged, _) in &burst {
        after.push(staged.observe(place).await);
    }
    let mut stopped = 0;
    for (_, _, finding) in &burst {
        let seen = ALONE.answer(finding, None).await;
        match seen.outcome.as_str() {
            "remediated" => {}
            "deferred" | "held" => {
                assert!(seen.note.contains("kill switch") && seen.note.contains("incident 4711"), "{}", seen.note);
                stopped += 1;
            }
            other => panic!("{other}: {}", seen.note),
        }
    }
    assert!(stopped > 0, "the burst was over before the switch was thrown");
    for ((place, staged, _), then) in burst.iter().zip(after) {
        assert_eq!(staged.observe(place).await, then, "something was written after the switch was thrown");
    }
    let logs = ALONE.local().logs("CisRemediator");
    assert!(logs.iter().any(|line| line.contains("StoppedByKillSwitch")), "it is counted for the alarm");
    set_switch("off").await;
}

async fn broken_policy() {
    let _turn = TURN.lock().await;
    let delete = aws_sdk_s3::Client::new(ALONE.admin()).delete_object().bucket(ALONE.local().output("PolicyBucket")).key("policy.yaml");
    delete.send().await.unwrap();
    for (text, word) in [(None, "GetObject"), (Some("version: 1\nrules:\n  - mode: atuo\n"), "`atuo`"), (Some("not: [a policy"), "line 1")]
    {
        if let Some(text) = text {
            ALONE.write_policy(text).await;
        }
        let (place, staged, finding) = alone("S3.8").await;
        let before = staged.observe(&place).await;
        ALONE.import(&finding).await;
        let seen = ALONE.answer(&finding, None).await;
        assert_eq!((seen.outcome.as_str(), seen.workflow.as_str()), ("deferred", "NEW"), "{}", seen.note);
        assert!(seen.note.contains(word) && seen.note.contains("only plans"), "{}", seen.note);
        assert_eq!(staged.observe(&place).await, before);
        assert!(ALONE.actions_in(&staged).iter().all(|action| !action.contains(":Put")), "it could have written");
    }
    let logs = ALONE.local().logs("CisRemediator");
    assert!(logs.iter().any(|line| line.contains("BrokenPolicy") && line.contains("CloudWatchMetrics")), "it is counted for the alarm");
    ALONE.write_policy(NOTHING_SAID).await;
    let (_, _, finding) = alone("S3.8").await;
    ALONE.import(&finding).await;
    assert_eq!(ALONE.answer(&finding, None).await.outcome, "remediated", "a policy that was mended counts at once");
}

/// A queue of ours that something may send to.
async fn queue(name: &str) -> (String, String) {
    let client = aws_sdk_sqs::Client::new(ALONE.admin());
    let ready = ALONE.local().ready();
    let arn = format!("arn:aws:sqs:{}:{}:{name}", ready.region, ready.admin);
    let services = ["sns.amazonaws.com", "events.amazonaws.com"];
    let statement = json!({"Effect": "Allow", "Principal": {"Service": services}, "Action": "sqs:SendMessage", "Resource": arn});
    let policy = json!({"Version": "2012-10-17", "Statement": [statement]}).to_string();
    let call = client.create_queue().queue_name(name).attributes(aws_sdk_sqs::types::QueueAttributeName::Policy, policy);
    (call.send().await.unwrap().queue_url.unwrap(), arn)
}

async fn received(url: &str) -> Vec<String> {
    let client = aws_sdk_sqs::Client::new(ALONE.admin());
    let mut bodies = Vec::new();
    loop {
        let messages =
            client.receive_message().queue_url(url).max_number_of_messages(10).send().await.unwrap().messages.unwrap_or_default();
        if messages.is_empty() {
            return bodies;
        }
        for message in messages {
            client.delete_message().queue_url(url).receipt_handle(message.receipt_handle().unwrap()).send().await.unwrap();
            bodies.push(message.body.unwrap_or_default());
        }
    }
}

/// A chat that listens: the bodies of what is posted to it.
fn chat() -> (String, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/services/T/B/secret", listener.local_addr().unwrap());
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (mut stream, mut text, mut buffer) = (stream, Vec::new(), [0; 4096]);
            // Read until the body is as long as it says.
            loop {
                let count = stream.read(&mut buffer).unwrap_or(0);
                text.extend_from_slice(&buffer[..count]);
                let whole = String::from_utf8_lossy(&text).into_owned();
                let length =
                    |head: &str| head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse::<usize>().ok());
                let is_whole =
                    whole.split_once("\r\n\r\n").is_some_and(|(head, body)| length(head).is_some_and(|length| body.len() >= length));
                if count == 0 || is_whole {
                    let _ = std::io::Write::write_all(&mut stream, b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok");
                    let _ = sender.send(whole);
                    break;
                }
            }
        }
    });
    (address, receiver)
}

async fn digest() {
    let _turn = TURN.lock().await;
    let tomorrow = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24);
    let ends = format!("{{controls: [KMS.4], reason: old keys, owner: keys, approved_by: ciso, until: {}}}", tomorrow.strftime("%Y-%m-%d"));
    ALONE.write_policy(&format!("{NOTHING_SAID}exemptions:\n  - {ends}\n")).await;
    let (address, chat) = chat();
    let ssm = aws_sdk_ssm::Client::new(ALONE.admin());
    ssm.put_parameter().name("/redress/webhook").value(&address).r#type("SecureString".into()).overwrite(true).send().await.unwrap();
    let (mails, mails_arn) = queue("mails").await;
    let topic = ALONE.local().output("NotificationsTopicArn");
    aws_sdk_sns::Client::new(ALONE.admin()).subscribe().topic_arn(&topic).protocol("sqs").endpoint(&mails_arn).send().await.unwrap();
    let (events, events_arn) = queue("outcomes").await;
    let bus = ALONE.local().output("OutcomesBus");
    let eventbridge = aws_sdk_eventbridge::Client::new(ALONE.admin());
    eventbridge.put_rule().name("all").event_bus_name(&bus).event_pattern(r#"{"source": ["redress"]}"#).send().await.unwrap();
    let target = aws_sdk_eventbridge::types::Target::builder().id("queue").arn(&events_arn).build().unwrap();
    eventbridge.put_targets().rule("all").event_bus_name(&bus).targets(target).send().await.unwrap();
    let place = ALONE.place_with(json!({"name": "payments"})).await;
    let (place, _, first) = staged(place, "S3.8").await;
    let second = finding("S3.8", &case("S3.8").stage(&place).await);
    for finding in [&first, &second] {
        ALONE.import(finding).await;
        assert_eq!(ALONE.answer(finding, None).await.outcome, "remediated");
    }
    let announced = eventually("both outcomes are events", async || {
        let bodies = received(&events).await;
        (!bodies.is_empty()).then_some(bodies)
    })
    .await;
    let event: Json = serde_json::from_str(&announced[0]).unwrap();
    assert_eq!((&event["detail-type"], &event["detail"]["outcome"]["outcome"]), (&json!("Redress Outcome"), &json!("remediated")));
    ALONE.sweep();
    tokio::time::sleep(Duration::from_secs(3)).await;
    let ours = |bodies: Vec<String>| bodies.into_iter().filter(|body| body.contains(place.account.as_str())).collect::<Vec<_>>();
    let early = received(&mails).await;
    let ahead = |bodies: &[String]| bodies.iter().filter(|body| body.contains("exemptions end soon") && body.contains("old keys")).count();
    assert_eq!(ahead(&early), 1, "an exemption is told before it ends: {early:?}");
    assert!(ours(early).is_empty(), "the window of the digest is not over");
    // A minute after the first of them.
    tokio::time::sleep(Duration::from_secs(62)).await;
    ALONE.sweep();
    let mut letters = Vec::new();
    eventually("the digest comes", async || {
        let bodies = received(&mails).await;
        assert_eq!(ahead(&bodies), 0, "it is told once");
        letters.extend(ours(bodies));
        (!letters.is_empty()).then_some(())
    })
    .await;
    let letter: Json = serde_json::from_str(&letters[0]).unwrap();
    assert_eq!(letter["Subject"], json!(format!("Redress: 2 remediated in {} (payments)", place.account)));
    let body = letter["Message"].as_str().unwrap();
    for part in ["redress undo", "console.aws.amazon.com", "changed and verified"] {
        assert!(body.contains(part), "{part} is missing in\n{body}");
    }
    let posted: Vec<String> = chat.try_iter().filter(|text| text.contains(place.account.as_str())).collect();
    assert!(posted.len() == 1 && posted[0].contains(r#"{"text":"*Redress: 2 remediated"#), "{posted:?}");
    ALONE.sweep();
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!((ours(received(&mails).await).len() + letters.len(), chat.try_iter().count()), (1, 0), "nobody is told twice");
    let logs = ["CisRemediator", "FindingSweeper"].map(|name| ALONE.local().logs(name)).concat();
    assert!(logs.iter().all(|line| !line.contains("services/T/B/secret")), "the webhook's address is a secret");
}
