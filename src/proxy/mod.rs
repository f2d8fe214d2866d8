//! An exchange from request head to access record.
//!
//! Reading path: [`connection`] waits for a head, [`serve`] decides on it, [`forward`] opens both directions, [`attempts`] chooses who is asked,
//! [`answer`] reads what comes back,//! [`upload`] and [`relay`] carry the bodies, [`reply`] answers where the origin does not, [`record`] writes down
//! what happened. What is not plain HTTP comes in by [`l4`]. A connection that has switched protocols leaves this
//! path: [`upgrade`] decides on that, [`tunnel`] carries it.

pub mod access_log;
pub mod answer;
pub mod assembly;
pub mod attempts;
pub mod care;
pub mod connection;
pub mod decision;
pub mod entering;
pub mod finding;
pub mod forward;
pub mod forwarded;
pub mod gather;
pub mod h2;
pub mod hedge_clock;
pub mod hedged;
pub mod installed;
pub mod l4;
pub mod local;
mod miss;
pub mod opener;
pub mod prepare;
pub mod recent;
pub mod record;
pub mod recording;
pub mod relay;
pub mod release;
pub mod reply;
pub mod request_head;
pub mod response_head;
pub mod serve;
pub mod shadow;
pub mod snapshot;
pub mod tunnel;
pub mod upgrade;
pub mod upload;
