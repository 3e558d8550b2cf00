//! The document as people write it, and what is wrong with it.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{SeqAccess, Visitor},
};
use serde_json::Value as Json;
use serde_saphyr::Spanned;

use super::{CheckParams, Exemption, Problem, Window};
use crate::{AccountId, Class, ControlId, Mode, known::KNOWN};

/// A policy document.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// The version of the format: 1.
    pub version: Version,
    /// Rules, read from top to bottom: a later one that matches replaces what an earlier one said.
    #[serde(default)]
    #[schemars(with = "Vec<Rule>")]
    pub rules: Vec<Spanned<Rule>>,
    /// What is left as it is until a date, and why.
    #[serde(default)]
    #[schemars(with = "Vec<Exemption>")]
    pub exemptions: Vec<Spanned<Exemption>>,
}

/// The version of the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "u32")]
pub struct Version;

impl TryFrom<u32> for Version {
    type Error = String;

    fn try_from(version: u32) -> Result<Self, String> {
        if version == 1 { Ok(Self) } else { Err(format!("version {version} of the format is not known: write 1")) }
    }
}

impl JsonSchema for Version {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Version".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "const": 1 })
    }
}

/// A rule: where it holds, and what it says.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// What people call it.
    #[serde(default)]
    pub name: Option<String>,
    /// Where it holds. All keys must match; of a list, one.
    #[serde(default, rename = "for")]
    pub scope: Scope,
    /// How far Redress may go.
    #[serde(default)]
    pub mode: Option<Mode>,
    /// Parameters, by control.
    #[serde(default)]
    #[schemars(with = "BTreeMap<ControlId, Json>")]
    pub params: BTreeMap<ControlId, Spanned<Json>>,
    /// When changes may be made by themselves. None at all: at any time.
    #[serde(default)]
    pub change_windows: Option<Vec<Window>>,
    /// Resources that carry one of these tags are not changed. Adds up over rules.
    #[serde(default)]
    pub protected_tags: BTreeMap<String, TagValues>,
    /// Resources, by ARN pattern, that are never touched. Adds up over rules.
    #[serde(default)]
    pub break_glass: Vec<Pattern>,
    /// How much may be changed in an account and hour.
    #[serde(default)]
    pub blast_radius: Option<BlastRadius>,
    /// When a change that does not last is held.
    #[serde(default)]
    pub contested: Option<Contested>,
    /// What becomes of resources that belong to infrastructure code.
    #[serde(default)]
    pub owned_by_code: Option<OwnedByCode>,
    /// How many days a question waits for an approval.
    #[serde(default)]
    #[schemars(range(min = 1, max = 90))]
    pub approval_days: Option<u16>,
}

/// Where a rule or an exemption holds. A key that is left out matches everything.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scope {
    /// The organization, `o-...`.
    #[serde(default)]
    pub organization: Option<String>,
    /// Organizational units with all below them: by id (`ou-...`), or by path of names (`/Workloads/Prod`).
    #[serde(default)]
    pub ou: Vec<String>,
    /// Accounts.
    #[serde(default)]
    pub accounts: Vec<AccountId>,
    /// Regions; `*` stands for anything.
    #[serde(default)]
    pub regions: Vec<Pattern>,
    /// Tags of the resource. All must be there, each with one of its values.
    #[serde(default)]
    pub tags: BTreeMap<String, TagValues>,
    /// Resources by ARN (or id); `*` stands for anything.
    #[serde(default)]
    pub resources: Vec<Pattern>,
    /// Controls: `S3.5`, `S3.*` or `*`.
    #[serde(default)]
    pub controls: Vec<ControlPattern>,
    /// Classes of controls.
    #[serde(default)]
    pub classes: Vec<Class>,
}

/// A text in which `*` stands for any characters and `?` for one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Pattern(String);

impl Pattern {
    /// Whether `text` is of the pattern. Case counts.
    pub fn matches(&self, text: &str) -> bool {
        wildmatch::WildMatch::new(&self.0).matches(text)
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Pattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text.is_empty() { Err("an empty pattern matches nothing: write `*` for everything".into()) } else { Ok(Self(text)) }
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> Self {
        pattern.0
    }
}

/// Controls by id, by service (`S3.*`), or all (`*`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ControlPattern(String);

impl JsonSchema for ControlPattern {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ControlPattern".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string" })
    }
}

