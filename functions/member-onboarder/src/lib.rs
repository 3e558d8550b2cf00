//! member-onboarder: every account of the organization in Security Hub, with the chosen standards.
//!
//! Who governs Security Hub is asked first, region by region: under local configuration what is wanted is brought about, under central
//! configuration associations are checked, under declarative policies it is reported. An account that joins is onboarded by its event in one
//! invocation, all regions side by side; a sweep, a state machine with a unit for each account and region, finds what was there before. One
//! bad cell is a cell in the matrix and never ends the run.

mod joining;
mod steps;

use std::sync::Arc;

use aws_types::SdkConfig;
use futures::{StreamExt, stream};
use jiff::{SignedDuration, Timestamp};
use joining::Again;
use redress_aws::{Clock, Kind, Member, Operator, Org, OrgSettings, PolicyFile, Post, Queue, Reports, Result, Visit};
use redress_controls::check;
use redress_lambda::{Env, EnvError, Function, Message, Metric, Topic, count};
use redress_model::{AccountId, Partition, Policy, Region};
use redress_organization::{
    Cell, Choice, Chosen, Estate, Hands, How, Names, Offices, Seat, Service, State, Unit,
    document::drift,
    home_first, open_regions,
    sweep::{Sweeps, news},
};
use redress_settings::ec2::survey::REGIONS;
use serde_json::Value as Json;
use tracing::{error, info};

/// The function with its collaborators.
pub struct MemberOnboarder {
    hands: Hands,
    members: Org,
    offices: Offices,
    policy: PolicyFile,
    chosen: Chosen,
    admin: AccountId,
    home: Region,
    partition: Partition,
    /// The regions that are looked after; all that are open to our own account where none is named.
    regions: Vec<String>,
    reports: Reports,
    /// Our own queue, for accounts that are not ready yet.
    queue: Queue,
}

/// The role of a new account, and much of AWS in it, comes by a StackSet, within minutes: it is looked at again so often, at these intervals.
const ROUNDS: u32 = 8;
const INTERVAL: i32 = 300;

/// Regions that are looked at at once.
const AT_ONCE: usize = 6;

/// An account is onboarded in less, as long as AWS answers.
const ENOUGH: SignedDuration = SignedDuration::from_mins(3);

impl MemberOnboarder {
    /// The function in its environment.
    ///
    /// # Errors
    /// When a variable is missing or wrong.
    pub fn new(env: &Env, sdk: &SdkConfig) -> std::result::Result<Self, EnvError> {
        let Topic { arn: topic, account: admin, partition, region: home } = env.parsed("REDRESS_TOPIC_ARN")?;
        let names = Names {
            ledger_table: env.text("REDRESS_LEDGER_TABLE")?,
            vault_bucket: env.text("REDRESS_VAULT_BUCKET")?,
            topic,
            webhook_parameter: env.optional("REDRESS_WEBHOOK_PARAMETER"),
            bus: env.text("REDRESS_BUS_NAME")?,
            kill_switch: env.text("REDRESS_KILL_SWITCH")?,
        };
        let external_id = Some(env.text("REDRESS_EXTERNAL_ID")?);
        let role = |role: String| Org::new(sdk.clone(), OrgSettings { role, external_id: external_id.clone() });
        let key = env.optional("REDRESS_POLICY_KEY").unwrap_or_default();
        let standards = env.text("REDRESS_STANDARDS")?;
        let standards =
            Chosen::standards(&standards).map_err(|error| EnvError::Wrong { name: "REDRESS_STANDARDS", why: error.to_string() })?;
        let Choice(services) = env.parsed("REDRESS_BASELINE")?;
        let regions = env.optional("REDRESS_REGIONS").unwrap_or_default();
        let organization = [
            Service::TrustedAccess,
            Service::DelegatedAdministrator,
            Service::OrganizationConfiguration,
            Service::FindingAggregator,
            Service::Membership,
        ];
        Ok(Self {
            members: role(env.text("REDRESS_MEMBER_ROLE_NAME")?),
            offices: Offices {
                own: Operator::new(sdk.clone(), admin.clone(), None),
                admin: admin.clone(),
                management: role(env.text("REDRESS_MANAGEMENT_ROLE_NAME")?),
            },
            policy: PolicyFile::new(sdk, env.text("REDRESS_POLICY_BUCKET")?, key, admin.clone(), env.parsed("REDRESS_MODES")?),
            chosen: Chosen { services: services.into_iter().chain(organization).collect(), standards, ..Chosen::default() },
            regions: regions.split(',').map(str::trim).filter(|region| !region.is_empty()).map(str::to_owned).collect(),
            reports: Reports::new(sdk, env.text("REDRESS_REPORTS_BUCKET")?, admin.clone()),
            queue: Queue::new(sdk, env.text("REDRESS_ORGANIZATION_QUEUE_URL")?),
            hands: Hands::new(sdk, names, admin.clone()),
            admin,
            home,
            partition,
        })
    }

    /// The policy in force. By one that cannot be relied on nothing is changed.
    async fn policy(&self) -> Arc<Policy> {
        let policy = self.policy.read(&check).await;
        if policy.trouble().is_some() {
            count(Metric::BrokenPolicy, self.hands.clock.now());
        }
        policy
    }

