//! One HTTP client and one configuration for all SDK clients.

use std::time::Duration;

use aws_config::{BehaviorVersion, retry::RetryConfig, timeout::TimeoutConfig};
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, rustls_provider::CryptoMode},
};
use aws_types::SdkConfig;

/// The HTTP client that all SDK clients of a process share.
pub fn global_http() -> aws_smithy_runtime_api::client::http::SharedHttpClient {
    Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https()
}

/// The configuration of the process: credentials, region and endpoint from the environment, standard retries with backoff, and bounded
/// time-outs, over one shared pool of connections (a TLS handshake costs more than all the rest of a call).
pub async fn global_sdk() -> SdkConfig {
    aws_config::defaults(BehaviorVersion::latest())
        .http_client(global_http())
        .retry_config(RetryConfig::standard().with_max_attempts(4).with_initial_backoff(Duration::from_millis(200)))
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(Duration::from_secs(3))
                .operation_attempt_timeout(Duration::from_secs(10))
                .operation_timeout(Duration::from_secs(30))
                .build(),
        )
        .load()
        .await
}
