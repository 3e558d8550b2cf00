//! Chores of the workspace: generated files, a new control, the demonstration, the suite on a local AWS.

mod demo;
mod files;
mod generate;
mod local;
mod new_control;

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(about = "Chores of the Redress workspace")]
struct Args {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Writes every generated file.
    Generate {
        /// Write nothing; fail when a file is stale.
        #[arg(long)]
        check: bool,
    },
    /// Writes the file and the event of a new control.
    NewControl(new_control::NewControl),
    /// Shows the main job on a local AWS.
    Demo {
        /// Also ask Prowler and SRA Verify, before and after: the python of Prowler's environment.
        #[arg(long)]
        prowler: Option<PathBuf>,
    },
    /// Keeps the suite up on a local AWS.
    Local {
        /// The template's parameter `Modes`.
        #[arg(long, default_value = "plan")]
        modes: String,
    },
}

fn main() -> ExitCode {
    let done = match Args::parse().chore {
        Chore::Generate { check: true } => generate::check(),
        Chore::Generate { check: false } => generate::write(),
        Chore::NewControl(new) => new.write(),
        Chore::Demo { prowler } => demo::run(prowler),
        Chore::Local { modes } => local::stay_up(&modes),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}