    fn sweeps(&self) -> Sweeps<'_> {
        Sweeps { reports: &self.reports, area: "onboarding" }
    }

    /// The members, as they are entered by their role.
    fn estate<'a>(&'a self, policy: &Arc<Policy>, event: &'a str, deadline: Timestamp) -> Estate<'a> {
        Estate {
            rim: self.hands.rim(&self.members),
            policy: policy.clone(),
            organizations: &self.hands.organizations,
            chosen: &self.chosen,
            partition: &self.partition,
            how: How::ByItself,
            event,
            by: None,
            deadline,
        }
    }

    /// The offices.
    fn seat<'a>(&'a self, estate: Estate<'a>, management: &'a AccountId, regions: &'a [Region]) -> Seat<'a> {
        let estate = Estate { rim: self.hands.rim(&self.offices), ..estate };
        Seat { estate, admin: &self.admin, management, home: &self.home, regions }
    }

    /// The regions that are looked after, the home region first.
    async fn regions(&self) -> Result<Vec<Region>> {
        if !self.regions.is_empty() {
            return Ok(home_first(&self.regions, &self.home));
        }
        let (run, now) = (self.hands.clock.new_run(), self.hands.clock.now());
        let visit = Visit { account: &self.admin, region: &self.home, partition: &self.partition, run, now, actions: vec![REGIONS] };
        let here = redress_aws::Accounts::enter(&self.offices, visit).await?;
        Ok(home_first(&open_regions(&here).await?, &self.home))
    }

    /// The accounts of the organization. It is told to delegated administrators only, which our own account may have to become first.
    async fn everybody(&self, seat: &Seat<'_>) -> Result<Vec<Member>> {
        match self.hands.organizations.members().await {
            Err(error) if error.kind == Kind::Denied => {
                seat.delegate(&self.home).await;
                self.hands.organizations.members().await
            }
            members => members,
        }
    }

    /// Works on one message; an error brings it again.
    async fn receive(&self, body: &str, id: &str, deadline: Timestamp) -> Result<()> {
        match Again::parse(body) {
            Err(why) => {
                info!(why, "left alone");
                Ok(())
            }
            Ok(again) => self.onboard(&again, id, deadline).await,
        }
    }

    /// Everything that one account is to have of Security Hub, in all regions.
    async fn onboard(&self, Again { onboard: account, round }: &Again, event: &str, deadline: Timestamp) -> Result<()> {
        let (management, regions) = (self.hands.organizations.management().await?, self.regions().await?);
        let policy = self.policy().await;
        let asked = match self.hands.organizations.member(account).await {
            Err(error) if error.kind == Kind::Denied => {
                self.seat(self.estate(&policy, event, deadline), &management, &regions).delegate(&self.home).await;
                self.hands.organizations.member(account).await
            }
            asked => asked,
        };
        let Some(member) = asked? else {
            info!(%account, "it is no account of the organization any more");
            return self.tell(account, "left the organization: nothing of it is looked after any more", &[]).await;
        };
        let (member, policy, management, regions) = (&member, &policy, &management, &regions);
        let one = |(index, region): (usize, &'_ Region)| {
            let region = region.clone();
            async move {
                let seat = self.seat(self.estate(policy, event, deadline), management, regions);
                let rule = seat.rule(&region).await;
                let unit = Unit {
                    account: member.id.clone(),
                    name: member.name.clone(),
                    region: region.clone(),
                    state: member.state.clone(),
                    governed: rule.on(&member.id),
                    is_first: index == 0,
                };
                // Before it is a member: Security Hub would come with its default standards.
                let mut cells = self.estate(policy, event, deadline).unit(&unit, &[Service::SecurityHub, Service::Standards]).await;
                cells.extend(seat.region(&region, std::slice::from_ref(member), Some(&member.id)).await);
                cells
            }
        };
        let cells: Vec<Vec<Cell>> = stream::iter(regions.iter().enumerate()).map(one).buffered(AT_ONCE).collect().await;
        let cells = cells.concat();
        self.sweeps().keep_account(account, &cells).await?;
        let is_early = |cell: &Cell| matches!(cell.state, State::NoRole | State::Failed | State::InProgress) && cell.account == *account;
        let waits = cells.iter().any(is_early);
        if waits && *round < ROUNDS {
            let again = Again { onboard: account.clone(), round: round + 1 };
            let body = serde_json::to_string(&again).map_err(|error| redress_aws::Error::malformed("the message", error.to_string()))?;
            self.queue.send_later(&body, INTERVAL).await?;
        }
        let is_last = !waits || *round >= ROUNDS;
        info!(%account, round, cells = cells.len(), waits, "onboarded");
        // What waits for its role is told when it has it, or when it is given up.
        let news: Vec<Cell> = cells.into_iter().filter(|cell| is_last || cell.state == State::Changed).collect();
        if news.is_empty() { Ok(()) } else { self.tell(account, "onboarded", &news).await }
    }

    async fn tell(&self, account: &AccountId, what: &str, cells: &[Cell]) -> Result<()> {
        match (cells.is_empty(), news(&format!("account {account} {what}"), &drift(&[], cells))) {
            (true, _) => self.hands.post.tell(&format!("Redress: account {account}"), &format!("account {account} {what}")).await,
            (false, Some((subject, body))) => self.hands.post.tell(&subject, &body).await,
            (false, None) => Ok(()),
        }
    }
}

impl Function for MemberOnboarder {
    async fn handle(&self, batch: Vec<Message>, deadline: Timestamp) -> Vec<String> {
        let mut failed = Vec::new();
        for message in batch {
            // What is done is not done again because the rest took too long.
            if deadline.duration_since(self.hands.clock.now()) < ENOUGH {
                failed.push(message.id);
                continue;
            }
            if let Err(error) = Box::pin(self.receive(&message.body, &message.id, deadline)).await {
                error!(message_id = message.id, %error, "comes again");
                failed.push(message.id);
            }
        }
        failed
    }

    async fn answer(&self, request: Json, deadline: Timestamp) -> std::result::Result<Json, String> {
        Box::pin(self.step(request, deadline)).await.map_err(|error| error.to_string())
    }
}