impl ControlPattern {
    /// Whether it is about `control`.
    pub fn matches(&self, control: &ControlId) -> bool {
        matches_control(&self.0, control.as_str())
    }
}

fn matches_control(pattern: &str, id: &str) -> bool {
    match pattern.strip_suffix(".*") {
        Some(service) => id.split_once('.').is_some_and(|(of, _)| of == service),
        None => pattern == "*" || pattern == id,
    }
}

impl TryFrom<String> for ControlPattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if KNOWN.iter().any(|known| matches_control(&text, known.id)) {
            return Ok(Self(text));
        }
        let hint = nearest(&text, KNOWN.iter().map(|known| known.id)).map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
        Err(format!("`{text}` is no control that Redress knows{hint}"))
    }
}

impl From<ControlPattern> for String {
    fn from(pattern: ControlPattern) -> Self {
        pattern.0
    }
}

/// The values of a tag: one pattern, or a list of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagValues(pub Vec<Pattern>);

impl TagValues {
    /// Whether one of them matches.
    pub fn matches(&self, value: &str) -> bool {
        self.0.iter().any(|pattern| pattern.matches(value))
    }
}

impl<'de> Deserialize<'de> for TagValues {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMany;

        impl<'de> Visitor<'de> for OneOrMany {
            type Value = Vec<Pattern>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a text, or a list of texts")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
                Pattern::try_from(text.to_owned()).map(|pattern| vec![pattern]).map_err(E::custom)
            }

            fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<Self::Value, E> {
                self.visit_str(&value.to_string())
            }

            fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Self::Value, E> {
                self.visit_str(&value.to_string())
            }

            fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Self::Value, E> {
                self.visit_str(&value.to_string())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut all = Vec::new();
                while let Some(pattern) = list.next_element()? {
                    all.push(pattern);
                }
                if all.is_empty() {
                    Err(serde::de::Error::custom("an empty list matches nothing: write `*` for any value"))
                } else {
                    Ok(all)
                }
            }
        }

        deserializer.deserialize_any(OneOrMany).map(Self)
    }
}

impl JsonSchema for TagValues {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "TagValues".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" }, "minItems": 1 }] })
    }
}

/// How many resources of one kind may be changed in one account within one hour of the clock. Whichever limit is reached first holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BlastRadius {
    /// At most this many changes.
    #[serde(default = "BlastRadius::shipped_changes")]
    pub changes: u32,
    /// At most this share of all resources of the kind that AWS Config knows in account and region, but always one.
    #[serde(default)]
    #[schemars(range(min = 1, max = 100))]
    pub percent: Option<u8>,
}

impl BlastRadius {
    fn shipped_changes() -> u32 {
        100
    }
}

impl Default for BlastRadius {
    fn default() -> Self {
        Self { changes: Self::shipped_changes(), percent: None }
    }
}

/// When the same change, made again and again, is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Contested {
    /// After so many changes of the same control on the same resource ...
    #[schemars(range(min = 1, max = 10))]
    pub times: u8,
    /// ... within so many hours.
    #[schemars(range(min = 1, max = 168))]
    pub hours: u16,
}

impl Default for Contested {
    fn default() -> Self {
        Self { times: 3, hours: 24 }
    }
}

/// What becomes of resources whose tags say that infrastructure code or a controller made them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OwnedByCode {
    /// They are held, with the change to make in the code.
    #[default]
    Hold,
    /// They are changed like all others; the code must follow.
    Change,
}

/// The text of `words` that is most like `text`, if one is.
pub(super) fn nearest<'a>(text: &str, words: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let (text, small) = (text.to_lowercase(), str::to_lowercase);
    let likeness = |word: &str| if small(word).contains(&text) { 0.9 } else { strsim::jaro_winkler(&text, &small(word)) };
    let best = words.map(|word| (likeness(word), word)).max_by(|one, other| one.0.total_cmp(&other.0))?;
    (best.0 > 0.75).then_some(best.1)
}

