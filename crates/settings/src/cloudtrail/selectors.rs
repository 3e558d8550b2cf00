//! Which events a trail records.

use std::collections::BTreeSet;

use aws_sdk_cloudtrail::types::{AdvancedEventSelector, AdvancedFieldSelector, DataResource, EventSelector, ReadWriteType};
use redress_aws::Called;
use redress_remediation::{Error, Result};
use serde::{Deserialize, Serialize};

use super::{GET_SELECTORS, PUT_SELECTORS};

/// One field of an advanced selector. A selector takes an event that matches all its fields.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Field {
    /// Such as `eventCategory`.
    pub field: String,
    /// `equals`, `starts-with`, `ends-with`, or one of them with `not-`.
    pub operator: String,
    /// The values, any of which may match.
    pub values: BTreeSet<String>,
}

/// One advanced selector.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selector {
    /// What people wrote on it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Its fields, in the order of their names.
    pub fields: BTreeSet<Field>,
}

impl Field {
    /// A field that equals one value.
    pub fn equals(field: &str, value: &str) -> Self {
        Self::new(field, "equals", value)
    }

    /// A field with one value.
    pub fn new(field: &str, operator: &str, value: &str) -> Self {
        Self { field: field.to_owned(), operator: operator.to_owned(), values: BTreeSet::from([value.to_owned()]) }
    }
}

impl Selector {
    /// The values that a field must equal; none where it is not asked.
    pub fn equal(&self, field: &str) -> Option<&BTreeSet<String>> {
        self.fields.iter().find(|one| one.field == field && one.operator == "equals").map(|one| &one.values)
    }

    /// Whether it asks for this field at all.
    pub fn asks(&self, field: &str) -> bool {
        self.fields.iter().any(|one| one.field == field)
    }

    fn is_of(&self, category: &str) -> bool {
        self.equal("eventCategory").is_some_and(|values| values.contains(category))
    }

    /// Whether it takes events of this kind: reads (`true`) or writes.
    fn takes(&self, reads: bool) -> bool {
        self.equal("readOnly").is_none_or(|values| values.contains(if reads { "true" } else { "false" }))
            && !self.fields.iter().any(|one| one.field == "readOnly" && one.operator != "equals")
    }
}

/// What a trail records: all that its selectors take, as advanced selectors. Basic ones are read as the advanced ones that mean the same.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Selectors {
    /// The selectors.
    pub selectors: Vec<Selector>,
    /// The basic selectors that they stand for, kept so that they can be put back as they were: read-write type, whether management events,
    /// data resources by type, and excluded sources.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub basic: Vec<Basic>,
}

/// A basic selector.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Basic {
    /// `All`, `ReadOnly` or `WriteOnly`.
    pub read_write: String,
    /// Whether management events are recorded.
    pub management: bool,
    /// Types and ARN prefixes of data resources.
    pub data: Vec<(String, Vec<String>)>,
    /// Sources whose management events are left out.
    pub excluded: Vec<String>,
}

impl Selectors {
    /// All management events, reads and writes.
    pub fn all_management() -> Self {
        let all = Selector { name: "All management events".into(), fields: [Field::equals("eventCategory", "Management")].into() };
        Self { selectors: vec![all], basic: Vec::new() }
    }

    /// Whether management events of this kind are recorded for every source: reads (`true`) or writes. AWS's own check takes a trail that leaves
    /// out KMS or the RDS data API for one that does not.
    pub fn management(&self, reads: bool) -> bool {
        let allowed = |field: &Field| ["eventCategory", "readOnly"].contains(&field.field.as_str());
        self.selectors.iter().any(|one| one.is_of("Management") && one.takes(reads) && one.fields.iter().all(allowed))
    }

    /// Whether data events of objects of all buckets are recorded, of this kind; some may be left out by their ARN.
    pub fn objects(&self, reads: bool) -> bool {
        let is_all = |field: &Field| match (field.field.as_str(), field.operator.as_str()) {
            ("eventCategory" | "readOnly" | "resources.type", _) | ("resources.ARN", "not-starts-with" | "not-equals") => true,
            ("resources.ARN", "starts-with") => field.values.iter().any(|value| value.ends_with(":s3") || value.ends_with(":s3:::")),
            _ => false,
        };
        let of_objects = |one: &Selector| one.equal("resources.type").is_some_and(|values| values.contains("AWS::S3::Object"));
        self.selectors.iter().any(|one| one.is_of("Data") && of_objects(one) && one.takes(reads) && one.fields.iter().all(is_all))
    }
}

