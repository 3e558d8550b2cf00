//! Findings, from wherever they are handed over.

use std::{
    fs, io,
    io::Read as _,
    path::{Path, PathBuf},
};

use redress_controls::find;
use redress_model::{
    Coming, ControlId, Finding, Format, Intent, Partition, Region, Rejection, Resource, Scope, Sources, Trigger, finding::known,
};
use serde_json::Value;

use crate::{Failure, args::One};

/// A finding, or why it is none for us.
pub(crate) struct Read {
    /// What the file calls it.
    pub(crate) name: String,
    /// Its tags as the source gives them: good enough for a simulation, never for a change.
    pub(crate) tags: redress_model::policy::Tags,
    /// The finding.
    pub(crate) finding: Result<Finding, Rejection>,
}

/// All findings of files; folders are walked.
pub(crate) fn of_files(files: &[PathBuf], intent: Intent) -> Result<Vec<Read>, Failure> {
    let mut all = Vec::new();
    for file in files {
        let failed = |error: &dyn std::fmt::Display| Failure::new(format!("{}: {error}", file.display()));
        if file.is_dir() {
            let mut inside: Vec<_> = fs::read_dir(file).map_err(|error| failed(&error))?.flatten().map(|entry| entry.path()).collect();
            inside.retain(|path| path.is_dir() || path.extension().is_some_and(|end| end == "json"));
            inside.sort();
            all.extend(of_files(&inside, intent)?);
            continue;
        }
        let text = text(file).map_err(|error| failed(&error))?;
        let json: Value = serde_json::from_str(&text).map_err(|error| failed(&format!("not JSON: {error}")))?;
        let raw = unwrapped(json);
        if raw.is_empty() {
            return Err(failed(&"no finding in it: give an event, a list of findings, or one finding"));
        }
        all.extend(raw.iter().map(|raw| read(raw, intent)));
    }
    Ok(all)
}

fn text(file: &Path) -> io::Result<String> {
    if file == Path::new("-") {
        let mut text = String::new();
        io::stdin().read_to_string(&mut text)?;
        return Ok(text);
    }
    fs::read_to_string(file)
}

/// The findings in an event, in an answer of `GetFindings`, in a list, or the one that it is.
fn unwrapped(json: Value) -> Vec<Value> {
    match json {
        Value::Array(list) => list.into_iter().flat_map(unwrapped).collect(),
        Value::Object(mut fields) => {
            if let Some(detail) = fields.remove("detail") {
                return unwrapped(detail);
            }
            for name in ["findings", "Findings"] {
                if let Some(list) = fields.remove(name) {
                    return unwrapped(list);
                }
            }
            vec![Value::Object(fields)]
        }
        _ => Vec::new(),
    }
}

/// One finding, whatever it is written in.
pub(crate) fn read(raw: &Value, intent: Intent) -> Read {
    let has = |name: &str| raw.get(name).is_some();
    let format = match () {
        () if has("class_uid") || has("finding_info") => Format::Ocsf,
        () if has("configRuleName") => Format::ConfigChange,
        () => Format::Asff,
    };
    let text = |pointer: &str| raw.pointer(pointer).and_then(Value::as_str);
    let name = ["/Id", "/finding_info/uid", "/configRuleName"].iter().find_map(|pointer| text(pointer)).unwrap_or("?").to_owned();
    let tags = tags(raw);
    let coming = Coming { trigger: Trigger::Chosen(intent), format, account: "", sources: &Sources::all() };
    Read { name, tags, finding: Finding::admit(raw, coming).map(|(finding, _)| finding) }
}

/// The tags that the source gives: ASFF's map, v2's list of names and values, Prowler's labels.
fn tags(raw: &Value) -> redress_model::policy::Tags {
    let of_asff = raw.pointer("/Resources/0/Tags").cloned().and_then(|tags| serde_json::from_value(tags).ok());
    let list = |pointer: &str| raw.pointer(pointer).and_then(Value::as_array).into_iter().flatten();
    let of_v2 =
        list("/resources/0/tags").filter_map(|tag| Some((tag.get("name")?.as_str()?.to_owned(), tag.get("value")?.as_str()?.to_owned())));
    let of_prowler = list("/resources/0/labels")
        .filter_map(|label| label.as_str()?.split_once(':'))
        .map(|(key, value)| (key.to_owned(), value.to_owned()));
    of_asff.unwrap_or_else(|| of_v2.chain(of_prowler).collect())
}

/// The control and resource that the arguments name, as a finding without a key.
pub(crate) fn of_arguments(one: &One) -> Result<Finding, Failure> {
    let missing = || Failure::new("say what to look at: a FILE, --finding ID, or --control ID --account ID --region REGION --resource ARN");
    let control = one.control.clone().ok_or_else(missing)?;
    let resource = resource(&control, one)?;
    Ok(Finding { key: None, controls: vec![control], resource })
}

