//! The policy document: what people write about security groups, in JSON.

use std::{borrow::Cow, collections::BTreeMap, net::IpAddr};

use ipnet::IpNet;
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use serde_json::Value as Json;

use crate::{Direction, services::protocol};

/// How bad a violation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Good to know.
    #[serde(alias = "informational")]
    Info,
    /// Mend at leisure.
    Low,
    /// Mend soon.
    Medium,
    /// Mend now.
    High,
    /// Mend first.
    Critical,
}

impl Severity {
    /// The next less.
    #[must_use]
    pub fn lowered(self) -> Self {
        match self {
            Self::Critical => Self::High,
            Self::High => Self::Medium,
            Self::Medium => Self::Low,
            Self::Low | Self::Info => Self::Info,
        }
    }

    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// How far enforcement goes; each step does what the ones before it do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Step {
    /// A finding, nothing else.
    #[default]
    Report,
    /// The group is tagged.
    Tag,
    /// What offends is taken out of the offending rules, and nothing else.
    Remediate,
    /// Every rule goes, in both directions.
    Lockdown,
}

/// The ports of a rule: `22`, `"8000-8999"`, or a list of those.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ports(pub(crate) Vec<(u16, u16)>);

fn span(text: &str) -> Result<(u16, u16), String> {
    let wrong = || format!("`{text}` is no port range: write 22 or 8000-8999, from 0 to 65535");
    let port = |text: &str| text.trim().parse::<u16>().map_err(|_| wrong());
    let (low, high) = match text.split_once('-') {
        Some((low, high)) if !low.is_empty() => (port(low)?, port(high)?),
        _ => (port(text)?, port(text)?),
    };
    if low > high { Err(wrong()) } else { Ok((low, high)) }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    Number(i64),
    Text(String),
    Many(Vec<OneOrMany>),
}

impl OneOrMany {
    fn flat(self) -> Vec<String> {
        match self {
            Self::Number(number) => vec![number.to_string()],
            Self::Text(text) => vec![text],
            Self::Many(many) => many.into_iter().flat_map(Self::flat).collect(),
        }
    }
}

impl<'de> Deserialize<'de> for Ports {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wrong = |_| D::Error::custom("write a port, a range such as \"8000-8999\", or a list of those");
        let texts = OneOrMany::deserialize(deserializer).map_err(wrong)?.flat();
        if texts.iter().any(|text| ["all", "-1", "*", "any"].contains(&text.as_str())) {
            return Ok(Self::default());
        }
        texts.iter().map(|text| span(text)).collect::<Result<_, _>>().map(Self).map_err(D::Error::custom)
    }
}

impl Serialize for Ports {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let told = |(low, high): &(u16, u16)| if low == high { low.to_string() } else { format!("{low}-{high}") };
        self.0.iter().map(told).collect::<Vec<_>>().serialize(serializer)
    }
}

fn strings(description: &str) -> Schema {
    json_schema!({
        "description": description,
        "anyOf": [{"type": "string"}, {"type": "integer"}, {"type": "array", "items": {"type": ["string", "integer"]}}],
    })
}

impl JsonSchema for Ports {
    fn schema_name() -> Cow<'static, str> {
        "Ports".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        strings("a port, a range such as \"8000-8999\", \"all\", or a list of those")
    }
}

/// Where traffic comes from, or goes to: networks, groups and prefix lists.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Peers {
    pub(crate) nets: Vec<IpNet>,
    pub(crate) groups: Vec<String>,
    pub(crate) lists: Vec<String>,
    /// `any-group`.
    pub(crate) any_group: bool,
}

