//! Identifiers: newtypes over strings, parsed once.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A text that is not the identifier it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {what}")]
pub struct ParseError {
    what: &'static str,
    text: String,
}

impl ParseError {
    fn new(what: &'static str, text: &str) -> Self {
        // A finding may carry anything: what is quoted in logs stays short.
        let text = text.chars().take(120).collect();
        Self { what, text }
    }
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $what:literal, $valid:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
        #[serde(try_from = "String", into = "String")]
        #[schemars(with = "String")]
        pub struct $name(String);

        impl $name {
            /// The identifier as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<&str> for $name {
            type Error = ParseError;

            fn try_from(text: &str) -> Result<Self, ParseError> {
                let valid: fn(&str) -> bool = $valid;
                if valid(text) { Ok(Self(text.to_owned())) } else { Err(ParseError::new($what, text)) }
            }
        }

        impl TryFrom<String> for $name {
            type Error = ParseError;

            fn try_from(text: String) -> Result<Self, ParseError> {
                Self::try_from(text.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = ParseError;

            fn from_str(text: &str) -> Result<Self, ParseError> {
                Self::try_from(text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

id!(
    /// The twelve digits of an AWS account.
    AccountId,
    "a twelve-digit AWS account id",
    |text| text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
);

id!(
    /// A region code. Its shape is not checked beyond the alphabet: `us-gov-west-1`, `us-iso-east-1` and `eusc-de-east-1` all exist.
    Region,
    "an AWS region code",
    |text| is_word(text) && text.len() <= 32 && text.contains('-')
);

id!(
    /// A partition: `aws`, `aws-cn`, `aws-us-gov`, `aws-iso`, `aws-iso-b`, `aws-eusc` and those to come.
    Partition,
    "an AWS partition",
    |text| is_word(text) && text.starts_with("aws") && text.len() <= 16
);

id!(
    /// The id of a Security Hub control, such as `S3.5`. See
    /// <https://docs.aws.amazon.com/securityhub/latest/userguide/securityhub-controls-reference.html>.
    ControlId,
    "a Security Hub control id such as `S3.5`",
    |text| text.len() <= 32
        && text.split_once('.').is_some_and(|(service, number)| {
            service.starts_with(|c: char| c.is_ascii_alphabetic())
                && service.bytes().all(|b| b.is_ascii_alphanumeric())
                && !number.is_empty()
                && number.len() <= 4
                && number.bytes().all(|b| b.is_ascii_digit())
        })
);

impl Partition {
    /// The region in which the partition's global services (IAM, Organizations) are called and logged.
    ///
    /// See <https://docs.aws.amazon.com/general/latest/gr/iam-service.html>.
    pub fn global_region(&self) -> Region {
        Region(
            match self.as_str() {
                "aws-cn" => "cn-north-1",
                "aws-us-gov" => "us-gov-west-1",
                "aws-iso" => "us-iso-east-1",
                "aws-iso-b" => "us-isob-east-1",
                "aws-eusc" => "eusc-de-east-1",
                _ => "us-east-1",
            }
            .to_owned(),
        )
    }
}

/// One run of the engine: sortable by time, unguessable, short enough for a role session name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(uuid::Uuid);

impl RunId {
    /// A run that starts at `at`, told apart from others of the same millisecond by `entropy`.
    pub fn new(at: jiff::Timestamp, entropy: [u8; 10]) -> Self {
        let millis = u64::try_from(at.as_millisecond()).unwrap_or(0);
        Self(uuid::Builder::from_unix_timestamp_millis(millis, &entropy).into_uuid())
    }

    /// When it started, to the millisecond.
    pub fn started(self) -> jiff::Timestamp {
        let millis = self.0.get_timestamp().map_or(0, |at| {
            let (seconds, nanos) = at.to_unix();
            i64::try_from(seconds).unwrap_or(0) * 1000 + i64::from(nanos) / 1_000_000
        });
        jiff::Timestamp::from_millisecond(millis).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
    }

    /// The name of the session in which the run acts: what CloudTrail shows as the actor of every change.
    pub fn session_name(self) -> String {
        format!("redress-{self}")
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.simple())
    }
}

impl TryFrom<&str> for RunId {
    type Error = ParseError;

    fn try_from(text: &str) -> Result<Self, ParseError> {
        uuid::Uuid::try_parse(text).map(Self).map_err(|_| ParseError::new("a run id", text))
    }
}

impl std::str::FromStr for RunId {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::try_from(text)
    }
}

/// An Amazon Resource Name, split at its first five colons. Region and account may be empty (S3, IAM).
///
/// See <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html>.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arn<'a> {
    /// `aws`, `aws-cn`, ...
    pub partition: &'a str,
    /// `s3`, `iam`, ...
    pub service: &'a str,
    /// Empty for global resources.
    pub region: &'a str,
    /// Empty for buckets.
    pub account: &'a str,
    /// All the rest, which may hold colons and slashes.
    pub resource: &'a str,
}

impl<'a> Arn<'a> {
    /// Splits `text`.
    ///
    /// # Errors
    /// When it does not start with `arn:` or has fewer than six parts.
    pub fn parse(text: &'a str) -> Result<Self, ParseError> {
        let mut parts = text.splitn(6, ':');
        let mut next = || parts.next();
        match (next(), next(), next(), next(), next(), next()) {
            (Some("arn"), Some(partition), Some(service), Some(region), Some(account), Some(resource))
                if !partition.is_empty() && !service.is_empty() && !resource.is_empty() =>
            {
                Ok(Self { partition, service, region, account, resource })
            }
            _ => Err(ParseError::new("an ARN", text)),
        }
    }

    /// What follows `kind` and a slash or colon in the resource part: `arn(...:instance/i-1).named("instance") == Some("i-1")`.
    pub fn named(&self, kind: &str) -> Option<&'a str> {
        let rest = self.resource.strip_prefix(kind)?;
        let name = rest.strip_prefix('/').or_else(|| rest.strip_prefix(':'))?;
        (!name.is_empty()).then_some(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_every_partition_s_regions() {
        for region in ["us-east-1", "us-gov-west-1", "us-iso-east-1", "eusc-de-east-1", "ap-southeast-7"] {
            assert!(Region::try_from(region).is_ok(), "{region}");
        }
        for text in ["", "US-EAST-1", "us east", "global", "us-east-1/../x"] {
            assert!(Region::try_from(text).is_err(), "{text}");
        }
    }

    #[test]
    fn tells_control_ids_from_clauses_and_noise() {
        for id in ["S3.5", "CloudTrail.4", "EC2.182"] {
            assert!(ControlId::try_from(id).is_ok(), "{id}");
        }
        for text in ["1.14", "S3", "S3.", ".5", "S3.5.1", "S3.x", "a b.1", ""] {
            assert!(ControlId::try_from(text).is_err(), "{text}");
        }
    }

    #[test]
    fn arn_keeps_colons_of_the_resource() {
        let arn = Arn::parse("arn:aws-cn:rds:cn-north-1:111122223333:db:orders").unwrap();
        assert_eq!((arn.partition, arn.account, arn.named("db")), ("aws-cn", "111122223333", Some("orders")));
        assert!(Arn::parse("AWS::::Account:111122223333").is_err());
        assert_eq!(Arn::parse("arn:aws:iam::1:user/path/ann").unwrap().named("user"), Some("path/ann"));
    }

    #[test]
    fn later_runs_sort_after_earlier_ones() {
        let at = |second| RunId::new(jiff::Timestamp::from_second(second).unwrap(), [7; 10]);
        assert!(at(1_800_000_000) < at(1_800_000_001));
        assert!(at(1_800_000_000).session_name().len() <= 64);
        let run = at(1_800_000_000);
        assert_eq!(RunId::try_from(run.to_string().as_str()), Ok(run));
        assert_eq!(run.started().as_second(), 1_800_000_000);
    }
}
