//! End-to-end tests: the real binaries, deployed from the real template, on a local AWS that enforces IAM.
//!
//! Every control of the catalog gets its rows here without a line of its own. The last trials look back at all calls of all others: nothing
//! was denied that should not be, and whatever the roles grant was used, but for what is excused with a reason.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests fail by panicking")]
#![allow(clippy::disallowed_methods, reason = "tests have a clock of their own, and stage with the SDKs directly")]

mod arrows;
mod command;
mod conformance;
mod grants;
mod groups;
mod guardrails;
mod incidents;
mod journeys;
mod laws;
mod organization;
mod reports;
mod sources;

use std::{future::Future, ops::Deref, process::ExitCode, sync::OnceLock};

use libtest_mimic::{Arguments, Trial};
use redress_e2e::{RUNTIME, World};
use redress_testkit::local::Options;

/// The suite as it is shipped: every control in mode `plan`.
static SHIPPED: Deployed = Deployed { world: OnceLock::new(), options: Options::new };
/// The suite with everything switched on.
static AUTO: Deployed =
    Deployed { world: OnceLock::new(), options: || Options::new().modes("auto").with("Sources", "security-hub,prowler,config") };
/// The suite with everything switched on, under a policy to which tests add rules about their own accounts.
static GUARDED: Deployed = Deployed { world: OnceLock::new(), options: guarded };
/// The same, for what concerns a whole deployment: its tests take turns.
static ALONE: Deployed = Deployed { world: OnceLock::new(), options: || guarded().with("WebhookParameter", "/redress/webhook") };

/// The suite with everything switched on, whose members forward the changes of their security groups, under a policy about those to which
/// tests add what holds in their own accounts.
static GROUPS: Deployed = Deployed {
    world: OnceLock::new(),
    options: || guarded().with("SecurityGroupPolicyKey", "groups.json").with("Regions", "us-east-1,eu-west-1").forwarding(),
};

/// The suite with everything switched on, in an organization whose stack sets make the roles of members.
static ORGANIZATION: Deployed = Deployed { world: OnceLock::new(), options: organization };
/// The same, for tests that set who governs Security Hub.
static GOVERNED: Deployed = Deployed { world: OnceLock::new(), options: organization };

/// The suite with everything switched on, whose members forward what is dangerous, under a list of bad addresses.
static INCIDENTS: Deployed =
    Deployed { world: OnceLock::new(), options: || Options::new().modes("auto").with("ThreatListKeys", "lists/bad.txt").forwarding() };

/// The suite of an organization that is reported about.
static REPORTS: Deployed = Deployed { world: OnceLock::new(), options: || Options::new().modes("auto") };

fn organization() -> Options {
    let services = ["BaselineMacie", "BaselineInspector", "BaselineAuditManager"];
    let options = Options::new().modes("auto").with("Regions", "us-east-1,eu-west-1").organization();
    services.into_iter().fold(options, |options, service| options.with(service, "on"))
}

fn guarded() -> Options {
    Options::new().modes("auto").with("PolicyKey", "policy.yaml").with("DigestMinutes", "1").with("BaselineMacie", "on")
}

/// Every deployment that was started.
fn worlds() -> impl Iterator<Item = &'static World> {
    [&SHIPPED, &AUTO, &GUARDED, &ALONE, &GROUPS, &ORGANIZATION, &GOVERNED, &INCIDENTS, &REPORTS]
        .into_iter()
        .filter_map(|deployed| deployed.world.get())
}

/// A deployment that starts with the first test that needs it.
struct Deployed {
    world: OnceLock<World>,
    options: fn() -> Options,
}

impl Deref for Deployed {
    type Target = World;

    fn deref(&self) -> &World {
        self.world.get_or_init(|| World::start(&(self.options)()))
    }
}

/// A test by its sentence.
fn trial<F: Future<Output = ()>>(name: impl Into<String>, test: impl FnOnce() -> F + Send + 'static) -> Trial {
    Trial::test(name, move || {
        // Unoptimized futures of SDK calls are larger than the usual stack of a thread.
        let thread =
            std::thread::Builder::new().stack_size(64 << 20).spawn(|| RUNTIME.block_on(test())).map_err(|error| error.to_string())?;
        thread.join().map_err(|_| "see above".into())
    })
}

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // Two cores: more at once only wait for each other.
    arguments.test_threads = arguments.test_threads.or(Some(4));
    let is_whole_run = arguments.filter.is_none() && arguments.skip.is_empty() && !arguments.list;
    let mut trials = conformance::trials();
    trials.extend(journeys::trials());
    trials.extend(guardrails::trials());
    trials.extend(groups::trials());
    trials.extend(organization::trials());
    trials.extend(incidents::trials());
    trials.extend(reports::trials());
    trials.extend(sources::trials());
    trials.extend(command::trials());
    trials.extend(laws::trials());
    trials.extend(arrows::trials());
    let first = libtest_mimic::run(&arguments, trials);
    let mut failed = first.has_failed();
    if is_whole_run {
        arguments.filter = Some("grants".into());
        failed |= libtest_mimic::run(&arguments, grants::trials()).has_failed();
    }
    worlds().for_each(|world| world.local().stop());
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
