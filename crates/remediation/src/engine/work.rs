//! What the engine is asked to do.

use std::sync::Arc;

use jiff::Timestamp;
use redress_aws::{Memory, Result};
use redress_model::{
    Class, ControlId, Digest, Intent, Job, Mode, Policy, Request, Resource,
    job::FindingKey,
    policy::{Case, Place, Tags, Terms},
};
use serde_json::Value as Json;

use crate::{Entry, guards};

/// A control, as it looks at a resource.
#[derive(Debug, Clone)]
pub struct View {
    /// The control.
    pub entry: &'static Entry,
    /// What the policy says of it here.
    pub terms: Terms,
    /// Its parameters, exempt rules among them; null for the defaults.
    pub params: Json,
    /// Those of them that came with the job.
    given: Json,
}

impl View {
    /// A control under these terms.
    pub fn new(entry: &'static Entry, terms: Terms) -> Self {
        Self { entry, params: terms.params_with_exemptions(), terms, given: Json::Null }
    }

    /// The same with parameters that came with the job: they are laid over those of the policy.
    #[must_use]
    pub fn given(self, given: &Json) -> Self {
        let Some(more) = given.as_object() else { return self };
        let mut params = self.params.as_object().cloned().unwrap_or_default();
        params.extend(more.clone());
        Self { params: Json::Object(params), given: given.clone(), ..self }
    }
}

/// What it takes to decide once more, when the tags are known.
#[derive(Debug, Clone)]
pub struct Undecided {
    /// The policy.
    pub policy: Arc<Policy>,
    /// Where the account is.
    pub place: Option<Place>,
}

/// Work on one setting of one resource, for one or more controls and findings.
#[derive(Debug, Clone)]
pub struct Work {
    /// The controls; all of the same setting, never empty.
    pub views: Vec<View>,
    /// The resource.
    pub resource: Resource,
    /// What may not be worked on twice at once.
    pub lane: Digest,
    /// Who wants what.
    pub intent: Intent,
    /// The event that asked for it.
    pub request: Request,
    /// The jobs to be answered.
    pub jobs: Vec<Job>,
    /// What the terms still depend on: tags.
    pub undecided: Option<Undecided>,
}

impl Work {
    pub(super) fn findings(&self) -> Vec<FindingKey> {
        let mut findings: Vec<FindingKey> = Vec::new();
        for finding in self.jobs.iter().filter_map(|job| job.finding.as_ref()) {
            if !findings.contains(finding) {
                findings.push(finding.clone());
            }
        }
        findings
    }

    pub(super) fn terms(&self) -> Vec<Terms> {
        self.views.iter().map(|view| view.terms.clone()).collect()
    }

    /// How far the controls may go, as far as it is known without tags.
    pub fn mode(&self) -> Mode {
        guards::mode(&self.terms(), self.intent)
    }

    /// Whether a change may come of it: only then is there permission to write.
    pub(super) fn may_write(&self) -> bool {
        let consents = matches!(self.intent, Intent::Approved | Intent::Undo);
        class(&self.views) != Class::Tell
            && match self.mode() {
                Mode::Auto => self.intent != Intent::Shown,
                Mode::Approve => consents,
                Mode::Off | Mode::Tell | Mode::Plan => false,
            }
    }

    /// Decides once more, now that the tags are known.
    pub(super) fn with_tags(&self, tags: &Tags, now: Timestamp) -> Result<Self> {
        let Some(Undecided { policy, place }) = &self.undecided else { return Ok(self.clone()) };
        let view = |view: &View| {
            let control = view.entry.id()?;
            let case =
                Case { control: &control, class: view.entry.spec.class, resource: &self.resource, place: place.as_ref(), tags: Some(tags) };
            Ok(View::new(view.entry, policy.decide(&case, now)).given(&view.given))
        };
        Ok(Self { views: self.views.iter().map(view).collect::<Result<_>>()?, undecided: None, ..self.clone() })
    }

    /// An answer is to the question as it was put: where the job that brings it says nothing of its own, what came with the question holds.
    pub(super) fn answering(&self, memory: &Memory) -> Self {
        let says_something = self.jobs.iter().any(|job| !job.params.is_null());
        if self.intent != Intent::Approved || says_something {
            return self.clone();
        }
        let view = |view: &View| {
            let asked = view.entry.id().ok().and_then(|id| memory.get(&id)?.asked.as_ref());
            let Some(asked) = asked.and_then(|asked| asked.params.as_object()) else { return view.clone() };
            let mut given = view.given.as_object().cloned().unwrap_or_default();
            given.extend(asked.clone());
            view.clone().given(&Json::Object(given))
        };
        Self { views: self.views.iter().map(view).collect(), ..self.clone() }
    }

    /// What came with the job that asks, or, where it answers and asks again, with the question.
    pub(super) fn params_asked_with(&self, memory: &Memory) -> Json {
        let own = self.jobs.iter().map(|job| job.params.clone()).find(|params| !params.is_null());
        let standing = || self.views.iter().find_map(|view| Some(memory.get(&view.entry.id().ok()?)?.asked.as_ref()?.params.clone()));
        own.or_else(|| standing().filter(|_| self.intent == Intent::Approved)).unwrap_or_default()
    }

    /// The work for some of the controls only, and for the jobs that are about any of them.
    pub(super) fn only(&self, keep: impl Fn(&ControlId) -> bool) -> Self {
        let is_kept = |view: &&View| view.entry.id().is_ok_and(|id| keep(&id));
        let jobs = self.jobs.iter().filter(|job| job.controls.iter().any(&keep)).cloned().collect();
        Self { views: self.views.iter().filter(is_kept).cloned().collect(), jobs, ..self.clone() }
    }
}

pub(super) fn ids(views: &[View]) -> Result<Vec<ControlId>> {
    views.iter().map(|view| view.entry.id()).collect()
}

pub(super) fn show(controls: &[ControlId]) -> String {
    controls.iter().map(ControlId::as_str).collect::<Vec<_>>().join("+")
}

/// The strictest class of all.
pub(super) fn class(views: &[View]) -> Class {
    let has = |class| views.iter().any(|view| view.entry.spec.class == class);
    [Class::Tell, Class::Guarded].into_iter().find(|class| has(*class)).unwrap_or(Class::Automatic)
}
