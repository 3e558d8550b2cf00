//! The organization, from a terminal: how its accounts stand in Security Hub, and bringing them there.

use std::{collections::BTreeMap, time::Duration};

use comfy_table::Color;
use futures::{StreamExt, stream};
use jiff::SignedDuration;
use redress_aws::{Accounts, Clock as _, IMPORTS, Member, OwnFinding, OwnVerdict, SecurityHub, Visit, import};
use redress_model::{AccountId, Partition, Region, Resource};
use redress_organization::{Cell, Chosen, Estate, How, Seat, Service, State, Unit, governance::Rule, home_first, open_regions};
use redress_settings::ec2::survey::REGIONS;
use serde::Serialize;

use crate::{
    Done, Ended, Failure,
    args::{self, Organization, OrganizationCommand},
    paint::{self, Printer, colored},
    site::Site,
};

/// A command has time.
const TIME: SignedDuration = SignedDuration::from_hours(6);

pub(crate) async fn run(printer: Printer, mut site: args::Site, command: OrganizationCommand) -> Done {
    let organization = match &command {
        OrganizationCommand::Status(organization)
        | OrganizationCommand::Verify(organization)
        | OrganizationCommand::Onboard { organization, .. } => organization,
        OrganizationCommand::TestFinding { account } => return Box::pin(test_finding(printer, &site, account.clone())).await,
    };
    site.role = organization.cross_account_role.clone().or(site.role);
    let site = Site::open(&site, false).await?;
    let view = View::of(&site, organization).await?;
    match &command {
        OrganizationCommand::Onboard { apply: true, .. } => {
            let cells = view.converge(printer, How::Asked).await;
            Ok(show(printer, &cells, organization.all))
        }
        OrganizationCommand::Verify(_) => view.verify(printer).await,
        _ => {
            let cells = view.converge(printer, How::Look).await;
            let ended = show(printer, &cells, organization.all);
            if matches!(command, OrganizationCommand::Onboard { .. }) && cells.iter().any(|cell| cell.state == State::Planned) {
                printer.hint("nothing was changed; --apply changes it");
            }
            Ok(ended)
        }
    }
}

/// The organization as the arguments mean it.
struct View<'a> {
    site: &'a Site,
    what: &'a Organization,
    chosen: Chosen,
    partition: Partition,
    admin: AccountId,
    management: AccountId,
    home: Region,
    regions: Vec<Region>,
    members: Vec<Member>,
}

/// All regions that are open to the caller's account, the caller's first.
pub(crate) async fn regions(site: &Site, all: bool, named: &[Region]) -> Result<Vec<Region>, Failure> {
    let (home, partition) = (site.region()?, site.partition()?);
    if !all {
        return Ok(if named.is_empty() {
            vec![home]
        } else {
            home_first(&named.iter().map(ToString::to_string).collect::<Vec<_>>(), &home)
        });
    }
    let (account, run, now) = (&site.caller.account, site.clock.new_run(), site.now());
    let here = site.accounts.enter(Visit { account, region: &home, partition: &partition, run, now, actions: vec![REGIONS] }).await?;
    Ok(home_first(&open_regions(&here).await?, &home))
}

impl<'a> View<'a> {
    async fn of(site: &'a Site, what: &'a Organization) -> Result<Self, Failure> {
        let standards = Chosen::standards(&what.standards).map_err(|error| Failure::new(error.to_string()))?;
        let regions = regions(site, what.all_regions, &what.regions).await?;
        let home = regions.first().cloned().ok_or_else(|| Failure::new("no region is left"))?;
        let management = site.organizations.management().await?;
        let admin = what.admin.clone().unwrap_or_else(|| site.caller.account.clone());
        if admin == management {
            return Err(Failure::new(format!(
                "{admin} is the management account: name the account that is to administer Security Hub: redress org onboard ACCOUNT ROLE REGION..."
            )));
        }
        let mut members = site.organizations.members().await?;
        if let Some(unknown) = what.accounts.iter().find(|account| members.iter().all(|member| member.id != **account)) {
            return Err(Failure::new(format!("`{unknown}` is no account of the organization")));
        }
        members.retain(|member| what.accounts.is_empty() || what.accounts.contains(&member.id));
        let services = [
            Service::TrustedAccess,
            Service::DelegatedAdministrator,
            Service::OrganizationConfiguration,
            Service::FindingAggregator,
            Service::Membership,
            Service::SecurityHub,
            Service::Standards,
        ];
        let chosen = Chosen { services: services.into(), standards, ..Chosen::default() };
        Ok(Self { site, what, chosen, partition: site.partition()?, admin, management, home, regions, members })
    }