fn peer(text: &str, peers: &mut Peers) -> Result<(), String> {
    match text {
        "any" | "*" | "anywhere" => peers.nets.extend([IpNet::V4(ipnet::Ipv4Net::default()), IpNet::V6(ipnet::Ipv6Net::default())]),
        "any-group" => peers.any_group = true,
        group if group.starts_with("sg-") => peers.groups.push(group.to_owned()),
        list if list.starts_with("pl-") => peers.lists.push(list.to_owned()),
        other => {
            let net = other.parse::<IpNet>().or_else(|_| other.parse::<IpAddr>().map(IpNet::from)).map_err(|_| {
                format!("`{other}` is no source: write a network such as 10.0.0.0/8, a group (sg-...), a prefix list (pl-...), any-group, or any")
            })?;
            if net.trunc() != net {
                return Err(format!("`{other}` is an address with a prefix length, no network: write {}", net.trunc()));
            }
            peers.nets.push(net);
        }
    }
    Ok(())
}

impl<'de> Deserialize<'de> for Peers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wrong = |_| D::Error::custom("write a source such as \"10.0.0.0/8\", or a list of them");
        let mut peers = Self::default();
        for text in OneOrMany::deserialize(deserializer).map_err(wrong)?.flat() {
            peer(&text, &mut peers).map_err(D::Error::custom)?;
        }
        Ok(peers)
    }
}

impl Serialize for Peers {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let nets = self.nets.iter().map(ToString::to_string);
        let any = self.any_group.then(|| "any-group".to_owned());
        nets.chain(self.groups.iter().cloned()).chain(self.lists.iter().cloned()).chain(any).collect::<Vec<_>>().serialize(serializer)
    }
}

impl JsonSchema for Peers {
    fn schema_name() -> Cow<'static, str> {
        "Peers".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        strings("a network, an address, sg-..., pl-..., any-group, any, or a list of those")
    }
}

/// A protocol: tcp, udp, icmp, icmpv6, a number, or all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Protocol(pub(crate) Option<u32>);

impl<'de> Deserialize<'de> for Protocol {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wrong = |_| D::Error::custom("write a protocol: tcp, udp, icmp, icmpv6, a number, or all");
        match OneOrMany::deserialize(deserializer).map_err(wrong)?.flat().as_slice() {
            [text] => protocol(text).map(Self).map_err(D::Error::custom),
            _ => Err(D::Error::custom("write one protocol")),
        }
    }
}

impl Serialize for Protocol {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0.map_or_else(|| "all".to_owned(), |number| number.to_string()))
    }
}

impl JsonSchema for Protocol {
    fn schema_name() -> Cow<'static, str> {
        "Protocol".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"description": "tcp, udp, icmp, icmpv6, a number from 0 to 255, or all", "type": ["string", "integer"]})
    }
}

/// Traffic that must not be let through.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProhibitedRule {
    /// Its name, unique in the document: findings and exemptions are known by it.
    pub rule_id: String,
    /// What it is about.
    #[serde(default)]
    pub description: String,
    /// All protocols without it.
    #[serde(default)]
    pub protocol: Protocol,
    /// The ports, all of them without it.
    #[serde(default, alias = "port_ranges", alias = "ports", alias = "prohibited_port_ranges", alias = "prohibited_ports")]
    pub port_range: Ports,
    /// Where from, or where to. `0.0.0.0/0` and `::/0` mean the internet at large (see `anywhere`); any other network means every address in
    /// it; without it, every address is meant.
    #[serde(default, alias = "sources", alias = "destination", alias = "destinations", skip_serializing_if = "Option::is_none")]
    pub source: Option<Peers>,
    /// How bad it is.
    #[serde(default = "medium")]
    pub severity: Severity,
    /// Why, for findings and tags.
    #[serde(default)]
    pub reason: String,
    /// What an open source is replaced by, instead of being taken out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replace_source_with: Option<Peers>,
}

/// Traffic that may be let through for some only.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RestrictedRule {
    /// Its name, unique in the document.
    pub rule_id: String,
    /// What it is about.
    #[serde(default)]
    pub description: String,
    /// All protocols without it.
    #[serde(default)]
    pub protocol: Protocol,
    /// The ports, all of them without it.
    #[serde(default, alias = "port_ranges", alias = "ports")]
    pub port_range: Ports,
    /// From where it may come, or where it may go to. Members of security groups may, unless `allow_security_groups` is false.
    #[serde(alias = "allowed_source", alias = "allowed_cidrs", alias = "allowed_destinations")]
    pub allowed_sources: Peers,
    /// Whether rules that name any security group are good.
    #[serde(default = "yes")]
    pub allow_security_groups: bool,
    /// How bad it is otherwise.
    #[serde(default = "medium")]
    pub severity: Severity,
    /// Why, for findings and tags.
    #[serde(default)]
    pub reason: String,
}

