//! The suite on a local AWS that stays up until it is interrupted.

use std::io::{self, Read};

use redress_testkit::local::{LocalAws, Options, Ready};

/// Starts it, says where it is, and waits for the end of standard input or an interrupt.
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
    // Ctrl-C ends the local AWS too, which is in the same group of processes. Without a terminal it runs until it is killed.
    let mut rest = Vec::new();
    io::stdin().read_to_end(&mut rest)?;
    loop {
        std::thread::park();
    }
}