    fn seat(&self, how: How) -> Seat<'_> {
        Seat { estate: self.estate(how), admin: &self.admin, management: &self.management, home: &self.home, regions: &self.regions }
    }

    fn estate(&self, how: How) -> Estate<'_> {
        Estate {
            rim: self.site.rim(),
            policy: self.site.policy.clone(),
            organizations: &self.site.organizations,
            chosen: &self.chosen,
            partition: &self.partition,
            how,
            event: "command",
            by: Some(&self.site.caller.arn),
            deadline: self.site.now() + TIME,
        }
    }

    /// Accounts first, so that Security Hub does not come to them with its default standards; then each region as a whole.
    async fn converge(&self, printer: Printer, how: How) -> Vec<Cell> {
        let (seat, estate) = (self.seat(how), self.estate(how));
        let mut rules: BTreeMap<&Region, Rule> = BTreeMap::new();
        for region in &self.regions {
            rules.insert(region, seat.rule(region).await);
        }
        let unit = |member: &Member, region: &Region, is_first: bool| Unit {
            account: member.id.clone(),
            name: member.name.clone(),
            region: region.clone(),
            state: member.state.clone(),
            governed: rules.get(region).and_then(|rule| rule.on(&member.id)),
            is_first,
        };
        let units: Vec<Unit> = self
            .members
            .iter()
            .flat_map(|member| self.regions.iter().enumerate().map(move |(index, region)| (member, region, index == 0)))
            .map(|(member, region, is_first)| unit(member, region, is_first))
            .collect();
        let bar = printer.progress(units.len() + self.regions.len());
        let mut cells = Vec::new();
        let estate = &estate;
        let mut done = stream::iter(units)
            .map(|unit| async move { estate.unit(&unit, &[Service::SecurityHub, Service::Standards]).await })
            .buffered(self.what.concurrency.max(1));
        while let Some(some) = done.next().await {
            bar.inc(1);
            cells.extend(some);
        }
        drop(done);
        for region in &self.regions {
            bar.set_message(region.to_string());
            cells.extend(seat.region(region, &self.members, None).await);
            bar.inc(1);
        }
        bar.finish_and_clear();
        cells
    }

    /// What an onboarding is to end in.
    async fn verify(&self, printer: Printer) -> Done {
        let seat = self.seat(How::Look);
        let mut checks = Vec::new();
        for region in &self.regions {
            let cells = seat.region(region, &self.members, None).await;
            let of = |service: Service| cells.iter().filter(move |cell| cell.service == service);
            let check = |what: &'static str, service: Service| {
                let wrong: Vec<String> =
                    of(service).filter(|cell| !cell.state.is_good() && cell.state != State::Inactive).map(line).collect();
                let said = if wrong.is_empty() { format!("{} of {}", of(service).count(), of(service).count()) } else { wrong.join("\n") };
                Check { region: region.clone(), what, is_good: wrong.is_empty(), said }
            };
            checks.push(check("delegated administrator", Service::DelegatedAdministrator));
            checks.push(check("accounts that join are enabled", Service::OrganizationConfiguration));
            checks.push(check("all members enabled", Service::Membership));
        }
        printer.rows(&checks, &["region", "check", "verdict", ""], |check| {
            let verdict = if check.is_good { colored("confirmed", Color::Green) } else { colored("not confirmed", Color::Red) };
            vec![check.region.as_str().into(), check.what.into(), verdict, check.said.as_str().into()]
        });
        Ok(if checks.iter().all(|check| check.is_good) { Ended::Well } else { Ended::WithSomethingToDo })
    }
}

/// A check of what an onboarding is to end in.
#[derive(Debug, Serialize)]
struct Check {
    region: Region,
    what: &'static str,
    is_good: bool,
    said: String,
}

fn line(cell: &Cell) -> String {
    format!("{} {}: {}", cell.account, cell.state, [cell.changes.join("; "), cell.said.clone()].concat())
}

