//! What can be asked of the command.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use redress_model::{AccountId, ControlId, Region, RunId};

/// Plans, applies and undoes remediations of Security Hub findings.
///
/// Works with the caller's own AWS credentials, and needs no deployment: what was done is then kept in a directory of this machine, with
/// which it can be undone. With --deployment the ledger, the vault, the policy and the kill switch are those of the deployed suite.
#[derive(Debug, Parser)]
#[command(name = "redress", version, max_term_width = 120, after_help = EXIT_CODES)]
pub(crate) struct Redress {
    /// Print JSON instead of tables
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) site: Site,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The exit codes, as the manual says them.
pub(crate) const EXIT_CODES: &str = "Exit codes:
  0  done, or there was nothing to do
  1  it could not be done; standard error says why
  2  wrong usage
  3  there is something for you to do: a plan with changes, a question, a held change, a finding of the doctor";

/// Where things are.
#[derive(Debug, Clone, Args)]
pub(crate) struct Site {
    /// Use the ledger, vault, policy and kill switch of the suite that is deployed in the caller's account and region
    #[arg(long, global = true, env = "REDRESS_DEPLOYMENT")]
    pub(crate) deployment: bool,
    // Not a comment: the linter wants marks in comments that the help must not have.
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        env = "REDRESS_STATE",
        help = "The directory for what was done, where there is no deployment [default: $XDG_STATE_HOME/redress, or ~/.local/state/redress]"
    )]
    pub(crate) state: Option<PathBuf>,
    /// The role to assume in the resource's account; without it the caller's credentials must be of that account
    #[arg(long, global = true, value_name = "NAME", env = "REDRESS_ROLE")]
    pub(crate) role: Option<String>,
    /// The external id that the role asks for
    #[arg(long, global = true, value_name = "ID", env = "REDRESS_EXTERNAL_ID", hide_env_values = true)]
    pub(crate) external_id: Option<String>,
    /// A policy document; without one (and without a deployment) everything may be changed that you ask for
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
    /// The policy on security groups for SecurityGroup.1, in JSON [default: the deployment's, or the one that is shipped]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) group_policy: Option<PathBuf>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the controls
    Controls,
    /// Show the documentation of a control
    Control {
        /// Its id, such as S3.5
        id: ControlId,
    },
    /// Show what would be changed; nothing can be written
    Plan(Target),
    /// Set right what is wrong: back up, change, verify, record
    Apply {
        #[command(flatten)]
        target: Target,
        /// Consent to what would otherwise be asked
        #[arg(long)]
        approve: bool,
    },
    /// List what was done
    History(History),
    /// Show a run: the change, the calls, the sums
    Show {
        /// The run
        run: RunId,
    },
    /// Put back what a run changed
    Undo {
        /// The run
        run: RunId,
    },
    /// Say yes to the question that a run put
    Approve {
        /// The run
        run: RunId,
    },
    /// Leave a resource as it is for a time
    Exempt(Exempt),
    /// Work with policy documents
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// Look at security groups by a policy of their own
    #[command(subcommand)]
    Sg(GroupsCommand),
    /// Bring every account of the organization into Security Hub
    #[command(subcommand)]
    Org(OrganizationCommand),
    /// Give every account what it is to have: Security Hub, a trail, recorders, detectors and more
    #[command(subcommand)]
    Baseline(BaselineCommand),
    /// Try the scoring of incidents: make events, or replay recorded ones
    #[command(subcommand)]
    Events(EventsCommand),
    /// Ask the deployed suite how the organization stands, and show its report
    Report {
        /// Show the latest report, and ask for none
        #[arg(long)]
        latest: bool,
    },
    /// Find out what is missing: credentials, deployment, roles, permissions, regions
    Doctor(Doctor),
    /// Print the completions of a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Write the manual pages
    Man {
        /// The directory to write to
        directory: PathBuf,
    },
}

/// What to look at.
#[derive(Debug, Clone, Args)]
pub(crate) struct Target {
    /// Files with findings: events, lists or single findings, of Security Hub (ASFF or OCSF) or Prowler; - for standard input
    #[arg(value_name = "FILE", conflicts_with_all = ["finding", "control"])]
    pub(crate) files: Vec<PathBuf>,
    /// A finding of Security Hub, by its id
    #[arg(long, value_name = "ID", conflicts_with = "control")]
    pub(crate) finding: Option<String>,
    #[command(flatten)]
    pub(crate) one: One,
}

