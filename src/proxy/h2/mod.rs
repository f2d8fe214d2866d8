//! HTTP/2 with clients.
//!
//! [`connection`] runs the codec of one connection, in the task of that connection, and gives each stream to a lane
//! ([`lanes`]): a task that serves HTTP/1.1 on a transport which is that stream ([`lane`]). So everything behind it, from
//! limits to log, is the same for both versions. [`reading`] tells a request as text, [`writing`] makes frames of the
//! answer. Lanes are used again and again, as kept connections are: the second request of a lane allocates little.

pub mod connection;
mod lane;
mod lanes;
mod reading;
mod writing;
