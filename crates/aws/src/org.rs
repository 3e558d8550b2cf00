//! Entering a member account: an assumed role, narrowed by a session policy to what the run declared.

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_types::SdkConfig;
use redress_model::{AccountId, Partition, Region, RunId};
use serde_json::json;

use crate::{Account, Answer, Called, Error, Gate, Kind, Result};

/// The most characters that a session policy may have.
///
/// See <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>.
pub(crate) const SESSION_POLICY_LIMIT: usize = 2048;

/// A visit to an account: where, for which run, and what may be done there.
#[derive(Debug, Clone)]
pub struct Visit<'a> {
    /// The account.
    pub account: &'a AccountId,
    /// Where to act.
    pub region: &'a Region,
    /// The partition of both.
    pub partition: &'a Partition,
    /// The run: names the session, and so the actor in CloudTrail.
    pub run: RunId,
    /// The time of the visit.
    pub now: jiff::Timestamp,
    /// The IAM actions that the visit may use.
    pub actions: Vec<&'static str>,
}

/// Who can enter accounts.
pub trait Accounts: Send + Sync {
    /// Enters the account.
    ///
    /// # Errors
    /// `Denied` when the role is missing or may not be assumed (a suspended account answers the same).
    fn enter<'a>(&'a self, visit: Visit<'a>) -> Answer<'a, Account>;
}

/// How members are entered.
#[derive(Debug, Clone)]
pub struct OrgSettings {
    /// The role's name in every member account.
    pub role: String,
    /// What the role's trust policy asks for against confused deputies, where it does.
    pub external_id: Option<String>,
}

/// The organization, as seen from the account in which we run.
#[derive(Debug, Clone)]
pub struct Org {
    sdk: SdkConfig,
    settings: OrgSettings,
}

impl Org {
    /// An organization whose members are entered with `settings`.
    pub fn new(sdk: SdkConfig, settings: OrgSettings) -> Self {
        Self { sdk, settings }
    }

    async fn assume(&self, visit: &Visit<'_>) -> Result<Credentials> {
        let arn = format!("arn:{}:iam::{}:role/{}", visit.partition, visit.account, self.settings.role);
        let answer = aws_sdk_sts::Client::new(&self.sdk)
            .assume_role()
            .role_arn(&arn)
            .role_session_name(visit.run.session_name())
            .set_external_id(self.settings.external_id.clone())
            .policy(session_policy(&visit.actions)?)
            .duration_seconds(900)
            .send()
            .await
            .called("sts:AssumeRole")
            .map_err(|error| Error { message: format!("role {arn}: {}", error.message), ..error })?;
        let granted = answer.credentials.ok_or_else(|| Error::malformed("sts:AssumeRole", "no credentials in the answer"))?;
        Ok(Credentials::new(granted.access_key_id, granted.secret_access_key, Some(granted.session_token), None, "member-role"))
    }
}

impl Accounts for Org {
    fn enter<'a>(&'a self, visit: Visit<'a>) -> Answer<'a, Account> {
        Box::pin(async move {
            let credentials = SharedCredentialsProvider::new(self.assume(&visit).await?);
            let sdk = self.sdk.to_builder().credentials_provider(credentials).build();
            let gate = Gate::new(visit.actions);
            Ok(Account::new(visit.account.clone(), visit.region.clone(), visit.partition.clone(), &sdk, gate, visit.now))
        })
    }
}

/// The accounts that an operator can enter with the caller's own credentials: the caller's account directly, others through a role.
///
/// Without a role the caller's own session is used as it is; the gate then is what keeps a plan from writing.
#[derive(Debug, Clone)]
pub struct Operator {
    sdk: SdkConfig,
    own: AccountId,
    role: Option<OrgSettings>,
}

impl Operator {
    /// The operator behind `sdk`, who is in account `own`.
    pub fn new(sdk: SdkConfig, own: AccountId, role: Option<OrgSettings>) -> Self {
        Self { sdk, own, role }
    }
}

impl Accounts for Operator {
    fn enter<'a>(&'a self, visit: Visit<'a>) -> Answer<'a, Account> {
        Box::pin(async move {
            match &self.role {
                _ if *visit.account == self.own => {
                    let gate = Gate::new(visit.actions);
                    Ok(Account::new(visit.account.clone(), visit.region.clone(), visit.partition.clone(), &self.sdk, gate, visit.now))
                }
                Some(settings) => Org::new(self.sdk.clone(), settings.clone()).enter(visit).await,
                None => {
                    let why = format!(
                        "the resource is in account {}, your credentials are of {}: give the name of a role there with --role",
                        visit.account, self.own
                    );
                    Err(Error::new(Kind::Denied, "sts:AssumeRole", why))
                }
            }
        })
    }
}

/// Who the caller is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The account.
    pub account: AccountId,
    /// The principal.
    pub arn: String,
}

/// Asks STS who the caller of `sdk` is.
///
/// # Errors
/// When there are no credentials, or they are not valid.
pub async fn caller(sdk: &SdkConfig) -> Result<Caller> {
    const ACTION: &str = "sts:GetCallerIdentity";
    let answer = aws_sdk_sts::Client::new(sdk).get_caller_identity().send().await.called(ACTION)?;
    let account = AccountId::try_from(answer.account().unwrap_or_default()).map_err(|error| Error::malformed(ACTION, error.to_string()))?;
    Ok(Caller { account, arn: answer.arn().unwrap_or_default().to_owned() })
}

/// The session policy that allows `actions` and nothing else. Resources stay the role's business: the two are intersected.
///
/// # Errors
/// When it would be longer than AWS takes.
pub fn session_policy(actions: &[&str]) -> Result<String> {
    let statement = json!([{"Effect": "Allow", "Action": actions, "Resource": "*"}]);
    let policy = json!({"Version": "2012-10-17", "Statement": statement}).to_string();
    if policy.len() > SESSION_POLICY_LIMIT {
        let why = format!("the session policy has {} characters, the limit is {SESSION_POLICY_LIMIT}", policy.len());
        return Err(Error::new(Kind::Rejected, "sts:AssumeRole", why));
    }
    Ok(policy)
}
