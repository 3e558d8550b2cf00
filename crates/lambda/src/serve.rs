//! The life of a function: start once, then batch after batch.

use aws_lambda_events::event::sqs::SqsEvent;
use aws_types::SdkConfig;
use jiff::Timestamp;
use lambda_runtime::{LambdaEvent, service_fn};
use redress_aws::global_sdk;
use serde_json::Value as Json;
use tracing_subscriber::EnvFilter;

use crate::{
    Env, EnvError, Function,
    batch::{messages, response},
};

/// What ends the process.
pub type Fatal = lambda_runtime::Error;

/// Makes the function from its environment and serves it until Lambda ends the process.
///
/// # Errors
/// When a variable is missing or wrong, or the Runtime API is gone.
pub async fn serve<F: Function>(make: impl FnOnce(&Env, &SdkConfig) -> Result<F, EnvError>) -> Result<(), Fatal> {
    let env = Env::of_process();
    let filter = env.text("RUST_LOG").unwrap_or_else(|_| "info".into());
    tracing_subscriber::fmt().json().flatten_event(true).with_current_span(false).with_env_filter(EnvFilter::new(filter)).init();
    let function = &make(&env, &global_sdk().await)?;
    let handler = |event: LambdaEvent<Json>| async move {
        let deadline = i64::try_from(event.context.deadline).ok().and_then(|millis| Timestamp::from_millisecond(millis).ok());
        let deadline = deadline.unwrap_or(Timestamp::MAX);
        if event.payload.get("Records").is_none() {
            return function.answer(event.payload, deadline).await.map_err(Fatal::from);
        }
        let batch: SqsEvent = serde_json::from_value(event.payload)?;
        let failed = function.handle(messages(batch), deadline).await;
        Ok(serde_json::to_value(response(failed))?)
    };
    lambda_runtime::run(service_fn(handler)).await
}
