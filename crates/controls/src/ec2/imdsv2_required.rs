//! # Risk
//! Version 1 of the instance metadata service hands the instance's credentials to whoever can make the instance fetch a URL.
//!
//! # Remedy
//! Requires session tokens (`IMDSv2`). Hop limit and endpoint stay as they are; a disabled endpoint stays disabled.
//!
//! # Impact
//! Software that asks without a token no longer gets an answer. The metric `MetadataNoToken` of the last fourteen days is read first: where
//! anybody still asked without one (more often than the parameter `tolerated_requests`), or nothing is known (the instance is new, or was
//! stopped), the change needs approval.
//!
//! # Undo
//! Exact: tokens become optional again.

use redress_model::{Class, Resource, Scope, Severity};
use redress_remediation::{Control, Entry, InCode, Located, Spec, Want};
use redress_settings::ec2::{InstanceFacts, Metadata, MetadataOptions};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::not_a;

/// What people may adjust.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Imdsv2Params {
    /// So many metadata requests without a token in fourteen days are taken for noise, and need no approval.
    pub tolerated_requests: u32,
}

/// EC2.8
pub struct Imdsv2Required;

/// The entry of the catalog.
pub static ENTRY: Entry = Entry::of::<Imdsv2Required>();

impl Control for Imdsv2Required {
    const SPEC: Spec = Spec {
        id: "EC2.8",
        title: "Instances answer metadata requests with tokens only",
        severity: Severity::High,
        class: Class::Guarded,
        scope: Scope::Regional,
        resources: &["AwsEc2Instance"],
        prowler: &["ec2_instance_imdsv2_enabled"],
        config_rules: &["ec2-imdsv2-check"],
        in_code: InCode {
            cloudformation: "MetadataOptions: { HttpTokens: required } in the launch template",
            terraform: "metadata_options { http_tokens = \"required\" }",
        },
    };
    type Setting = MetadataOptions;
    type Params = Imdsv2Params;

    fn locate(resource: &Resource, _params: &Imdsv2Params) -> Located<MetadataOptions> {
        let instance = resource.arn().and_then(|arn| arn.named("instance").map(str::to_owned));
        instance.map(|instance| MetadataOptions { instance }).ok_or_else(|| not_a("an instance", &resource.id))
    }

    fn want(value: &Metadata, facts: &InstanceFacts, params: &Imdsv2Params) -> Want<Metadata> {
        if value.http_tokens == "required" {
            return Want::Keep;
        }
        let to = Metadata { http_tokens: "required".into(), ..value.clone() };
        let why = match facts.calls_without_token {
            Some(calls) if calls > f64::from(params.tolerated_requests) => {
                format!("{calls} metadata requests without a token in the last 14 days would have been refused")
            }
            Some(_) => return Want::Set(to),
            None => "nothing is known of its metadata requests in the last 14 days".to_owned(),
        };
        Want::Ask { to, why }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn want(http_tokens: &str, endpoint: &str, calls_without_token: Option<f64>) -> Want<Metadata> {
        let value = Metadata { http_tokens: http_tokens.into(), hop_limit: 3, endpoint: endpoint.into() };
        Imdsv2Required::want(&value, &InstanceFacts { calls_without_token }, &Imdsv2Params::default())
    }

    #[test]
    fn requires_tokens_and_keeps_hop_limit_and_endpoint() {
        for endpoint in ["enabled", "disabled"] {
            let Want::Set(to) = want("optional", endpoint, Some(0.0)) else { panic!("nothing is set") };
            assert_eq!((to.http_tokens.as_str(), to.hop_limit, to.endpoint.as_str()), ("required", 3, endpoint));
        }
        assert_eq!(want("required", "enabled", Some(0.0)), Want::Keep);
    }

    #[test]
    fn asks_where_somebody_still_comes_without_a_token() {
        assert!(matches!(want("optional", "enabled", Some(7.0)), Want::Ask { why, .. } if why.starts_with("7 ")));
        assert!(matches!(want("optional", "enabled", None), Want::Ask { .. }), "no data is not no use");
    }
}
