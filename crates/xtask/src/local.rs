//! The suite on a local AWS that stays up until it is interrupted.

use std::io;

use redress_testkit::local::{LocalAws, Options, Ready};

/// Starts it, says where it is, and stays until it is interrupted or killed.
pub(crate) fn stay_up(modes: &str) -> io::Result<()> {
    let local = LocalAws::start(&Options::new().modes(modes)).map_err(io::Error::other)?;
    let Ready { endpoint, admin, members, region, .. } = local.ready();
    println!("the suite is deployed on a local AWS, with modes `{modes}`");
    println!("  endpoint       {endpoint}");
    println!("  administrator  {admin}");
    for member in members {
        println!("  member         {member}");
    }
    println!("a 12-digit account id as access key, with any secret, is the root of that account:");
    println!(
        "  AWS_ENDPOINT_URL={endpoint} AWS_DEFAULT_REGION={region} AWS_ACCESS_KEY_ID={admin} AWS_SECRET_ACCESS_KEY=x aws securityhub get-findings"
    );
    println!("stop it with Ctrl-C");
    // The local AWS ends with this process: their pipe closes.
    loop {
        std::thread::park();
    }
}
