//! Glue between Lambda and a function: typed environment, logs, metrics, and SQS batches of which some may fail.
//!
//! A function is a struct with its collaborators and one method over messages; everything that is Lambda's stays here.

mod batch;
mod env;
mod metrics;
mod serve;

pub use batch::{Function, Message};
pub use env::{Env, EnvError, Topic};
pub use metrics::{Measure, Metric, count, measure};
pub use serve::{Fatal, serve};