/// `unknown field `mood`, expected one of mode, params` with what was probably meant.
fn with_suggestion(message: &str) -> String {
    let words = |text: &str| text.split([',', ' ', '`']).filter(|word| !matches!(*word, "" | "or")).map(str::to_owned).collect::<Vec<_>>();
    let found = ["unknown field `", "unknown variant `"].into_iter().find_map(|head| {
        let (word, rest) = message.split_once(head)?.1.split_once('`')?;
        let (_, expected) = rest.split_once("expected ")?;
        Some((word.to_owned(), words(expected.trim_start_matches("one of "))))
    });
    let near = found.as_ref().and_then(|(word, expected)| nearest(word, expected.iter().map(String::as_str)));
    near.map_or_else(|| message.to_owned(), |near| format!("{message}; did you mean `{near}`?"))
}

/// The document, if nothing is wrong with it.
pub(super) fn checked(text: &str, check: CheckParams<'_>) -> Result<Document, Vec<Problem>> {
    let document: Document = serde_saphyr::from_str(text).map_err(|error| vec![unread(&error)])?;
    let mut problems = Vec::new();
    for Spanned { value: rule, referenced, .. } in &document.rules {
        let mut wrong = |what: String| problems.push(Problem { line: referenced.line(), column: referenced.column(), what });
        let says_nothing = rule.mode.is_none()
            && rule.params.is_empty()
            && rule.change_windows.is_none()
            && rule.protected_tags.is_empty()
            && rule.break_glass.is_empty()
            && rule.blast_radius.is_none()
            && rule.contested.is_none()
            && rule.owned_by_code.is_none()
            && rule.approval_days.is_none();
        if says_nothing {
            wrong("the rule says nothing: give it a mode, params or another key beside `for`".into());
        }
        rule.scope.problems(&mut wrong);
        if rule.change_windows.iter().flatten().any(|window| window.days.is_empty()) {
            wrong("`days` of a change window is empty: it would never open; to change nothing write `mode: plan`".into());
        }
        let limits = [
            (rule.approval_days.map(u32::from), 1, 90, "approval_days"),
            (rule.blast_radius.and_then(|radius| radius.percent).map(u32::from), 1, 100, "blast_radius.percent"),
            (rule.contested.map(|contested| u32::from(contested.times)), 1, 10, "contested.times"),
            (rule.contested.map(|contested| u32::from(contested.hours)), 1, 168, "contested.hours"),
        ];
        for (value, least, most, name) in limits {
            if let Some(value) = value.filter(|value| !(least..=most).contains(value)) {
                wrong(format!("{name} is {value}, and must be from {least} to {most}"));
            }
        }
        for (control, params) in &rule.params {
            let (line, column) = (params.referenced.line(), params.referenced.column());
            if let Err(what) = ControlPattern::try_from(control.to_string()).map(|_| ()).and_then(|()| check(control, &params.value)) {
                problems.push(Problem { line, column, what: with_suggestion(&what) });
            }
        }
    }
    for Spanned { value: exemption, referenced, .. } in &document.exemptions {
        let mut wrong = |what: String| problems.push(Problem { line: referenced.line(), column: referenced.column(), what });
        exemption.scope.problems(&mut wrong);
        exemption.problems(check, &mut wrong);
    }
    if problems.is_empty() { Ok(document) } else { Err(problems) }
}

impl Scope {
    fn problems(&self, wrong: &mut dyn FnMut(String)) {
        for ou in self.ou.iter().filter(|ou| !ou.starts_with('/') && !ou.starts_with("ou-") && !ou.starts_with("r-")) {
            wrong(format!("`{ou}` is no organizational unit: write its id (ou-...), or the path of names from the root (/Workloads/Prod)"));
        }
        if let Some(organization) = self.organization.as_ref().filter(|organization| !organization.starts_with("o-")) {
            wrong(format!("`{organization}` is no organization: write its id (o-...)"));
        }
    }
}

fn unread(error: &serde_saphyr::Error) -> Problem {
    let (line, column) = error.location().map_or((1, 1), |at| (at.line(), at.column()));
    // The first line is `error: line 3 column 5: what is wrong`; what follows is the excerpt.
    let message = error.to_string();
    let first = message.lines().next().unwrap_or_default();
    let what = first.strip_prefix(&format!("error: line {line} column {column}: ")).unwrap_or(first);
    Problem { line, column, what: with_suggestion(what) }
}
