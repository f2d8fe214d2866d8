//! Laws that hold for every input, checked on many: the codec, the router, the balancers.

mod codec;
mod maglev;
mod router;