/// Traffic that may be let through whatever else is said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AllowedRule {
    /// Its name.
    pub rule_id: String,
    /// What it is about.
    #[serde(default)]
    pub description: String,
    /// All protocols without it.
    #[serde(default)]
    pub protocol: Protocol,
    /// The ports, all of them without it.
    #[serde(default, alias = "port_ranges", alias = "ports")]
    pub port_range: Ports,
    /// Where from, or where to; from every address without it.
    #[serde(default, alias = "sources", alias = "destination", alias = "destinations", skip_serializing_if = "Option::is_none")]
    pub source: Option<Peers>,
    /// Why.
    #[serde(default)]
    pub reason: String,
}

/// A rule that says which way it looks; inbound without a word.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DirectedRule<R> {
    /// Which way.
    #[serde(default = "inbound")]
    pub direction: Direction,
    /// The rule.
    #[serde(flatten)]
    pub rule: R,
}

/// Rules of both directions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Directions<R> {
    /// For what comes in.
    #[serde(default = "Vec::<R>::new")]
    pub inbound: Vec<R>,
    /// For what goes out.
    #[serde(default = "Vec::<R>::new")]
    pub outbound: Vec<R>,
}

impl<R> Default for Directions<R> {
    fn default() -> Self {
        Self { inbound: Vec::new(), outbound: Vec::new() }
    }
}

/// More rules for groups of one environment, told by their tag.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Environment {
    /// What it is about.
    pub description: String,
    /// More prohibited rules.
    #[serde(alias = "additional_prohibited_rules")]
    pub additional_restrictions: Vec<DirectedRule<ProhibitedRule>>,
    /// More restricted rules.
    pub additional_restricted_rules: Vec<DirectedRule<RestrictedRule>>,
    /// More allowed rules.
    #[serde(alias = "allowed_rules")]
    pub additional_allowed_rules: Vec<DirectedRule<AllowedRule>>,
}

/// What is different in one account.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Override {
    /// What it is about.
    pub description: String,
    /// Whether the rules for all hold there too. Without them, those of environments do not hold either.
    pub inherit_global_rules: bool,
    /// More prohibited rules.
    pub additional_prohibited_rules: Vec<DirectedRule<ProhibitedRule>>,
    /// More restricted rules.
    pub additional_restricted_rules: Vec<DirectedRule<RestrictedRule>>,
    /// More allowed rules.
    pub additional_allowed_rules: Vec<DirectedRule<AllowedRule>>,
    /// Rules for all that do not hold there.
    pub excluded_rules: Vec<String>,
    /// How far enforcement goes there, instead of what holds for all.
    pub enforcement: Option<Enforcement>,
    /// What happens there within seconds of a change, instead of what holds for all.
    pub real_time_scanning: Option<RealTime>,
}

impl Default for Override {
    fn default() -> Self {
        Self {
            description: String::new(),
            inherit_global_rules: true,
            additional_prohibited_rules: Vec::new(),
            additional_restricted_rules: Vec::new(),
            additional_allowed_rules: Vec::new(),
            excluded_rules: Vec::new(),
            enforcement: None,
            real_time_scanning: None,
        }
    }
}

/// Why something is left as it is, and until when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Exemption {
    /// Why.
    pub reason: String,
    /// The rules of the policy from which it is exempt; `*` for all.
    #[serde(default = "every")]
    pub exempted_rules: Vec<String>,
    /// Until when, as a date (its whole day in UTC) or a moment; for ever without it.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "moment")]
    #[schemars(with = "Option<String>")]
    pub expiry_date: Option<Timestamp>,
    /// Who said so.
    #[serde(default)]
    pub approved_by: String,
}

