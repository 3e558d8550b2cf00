//! Modes: how far Redress may go, per class of controls and per control.

use std::{collections::BTreeMap, fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Class, ControlId};

/// How far a control may go; each mode goes further than the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// The finding is left alone.
    Off,
    /// The finding is annotated with what a person should do.
    Tell,
    /// The live resource is read and the change is planned and recorded; nothing can be written.
    Plan,
    /// The change is planned and waits for a person; approved, it is made, verified and recorded.
    Approve,
    /// The change is made, verified and recorded.
    Auto,
}

impl FromStr for Mode {
    type Err = ModeError;

    fn from_str(text: &str) -> Result<Self, ModeError> {
        match text {
            "off" => Ok(Self::Off),
            "tell" => Ok(Self::Tell),
            "plan" => Ok(Self::Plan),
            "approve" => Ok(Self::Approve),
            "auto" => Ok(Self::Auto),
            _ => Err(ModeError::Word(text.to_owned())),
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Off => "off",
            Self::Tell => "tell",
            Self::Plan => "plan",
            Self::Approve => "approve",
            Self::Auto => "auto",
        })
    }
}

/// Why a text is not a set of modes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ModeError {
    /// Not one of the words.
    #[error("`{0}` is not a mode: write off, tell, plan, approve or auto")]
    Word(String),
    /// Neither a class nor a control.
    #[error("`{0}` is neither a class (A, G or T) nor a control id such as S3.5")]
    Key(String),
}

/// The mode of every control: the most specific entry wins (control, then class, then the default), and without any it is `plan`.
///
/// Written as `plan`, `A=auto`, or `plan,A=auto,G=plan,S3.5=off`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Modes {
    default: Mode,
    classes: BTreeMap<&'static str, Mode>,
    controls: BTreeMap<ControlId, Mode>,
}

impl Default for Modes {
    fn default() -> Self {
        Self { default: Mode::Plan, classes: BTreeMap::new(), controls: BTreeMap::new() }
    }
}

impl Modes {
    /// The mode of one control.
    pub fn of(&self, control: &ControlId, class: Class) -> Mode {
        self.controls.get(control).or_else(|| self.classes.get(class.letter())).copied().unwrap_or(self.default)
    }
}

impl FromStr for Modes {
    type Err = ModeError;

    fn from_str(text: &str) -> Result<Self, ModeError> {
        let mut modes = Self::default();
        for item in text.split(',').map(str::trim).filter(|item| !item.is_empty()) {
            let Some((key, word)) = item.split_once('=') else {
                modes.default = item.parse()?;
                continue;
            };
            let mode = word.trim().parse()?;
            let class = [Class::Automatic, Class::Guarded, Class::Tell].into_iter().find(|class| class.letter() == key.trim());
            if let Some(class) = class {
                modes.classes.insert(class.letter(), mode)
            } else {
                let control = ControlId::try_from(key.trim()).map_err(|_| ModeError::Key(key.trim().to_owned()))?;
                modes.controls.insert(control, mode)
            };
        }
        Ok(modes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(text: &str, control: &str, class: Class) -> Mode {
        text.parse::<Modes>().unwrap().of(&ControlId::try_from(control).unwrap(), class)
    }

    #[test]
    fn plan_is_what_nothing_says() {
        assert_eq!(mode("", "S3.5", Class::Automatic), Mode::Plan);
        assert_eq!(mode("G=auto", "S3.5", Class::Automatic), Mode::Plan);
    }

    #[test]
    fn the_most_specific_entry_wins() {
        let text = "tell, A=auto, S3.5=off";
        assert_eq!(mode(text, "S3.5", Class::Automatic), Mode::Off);
        assert_eq!(mode(text, "KMS.4", Class::Automatic), Mode::Auto);
        assert_eq!(mode(text, "EC2.8", Class::Guarded), Mode::Tell);
    }

    #[test]
    fn a_typing_error_is_named() {
        assert_eq!("A=atuo".parse::<Modes>(), Err(ModeError::Word("atuo".into())));
        assert_eq!("Q=auto".parse::<Modes>(), Err(ModeError::Key("Q".into())));
    }
}