fn color(state: State) -> Color {
    match state {
        State::Good | State::Changed | State::Governed => Color::Green,
        State::NoRole | State::Failed | State::Lost => Color::Red,
        State::Planned | State::NeedsApproval | State::NeedsPerson | State::Held => Color::Yellow,
        State::InProgress | State::Exempt | State::Off | State::Unavailable | State::Inactive | State::Closed => Color::Grey,
    }
}

/// Prints the matrix, without what is good unless that is asked for, and says how the command ended.
pub(crate) fn show(printer: Printer, cells: &[Cell], all: bool) -> Ended {
    if printer.json {
        paint::value(&cells);
    } else {
        let shown: Vec<&Cell> = cells.iter().filter(|cell| all || cell.state != State::Good).collect();
        if !shown.is_empty() {
            printer.rows(&shown, &["account", "region", "service", "state", "what", "run"], |cell| {
                let mut what = cell.changes.clone();
                what.extend((!cell.said.is_empty()).then(|| cell.said.clone()));
                vec![
                    cell.account.as_str().into(),
                    cell.region.as_str().into(),
                    cell.service.as_str().into(),
                    colored(cell.state, color(cell.state)),
                    what.join("\n").into(),
                    cell.run.clone().unwrap_or_default().into(),
                ]
            });
        }
        let mut counts: BTreeMap<State, usize> = BTreeMap::new();
        for cell in cells {
            *counts.entry(cell.state).or_insert(0) += 1;
        }
        paint::title(&counts.iter().map(|(state, count)| format!("{count} {state}")).collect::<Vec<_>>().join(", "));
        if cells.iter().any(|cell| cell.state == State::Changed) {
            printer.hint("each run can be taken back with redress undo RUN");
        }
    }
    if cells.iter().any(|cell| matches!(cell.state, State::Failed | State::Lost)) {
        Ended::Badly
    } else if cells.iter().any(|cell| cell.state.wants_somebody()) {
        Ended::WithSomethingToDo
    } else {
        Ended::Well
    }
}

/// How often, and with which pause, the finding is looked for.
const LOOKS: usize = 60;
const PAUSE: Duration = Duration::from_secs(2);

async fn test_finding(printer: Printer, args: &args::Site, account: Option<AccountId>) -> Done {
    let site = Site::open(args, false).await?;
    let account = account.unwrap_or_else(|| site.caller.account.clone());
    let (region, partition, now) = (site.region()?, site.partition()?, site.now());
    let finding = OwnFinding {
        id: format!("redress/test/{region}/{account}"),
        generator: "redress/test".into(),
        title: "Redress: a test finding".into(),
        description: "Nothing is wrong. It shows that findings of this account arrive.".into(),
        severity: "INFORMATIONAL",
        remedy: "None is needed.".into(),
        resource: Resource {
            kind: "AwsAccount".into(),
            id: format!("AWS::::Account:{account}"),
            account: account.clone(),
            region: region.clone(),
            partition: partition.clone(),
            name: None,
            path: None,
        },
        verdict: OwnVerdict::Passed,
        since: now,
        at: now,
    };
    let visit = Visit { account: &account, region: &region, partition: &partition, run: site.clock.new_run(), now, actions: vec![IMPORTS] };
    let entered = site.accounts.enter(visit).await?;
    if let Some(left) = import(&entered, std::slice::from_ref(&finding)).await.first() {
        return Err(Failure::new(format!("Security Hub of account {account} did not take the finding: {}", left.why)));
    }
    let hub = SecurityHub::new(&site.sdk);
    for _ in 0..LOOKS {
        let is_it =
            |seen: &serde_json::Value| seen.get("UpdatedAt").and_then(|at| at.as_str()).is_none_or(|at| at >= now.to_string().as_str());
        if hub.find(&finding.id).await?.iter().any(is_it) {
            let took = site.now().duration_since(now).as_secs_f32();
            if printer.json {
                paint::value(&serde_json::json!({ "finding": finding.id, "account": account, "region": region, "seconds": took }));
            } else {
                anstream::println!("{} arrived in account {} after {took:.1} s", finding.id, site.caller.account);
            }
            return Ok(Ended::Well);
        }
        site.clock.sleep(PAUSE).await;
    }
    Err(Failure::new(format!(
        "the finding of account {account} did not arrive in account {} within two minutes: is it a member of its Security Hub? redress org verify",
        site.caller.account
    )))
}