/// One control on one resource.
#[derive(Debug, Clone, Args)]
pub(crate) struct One {
    /// The control, such as S3.5
    #[arg(long, value_name = "ID", requires_all = ["account", "region"])]
    pub(crate) control: Option<ControlId>,
    /// The account
    #[arg(long, value_name = "ID")]
    pub(crate) account: Option<AccountId>,
    /// The region
    #[arg(long)]
    pub(crate) region: Option<Region>,
    /// The resource's ARN; not needed for controls about an account
    #[arg(long, value_name = "ARN")]
    pub(crate) resource: Option<String>,
}

/// Which runs to list.
#[derive(Debug, Clone, Args)]
pub(crate) struct History {
    /// How many days back
    #[arg(long, default_value_t = 7)]
    pub(crate) days: u16,
    /// Only of this account
    #[arg(long, value_name = "ID")]
    pub(crate) account: Option<AccountId>,
    /// Only of this control
    #[arg(long, value_name = "ID")]
    pub(crate) control: Option<ControlId>,
    /// Only of resources whose id contains this
    #[arg(long, value_name = "TEXT")]
    pub(crate) resource: Option<String>,
    /// Only with this outcome, such as remediated
    #[arg(long, value_name = "WORD")]
    pub(crate) outcome: Option<String>,
}

/// What to leave as it is.
#[derive(Debug, Clone, Args)]
pub(crate) struct Exempt {
    #[command(flatten)]
    pub(crate) target: Target,
    /// The last day, in UTC [default: thirty days from now]
    #[arg(long, value_name = "DATE", conflicts_with = "lift")]
    pub(crate) until: Option<jiff::civil::Date>,
    /// Why
    #[arg(long, required_unless_present = "lift")]
    pub(crate) reason: Option<String>,
    /// End an exemption now
    #[arg(long)]
    pub(crate) lift: bool,
}

/// What to do with policy documents.
#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// Say what is wrong with a document, with lines
    Check {
        /// The document
        file: PathBuf,
    },
    /// Say what holds for a control on a resource, and which line decided it
    Explain(Explain),
    /// Replay findings against a document, and show what would be done, held, and why; no resource is read
    Simulate(Simulate),
}

/// A case to explain.
#[derive(Debug, Clone, Args)]
pub(crate) struct Explain {
    /// The document
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) one: One,
    /// The modes of the deployment, which the document stands on
    #[arg(long, default_value = "plan")]
    pub(crate) modes: String,
    /// The path of the account's organizational unit, such as /Workloads/Prod
    #[arg(long, value_name = "PATH")]
    pub(crate) ou: Option<String>,
    /// The organization, o-...
    #[arg(long, value_name = "ID")]
    pub(crate) organization: Option<String>,
    /// A tag of the resource
    #[arg(long = "tag", value_name = "KEY=VALUE")]
    pub(crate) tags: Vec<String>,
    /// The time for which it is asked [default: now]
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<jiff::Timestamp>,
}

/// What to replay.
#[derive(Debug, Clone, Args)]
pub(crate) struct Simulate {
    /// The document
    pub(crate) file: PathBuf,
    /// Files or folders with findings
    #[arg(value_name = "FINDINGS", required_unless_present = "days")]
    pub(crate) findings: Vec<PathBuf>,
    /// The failed findings that Security Hub updated in so many days
    #[arg(long, value_name = "DAYS", conflicts_with = "findings")]
    pub(crate) days: Option<u16>,
    /// The modes of the deployment, which the document stands on
    #[arg(long, default_value = "plan")]
    pub(crate) modes: String,
    /// Show only what would end so
    #[arg(long, value_name = "VERDICT")]
    pub(crate) verdict: Option<Verdict>,
}

/// What would become of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Verdict {
    /// Changed by itself, if the control's own checks are clean
    Change,
    /// Changed after a person's approval
    Ask,
    /// Put off until a window or an hour
    Later,
    /// Planned only
    Plan,
    /// Told only
    Tell,
    /// Held by a guard
    Held,
    /// Exempt
    Exempt,
    /// Left alone
    Off,
    /// Not worked on
    Skipped,
}

