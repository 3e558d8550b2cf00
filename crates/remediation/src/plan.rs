//! The way of a change. Each step consumes the one before it, and their fields are private: nothing is saved that was not cleared, nothing
//! is changed that was not saved, nothing is called done that was not read again.

use std::time::Duration;

use jiff::SignedDuration;
use redress_aws::{Account, Clock, Error, Kind, Result, Switch, Vault};
use redress_model::{ImageName, Outcome, Resource, RunId};
use serde_json::Value as Json;

use crate::{Entry, Image, Reading, Undo, View, Want, guards};

/// Where and by whom a plan is carried out.
#[derive(Clone, Copy)]
pub struct Applying<'a> {
    /// The controls that share the setting, with their parameters; never empty.
    pub views: &'a [View],
    /// The first of them, for reading and writing.
    pub entry: &'static Entry,
    /// The resource.
    pub resource: &'a Resource,
    /// The parameters of the first.
    pub params: &'a Json,
    /// The session.
    pub account: &'a Account,
    /// Asked right before the change.
    pub switch: &'a dyn Switch,
    /// Whether nobody asked for it: what is stopped then is tried again.
    pub is_automatic: bool,
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
    image: ImageName,
}

/// A change that was made.
#[derive(Debug)]
pub struct Applied {
    plan: Plan,
    image: ImageName,
}

/// What must be read for a change to count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// Every control says `Keep`; or the value is the planned one, and what remains is a person's work, or a later stage.
    ControlsKeep,
    /// The value is the planned one: the proof of an undo.
    AsPlanned,
}

/// What became of a change.
#[derive(Debug)]
pub enum Verified {
    /// It was read again and found good.
    Good {
        /// What was left behind, as it was read.
        left: Reading,
        /// The changes for people.
        changes: Vec<String>,
    },
    /// It was not.
    Not {
        /// What is to be said.
        outcome: Outcome,
        /// The value that is or will be left behind, where that is not the one before.
        left: Option<Json>,
    },
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

/// The first pause of work that goes on later.
pub(crate) const FIRST_PAUSE: SignedDuration = SignedDuration::from_mins(1);

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

