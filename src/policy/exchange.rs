//! One request and its response, as policies and the proxy see it.
//!
//! Reused from exchange to exchange of a connection, so that the steady state allocates nothing. Holds values
//! only: sockets and buffers are the proxy's.

use std::net::IpAddr;
use std::rc::Rc;

use smallvec::SmallVec;

use crate::http::field::Span;
use crate::http::h1::framing::Framing;
use crate::http::head::{RequestHead, ResponseHead};
use crate::net::addr::{ClientAddr, PeerAddr};
use crate::net::tls::certificate::PeerCertificate;
use crate::policy::principal::Principal;
use crate::policy::rate::hold::Hold;
use crate::policy::rate_limit::Found;
use crate::policy::revocation::Principals;
use crate::route::params::Params;
use crate::route::table::RequestView;
pub use crate::upstream::entry::Class;

/// Longest text of an address that is not mapped from IPv4.
const IP_TEXT_BYTES: usize = 39;

/// One request and its response.
pub struct Exchange {
    /// The request as it came in and as policies have changed it.
    pub request: RequestHead,
    /// The response as it came in, or as the gateway made it, and as policies have changed it.
    pub response: ResponseHead,
    /// How the request's body is framed.
    pub framing: Framing,
    /// Protocols the client offers to switch to (RFC 9110 7.8), a list; once the policies have run, the one that goes
    /// upstream. Empty for none.
    pub upgrade: Vec<u8>,
    /// Largest request body that is let through, in bytes.
    pub body_bytes_max: Option<u64>,
    /// Lower-cased host without port; empty if the request named none.
    pub host: String,
    /// Host and port as the client wrote them.
    pub authority: Vec<u8>,
    /// Normalised path: what is routed on, decided on and sent upstream.
    pub path: Vec<u8>,
    /// Room for normalising the path.
    pub path_scratch: Vec<u8>,
    /// Where the query stands in the request target, without its `?`.
    pub query: Option<Span>,
    /// The other end of the socket.
    pub peer: PeerAddr,
    /// Who spoke for it in a PROXY header.
    pub via: Option<IpAddr>,
    /// Its address as text, which every request that goes on tells.
    pub peer_text: SmallVec<[u8; IP_TEXT_BYTES]>,
    /// The client itself.
    pub client: ClientAddr,
    /// True if the peer is a proxy whose word is taken.
    pub peer_is_trusted: bool,
    /// Of this exchange; in answers, logs and the request that goes upstream.
    pub request_id: Vec<u8>,
    /// `HTTP/2` where the client speaks that, else empty.
    pub protocol: &'static str,
    /// `https` where the client speaks TLS, else `http`.
    pub scheme: &'static str,
    /// `TLSv1.3` or `TLSv1.2`; empty where the client does not speak TLS.
    pub tls_version: &'static str,
    /// The certificate that the client has proved to be its own.
    pub client_certificate: Option<Rc<PeerCertificate>>,
    /// Those who are asking, as far as they have shown who they are.
    pub principals: Principals,
    /// The origin that the route's `cors` admits; empty for none. Holds from that policy on, like the next one.
    pub cors_origin: Vec<u8>,
    /// True if a browser asks whether a page may make a request.
    pub is_preflight: bool,
    /// How its rate limits stand, for the response.
    pub limits: Found,
    /// Slots that it has until it is over.
    pub holds: Vec<Hold>,
    /// How much it matters.
    pub class: Class,
    /// A cookie that the answer gives the client, with its attributes; empty for none.
    pub set_cookie: Vec<u8>,
    /// Values that the route's path captured.
    pub params: Params,
    /// Names of all routes, and which of them is this one's. Not the name itself: where there are many routes, that
    /// would be one more place in memory that has not been looked at for long.
    routes: (Rc<[Box<str>]>, usize),
}

impl Exchange {
    /// An empty exchange for a connection from `peer`.
    pub fn new(peer: PeerAddr) -> Self {
        Self {
            request: RequestHead::default(),
            response: ResponseHead::default(),
            framing: Framing::None,
            upgrade: Vec::new(),
            body_bytes_max: None,
            host: String::new(),
            authority: Vec::new(),
            path: Vec::new(),
            path_scratch: Vec::new(),
            query: None,
            peer,
            via: None,
            peer_text: SmallVec::from_slice(peer.ip().to_string().as_bytes()),
            client: ClientAddr(peer.ip()),
            peer_is_trusted: false,
            request_id: Vec::new(),
            protocol: "",
            scheme: "http",
            tls_version: "",
            client_certificate: None,
            principals: Principals::new(),
            cors_origin: Vec::new(),
            is_preflight: false,
            limits: Found::default(),
            holds: Vec::new(),
            class: Class::NORMAL,
            set_cookie: Vec::new(),
            params: Params::default(),
            routes: (Rc::default(), 0),
        }
    }

    /// Its route is the one at `index` of `names`.
    #[inline]
    pub fn set_route(&mut self, names: &Rc<[Box<str>]>, index: usize) {
        if !Rc::ptr_eq(&self.routes.0, names) {
            self.routes.0 = names.clone();
        }
        self.routes.1 = index;
    }

    /// Name of the route; empty before there is one.
    pub fn route(&self) -> &str {
        self.routes.0.get(self.routes.1).map_or("", |name| name)
    }

    /// Who is asking, if that is known: the first of them.
    pub fn principal(&self) -> Option<&Rc<Principal>> {
        self.principals.first()
    }

    /// The normalised path. ASCII by construction.
    pub fn path(&self) -> &str {
        std::str::from_utf8(&self.path).unwrap_or("/")
    }

    /// What of the request decides about its route.
    pub fn view(&self) -> RequestView<'_> {
        RequestView {
            host: &self.host,
            path: self.path(),
            query: self.query(),
            method: self.request.method,
            method_text: self.request.method_text(),
            fields: &self.request.fields,
        }
    }

    /// The query without its `?`, as the client wrote it.
    pub fn query(&self) -> Option<&[u8]> {
        self.query.map(|query| query.of(self.request.target()))
    }
}
