//! What the policy says of one case, and which line said it.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use super::{BlastRadius, Contested, Exemption, OwnedByCode, Pattern, Rule, TagValues, Tags, Window};
use crate::{ControlId, Mode, Resource};

/// What said something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// Nobody: it is shipped so.
    Shipped,
    /// The deployment's `Modes`.
    Modes,
    /// A line of the policy, and the name of its rule.
    Line(u64, Option<String>),
    /// The policy, which fails closed.
    Closed,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shipped => f.write_str("as shipped"),
            Self::Modes => f.write_str("Modes of the deployment"),
            Self::Line(line, None) => write!(f, "policy line {line}"),
            Self::Line(line, Some(name)) => write!(f, "policy line {line} ({name})"),
            Self::Closed => f.write_str("the policy fails closed"),
        }
    }
}

/// A value, and what said it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided<T> {
    /// The value.
    pub value: T,
    /// What said it.
    pub by: Source,
}

impl<T> Decided<T> {
    fn shipped(value: T) -> Self {
        Self { value, by: Source::Shipped }
    }
}

/// An exemption that counts now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exempted {
    /// When it no longer counts.
    pub until: Timestamp,
    /// Why.
    pub reason: String,
    /// Who allowed it.
    pub approved_by: String,
}

impl fmt::Display for Exempted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "until {} {}", self.until.strftime("%Y-%m-%d %H:%M UTC"), grounds(&self.reason, &self.approved_by))
    }
}

/// Why there is an exemption, and who allowed it, as it is said wherever an exemption is named.
pub fn grounds(reason: &str, approved_by: &str) -> String {
    format!("({reason}, allowed by {approved_by})")
}

/// What holds for a control on a resource.
#[derive(Debug, Clone, PartialEq)]
pub struct Terms {
    /// How far Redress may go.
    pub mode: Decided<Mode>,
    /// The control's parameters; null for its defaults.
    pub params: Json,
    /// When changes may be made by themselves; empty for any time.
    pub windows: Decided<Vec<Window>>,
    /// Tags that protect.
    pub protected_tags: Vec<Decided<(String, TagValues)>>,
    /// Resources that are never touched.
    pub break_glass: Vec<Decided<Pattern>>,
    /// How much may be changed in an account and hour.
    pub blast_radius: Decided<BlastRadius>,
    /// When a change that does not last is held.
    pub contested: Decided<Contested>,
    /// What becomes of resources that belong to code.
    pub owned_by_code: Decided<OwnedByCode>,
    /// How many days a question waits.
    pub approval_days: Decided<u16>,
    /// The exemption of the whole resource.
    pub exemption: Option<Decided<Exempted>>,
    /// The exemptions of single rules of the resource, and the latest end of any.
    pub exempt_rules: Vec<Decided<(String, Exempted)>>,
    /// Why nothing may be changed.
    pub closed: Option<String>,
    /// Whether something depends on tags that were not read yet.
    pub needs_tags: bool,
}

fn set<T: Clone>(slot: &mut Decided<T>, value: Option<&T>, by: &dyn Fn() -> Source) {
    if let Some(value) = value {
        *slot = Decided { value: value.clone(), by: by() };
    }
}

impl Terms {
    /// The terms of a mode without any policy.
    pub fn of(mode: Mode) -> Self {
        Self {
            mode: Decided { value: mode, by: Source::Modes },
            params: Json::Null,
            windows: Decided::shipped(Vec::new()),
            protected_tags: Vec::new(),
            break_glass: Vec::new(),
            blast_radius: Decided::shipped(BlastRadius::default()),
            contested: Decided::shipped(Contested::default()),
            owned_by_code: Decided::shipped(OwnedByCode::default()),
            approval_days: Decided::shipped(7),
            exemption: None,
            exempt_rules: Vec::new(),
            closed: None,
            needs_tags: false,
        }
    }