impl Exemption {
    /// Whether it is over.
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.expiry_date.is_some_and(|end| end <= now)
    }

    /// Whether it is about this rule of the policy.
    pub fn covers(&self, rule: &str) -> bool {
        self.exempted_rules.iter().any(|exempted| exempted == "*" || exempted == rule)
    }
}

fn moment<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    let Some(text) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
    if let Ok(moment) = text.parse() {
        return Ok(Some(moment));
    }
    let day = text.parse::<Date>().ok().and_then(|day| day.tomorrow().ok()).and_then(|day| day.to_zoned(TimeZone::UTC).ok());
    let wrong = || D::Error::custom(format!("`{text}` is no date: write 2027-01-31 or 2027-01-31T00:00:00Z, or leave it out"));
    day.map(|day| Some(day.timestamp())).ok_or_else(wrong)
}

/// What is left as it is.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Exemptions {
    /// By the group's id.
    pub security_group_exemptions: BTreeMap<String, Exemption>,
    /// By the account's number.
    pub account_exemptions: BTreeMap<String, Exemption>,
}

/// How far enforcement goes, by severity.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Enforcement {
    /// The step of each severity; `report` where none is named.
    pub steps: BTreeMap<Severity, Step>,
    /// Hours after a violation was first seen during which it is tagged at most.
    pub grace_period_hours: BTreeMap<Severity, u32>,
}

/// What happens within seconds of a change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RealTime {
    /// Whether changes are looked at as they come.
    pub enabled: bool,
    /// What is looked for.
    pub detection_rules: DetectionRules,
    /// How far it goes with critical violations where that is asked for: `remediate` or `lockdown`.
    pub emergency_action: Step,
}

impl Default for RealTime {
    fn default() -> Self {
        Self { enabled: true, detection_rules: DetectionRules::default(), emergency_action: Step::Remediate }
    }
}

/// What is looked for in changes.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DetectionRules {
    /// A new group.
    pub new_security_group_created: Detection,
    /// A changed rule.
    pub risky_rule_added: Detection,
    /// Many changes by one principal.
    #[serde(alias = "mass_operations")]
    pub mass_operations_detected: MassOperations,
}

/// What is done about one kind of change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Detection {
    /// Whether the group is looked at at once.
    pub immediate_scan: bool,
    /// The goal, in seconds from the change. What takes longer is counted.
    pub scan_within_seconds: u32,
    /// Whether critical violations are acted upon at once, without grace.
    pub auto_remediate_critical: bool,
}

impl Default for Detection {
    fn default() -> Self {
        Self { immediate_scan: true, scan_within_seconds: 30, auto_remediate_critical: false }
    }
}

/// What counts as a mass operation, and what is done about it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MassOperations {
    /// Whether changes are counted.
    pub enabled: bool,
    /// More changes by one principal than this within the window are a mass operation.
    #[serde(alias = "max_operations_per_minute", alias = "max_operations")]
    pub threshold: u32,
    /// The window, in seconds.
    #[serde(alias = "time_window_seconds")]
    pub window_seconds: u32,
    /// Whether people are told.
    pub alert: bool,
    /// Whether the principal is kept from changing more, until a person undoes that.
    #[serde(alias = "quarantine")]
    pub block_user: bool,
}

impl Default for MassOperations {
    fn default() -> Self {
        Self { enabled: true, threshold: 10, window_seconds: 60, alert: true, block_user: false }
    }
}

/// What counts as the internet at large.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Anywhere {
    /// More public IPv4 addresses together than a network of this prefix length has.
    pub ipv4_wider_than: u8,
    /// The same for IPv6.
    pub ipv6_wider_than: u8,
}

impl Default for Anywhere {
    fn default() -> Self {
        Self { ipv4_wider_than: 8, ipv6_wider_than: 16 }
    }
}

