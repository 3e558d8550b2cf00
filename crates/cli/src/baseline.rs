//! The baseline, from a terminal: what every account is to have, planned, brought about and reported.

use std::collections::BTreeMap;

use futures::{StreamExt, stream};
use jiff::SignedDuration;
use redress_aws::{Accounts, Clock as _, Member, Visit};
use redress_model::Region;
use redress_organization::{
    Cell, Chosen, Estate, How, Service, Unit,
    document::documents,
    governance::{self, Rule},
};

use crate::{
    Done, Failure,
    args::{self, Baseline, BaselineCommand},
    organization::{regions, show},
    paint::{self, Printer},
    site::Site,
};

/// A command has time.
const TIME: SignedDuration = SignedDuration::from_hours(6);

pub(crate) async fn run(printer: Printer, site: &args::Site, command: BaselineCommand) -> Done {
    let (what, how) = match &command {
        BaselineCommand::Plan(what) | BaselineCommand::Report(what) => (what, How::Look),
        BaselineCommand::Apply(what) => (what, How::Asked),
    };
    let site = Site::open(site, false).await?;
    let cells = cells(printer, &site, what, how).await?;
    if matches!(command, BaselineCommand::Report(_)) {
        paint::value(&documents(&cells, site.partition()?.as_str()));
        return Ok(crate::Ended::Well);
    }
    Ok(show(printer, &cells, what.all))
}

fn chosen(what: &Baseline) -> Result<Chosen, Failure> {
    let wrong = |error: redress_organization::ChoiceError| Failure::new(error.to_string());
    let services = what.services.split(',').map(str::trim).filter(|name| !name.is_empty());
    let pack = what
        .conformance_pack
        .as_ref()
        .map(|file| std::fs::read_to_string(file).map_err(|error| Failure::new(format!("{}: {error}", file.display()))));
    Ok(Chosen {
        services: services.map(str::parse::<Service>).collect::<Result<_, _>>().map_err(wrong)?,
        standards: Chosen::standards(&what.standards).map_err(wrong)?,
        config_bucket: what.config_bucket.clone(),
        conformance_pack: pack.transpose()?,
    })
}

async fn cells(printer: Printer, site: &Site, what: &Baseline, how: How) -> Result<Vec<Cell>, Failure> {
    let (chosen, partition) = (chosen(what)?, site.partition()?);
    let regions = regions(site, what.all_regions, &what.regions).await?;
    let named = |id: &redress_model::AccountId| Member { id: id.clone(), name: String::new(), state: None };
    let members: Vec<Member> = match (what.organization, what.accounts.is_empty()) {
        (true, _) => site.organizations.members().await?,
        (false, true) => vec![named(&site.caller.account)],
        (false, false) => what.accounts.iter().map(named).collect(),
    };
    let estate = Estate {
        rim: site.rim(),
        policy: site.policy.clone(),
        organizations: &site.organizations,
        chosen: &chosen,
        partition: &partition,
        how,
        event: "command",
        by: Some(&site.caller.arn),
        deadline: site.now() + TIME,
    };
    let is_own = members.iter().all(|member| member.id == site.caller.account);
    let rules = rules(site, &regions, is_own).await?;
    let units: Vec<Unit> = members
        .iter()
        .flat_map(|member| regions.iter().enumerate().map(move |(index, region)| (member, region, index == 0)))
        .map(|(member, region, is_first)| Unit {
            account: member.id.clone(),
            name: member.name.clone(),
            region: region.clone(),
            state: member.state.clone(),
            governed: rules.get(region).and_then(|rule| rule.on(&member.id)),
            is_first,
        })
        .collect();
    let bar = printer.progress(units.len());
    let estate = &estate;
    let mut done =
        stream::iter(units).map(|unit| async move { estate.unit(&unit, &Service::BASELINE).await }).buffered(what.concurrency.max(1));
    let mut cells = Vec::new();
    while let Some(some) = done.next().await {
        bar.inc(1);
        cells.extend(some);
    }
    drop(done);
    bar.finish_and_clear();
    Ok(cells)
}

/// Who governs Security Hub, as far as the caller's account is told: who is not its administrator is not.
async fn rules(site: &Site, regions: &[Region], is_own: bool) -> Result<BTreeMap<Region, Rule>, Failure> {
    let (home, partition) = (site.region()?, site.partition()?);
    let mut rules = BTreeMap::new();
    for region in regions {
        let (account, run, now) = (&site.caller.account, site.clock.new_run(), site.now());
        let here = site.accounts.enter(Visit { account, region, partition: &partition, run, now, actions: governance::reads() }).await?;
        match governance::rule(&here, &here.in_region(&home)).await {
            // Who administers nothing may work on the account that the credentials are of; AWS keeps it from what others govern.
            Rule::NotTold(_) if is_own => {}
            rule => {
                rules.insert(region.clone(), rule);
            }
        }
    }
    Ok(rules)
}