    pub(super) fn take(&mut self, rule: &Rule, line: u64, control: &ControlId) {
        let by = || Source::Line(line, rule.name.clone());
        set(&mut self.mode, rule.mode.as_ref(), &by);
        set(&mut self.windows, rule.change_windows.as_ref(), &by);
        set(&mut self.blast_radius, rule.blast_radius.as_ref(), &by);
        set(&mut self.contested, rule.contested.as_ref(), &by);
        set(&mut self.owned_by_code, rule.owned_by_code.as_ref(), &by);
        set(&mut self.approval_days, rule.approval_days.as_ref(), &by);
        self.break_glass.extend(rule.break_glass.iter().map(|pattern| Decided { value: pattern.clone(), by: by() }));
        let tags = rule.protected_tags.iter().map(|(key, values)| Decided { value: (key.clone(), values.clone()), by: by() });
        self.protected_tags.extend(tags);
        if let Some(params) = rule.params.get(control).and_then(|params| params.value.as_object()) {
            self.merge(params);
        }
    }

    fn merge(&mut self, params: &Map<String, Json>) {
        let mut merged = self.params.as_object().cloned().unwrap_or_default();
        merged.extend(params.clone());
        self.params = Json::Object(merged);
    }

    pub(super) fn exempt(&mut self, exemption: &Exemption, line: u64) {
        let by = Source::Line(line, None);
        let value = Exempted { until: exemption.ends(), reason: exemption.reason.clone(), approved_by: exemption.approved_by.clone() };
        match &exemption.rule {
            Some(rule) => self.exempt_rules.push(Decided { value: (rule.clone(), value), by }),
            // The one that lasts longest says until when.
            None if self.exemption.as_ref().is_some_and(|known| known.value.until >= value.until) => {}
            None => self.exemption = Some(Decided { value, by }),
        }
    }

    pub(super) fn close(&mut self, why: String) {
        self.closed.get_or_insert(why);
    }

    /// The parameters with the exempt rules among them.
    pub fn params_with_exemptions(&self) -> Json {
        if self.exempt_rules.is_empty() {
            return self.params.clone();
        }
        let mut params = self.params.as_object().cloned().unwrap_or_default();
        let mut except = params.get("except").and_then(Json::as_array).cloned().unwrap_or_default();
        except.extend(self.exempt_rules.iter().map(|rule| Json::String(rule.value.0.clone())));
        params.insert("except".into(), Json::Array(except));
        Json::Object(params)
    }

    /// Whether the same holds under both, but for parameters and exemptions, which are each control's own.
    pub fn is_like(&self, other: &Self) -> bool {
        let own = |terms: &Self| Self { params: Json::Null, exemption: None, exempt_rules: Vec::new(), ..terms.clone() };
        own(self) == own(other)
    }

    /// The tag that protects a resource with `tags`, as `key=value`.
    pub fn protection(&self, tags: &Tags) -> Option<String> {
        self.protected_tags.iter().find_map(|Decided { value: (key, values), by }| {
            let value = tags.get(key).filter(|value| values.matches(value))?;
            Some(format!("{key}={value}, {by}"))
        })
    }

    /// The break-glass pattern that a resource is of, or may be of.
    pub fn glass(&self, resource: &Resource) -> Option<String> {
        let names = resource.names();
        let of = |pattern: &Pattern| names.iter().any(|name| pattern.matches(name));
        let certain =
            self.break_glass.iter().find(|glass| of(&glass.value)).map(|glass| format!("`{}`, {}", glass.value.as_str(), glass.by));
        let any = || self.break_glass.first().map(|glass| format!("its name is not known, and there is {}", glass.by));
        certain.or_else(|| any().filter(|_| resource.is_nameless()))
    }

    /// When changes may be made again, where they may not be now.
    pub fn opens(&self, now: Timestamp) -> Option<Timestamp> {
        let windows = &self.windows.value;
        if windows.is_empty() || windows.iter().any(|window| window.is_open(now)) {
            return None;
        }
        Some(windows.iter().filter_map(|window| window.opens_after(now)).min().unwrap_or(Timestamp::MAX))
    }
}
