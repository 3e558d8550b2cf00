//! Exemptions: what is left as it is until a date, with who wanted it and why.

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::{Case, CheckParams, ControlPattern, Scope, case::Holds};
use crate::{ControlId, known::KNOWN};

/// An exemption. It holds for everything below its scope, and ends by itself.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Exemption {
    /// The controls whose opinion does not count.
    pub controls: Vec<ControlPattern>,
    /// Where. All keys must match; of a list, one.
    #[serde(default, rename = "for")]
    pub scope: Scope,
    /// Only this one rule of the resource, such as `tcp 22 from 203.0.113.0/24`; the rest of it is set right. For controls that
    /// take `except`.
    #[serde(default)]
    pub rule: Option<String>,
    /// Why.
    pub reason: String,
    /// Who answers for it.
    pub owner: String,
    /// Who allowed it.
    pub approved_by: String,
    /// The last day on which it counts, in UTC.
    #[schemars(with = "String", extend("format" = "date"))]
    pub until: Date,
}

impl Exemption {
    /// The moment at which it no longer counts.
    pub fn ends(&self) -> Timestamp {
        let day_after = self.until.tomorrow().unwrap_or(self.until);
        day_after.to_zoned(TimeZone::UTC).map_or(Timestamp::MIN, |at| at.timestamp())
    }

    pub(super) fn holds(&self, case: &Case<'_>) -> Holds {
        if self.controls.iter().any(|control| control.matches(case.control)) { self.scope.holds(case) } else { Holds::No }
    }

    pub(super) fn problems(&self, check: CheckParams<'_>, wrong: &mut dyn FnMut(String)) {
        for (name, text) in [("reason", &self.reason), ("owner", &self.owner), ("approved_by", &self.approved_by)] {
            if text.trim().is_empty() {
                wrong(format!("`{name}` is empty: an exemption says why, who answers for it and who allowed it"));
            }
        }
        if self.controls.is_empty() {
            wrong("`controls` is empty: name what is exempt, or `*`".into());
        }
        let Some(rule) = &self.rule else { return };
        let exempt = KNOWN.iter().filter_map(|known| ControlId::try_from(known.id).ok());
        for control in exempt.filter(|control| self.controls.iter().any(|pattern| pattern.matches(control))) {
            if let Err(why) = check(&control, &json!({ "except": [rule] })) {
                wrong(format!("`rule`: {control} cannot leave out one rule of a resource: {why}"));
            }
        }
    }
}
