//! The way of a change. Each step consumes the one before it, and their fields are private: nothing is saved that was not cleared, nothing
//! is changed that was not saved, nothing is called done that was not read again.

use std::time::Duration;

use redress_aws::{Account, Clock, Error, Kind, Result, Vault};
use redress_model::{Digest, Outcome, Resource};
use serde_json::Value as Json;

use crate::{Entry, Image, Reading, Undo, Want, guards};

/// Where and by whom a plan is carried out.
#[derive(Clone, Copy)]
pub struct Applying<'a> {
    /// The controls that share the setting; never empty.
    pub entries: &'a [&'static Entry],
    /// The first of them, for reading and writing.
    pub entry: &'static Entry,
    /// The resource.
    pub resource: &'a Resource,
    /// The controls' parameters.
    pub params: &'a Json,
    /// The session.
    pub account: &'a Account,
    /// For waiting.
    pub clock: &'a dyn Clock,
}

impl Applying<'_> {
    /// Reads the live value.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn read(&self) -> Result<Option<Reading>> {
        self.entry.get(self.resource, self.params, self.account).await
    }

    async fn write(&self, from: &Json, to: &Json) -> Result<()> {
        self.entry.put(self.resource, self.params, self.account, from, to).await
    }
}

/// A change that might be made.
#[derive(Debug)]
pub struct Plan {
    before: Json,
    after: Json,
    changes: Vec<String>,
    undo: Undo,
}

/// A plan that no guard stopped.
#[derive(Debug)]
pub struct Cleared(Plan);

/// A cleared plan whose before-image is kept.
#[derive(Debug)]
pub struct Saved {
    plan: Plan,
    image: Digest,
}

/// A change that was made.
#[derive(Debug)]
pub struct Applied {
    plan: Plan,
    image: Digest,
}

/// What must be read for a change to count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// Every control says `Keep`.
    ControlsKeep,
    /// The value is the planned one: the proof of an undo.
    AsPlanned,
}

/// Waiting times between readings: fifteen seconds in all for AWS to become consistent.
const PATIENCE: &[Duration] = &[
    Duration::ZERO,
    Duration::from_millis(250),
    Duration::from_millis(750),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
];

impl Plan {
    /// The plan that leads from `before` to `after`.
    ///
    /// # Errors
    /// When a value is not of the setting's type.
    pub fn new(entry: &Entry, before: Json, after: Json) -> Result<Self> {
        let changes = entry.changes(&before, &after)?;
        let undo = entry.undo(&before, &after)?;
        Ok(Self { before, after, changes, undo })
    }

    /// The changes for people.
    pub fn changes(&self) -> &[String] {
        &self.changes
    }

    /// What the value is to become.
    pub fn after(&self) -> &Json {
        &self.after
    }

    /// Whether it can be taken back.
    pub fn undo(&self) -> Undo {
        self.undo
    }

    /// Lets every guard look at it.
    ///
    /// # Errors
    /// The outcome with which a guard stopped it.
    pub fn clear(self, situation: &guards::Situation<'_>) -> std::result::Result<Cleared, Outcome> {
        match guards::stopped(situation) {
            Some(outcome) => Err(outcome),
            None => Ok(Cleared(self)),
        }
    }
}

impl Cleared {
    /// Keeps the image of what is about to be changed.
    ///
    /// # Errors
    /// When it is not certain that it is kept: nothing is changed then.
    pub async fn save(self, vault: &dyn Vault, image: impl FnOnce(Json, Json) -> Image) -> Result<Saved> {
        let plan = self.0;
        let image = image(plan.before.clone(), plan.after.clone());
        let bytes = serde_json::to_vec(&image).map_err(|error| Error::malformed("the image", error.to_string()))?;
        Ok(Saved { image: vault.save(&bytes).await?, plan })
    }
}