/// What people expect of their policy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyTest {
    /// What is tested, in a sentence.
    pub name: String,
    /// The group: `inbound` and `outbound` are lists of rules such as `tcp 22 from 10.0.0.0/8`, with tags where they matter.
    pub given: GivenGroup,
    /// The account that it is in; one that no override names, without it.
    #[serde(default)]
    pub account: String,
    /// What prefix lists hold.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, Vec<String>>")]
    pub prefix_lists: BTreeMap<String, Vec<IpNet>>,
    /// The moment, where exemptions matter.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub at: Option<Timestamp>,
    /// What is expected.
    pub expect: Expected,
}

/// The group of a test.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct GivenGroup {
    /// Its id.
    pub id: String,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// What comes in.
    pub inbound: Vec<String>,
    /// What goes out.
    pub outbound: Vec<String>,
}

/// What is expected of a group.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Expected {
    /// The rules of the policy that it violates, and no others.
    pub violations: Vec<String>,
    /// The rules from which it is exempt though it violates them.
    pub exempt: Option<Vec<String>>,
    /// The inbound rules that are left when all is mended.
    pub inbound_after: Option<Vec<String>>,
    /// The outbound rules that are left.
    pub outbound_after: Option<Vec<String>>,
}

/// The policy on security groups.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    /// The schema that editors check it against.
    #[serde(rename = "$schema", skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// The document's own version; nothing depends on it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<Json>,
    /// What it is about.
    pub description: String,
    /// Whatever else people want to keep with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Json>,
    /// What counts as the internet at large.
    pub anywhere: Anywhere,
    /// What must not be let through.
    pub prohibited_rules: Directions<ProhibitedRule>,
    /// What may be let through for some only.
    pub restricted_rules: Directions<RestrictedRule>,
    /// What may be let through whatever else is said.
    pub allowed_rules: Directions<AllowedRule>,
    /// The tag of a group that names its environment; `Environment` without it.
    pub environment_tag: Option<String>,
    /// More rules by environment; case does not matter.
    pub environment_specific: BTreeMap<String, Environment>,
    /// What is different in some accounts: `account_111122223333`, or the number alone.
    pub account_specific_overrides: BTreeMap<String, Override>,
    /// What is left as it is.
    pub exemptions: Exemptions,
    /// How far enforcement goes.
    pub enforcement: Enforcement,
    /// What happens within seconds of a change.
    pub real_time_scanning: RealTime,
    /// What people expect of it, for `redress sg test`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tests: Vec<PolicyTest>,
}

/// A mistake in a document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {what}")]
pub struct Mistake {
    /// Where, such as `prohibited_rules.inbound[0].port_range`.
    pub path: String,
    /// What is wrong.
    pub what: String,
}

/// So many calls of a principal are remembered.
const MOST_COUNTED: u32 = 200;

const fn yes() -> bool {
    true
}

const fn medium() -> Severity {
    Severity::Medium
}

const fn inbound() -> Direction {
    Direction::Inbound
}

fn every() -> Vec<String> {
    vec!["*".to_owned()]
}

impl Policy {
    /// Reads a document; it may be wrapped in `compliance_policies`.
    ///
    /// # Errors
    /// Every mistake with its path; where the text is no JSON, or a value is not of its type, the first one only.
    pub fn parse(text: &str) -> Result<Self, Vec<Mistake>> {
        let at = |path: String, what: String| vec![Mistake { path: if path == "." { "the document".into() } else { path }, what }];
        let mut json: Json = serde_json::from_str(text).map_err(|error| at(".".into(), format!("not JSON: {error}")))?;
        let prefix = if let Some(inner) = json.as_object_mut().and_then(|outer| outer.remove("compliance_policies")) {
            // What stands beside it belongs to the same document.
            if let (Some(outer), Json::Object(inner)) = (json.as_object_mut(), inner) {
                for (key, value) in inner {
                    if outer.insert(key.clone(), value).is_some() {
                        return Err(at(key, "it is inside `compliance_policies` and beside it: write it once".into()));
                    }
                }
            }
            "compliance_policies."
        } else {
            ""
        };
        let policy: Self = serde_path_to_error::deserialize(json).map_err(|error| {
            let path = error.path().to_string();
            at(if path == "." { path } else { format!("{prefix}{path}") }, error.inner().to_string())
        })?;
        let mistakes = policy.mistakes();
        if mistakes.is_empty() { Ok(policy) } else { Err(mistakes) }
    }

