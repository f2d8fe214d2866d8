//! Laws that hold for every input, checked on many: the codec, the router, the balancers.

mod codec;
mod diff;
mod first_bytes;
mod first_bytes_laws;
mod http2;
mod maglev;
mod rates;
mod rates_reference;
mod rates_simulation;
mod rollout;
mod rollout_simulation;
mod router;
mod token_laws;
mod tokens;
mod verdicts;
mod verdicts_simulation;
