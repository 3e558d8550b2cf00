//! What went wrong in a call, by what the caller does about it. The only place that looks into SDK errors.

use std::error::Error as StdError;

use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::gate::Undeclared;

/// The result of a call.
pub type Result<T> = std::result::Result<T, Error>;

/// What the caller does about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Try again later.
    Throttled,
    /// Name the missing permission, and go on with other accounts.
    Denied,
    /// The thing is gone.
    NotFound,
    /// Somebody else is changing the thing, or it is not in a state to be changed: try again later.
    Conflict,
    /// AWS refuses the request for good.
    Rejected,
    /// We refuse the request: the action was not declared. A defect of ours.
    Undeclared,
    /// No answer, or a failure on the other side: try again later.
    Unreachable,
}

/// A failed call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", describe(*kind, action, code, message))]
pub struct Error {
    /// What to do about it.
    pub kind: Kind,
    /// The IAM action that was attempted, such as `s3:GetBucketPolicy`.
    pub action: String,
    /// The service's error code, such as `NoSuchBucketPolicy`; may be empty.
    pub code: String,
    /// The service's explanation, shortened.
    pub message: String,
    /// The HTTP status of the answer; 0 where there was none.
    pub status: u16,
}

fn describe(kind: Kind, action: &str, code: &str, message: &str) -> String {
    let what = match kind {
        Kind::Throttled => "throttled",
        Kind::Denied => "denied",
        Kind::NotFound => "not found",
        Kind::Conflict => "busy",
        Kind::Rejected => "rejected",
        Kind::Undeclared => "refused by the gate",
        Kind::Unreachable => "no answer",
    };
    let parts = [code, message].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>();
    if parts.is_empty() { format!("{action} {what}") } else { format!("{action} {what}: {}", parts.join(": ")) }
}

impl Error {
    /// An error of our own making.
    pub fn new(kind: Kind, action: impl Into<String>, message: impl Into<String>) -> Self {
        Self { kind, action: action.into(), code: String::new(), message: shorten(&message.into()), status: 0 }
    }

    /// A value that AWS sent, or that we saved, and that is not what it should be.
    pub fn malformed(action: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Kind::Rejected, action, message)
    }

    /// Whether the same call may succeed later.
    pub fn is_retryable(&self) -> bool {
        match self.kind {
            Kind::Throttled | Kind::Conflict | Kind::Unreachable => true,
            Kind::Denied | Kind::NotFound | Kind::Rejected | Kind::Undeclared => false,
        }
    }
}

/// Turns the result of an SDK call into ours.
pub trait Called<T> {
    /// Classifies the error of a call that needed the IAM action `action`.
    ///
    /// # Errors
    /// The classified error.
    fn called(self, action: &str) -> Result<T>;
}

impl<T, E> Called<T> for std::result::Result<T, SdkError<E, HttpResponse>>
where
    E: ProvideErrorMetadata + StdError + 'static,
{
    fn called(self, action: &str) -> Result<T> {
        self.map_err(|error| classify(action, &error))
    }
}

fn classify<E>(action: &str, error: &SdkError<E, HttpResponse>) -> Error
where
    E: ProvideErrorMetadata + StdError + 'static,
{
    if let Some(undeclared) = cause::<Undeclared, _>(error) {
        return Error::new(Kind::Undeclared, undeclared.action.clone(), "the action was not declared by the setting");
    }
    let Some(service) = error.as_service_error() else {
        return Error::new(Kind::Unreachable, action, chain(error));
    };
    let code = service.code().unwrap_or_default();
    let status = error.raw_response().map_or(0, |response| response.status().as_u16());
    let message = service.message().unwrap_or_default();
    Error { kind: kind_of(code, status), action: action.to_owned(), code: code.to_owned(), message: shorten(message), status }
}

