//! The gate on a real SDK client: what was not declared never leaves the process.

use aws_sdk_sqs::config::{BehaviorVersion, Builder, Credentials, Region};
use redress_aws::{Called, Gate, Kind};

fn client(gate: Gate) -> aws_sdk_sqs::Client {
    // Nothing listens there: a call that passed the gate ends as unreachable.
    let config = Builder::new()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("k", "s", None, None, "test"))
        .endpoint_url("http://127.0.0.1:9")
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .retry_config(aws_config::retry::RetryConfig::disabled())
        .interceptor(gate);
    aws_sdk_sqs::Client::from_conf(config.build())
}

#[tokio::test]
async fn refuses_what_was_not_declared_and_names_it() {
    let gate = Gate::new(["sqs:ListQueues"]);
    let error = client(gate.clone()).purge_queue().queue_url("q").send().await.called("sqs:PurgeQueue").unwrap_err();
    assert_eq!((error.kind, error.action.as_str()), (Kind::Undeclared, "sqs:PurgeQueue"));
    assert!(!error.is_retryable());
    assert!(gate.passed().is_empty());
}

#[tokio::test]
async fn lets_declared_calls_pass_and_remembers_them() {
    let gate = Gate::new(["sqs:ListQueues"]);
    let error = client(gate.clone()).list_queues().send().await.called("sqs:ListQueues").unwrap_err();
    assert_eq!(error.kind, Kind::Unreachable);
    assert_eq!(gate.passed(), ["sqs:ListQueues"]);
}