    /// Reads a document, with all mistakes in one text.
    ///
    /// # Errors
    /// Every mistake with its path.
    pub fn parse_all(text: &str) -> Result<Self, String> {
        Self::parse(text).map_err(|mistakes| mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
    }

    /// The JSON schema of documents.
    pub fn json_schema() -> Schema {
        schemars::schema_for!(Policy)
    }

    /// What parses and is wrong all the same.
    fn mistakes(&self) -> Vec<Mistake> {
        let mut mistakes = Vec::new();
        let mut wrong = |path: String, what: &str| mistakes.push(Mistake { path, what: what.to_owned() });
        let mut seen: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (path, id) in self.ids() {
            if id.trim().is_empty() {
                wrong(path, "a rule needs a name");
                continue;
            }
            let others = seen.entry(id.to_owned()).or_default();
            if let Some(first) = others.iter().find(|other| may_hold_together(other, &path)) {
                wrong(path.clone(), &format!("`{id}` is the name of {first} too"));
            }
            others.push(path);
        }
        for key in self.account_specific_overrides.keys() {
            if !is_account(key.strip_prefix("account_").unwrap_or(key)) {
                wrong(format!("account_specific_overrides.{key}"), "write account_ and twelve digits");
            }
        }
        for key in self.exemptions.account_exemptions.keys().filter(|key| !is_account(key)) {
            wrong(format!("exemptions.account_exemptions.{key}"), "write an account's twelve digits");
        }
        for key in self.exemptions.security_group_exemptions.keys().filter(|key| !key.starts_with("sg-")) {
            wrong(format!("exemptions.security_group_exemptions.{key}"), "write a group's id, such as sg-0123456789abcdef0");
        }
        let exempted = self.exemptions.security_group_exemptions.iter().map(|(key, one)| ("security_group_exemptions", key, one));
        let exempted = exempted.chain(self.exemptions.account_exemptions.iter().map(|(key, one)| ("account_exemptions", key, one)));
        for (kind, key, exemption) in exempted {
            for (index, rule) in exemption.exempted_rules.iter().enumerate().filter(|(_, rule)| *rule != "*") {
                if !seen.contains_key(rule) {
                    wrong(format!("exemptions.{kind}.{key}.exempted_rules[{index}]"), &format!("there is no rule `{rule}`"));
                }
            }
        }
        for (account, one) in &self.account_specific_overrides {
            for (index, rule) in one.excluded_rules.iter().enumerate().filter(|(_, rule)| !seen.contains_key(*rule)) {
                let path = format!("account_specific_overrides.{account}.excluded_rules[{index}]");
                wrong(path, &format!("there is no rule `{rule}`"));
            }
        }
        let own = self.account_specific_overrides.iter().filter_map(|(key, own)| {
            Some((format!("account_specific_overrides.{key}.real_time_scanning"), own.real_time_scanning.as_ref()?))
        });
        for (path, one) in own.chain([("real_time_scanning".to_owned(), &self.real_time_scanning)]) {
            if !matches!(one.emergency_action, Step::Remediate | Step::Lockdown) {
                wrong(format!("{path}.emergency_action"), "write remediate or lockdown");
            }
            if one.detection_rules.mass_operations_detected.threshold >= MOST_COUNTED {
                let path = format!("{path}.detection_rules.mass_operations_detected.threshold");
                wrong(path, "write a number below 200: no more calls are counted");
            }
        }
        // Nothing is wider than the world, of which public IPv6 is an eighth.
        if !(1..=32).contains(&self.anywhere.ipv4_wider_than) {
            wrong("anywhere.ipv4_wider_than".into(), "write a prefix length from 1 to 32");
        }
        if !(4..=128).contains(&self.anywhere.ipv6_wider_than) {
            wrong("anywhere.ipv6_wider_than".into(), "write a prefix length from 4 to 128");
        }
        mistakes
    }

    /// The names of all rules that may be violated, with their paths.
    fn ids(&self) -> Vec<(String, &str)> {
        fn listed<'a>(path: &str, ids: impl Iterator<Item = &'a String>) -> Vec<(String, &'a str)> {
            ids.enumerate().map(|(index, id)| (format!("{path}[{index}]"), id.as_str())).collect()
        }
        let mut all = listed("prohibited_rules.inbound", self.prohibited_rules.inbound.iter().map(|rule| &rule.rule_id));
        all.extend(listed("prohibited_rules.outbound", self.prohibited_rules.outbound.iter().map(|rule| &rule.rule_id)));
        all.extend(listed("restricted_rules.inbound", self.restricted_rules.inbound.iter().map(|rule| &rule.rule_id)));
        all.extend(listed("restricted_rules.outbound", self.restricted_rules.outbound.iter().map(|rule| &rule.rule_id)));
        for (name, one) in &self.environment_specific {
            let path = |list: &str| format!("environment_specific.{name}.{list}");
            all.extend(listed(&path("additional_restrictions"), one.additional_restrictions.iter().map(|rule| &rule.rule.rule_id)));
            all.extend(listed(&path("additional_restricted_rules"), one.additional_restricted_rules.iter().map(|rule| &rule.rule.rule_id)));
        }
        for (name, one) in &self.account_specific_overrides {
            let path = |list: &str| format!("account_specific_overrides.{name}.{list}");
            let prohibited = one.additional_prohibited_rules.iter().map(|rule| &rule.rule.rule_id);
            all.extend(listed(&path("additional_prohibited_rules"), prohibited));
            let restricted = one.additional_restricted_rules.iter().map(|rule| &rule.rule.rule_id);
            all.extend(listed(&path("additional_restricted_rules"), restricted));
        }
        all
    }