/// What to do with security groups.
#[derive(Debug, Subcommand)]
pub(crate) enum GroupsCommand {
    /// Find the groups that violate the policy, in accounts and regions; nothing is changed
    Scan(GroupsScan),
    /// Draw from where a group is reached, and by which rule
    Explain(GroupsExplain),
    /// Check a policy, and run the tests in it and beside it
    Test {
        /// The policy, in JSON
        policy: PathBuf,
        /// Files with lists of more tests
        tests: Vec<PathBuf>,
    },
}

/// Where to look for groups.
#[derive(Debug, Clone, Args)]
pub(crate) struct GroupsScan {
    /// Accounts to look at, by --role [default: the caller's own]
    #[arg(long = "account", value_name = "ID", conflicts_with = "organization")]
    pub(crate) accounts: Vec<AccountId>,
    /// All active accounts of the organization, by --role
    #[arg(long)]
    pub(crate) organization: bool,
    /// Regions to look at [default: the caller's]
    #[arg(long = "region", value_name = "REGION", conflicts_with = "all_regions")]
    pub(crate) regions: Vec<Region>,
    /// All regions that are open to the caller's account
    #[arg(long)]
    pub(crate) all_regions: bool,
    /// How many accounts and regions are looked at at once
    #[arg(long, value_name = "N", default_value_t = 8)]
    pub(crate) concurrency: usize,
}

/// Which group to draw.
#[derive(Debug, Clone, Args)]
pub(crate) struct GroupsExplain {
    /// The group, sg-...
    pub(crate) group: String,
    /// The account [default: the caller's own]
    #[arg(long, value_name = "ID")]
    pub(crate) account: Option<AccountId>,
    /// The region [default: the caller's]
    #[arg(long)]
    pub(crate) region: Option<Region>,
}

/// What to do with the organization.
#[derive(Debug, Subcommand)]
pub(crate) enum OrganizationCommand {
    /// Show how every account stands, in each region
    Status(Organization),
    /// Make the administrator, its organization's configuration, and every account a member with the chosen standards
    Onboard {
        #[command(flatten)]
        organization: Organization,
        /// Show what would be changed; so it is without --apply
        #[arg(long, conflicts_with = "apply")]
        plan: bool,
        /// Change it
        #[arg(long)]
        apply: bool,
    },
    /// Check the administrator, that accounts which join are enabled, and that all members are
    Verify(Organization),
    /// Import a finding that says nothing, and wait until it arrives at the caller's Security Hub
    TestFinding {
        /// The account that it is about [default: the caller's own]
        #[arg(long, value_name = "ID")]
        account: Option<AccountId>,
    },
}

/// Where the organization is administered, and which part of it is meant.
#[derive(Debug, Clone, Args)]
pub(crate) struct Organization {
    /// The account that administers Security Hub, or is to [default: the caller's own]
    #[arg(value_name = "DELEGATED_ADMIN_ACCOUNT_ID")]
    pub(crate) admin: Option<AccountId>,
    /// The role by which other accounts than the caller's are entered [default: --role]
    #[arg(value_name = "CROSS_ACCOUNT_ROLE")]
    pub(crate) cross_account_role: Option<String>,
    /// Regions [default: the caller's]; findings come together in the caller's, or else in the first
    #[arg(value_name = "REGION", conflicts_with = "all_regions")]
    pub(crate) regions: Vec<Region>,
    /// All regions that are open to the caller's account
    #[arg(long)]
    pub(crate) all_regions: bool,
    /// Only these accounts
    #[arg(long = "account", value_name = "ID")]
    pub(crate) accounts: Vec<AccountId>,
    /// The standards that are to be checked
    #[arg(long, value_name = "LIST", default_value = "fsbp-1.0.0,cis-3.0.0")]
    pub(crate) standards: String,
    /// Show what is good, too
    #[arg(long)]
    pub(crate) all: bool,
    /// How many accounts and regions are worked on at once
    #[arg(long, value_name = "N", default_value_t = 8)]
    pub(crate) concurrency: usize,
}

/// What to do with the baseline.
#[derive(Debug, Subcommand)]
pub(crate) enum BaselineCommand {
    /// Show what would be switched on, and what it costs; nothing can be written
    Plan(Baseline),
    /// Switch on what is missing: back up, change, verify, record
    Apply(Baseline),
    /// Print a document for each account and region, in JSON
    Report(Baseline),
}

