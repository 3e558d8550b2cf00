//! The laws of every setting, on the local AWS: what was got can be put, putting it changes nothing, and there and back is the original.
//! They stand here and not beside the settings because they need the deployed local AWS, and go through the entries as the engine does.

use libtest_mimic::Trial;
use redress_aws::{Account, Gate};
use redress_controls::find;
use redress_model::{Partition, Resource, Scope};
use redress_remediation::Want;
use redress_testkit::{
    events::{event, finding},
    stage::{Back, Case, Ending, cases},
};
use serde_json::Value as Json;

use crate::{SHIPPED, trial};

pub(crate) fn trials() -> Vec<Trial> {
    let laws = cases().into_iter().map(|case| trial(format!("laws::{}::{}", case.control, case.name.replace(' ', "_")), move || law(case)));
    laws.chain([trial("laws::what_is_gone_reads_as_none", gone)]).collect()
}

fn account(case: Case, place: &redress_testkit::stage::Place<'_>) -> Account {
    let entry = find(case.control).unwrap();
    let actions = entry.reads.iter().chain(entry.writes).map(|action| action.name);
    let now = jiff::Timestamp::now();
    Account::new(place.account.clone(), place.region.clone(), Partition::try_from("aws").unwrap(), &place.sdk, Gate::new(actions), now)
}

async fn law(case: Case) {
    let place = SHIPPED.place().await;
    let staged = case.stage(&place).await;
    let account = account(case, &place);
    let entry = find(case.control).unwrap();
    let finding = finding(case.control, &staged);
    let kind = finding["Resources"][0]["Type"].as_str().unwrap().to_owned();
    let partition = Partition::try_from("aws").unwrap();
    let resource = Resource {
        kind,
        id: staged.resource.clone(),
        account: place.account.clone(),
        region: place.region.clone(),
        partition,
        name: None,
        path: None,
    };
    let params = case.params.map_or(Json::Null, |params| serde_json::from_str(&params.replace("ACCOUNT", place.account.as_str())).unwrap());
    let read = || async { entry.get(&resource, &params, &account).await.unwrap().unwrap() };
    let (original, seen) = (read().await, staged.observe(&place).await);
    if entry.writes.is_empty() {
        let refused = entry.put(&resource, &params, &account, &original.value, &original.value).await;
        assert!(refused.is_err(), "a setting without writes was written");
        return;
    }
    entry.put(&resource, &params, &account, &original.value, &original.value).await.unwrap();
    assert_eq!(staged.observe(&place).await, seen, "putting what was got changed something");
    let to = match entry.want(&original, &params).unwrap() {
        Want::Set(to) | Want::Ask { to, .. } => to,
        Want::Tell(_) if case.ending == Ending::Told => return,
        other => panic!("{other:?} is wanted"),
    };
    entry.put(&resource, &params, &account, &original.value, &to).await.unwrap();
    let changed = read().await;
    let is_good = entry.want(&changed, &params).unwrap() == Want::Keep;
    let is_stage = entry.staged && entry.reached(&original.value, &to, &changed.value).unwrap();
    assert!(is_good || is_stage, "get after put is not what was put: {}", changed.value);
    let back = entry.put(&resource, &params, &account, &changed.value, &original.value).await;
    if let Back::Refused(why) = case.back {
        return assert!(back.is_err_and(|error| error.to_string().contains(why)));
    }
    back.unwrap();
    assert!(entry.same(&read().await.value, &original.value).unwrap());
    assert_eq!(staged.observe(&place).await, seen, "there and back is not the original");
}

/// The resources of the events were never made here. Settings of whole accounts cannot be gone.
async fn gone() {
    for entry in redress_controls::CATALOG {
        if entry.spec.resources.contains(&"AwsAccount") {
            continue;
        }
        let place = SHIPPED.place().await;
        let case = cases().into_iter().find(|case| case.control == entry.spec.id).unwrap();
        let account = account(case, &place);
        let named = event(&format!("securityhub/{}.json", entry.spec.id))["detail"]["findings"][0]["Resources"][0].take();
        let id = named["Id"].as_str().unwrap().replace("111122223333", place.account.as_str());
        let kind = named["Type"].as_str().unwrap().to_owned();
        let partition = Partition::try_from("aws").unwrap();
        let region = if entry.spec.scope == Scope::Global { partition.global_region() } else { place.region.clone() };
        let resource = Resource { kind, id, account: place.account.clone(), region, partition, name: None, path: None };
        let read = entry.get(&resource, &Json::Null, &account).await;
        // Of what may be absent, absence is a value; there is nothing to do about it.
        let is_content = |reading: &redress_remediation::Reading| entry.want(reading, &Json::Null).unwrap() == Want::Keep;
        let is_gone = matches!(&read, Ok(None)) || read.as_ref().is_ok_and(|reading| reading.as_ref().is_some_and(is_content));
        assert!(is_gone, "{}: {read:?}", entry.spec.id);
    }
}
