//! The environment, typed: read once at start, and wrong values are named at once.

use std::{collections::HashMap, fmt::Display, str::FromStr};

use redress_model::{AccountId, Arn, ParseError, Partition, Region};

/// The variables of the process, as given.
#[derive(Debug, Clone, Default)]
pub struct Env(HashMap<String, String>);

/// A variable that is missing or wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvError {
    /// Not set, or empty.
    #[error("the environment variable {0} is not set")]
    Missing(&'static str),
    /// Set to something that it cannot be.
    #[error("the environment variable {name} is wrong: {why}")]
    Wrong {
        /// Its name.
        name: &'static str,
        /// What is wrong with it.
        why: String,
    },
}

/// The topic for people, and with it where we are: all that is ours is in its account, and every function in its region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    /// The topic's ARN.
    pub arn: String,
    /// Our own account.
    pub account: AccountId,
    /// Our partition.
    pub partition: Partition,
    /// The home region.
    pub region: Region,
}

impl FromStr for Topic {
    type Err = ParseError;

    fn from_str(arn: &str) -> Result<Self, ParseError> {
        let parts = Arn::parse(arn)?;
        Ok(Self {
            arn: arn.to_owned(),
            account: AccountId::try_from(parts.account)?,
            partition: Partition::try_from(parts.partition)?,
            region: Region::try_from(parts.region)?,
        })
    }
}

impl Env {
    /// The environment of this process.
    #[expect(clippy::disallowed_methods, reason = "the one place where the environment is read")]
    pub fn of_process() -> Self {
        Self::of(std::env::vars())
    }

    /// An environment of these variables.
    pub fn of(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        Self(variables.into_iter().collect())
    }

    /// A text that must be there.
    ///
    /// # Errors
    /// When it is missing or empty.
    pub fn text(&self, name: &'static str) -> Result<String, EnvError> {
        self.0.get(name).filter(|value| !value.is_empty()).cloned().ok_or(EnvError::Missing(name))
    }

    /// A text that may be missing or empty.
    pub fn optional(&self, name: &'static str) -> Option<String> {
        self.text(name).ok()
    }

    /// A value that must be there and be right.
    ///
    /// # Errors
    /// When it is missing, empty, or does not parse.
    pub fn parsed<T: FromStr<Err: Display>>(&self, name: &'static str) -> Result<T, EnvError> {
        self.text(name)?.parse().map_err(|error: T::Err| EnvError::Wrong { name, why: error.to_string() })
    }
}

#[cfg(test)]
mod tests {
    use redress_model::Modes;

    use super::*;

    #[test]
    fn the_topic_says_where_we_are() {
        let of = |arn: &str| Env::of([("TOPIC".to_owned(), arn.to_owned())]).parsed::<Topic>("TOPIC");
        let topic = of("arn:aws-us-gov:sns:us-gov-west-1:111122223333:people").unwrap();
        assert_eq!(
            (topic.account.as_str(), topic.partition.as_str(), topic.region.as_str()),
            ("111122223333", "aws-us-gov", "us-gov-west-1")
        );
        assert!(of("people").is_err_and(|error| error.to_string().contains("TOPIC")));
    }

    #[test]
    fn names_the_variable_that_is_missing_or_wrong() {
        let env = Env::of([("MODES".to_owned(), "A=atuo".to_owned()), ("EMPTY".to_owned(), String::new())]);
        assert_eq!(env.text("EMPTY"), Err(EnvError::Missing("EMPTY")));
        let error = env.parsed::<Modes>("MODES").unwrap_err().to_string();
        assert!(error.contains("MODES") && error.contains("`atuo`"), "{error}");
        assert!(env.parsed::<u32>("NUMBER").is_err());
    }
}
