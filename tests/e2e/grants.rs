//! A look back at every call of every test: nothing was denied that should not be, and whatever the roles grant was used.

use std::collections::BTreeSet;

use libtest_mimic::Trial;
use redress_controls::CATALOG;
use redress_testkit::local::Call;

use crate::{AUTO, SHIPPED, trial};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("grants::nothing_that_our_roles_asked_for_was_denied", nothing_denied),
        trial("grants::every_action_of_the_member_role_was_used", member_role_used),
    ]
}

fn ours() -> Vec<Call> {
    let calls = [&SHIPPED, &AUTO].into_iter().flat_map(|world| world.local().calls());
    calls.filter(|call| ["RedressMemberRole", "RemediatorRole", "RouterRole"].iter().any(|role| call.principal.contains(role))).collect()
}

/// Tests that deny on purpose do so by an account without a role, or a suspended one: there only the entrance is closed.
async fn nothing_denied() {
    let denied: Vec<_> = ours().into_iter().filter(|call| !call.allowed && call.action != "sts:AssumeRole").collect();
    assert!(denied.is_empty(), "{denied:#?}");
}

async fn member_role_used() {
    let granted: BTreeSet<_> = CATALOG.iter().flat_map(|entry| entry.reads.iter().chain(entry.writes)).map(|action| action.name).collect();
    let used: BTreeSet<_> = ours().into_iter().map(|call| call.action).collect();
    let unused: Vec<_> = granted.iter().filter(|action| !used.contains(**action)).collect();
    assert_eq!(unused, Vec::<&&str>::new(), "granted and never used");
}