    /// What may be meant otherwise than it is written.
    pub fn doubts(&self) -> Vec<Mistake> {
        let mut doubts = Vec::new();
        for (name, rules) in [("inbound", &self.prohibited_rules.inbound), ("outbound", &self.prohibited_rules.outbound)] {
            for (index, rule) in rules.iter().enumerate() {
                let nets = rule.source.iter().flat_map(|source| &source.nets);
                let (v4, v6): (Vec<IpNet>, Vec<IpNet>) =
                    nets.filter(|net| net.prefix_len() == 0).copied().partition(|net| matches!(net, IpNet::V4(_)));
                let has_twin = rules.iter().any(|other| {
                    let is_v6 = other.source.iter().flat_map(|source| &source.nets).any(|net| *net == IpNet::V6(ipnet::Ipv6Net::default()));
                    is_v6 && (other.protocol, &other.port_range) == (rule.protocol, &rule.port_range)
                });
                if !v4.is_empty() && v6.is_empty() && !has_twin {
                    let what = format!("`{}` is about IPv4 only: add \"::/0\" to its source where IPv6 is meant too", rule.rule_id);
                    doubts.push(Mistake { path: format!("prohibited_rules.{name}[{index}].source"), what });
                }
            }
        }
        doubts
    }
}

/// Whether rules at two paths may hold for the same group: those of two accounts, or of two environments, never do.
fn may_hold_together(one: &str, other: &str) -> bool {
    let scope = |path: &str| {
        let mut parts = path.split('.');
        let kind = parts.next().unwrap_or_default().to_owned();
        (kind, parts.next().unwrap_or_default().to_owned())
    };
    let ((kind, name), (other_kind, other_name)) = (scope(one), scope(other));
    let is_for_some = ["environment_specific", "account_specific_overrides"].contains(&kind.as_str());
    !is_for_some || kind != other_kind || name == other_name
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|digit| digit.is_ascii_digit())
}