/// Codes are matched by their stable parts: every service spells them in its own way.
fn kind_of(code: &str, status: u16) -> Kind {
    const THROTTLED: &[&str] = &[
        "Throttl",
        "RequestLimitExceeded",
        "TooManyRequests",
        "SlowDown",
        "ThroughputExceeded",
        "BandwidthLimit",
        "RateExceeded",
        "ConcurrentSnapshotLimit",
    ];
    const DENIED: &[&str] = &[
        "AccessDenied",
        "UnauthorizedOperation",
        "NotAuthorized",
        "AuthFailure",
        "UnrecognizedClient",
        "InvalidClientTokenId",
        "OptInRequired",
        "ExpiredToken",
    ];
    const CONFLICT: &[&str] = &[
        "OperationAborted",
        "Conflict",
        "ConcurrentModification",
        "ConditionalCheckFailed",
        "TransactionCanceled",
        "InvalidDBInstanceState",
        "InvalidDBClusterState",
        "InvalidDBSnapshotState",
        "DBInstanceAlreadyExists",
        "EntityTemporarilyUnmodifiable",
        "FileSystemInUse",
        "IncorrectFileSystemLifeCycleState",
        "IncorrectInstanceState",
        "IncorrectState",
        "DependencyTimeout",
    ];
    let has = |list: &[&str]| list.iter().any(|part| code.contains(part));
    if has(THROTTLED) || status == 429 {
        Kind::Throttled
    } else if has(DENIED) {
        Kind::Denied
    } else if code.contains("NotFound") || code.starts_with("NoSuch") {
        Kind::NotFound
    } else if has(CONFLICT) {
        Kind::Conflict
    } else if status >= 500 || code == "RequestTimeout" {
        Kind::Unreachable
    } else if status == 403 {
        Kind::Denied
    } else {
        Kind::Rejected
    }
}

fn cause<T: StdError + 'static, E: StdError>(error: &E) -> Option<&T> {
    let mut next = error.source();
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

fn chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        text.push_str(": ");
        text.push_str(&error.to_string());
        next = error.source();
    }
    text
}

/// Encoded authorization messages run to kilobytes; a note has 512 characters.
fn shorten(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= 300 { line } else { line.chars().take(297).chain("...".chars()).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_all_services_fall_into_their_kind() {
        for (code, status, kind) in [
            ("ThrottlingException", 400, Kind::Throttled),
            ("Throttling", 400, Kind::Throttled),
            ("SnapshotCreationPerVolumeRateExceeded", 400, Kind::Throttled),
            ("ConcurrentSnapshotLimitExceeded", 400, Kind::Throttled),
            ("RequestLimitExceeded", 503, Kind::Throttled),
            ("SlowDown", 503, Kind::Throttled),
            ("ProvisionedThroughputExceededException", 400, Kind::Throttled),
            ("LimitExceeded", 409, Kind::Rejected),
            ("AccessDenied", 403, Kind::Denied),
            ("AccessDeniedException", 400, Kind::Denied),
            ("UnauthorizedOperation", 403, Kind::Denied),
            ("UnrecognizedClientException", 400, Kind::Denied),
            ("NoSuchBucket", 404, Kind::NotFound),
            ("InvalidGroup.NotFound", 400, Kind::NotFound),
            ("InvalidInstanceID.NotFound", 400, Kind::NotFound),
            ("DBInstanceNotFound", 404, Kind::NotFound),
            ("TrailNotFoundException", 400, Kind::NotFound),
            ("NoSuchEntity", 404, Kind::NotFound),
            ("OperationAborted", 409, Kind::Conflict),
            ("InvalidDBInstanceState", 400, Kind::Conflict),
            ("ConditionalCheckFailedException", 400, Kind::Conflict),
            ("InternalError", 500, Kind::Unreachable),
            ("", 503, Kind::Unreachable),
            ("", 403, Kind::Denied),
            ("MalformedPolicy", 400, Kind::Rejected),
            ("RulesPerSecurityGroupLimitExceeded", 400, Kind::Rejected),
            ("ValidationError", 400, Kind::Rejected),
        ] {
            assert_eq!(kind_of(code, status), kind, "{code} {status}");
        }
    }

    #[test]
    fn a_denial_names_its_action_in_one_short_line() {
        let error = Error {
            kind: Kind::Denied,
            action: "s3:PutBucketPolicy".into(),
            code: "AccessDenied".into(),
            message: shorten(&"x\n".repeat(900)),
            status: 0,
        };
        let text = error.to_string();
        assert!(text.starts_with("s3:PutBucketPolicy denied: AccessDenied: x x"), "{text}");
        assert!(text.len() < 400 && !text.contains('\n'));
    }
}
