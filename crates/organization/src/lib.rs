//! What every account of an organization is to have, and how it comes to have it.
//!
//! A [`Service`] is one control in every account and region; a [`Unit`] is one account in one region; what became of a service in a unit is a
//! [`Cell`], and one bad cell never ends the rest. An [`Estate`] looks first, with permission to read only, and hands to the engine what is
//! not as it should be: so nothing is recorded, locked or asked where all is well. Who may decide about Security Hub is asked before anything
//! ([`governance`]). What is about the whole organization (its administrator, its configuration, its members) is done in a [`Seat`].
//!
//! The functions and the command share this; it knows no Lambda, and changes nothing but by settings.

mod cell;
pub mod document;
mod estate;
pub mod governance;
mod hands;
mod seat;
mod service;
pub mod sweep;
mod units;

pub use cell::{Cell, State};
pub use estate::{Estate, How};
pub use governance::Governed;
pub use hands::{Hands, Names};
pub use seat::{Offices, Seat};
pub use service::{Choice, ChoiceError, Chosen, Service};
pub use units::{Unit, Wish, home_first, open_regions, state_of, units};