impl Saved {
    /// Makes the change, if the live value is still the planned one. A change that fails half-way is put back.
    ///
    /// # Errors
    /// `Ok(Err(outcome))` when nothing was changed or it was put back; `Err` when nothing was changed and it is worth another try.
    pub async fn apply(self, at: &Applying<'_>) -> Result<std::result::Result<Applied, Outcome>> {
        let Self { plan, image } = self;
        let Some(live) = at.read().await? else { return Ok(Err(Outcome::Absent)) };
        if !at.entry.same(&live.value, &plan.before)? {
            let why = "the value was changed by another hand between reading and writing; nothing was written".into();
            return Ok(Err(Outcome::Held { why }));
        }
        let applied = Applied { plan, image };
        match at.write(&live.value, &applied.plan.after).await {
            Ok(()) => Ok(Ok(applied)),
            Err(error) => applied.recover(at, error).await.map(Err),
        }
    }
}

impl Applied {
    /// The image of what was.
    pub fn image(&self) -> &Digest {
        &self.image
    }

    /// The changes for people.
    pub fn changes(&self) -> &[String] {
        &self.plan.changes
    }

    /// Reads until the change is proven, and puts it back where it is not.
    ///
    /// # Errors
    /// `Ok(Err(outcome))` when it did not hold; `Err` when the live value could not be read, so that nothing can be said.
    pub async fn verify(self, at: &Applying<'_>, proof: Proof) -> Result<std::result::Result<(Json, Vec<String>), Outcome>> {
        let mut doubt = Ok("it was not read");
        for pause in PATIENCE {
            if !pause.is_zero() {
                at.clock.sleep(*pause).await;
            }
            doubt = match at.read().await {
                Ok(None) => return Ok(Err(Outcome::Absent)),
                Ok(Some(reading)) if self.holds(at, &reading, proof)? => return Ok(Ok((reading.value, self.plan.changes))),
                Ok(Some(_)) => Ok("the live value is not as wanted after the change"),
                Err(error) if error.is_retryable() => Err(error),
                Err(error) => return Err(error),
            };
        }
        match doubt {
            Ok(why) => self.put_back(at, why.to_owned()).await.map(Err),
            Err(error) => Err(error),
        }
    }

    fn holds(&self, at: &Applying<'_>, reading: &Reading, proof: Proof) -> Result<bool> {
        match proof {
            Proof::AsPlanned => at.entry.same(&reading.value, &self.plan.after),
            Proof::ControlsKeep => {
                for entry in at.entries {
                    if entry.want(reading, at.params)? != Want::Keep {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
        }
    }

    /// After a failed write: whatever was changed is put back; where nothing was, the error decides.
    async fn recover(self, at: &Applying<'_>, error: Error) -> Result<Outcome> {
        let unchanged = match at.read().await {
            Ok(Some(live)) => at.entry.same(&live.value, &self.plan.before)?,
            Ok(None) => return Ok(Outcome::Absent),
            Err(_) => false,
        };
        if !unchanged {
            return self.put_back(at, error.to_string()).await;
        }
        if error.is_retryable() { Err(error) } else { Ok(Outcome::Failed { why: error.to_string() }) }
    }

    async fn put_back(self, at: &Applying<'_>, why: String) -> Result<Outcome> {
        let back = async {
            for pause in PATIENCE {
                if !pause.is_zero() {
                    at.clock.sleep(*pause).await;
                }
                let Some(live) = at.read().await? else { return Ok(()) };
                if at.entry.same(&live.value, &self.plan.before)? {
                    return Ok(());
                }
                match at.write(&live.value, &self.plan.before).await {
                    Err(error) if !error.is_retryable() => return Err(error),
                    Ok(()) | Err(_) => {}
                }
            }
            Err(Error::new(Kind::Conflict, at.entry.setting, "the earlier value does not come back"))
        };
        Ok(match back.await {
            Ok(()) => Outcome::PutBack { why },
            Err(error) => Outcome::Failed { why: format!("{why}; putting back failed too: {error}; the image is {}", self.image) },
        })
    }
}
