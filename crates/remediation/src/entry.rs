//! A control with its types erased: a table of functions over JSON.

use std::{fmt, panic::Location};

use futures::future::BoxFuture;
use redress_model::{ControlId, Resource};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value as Json;

use crate::{Account, Action, Control, Error, FactsOf, Result, Setting, Spec, Undo, ValueOf, Want};

/// What was read: the value that can be written, and the facts that help to judge.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reading {
    /// What can be written.
    pub value: Json,
    /// What helps to judge.
    pub facts: Json,
}

type Get = for<'a> fn(&'a Resource, &'a Json, &'a Account) -> BoxFuture<'a, Result<Option<Reading>>>;
type Put = for<'a> fn(&'a Resource, &'a Json, &'a Account, &'a Json, &'a Json) -> BoxFuture<'a, Result<()>>;

/// A control as the engine sees it.
#[derive(Clone, Copy)]
pub struct Entry {
    /// What is said about it.
    pub spec: &'static Spec,
    /// The name of its setting.
    pub setting: &'static str,
    /// The actions that reading needs.
    pub reads: &'static [Action],
    /// The actions that writing needs beyond those.
    pub writes: &'static [Action],
    /// Whether a change is one stage of longer work.
    pub staged: bool,
    /// Whether changing it again and again means that somebody keeps undoing it.
    pub repeats: bool,
    /// The source file that holds it, with its documentation.
    pub file: &'static str,
    get: Get,
    put: Put,
    want: fn(&Reading, &Json) -> Result<Want<Json>>,
    same: fn(&Json, &Json) -> Result<bool>,
    undo: fn(&Json, &Json) -> Result<Undo>,
    is_ours: fn(&Json, &Json, &Json) -> Result<bool>,
    reached: fn(&Json, &Json, &Json) -> Result<bool>,
    rests: fn(&Json) -> Result<bool>,
    changes: fn(&Json, &Json) -> Result<Vec<String>>,
    check: fn(&Json) -> std::result::Result<(), String>,
    schema: fn() -> schemars::Schema,
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Entry({})", self.spec.id)
    }
}

impl Entry {
    /// The entry of a control. Called in the control's own file, which it remembers.
    #[track_caller]
    pub const fn of<C: Control>() -> Self {
        Self {
            spec: &C::SPEC,
            setting: C::Setting::NAME,
            reads: C::Setting::READS,
            writes: C::Setting::WRITES,
            staged: C::Setting::STAGED,
            repeats: C::Setting::REPEATS,
            file: Location::caller().file(),
            get: get::<C>,
            put: put::<C>,
            want: want::<C>,
            same: same::<C>,
            undo: undo::<C>,
            is_ours: is_ours::<C>,
            reached: reached::<C>,
            rests: |value| Ok(C::Setting::rests(&typed(C::SPEC.id, value)?)),
            changes: changes::<C>,
            check: check::<C>,
            schema: || schemars::schema_for!(C::Params),
        }
    }

    /// The control's id.
    ///
    /// # Errors
    /// When the `SPEC` holds none; a test over the catalog excludes it.
    pub fn id(&self) -> Result<ControlId> {
        ControlId::try_from(self.spec.id).map_err(|error| Error::malformed(self.spec.id, error.to_string()))
    }

    /// Reads the live value.
    ///
    /// # Errors
    /// When it cannot be read, or the resource is not of the control's kind.
    pub async fn get(&self, resource: &Resource, params: &Json, account: &Account) -> Result<Option<Reading>> {
        (self.get)(resource, params, account).await
    }

    /// Makes the change from `from` to `to`.
    ///
    /// # Errors
    /// When it is not certain that it was made.
    pub async fn put(&self, resource: &Resource, params: &Json, account: &Account, from: &Json, to: &Json) -> Result<()> {
        (self.put)(resource, params, account, from, to).await
    }

    /// The control's opinion.
    ///
    /// # Errors
    /// When the reading or the parameters are not of the control's types.
    pub fn want(&self, reading: &Reading, params: &Json) -> Result<Want<Json>> {
        (self.want)(reading, params)
    }

    /// Whether two values count as the same.
    ///
    /// # Errors
    /// When one is not of the setting's type.
    pub fn same(&self, one: &Json, other: &Json) -> Result<bool> {
        (self.same)(one, other)
    }

    /// Whether the way can be gone back.
    ///
    /// # Errors
    /// When a value is not of the setting's type.
    pub fn undo(&self, from: &Json, to: &Json) -> Result<Undo> {
        (self.undo)(from, to)
    }

    /// Whether `live` shows what a write was for.
    ///
    /// # Errors
    /// When a value is not of the setting's type.
    pub fn reached(&self, from: &Json, to: &Json, live: &Json) -> Result<bool> {
        (self.reached)(from, to, live)
    }

