//! A setting: a value in an account that can be read and written back.

use std::{fmt::Debug, future::Future};

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value as Json;

use crate::{Account, Action, Result, diff};

/// Whether a change can be taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Undo {
    /// To the letter.
    Exact,
    /// All but something, which is said.
    Partly(&'static str),
    /// Not at all, and why; such a change needs a person's approval.
    Never(&'static str),
}

/// A value in an account that can be read and written back.
///
/// `put` of what `get` returned changes nothing; `put` and back restores what was; a thing that is gone reads as `None`. The laws are tested
/// for every setting on the local AWS.
pub trait Setting: Sized + Send + Sync + 'static {
    /// What can be written. Equality is what counts as "unchanged".
    type Value: Clone + PartialEq + Debug + Serialize + DeserializeOwned + Send + Sync;
    /// What only helps to judge. Kept cheap: it is read every time.
    type Facts: Debug + Serialize + DeserializeOwned + Send + Sync;

    /// Its name, such as `s3.bucket_policy`. Controls of the same name on the same resource share a run.
    const NAME: &'static str;
    /// The actions that `get` needs.
    const READS: &'static [Action];
    /// The actions that `put` needs beyond those.
    const WRITES: &'static [Action];

    /// Whether a change is one stage of longer work: the way goes on after it, in later runs, and a value that is as planned proves the
    /// stage.
    const STAGED: bool = false;

    /// Whether changing it again and again means that somebody keeps undoing it. Of a list that grows it does not.
    const REPEATS: bool = true;

    /// Reads the live value; `None` when the thing is gone.
    ///
    /// # Errors
    /// Every failure but "not found". Only what is certainly empty may read as empty.
    fn get(&self, account: &Account) -> impl Future<Output = Result<Option<(Self::Value, Self::Facts)>>> + Send;

    /// Makes the smallest change that leads from `from`, which was read a moment ago, to `to`.
    ///
    /// # Errors
    /// When it is not certain that the change was made.
    fn put(&self, account: &Account, from: &Self::Value, to: &Self::Value) -> impl Future<Output = Result<()>> + Send;

    /// Whether the way from `from` to `to` can be gone back.
    fn undo(_from: &Self::Value, _to: &Self::Value) -> Undo {
        Undo::Exact
    }

    /// Whether people may be left with this value: an undo that arrives at another goes on.
    fn rests(_value: &Self::Value) -> bool {
        true
    }

    /// Whether `live` shows what our write from `from` to `to` was for. Stages that come by themselves may follow at once.
    fn reached(_from: &Self::Value, to: &Self::Value, live: &Self::Value) -> bool {
        live == to
    }

    /// Whether `live` is what our own write from `from` to `to` may have left, whole or half done: only that is put back. Settings that
    /// are written in several calls say more.
    fn is_ours(_from: &Self::Value, to: &Self::Value, live: &Self::Value) -> bool {
        live == to
    }

    /// The difference for people, a line each.
    fn changes(from: &Self::Value, to: &Self::Value) -> Vec<String> {
        let json = |value| serde_json::to_value(value).unwrap_or(Json::Null);
        diff::changes(&json(from), &json(to))
    }
}