    /// What the value is.
    pub fn before(&self) -> &Json {
        &self.before
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
    /// How the guards stopped it.
    pub fn clear(self, situation: &guards::Situation<'_>) -> std::result::Result<Cleared, Box<guards::Stopped>> {
        match guards::stopped(situation) {
            Some(stopped) => Err(Box::new(stopped)),
            None => Ok(Cleared(self)),
        }
    }
}

impl Cleared {
    /// Keeps the image of what is about to be changed.
    ///
    /// # Errors
    /// When it is not certain that it is kept: nothing is changed then.
    pub async fn save(self, vault: &dyn Vault, run: RunId, image: impl FnOnce(Json, Json) -> Image) -> Result<Saved> {
        let plan = self.0;
        let image = image(plan.before.clone(), plan.after.clone());
        let bytes = serde_json::to_vec(&image).map_err(|error| Error::malformed("the image", error.to_string()))?;
        Ok(Saved { image: vault.save(run, &bytes).await?, plan })
    }
}

impl Saved {
    /// Makes the change, if the live value is still the planned one. A change that fails half-way is put back.
    ///
    /// # Errors
    /// `Ok(Err(...))` when nothing was changed or it was put back; `Err` when nothing was changed and it is worth another try.
    pub async fn apply(self, at: &Applying<'_>) -> Result<std::result::Result<Applied, Verified>> {
        let Self { plan, image } = self;
        let Some(live) = at.read().await? else {
            return Ok(Err(Verified::Not { outcome: Outcome::Absent, left: None }));
        };
        if !at.entry.same(&live.value, &plan.before)? {
            // The next try begins with the new value.
            let why = "the value was changed by another hand between reading and writing; nothing was written";
            return Err(Error::new(Kind::Conflict, at.entry.setting, why));
        }
        // Between the guards and here the image was saved and the value read: the switch may have been thrown meanwhile.
        let stopped = at.switch.stopped().await.unwrap_or_else(|error| Some(format!("the kill switch cannot be read: {error}")));
        if let Some(why) = stopped {
            let why = format!("{why}; nothing was written");
            let outcome =
                if at.is_automatic { Outcome::Deferred { why, until: guards::next_hour(at.clock.now()) } } else { Outcome::Held { why } };
            return Ok(Err(Verified::Not { outcome, left: None }));
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
    pub fn image(&self) -> &ImageName {
        &self.image
    }

    /// Reads until the change is proven. One that shows and is not good is put back; one that does not show is not called anything else.
    ///
    /// # Errors
    /// When the live value could not be read, so that nothing can be said.
    pub async fn verify(self, at: &Applying<'_>, proof: Proof) -> Result<Verified> {
        let mut doubt = Err(Error::new(Kind::Unreachable, at.entry.setting, "it was not read"));
        for pause in PATIENCE {
            if !pause.is_zero() {
                at.clock.sleep(*pause).await;
            }
            doubt = match at.read().await {
                Ok(None) => return Ok(Verified::Not { outcome: Outcome::Absent, left: None }),
                Ok(Some(reading)) if self.holds(at, &reading, proof)? => {
                    // Of a stage that went another way than planned, what it came to is told.
                    let is_planned = !at.entry.staged || at.entry.same(&reading.value, &self.plan.after)?;
                    let changes = if is_planned { self.plan.changes } else { at.entry.changes(&self.plan.before, &reading.value)? };
                    return Ok(Verified::Good { left: reading, changes });
                }
                Ok(Some(reading)) => Ok(reading),
                Err(error) if error.is_retryable() => Err(error),
                Err(error) => return Err(error),
            };
        }
        let last = doubt?;
        if at.entry.same(&last.value, &self.plan.before)? {
            // AWS took it, and is at it: databases take minutes.
            let busy = at.views.iter().find_map(|View { entry, params, .. }| match entry.want(&last, params) {
                Ok(Want::Wait(why)) => Some(why),
                _ => None,
            });
            if let Some(why) = busy {
                let next = at.clock.now() + FIRST_PAUSE;
                let why = format!("the change was accepted and does not show yet: {why}");
                return Ok(Verified::Not { outcome: Outcome::InProgress { why, changes: Vec::new(), next }, left: Some(self.plan.after) });
            }
            let why = format!("the change was accepted and does not show; it may still come; the image is of run {}", self.image.run);
            return Ok(Verified::Not { outcome: Outcome::Failed { why }, left: Some(self.plan.after) });
        }
        let why = "the live value is not as wanted after the change".to_owned();
        self.put_back(at, why).await
    }

    fn holds(&self, at: &Applying<'_>, reading: &Reading, proof: Proof) -> Result<bool> {
        match proof {
            Proof::AsPlanned => at.entry.reached(&self.plan.before, &self.plan.after, &reading.value),
            Proof::ControlsKeep => {
                let is_as_planned = at.entry.reached(&self.plan.before, &self.plan.after, &reading.value)?;
                for View { entry, params, .. } in at.views {
                    let want = entry.want(reading, params)?;
                    let is_as_far_as_it_goes = is_as_planned && (entry.staged || matches!(want, Want::Tell(_)));
                    if want != Want::Keep && !is_as_far_as_it_goes {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
        }
    }

    /// After a failed write: whatever was changed is put back; where nothing was, the error decides.
    async fn recover(self, at: &Applying<'_>, error: Error) -> Result<Verified> {
        let unchanged = match at.read().await {
            Ok(Some(live)) => at.entry.same(&live.value, &self.plan.before)?,
            Ok(None) => return Ok(Verified::Not { outcome: Outcome::Absent, left: None }),
            Err(_) => false,
        };
        if !unchanged {
            return self.put_back(at, error.to_string()).await;
        }
        if error.is_retryable() {
            return Err(error);
        }
        Ok(Verified::Not { outcome: Outcome::Failed { why: error.to_string() }, left: None })
    }

    /// Puts back what our own write left, and nothing that another hand did. The kill switch does not stop it: a change that was begun is
    /// better taken back than left half done.
    async fn put_back(self, at: &Applying<'_>, why: String) -> Result<Verified> {
        let back = async {
            for pause in PATIENCE {
                if !pause.is_zero() {
                    at.clock.sleep(*pause).await;
                }
                let live = match at.read().await {
                    Ok(Some(live)) => live.value,
                    Ok(None) => return Ok(()),
                    Err(error) if error.is_retryable() => continue,
                    Err(error) => return Err(error),
                };
                if at.entry.same(&live, &self.plan.before)? {
                    return Ok(());
                }
                if !at.entry.is_ours(&self.plan.before, &self.plan.after, &live)? {
                    return Err(Error::new(
                        Kind::Conflict,
                        at.entry.setting,
                        "another hand changed the value meanwhile; it is left as it is",
                    ));
                }
                match at.write(&live, &self.plan.before).await {
                    Err(error) if !error.is_retryable() => return Err(error),
                    Ok(()) | Err(_) => {}
                }
            }
            Err(Error::new(Kind::Conflict, at.entry.setting, "the earlier value does not come back"))
        };
        Ok(match back.await {
            Ok(()) => Verified::Not { outcome: Outcome::PutBack { why }, left: None },
            Err(error) => {
                let why = format!("{why}; not put back: {error}; the image is of run {}", self.image.run);
                Verified::Not { outcome: Outcome::Failed { why }, left: Some(self.plan.after) }
            }
        })
    }
}