fn kind(read_write: &str) -> Option<Field> {
    match read_write {
        "ReadOnly" => Some(Field::equals("readOnly", "true")),
        "WriteOnly" => Some(Field::equals("readOnly", "false")),
        _ => None,
    }
}

/// What a basic selector means.
fn meaning(basic: &Basic) -> Vec<Selector> {
    let mut selectors = Vec::new();
    if basic.management {
        let mut fields: BTreeSet<Field> =
            [Field::equals("eventCategory", "Management")].into_iter().chain(kind(&basic.read_write)).collect();
        if !basic.excluded.is_empty() {
            let values = basic.excluded.iter().cloned().collect();
            fields.insert(Field { field: "eventSource".into(), operator: "not-equals".into(), values });
        }
        selectors.push(Selector { name: String::new(), fields });
    }
    for (resource, prefixes) in &basic.data {
        let mut fields: BTreeSet<Field> = [Field::equals("eventCategory", "Data"), Field::equals("resources.type", resource)]
            .into_iter()
            .chain(kind(&basic.read_write))
            .collect();
        // `arn:aws:s3`, `arn:aws:lambda` and the like mean all of them.
        let whole = |prefix: &String| prefix.split(':').count() <= 3;
        if !prefixes.iter().any(whole) {
            fields.insert(Field {
                field: "resources.ARN".into(),
                operator: "starts-with".into(),
                values: prefixes.iter().cloned().collect(),
            });
        }
        selectors.push(Selector { name: String::new(), fields });
    }
    selectors
}

const OPERATORS: [&str; 6] = ["equals", "starts-with", "ends-with", "not-equals", "not-starts-with", "not-ends-with"];

fn fields(selector: &AdvancedFieldSelector) -> Vec<Field> {
    let lists = [
        selector.equals(),
        selector.starts_with(),
        selector.ends_with(),
        selector.not_equals(),
        selector.not_starts_with(),
        selector.not_ends_with(),
    ];
    let some = OPERATORS.iter().zip(lists).filter(|(_, values)| !values.is_empty());
    some.map(|(operator, values)| Field {
        field: selector.field().to_owned(),
        operator: (*operator).to_owned(),
        values: values.iter().cloned().collect(),
    })
    .collect()
}

