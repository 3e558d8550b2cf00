//! See the library.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), redress_lambda::Fatal> {
    redress_lambda::serve(compliance_reporter::ComplianceReporter::new).await
}