/// Which accounts are to have what.
#[derive(Debug, Clone, Args)]
pub(crate) struct Baseline {
    /// Accounts, by --role [default: the caller's own]
    #[arg(long = "account", value_name = "ID", conflicts_with = "organization")]
    pub(crate) accounts: Vec<AccountId>,
    /// All accounts of the organization, by --role
    #[arg(long)]
    pub(crate) organization: bool,
    /// Regions [default: the caller's]
    #[arg(long = "region", value_name = "REGION", conflicts_with = "all_regions")]
    pub(crate) regions: Vec<Region>,
    /// All regions that are open to the caller's account
    #[arg(long)]
    pub(crate) all_regions: bool,
    /// What they are to have, as a list such as guardduty,ebs-encryption
    #[arg(long, value_name = "LIST", default_value = SERVICES)]
    pub(crate) services: String,
    /// The standards that Security Hub is to check
    #[arg(long, value_name = "LIST", default_value = "fsbp-1.0.0,cis-3.0.0")]
    pub(crate) standards: String,
    /// Where recorders of AWS Config deliver that deliver nowhere
    #[arg(long, value_name = "NAME")]
    pub(crate) config_bucket: Option<String>,
    /// The template of the conformance pack [default: the built-in one, for CIS v3.0.0]
    #[arg(long, value_name = "FILE")]
    pub(crate) conformance_pack: Option<PathBuf>,
    /// Show what is good, too
    #[arg(long)]
    pub(crate) all: bool,
    /// How many accounts and regions are worked on at once
    #[arg(long, value_name = "N", default_value_t = 8)]
    pub(crate) concurrency: usize,
}

/// What is on as the template is shipped.
const SERVICES: &str = "security-hub,standards,cloudtrail,config,conformance-pack,guardduty,s3-public-access,ebs-encryption";

/// What to do with events.
#[derive(Debug, Subcommand)]
pub(crate) enum EventsCommand {
    /// Make realistic events of CloudTrail, and send them to a queue or print them; nothing they tell of was done
    Send {
        /// What they tell of
        #[arg(long, value_enum, default_value_t = Scenario::Mixed)]
        scenario: Scenario,
        /// How many
        #[arg(long, value_name = "N", default_value_t = 10)]
        count: usize,
        /// The URL of the queue [default: standard output, an event in each line]
        #[arg(long, value_name = "URL")]
        queue: Option<String>,
        /// The account that they are about
        #[arg(long, value_name = "ID", default_value = "111122223333")]
        account: AccountId,
        /// The same number makes the same events, but for their times
        #[arg(long, value_name = "N", default_value_t = 1)]
        seed: u64,
    },
    /// Score recorded events, without asking or changing anything
    Replay {
        /// Files with events of EventBridge, or CloudTrail's log files unpacked; an event in each line, or a document; - for standard input
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
        /// The policy on incidents, in JSON [default: what is shipped]
        #[arg(long, value_name = "FILE")]
        incident_policy: Option<PathBuf>,
        /// Lists of bad addresses, in the formats of GuardDuty's lists
        #[arg(long = "threat-list", value_name = "FILE")]
        threat_lists: Vec<PathBuf>,
        /// Show only what scores at least so much
        #[arg(long, value_name = "POINTS", default_value_t = 0)]
        least: u8,
    },
}

/// What events tell of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Scenario {
    /// A pipeline and people doing their daily work
    Normal,
    /// People doing what they never did, from where they never were
    Suspicious,
    /// An intruder with stolen credentials
    Attack,
    /// Much of the first, and some of the others
    Mixed,
}

/// What to examine.
#[derive(Debug, Clone, Args)]
pub(crate) struct Doctor {
    /// Member accounts to look at [default: the caller's own]
    #[arg(long = "account", value_name = "ID")]
    pub(crate) accounts: Vec<AccountId>,
    /// Regions to look at [default: the caller's]
    #[arg(long = "region", value_name = "REGION")]
    pub(crate) regions: Vec<Region>,
    /// The role that the suite enters accounts with [default: the one that the deployment names, else the shipped name]
    #[arg(long, value_name = "NAME")]
    pub(crate) member_role: Option<String>,
}

/// Parses the modes of a deployment.
pub(crate) fn modes(text: &str) -> Result<redress_model::Modes, String> {
    text.parse::<redress_model::Modes>().map_err(|error| error.to_string())
}