    /// Whether people may be left with this value.
    ///
    /// # Errors
    /// When it is not of the setting's type.
    pub fn rests(&self, value: &Json) -> Result<bool> {
        (self.rests)(value)
    }

    /// Whether our own write may have left `live`.
    ///
    /// # Errors
    /// When a value is not of the setting's type.
    pub fn is_ours(&self, from: &Json, to: &Json, live: &Json) -> Result<bool> {
        (self.is_ours)(from, to, live)
    }

    /// The difference for people.
    ///
    /// # Errors
    /// When a value is not of the setting's type.
    pub fn changes(&self, from: &Json, to: &Json) -> Result<Vec<String>> {
        (self.changes)(from, to)
    }

    /// Judges parameters that somebody wrote.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn check(&self, params: &Json) -> std::result::Result<(), String> {
        (self.check)(params)
    }

    /// The JSON schema of the control's parameters.
    pub fn schema(&self) -> schemars::Schema {
        (self.schema)()
    }
}

fn typed<T: DeserializeOwned>(what: &str, json: &Json) -> Result<T> {
    T::deserialize(json).map_err(|error| Error::malformed(what, error.to_string()))
}

fn erased<T: Serialize>(what: &str, value: T) -> Result<Json> {
    serde_json::to_value(value).map_err(|error| Error::malformed(what, error.to_string()))
}

fn params<C: Control>(json: &Json) -> Result<C::Params> {
    if is_empty(json) { Ok(C::Params::default()) } else { typed(C::SPEC.id, json) }
}

fn is_empty(params: &Json) -> bool {
    params.is_null() || params.as_object().is_some_and(serde_json::Map::is_empty)
}

fn check<C: Control>(json: &Json) -> std::result::Result<(), String> {
    if is_empty(json) {
        return Ok(());
    }
    if std::any::TypeId::of::<C::Params>() == std::any::TypeId::of::<()>() {
        return Err(format!("{} takes no parameters", C::SPEC.id));
    }
    <C::Params as serde::Deserialize>::deserialize(json).map(|_| ()).map_err(|error| error.to_string())
}

fn get<'a, C: Control>(resource: &'a Resource, json: &'a Json, account: &'a Account) -> BoxFuture<'a, Result<Option<Reading>>> {
    Box::pin(async move {
        let setting = C::locate(resource, &params::<C>(json)?)?;
        let Some((value, facts)) = setting.get(account).await? else { return Ok(None) };
        Ok(Some(Reading { value: erased(C::SPEC.id, value)?, facts: erased(C::SPEC.id, facts)? }))
    })
}

fn put<'a, C: Control>(
    resource: &'a Resource,
    json: &'a Json,
    account: &'a Account,
    from: &'a Json,
    to: &'a Json,
) -> BoxFuture<'a, Result<()>> {
    Box::pin(async move {
        let setting = C::locate(resource, &params::<C>(json)?)?;
        setting.put(account, &typed(C::SPEC.id, from)?, &typed(C::SPEC.id, to)?).await
    })
}

fn want<C: Control>(reading: &Reading, json: &Json) -> Result<Want<Json>> {
    let value: ValueOf<C> = typed(C::SPEC.id, &reading.value)?;
    let facts: FactsOf<C> = typed(C::SPEC.id, &reading.facts)?;
    Ok(match C::want(&value, &facts, &params::<C>(json)?) {
        Want::Set(to) => Want::Set(erased(C::SPEC.id, to)?),
        Want::Ask { to, why } => Want::Ask { to: erased(C::SPEC.id, to)?, why },
        Want::Keep => Want::Keep,
        Want::Wait(why) => Want::Wait(why),
        Want::Tell(steps) => Want::Tell(steps),
    })
}

fn same<C: Control>(one: &Json, other: &Json) -> Result<bool> {
    Ok(typed::<ValueOf<C>>(C::SPEC.id, one)? == typed::<ValueOf<C>>(C::SPEC.id, other)?)
}

fn undo<C: Control>(from: &Json, to: &Json) -> Result<Undo> {
    Ok(C::Setting::undo(&typed(C::SPEC.id, from)?, &typed(C::SPEC.id, to)?))
}

fn reached<C: Control>(from: &Json, to: &Json, live: &Json) -> Result<bool> {
    Ok(C::Setting::reached(&typed(C::SPEC.id, from)?, &typed(C::SPEC.id, to)?, &typed(C::SPEC.id, live)?))
}

fn is_ours<C: Control>(from: &Json, to: &Json, live: &Json) -> Result<bool> {
    Ok(C::Setting::is_ours(&typed(C::SPEC.id, from)?, &typed(C::SPEC.id, to)?, &typed(C::SPEC.id, live)?))
}

fn changes<C: Control>(from: &Json, to: &Json) -> Result<Vec<String>> {
    Ok(C::Setting::changes(&typed(C::SPEC.id, from)?, &typed(C::SPEC.id, to)?))
}
