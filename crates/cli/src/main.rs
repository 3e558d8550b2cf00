//! `redress`, the operator's command: plans, applies and undoes remediations with the caller's own credentials, shows what was done, works
//! with policies, and finds out what is missing.

mod args;
mod baseline;
mod books;
mod catalog;
mod doctor;
mod events;
mod findings;
mod groups;
mod history;
mod organization;
mod paint;
mod policy;
mod remediate;
mod report;
mod site;

use std::{fmt, process::ExitCode};

use args::{Command, Redress};
use clap::{CommandFactory, Parser};

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// Done, or nothing to do.
    Well,
    /// It could not be done, and was said so.
    Badly,
    /// There is something for a person to do.
    WithSomethingToDo,
}

impl From<Ended> for ExitCode {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::Well => Self::SUCCESS,
            Ended::Badly => Self::from(1),
            Ended::WithSomethingToDo => Self::from(3),
        }
    }
}

/// Why a command could not be done, and what to do about it.
#[derive(Debug)]
pub(crate) struct Failure(String);

impl Failure {
    pub(crate) fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<redress_aws::Error> for Failure {
    fn from(error: redress_aws::Error) -> Self {
        Self(error.to_string())
    }
}

/// What every command returns.
pub(crate) type Done = Result<Ended, Failure>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let Redress { json, site, command } = Redress::parse();
    let printer = paint::Printer { json };
    let done = match command {
        Command::Controls => catalog::controls(printer),
        Command::Control { id } => catalog::control(printer, &id),
        Command::Plan(target) => Box::pin(remediate::plan(printer, &site, target)).await,
        Command::Apply { target, approve } => Box::pin(remediate::apply(printer, &site, target, approve)).await,
        Command::History(which) => history::history(printer, &site, which).await,
        Command::Show { run } => history::show(printer, &site, run).await,
        Command::Undo { run } => Box::pin(remediate::undo(printer, &site, run)).await,
        Command::Approve { run } => Box::pin(remediate::approve(printer, &site, run)).await,
        Command::Exempt(what) => Box::pin(remediate::exempt(printer, &site, what)).await,
        Command::Policy(command) => policy::run(printer, command).await,
        Command::Sg(command) => Box::pin(groups::run(printer, &site, command)).await,
        Command::Org(command) => Box::pin(organization::run(printer, site, command)).await,
        Command::Baseline(command) => Box::pin(baseline::run(printer, &site, command)).await,
        Command::Events(command) => Box::pin(events::run(printer, command)).await,
        Command::Report { latest } => Box::pin(report::run(printer, latest)).await,
        Command::Doctor(what) => Box::pin(doctor::doctor(printer, &site, what)).await,
        Command::Completions { shell } => {
            let mut text = Vec::new();
            clap_complete::generate(shell, &mut Redress::command(), "redress", &mut text);
            // Who reads no further than needed has what was asked for.
            let _ = std::io::Write::write_all(&mut std::io::stdout(), &text);
            Ok(Ended::Well)
        }
        Command::Man { directory } => man(&directory),
    };
    done.unwrap_or_else(|failure| {
        paint::failure(&failure);
        Ended::Badly
    })
    .into()
}

fn man(directory: &std::path::Path) -> Done {
    let failed = |error: std::io::Error| Failure::new(format!("{}: {error}", directory.display()));
    std::fs::create_dir_all(directory).map_err(failed)?;
    clap_mangen::generate_to(Redress::command(), directory).map_err(failed)?;
    Ok(Ended::Well)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Redress::command().debug_assert();
    }
}