/// Reads the selectors of a trail.
///
/// # Errors
/// When they cannot be read.
pub async fn read_selectors(client: &aws_sdk_cloudtrail::Client, trail: &str) -> Result<Selectors> {
    let answer = client.get_event_selectors().trail_name(trail).send().await.called(GET_SELECTORS)?;
    if !answer.advanced_event_selectors().is_empty() {
        let selector = |one: &AdvancedEventSelector| Selector {
            name: one.name().unwrap_or_default().to_owned(),
            fields: one.field_selectors().iter().flat_map(fields).collect(),
        };
        return Ok(Selectors { selectors: answer.advanced_event_selectors().iter().map(selector).collect(), basic: Vec::new() });
    }
    let data = |one: &DataResource| (one.r#type().unwrap_or_default().to_owned(), one.values().to_vec());
    let basic = |one: &EventSelector| Basic {
        read_write: one.read_write_type().map_or("All", ReadWriteType::as_str).to_owned(),
        management: one.include_management_events().unwrap_or(true),
        data: one.data_resources().iter().map(data).collect(),
        excluded: one.exclude_management_event_sources().to_vec(),
    };
    let basic: Vec<Basic> = answer.event_selectors().iter().map(basic).collect();
    Ok(Selectors { selectors: basic.iter().flat_map(meaning).collect(), basic })
}

/// Replaces the selectors of a trail: as basic ones where it had such and they say all, as advanced ones otherwise.
///
/// # Errors
/// When they were not taken.
pub async fn write_selectors(client: &aws_sdk_cloudtrail::Client, trail: &str, to: &Selectors) -> Result<()> {
    let malformed = |error: aws_smithy_types::error::operation::BuildError| Error::malformed(PUT_SELECTORS, error.to_string());
    let call = client.put_event_selectors().trail_name(trail);
    if !to.basic.is_empty() && to.basic.iter().flat_map(meaning).collect::<Vec<_>>() == to.selectors {
        let data = |(kind, values): &(String, Vec<String>)| DataResource::builder().r#type(kind).set_values(Some(values.clone())).build();
        let basic = |one: &Basic| {
            EventSelector::builder()
                .read_write_type(ReadWriteType::from(one.read_write.as_str()))
                .include_management_events(one.management)
                .set_data_resources(Some(one.data.iter().map(data).collect()))
                .set_exclude_management_event_sources(Some(one.excluded.clone()))
                .build()
        };
        return call.set_event_selectors(Some(to.basic.iter().map(basic).collect())).send().await.called(PUT_SELECTORS).map(|_| ());
    }
    let mut advanced = Vec::new();
    for selector in &to.selectors {
        let mut fields = Vec::new();
        let names: BTreeSet<&str> = selector.fields.iter().map(|field| field.field.as_str()).collect();
        for name in names {
            let values = |operator: &str| {
                let field = selector.fields.iter().find(|field| field.field == name && field.operator == operator);
                field.map(|field| field.values.iter().cloned().collect::<Vec<_>>())
            };
            let built = AdvancedFieldSelector::builder()
                .field(name)
                .set_equals(values("equals"))
                .set_starts_with(values("starts-with"))
                .set_ends_with(values("ends-with"))
                .set_not_equals(values("not-equals"))
                .set_not_starts_with(values("not-starts-with"))
                .set_not_ends_with(values("not-ends-with"));
            fields.push(built.build().map_err(malformed)?);
        }
        let name = Some(selector.name.clone()).filter(|name| !name.is_empty());
        advanced.push(AdvancedEventSelector::builder().set_name(name).set_field_selectors(Some(fields)).build().map_err(malformed)?);
    }
    call.set_advanced_event_selectors(Some(advanced)).send().await.called(PUT_SELECTORS).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn basic(read_write: &str, management: bool, data: &[&str]) -> Selectors {
        let data =
            if data.is_empty() { vec![] } else { vec![("AWS::S3::Object".to_owned(), data.iter().map(|one| (*one).to_owned()).collect())] };
        let basic = Basic { read_write: read_write.into(), management, data, excluded: Vec::new() };
        Selectors { selectors: meaning(&basic), basic: vec![basic] }
    }

    #[test]
    fn basic_selectors_mean_what_they_say() {
        let all = basic("All", true, &["arn:aws:s3"]);
        assert!([true, false].into_iter().all(|reads| all.management(reads) && all.objects(reads)));
        let writes = basic("WriteOnly", true, &["arn:aws:s3:::logs/"]);
        assert_eq!((writes.management(true), writes.management(false)), (false, true));
        assert!(!writes.objects(false), "one bucket is not all buckets");
        assert!(!basic("All", false, &[]).management(true));
    }

    #[test]
    fn a_selector_that_leaves_the_log_bucket_out_still_takes_all_others() {
        let fields = [
            Field::equals("eventCategory", "Data"),
            Field::equals("resources.type", "AWS::S3::Object"),
            Field::equals("readOnly", "false"),
            Field::new("resources.ARN", "not-starts-with", "arn:aws:s3:::trail-logs/"),
        ];
        let selectors = Selectors { selectors: vec![Selector { name: String::new(), fields: fields.into() }], basic: vec![] };
        assert_eq!((selectors.objects(false), selectors.objects(true), selectors.management(false)), (true, false, false));
    }

    #[test]
    fn a_selector_of_one_source_does_not_take_all_management_events() {
        let fields = [Field::equals("eventCategory", "Management"), Field::equals("eventSource", "iam.amazonaws.com")];
        let selectors = Selectors { selectors: vec![Selector { name: String::new(), fields: fields.into() }], basic: vec![] };
        assert!(!selectors.management(true));
    }
}