/// The resource that the arguments name for a control.
pub(crate) fn resource(control: &ControlId, one: &One) -> Result<Resource, Failure> {
    let unknown = || Failure::new(format!("`{control}` is no control that Redress knows: see redress controls"));
    let (entry, known) = (find(control.as_str()).ok_or_else(unknown)?, known(control).ok_or_else(unknown)?);
    let missing = |what: &str| Failure::new(format!("{control} is about {}: give --{what}", entry.spec.resources.join(" or ")));
    let account = one.account.clone().ok_or_else(|| missing("account"))?;
    let region = one.region.clone().ok_or_else(|| missing("region"))?;
    let of_account = entry.spec.resources == ["AwsAccount"];
    let id = match &one.resource {
        _ if of_account => format!("AWS::::Account:{account}"),
        Some(id) if id.starts_with("arn:") => id.clone(),
        Some(id) => {
            return Err(Failure::new(format!("`{id}` is not an ARN: give the whole ARN of the resource, such as arn:aws:s3:::my-bucket")));
        }
        None => return Err(missing("resource")),
    };
    let arn = redress_model::Arn::parse(&id).ok();
    let partition = arn
        .as_ref()
        .map_or_else(|| partition_of(&region), |arn| Partition::try_from(arn.partition))
        .map_err(|error| Failure::new(error.to_string()))?;
    if let Some(owner) = arn.as_ref().map(|arn| arn.account).filter(|owner| !owner.is_empty() && *owner != account.as_str()) {
        return Err(Failure::new(format!("the resource lies in account {owner}, not in {account}")));
    }
    let kind = kind(entry.spec.resources, &id);
    let region = match known.scope {
        Scope::Global => partition.global_region(),
        Scope::Regional => arn.as_ref().and_then(|arn| Region::try_from(arn.region).ok()).unwrap_or(region),
    };
    Ok(Resource { kind, id, account, region, partition, name: None, path: None })
}

fn partition_of(region: &Region) -> Result<Partition, redress_model::ParseError> {
    let starts = [("cn-", "aws-cn"), ("us-gov-", "aws-us-gov"), ("us-iso-", "aws-iso"), ("us-isob-", "aws-iso-b"), ("eusc-", "aws-eusc")];
    let partition = starts.iter().find(|(start, _)| region.as_str().starts_with(start)).map_or("aws", |(_, partition)| partition);
    Partition::try_from(partition)
}

/// Of several kinds, the one that the ARN names.
fn kind(kinds: &[&str], id: &str) -> String {
    let named = |kind: &&&str| {
        let last = kind.trim_start_matches("AwsIam").to_lowercase();
        id.contains(&format!(":{last}/"))
    };
    kinds.iter().find(named).or(kinds.first()).map(|kind| (*kind).to_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_are_found_in_whatever_holds_them() {
        let one = serde_json::json!({"Id": "a"});
        for whole in [
            one.clone(),
            serde_json::json!([one]),
            serde_json::json!({"Findings": [one]}),
            serde_json::json!({"detail": {"findings": [one]}}),
            serde_json::json!([{"detail": {"findings": [one]}}]),
        ] {
            assert_eq!(unwrapped(whole), std::slice::from_ref(&one));
        }
        assert!(unwrapped(serde_json::json!("text")).is_empty());
    }

    fn one(control: &str, resource: Option<&str>) -> One {
        One {
            control: Some(ControlId::try_from(control).unwrap()),
            account: Some("111122223333".try_into().unwrap()),
            region: Some("eu-central-1".try_into().unwrap()),
            resource: resource.map(str::to_owned),
        }
    }

    #[test]
    fn a_resource_is_named_by_its_arn_or_by_its_account() {
        let bucket = of_arguments(&one("S3.5", Some("arn:aws:s3:::logs"))).unwrap().resource;
        assert_eq!((bucket.kind.as_str(), bucket.region.as_str()), ("AwsS3Bucket", "eu-central-1"));
        let account = of_arguments(&one("IAM.15", None)).unwrap().resource;
        assert_eq!((account.id.as_str(), account.region.as_str()), ("AWS::::Account:111122223333", "us-east-1"));
        let role = of_arguments(&one("IAM.27", Some("arn:aws:iam::111122223333:role/shell"))).unwrap().resource;
        assert_eq!(role.kind, "AwsIamRole");
    }

    #[test]
    fn what_is_missing_is_named() {
        let said = |one: One| of_arguments(&one).unwrap_err().to_string();
        assert!(said(one("S3.5", None)).contains("--resource"));
        assert!(said(one("S3.5", Some("logs"))).contains("arn:aws:s3:::my-bucket"));
        assert!(said(one("Lambda.1", None)).contains("redress controls"));
        assert!(said(one("KMS.4", Some("arn:aws:kms:eu-central-1:999988887777:key/k"))).contains("999988887777"));
    }
}
