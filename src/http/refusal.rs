//! Why a message is refused: by blame.
//!
//! Owns the closed lists [`Refusal`] (the client sent it: becomes a reply) and [`Breach`] (an origin sent it: becomes
//! a 502). Codes are short and never change: they are metric labels and go into logs and replies.

macro_rules! refusals {
    ($($name:ident $status:literal $code:literal $detail:literal)*) => {
        /// A request that is not well formed, or larger than allowed. Whatever it is, the connection closes after
        /// the reply: where the next request begins is not known any more.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Refusal {
            $(#[doc = $detail] $name,)*
        }

        impl Refusal {
            /// Every refusal, in the order of [`Refusal::index`].
            pub const ALL: &[Refusal] = &[$(Refusal::$name),*];

            /// Status of the reply.
            pub const fn status(self) -> u16 {
                match self { $(Refusal::$name => $status,)* }
            }

            /// Short and stable, for labels, logs and replies.
            pub const fn code(self) -> &'static str {
                match self { $(Refusal::$name => $code,)* }
            }

            /// One sentence for the client. Never quotes what was sent.
            pub const fn detail(self) -> &'static str {
                match self { $(Refusal::$name => $detail,)* }
            }

            /// Position in [`Refusal::ALL`].
            pub const fn index(self) -> usize {
                self as usize
            }
        }
    };
}

macro_rules! breaches {
    ($($name:ident $code:literal $detail:literal)*) => {
        /// A response an origin should not have sent. The connection to it is not used again.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Breach {
            $(#[doc = $detail] $name,)*
        }

        impl Breach {
            /// Every breach, in the order of [`Breach::index`].
            pub const ALL: &[Breach] = &[$(Breach::$name),*];

            /// Short and stable, for labels and logs.
            pub const fn code(self) -> &'static str {
                match self { $(Breach::$name => concat!("upstream_", $code),)* }
            }

            /// One sentence for the operator.
            pub const fn detail(self) -> &'static str {
                match self { $(Breach::$name => $detail,)* }
            }

            /// Position in [`Breach::ALL`].
            pub const fn index(self) -> usize {
                self as usize
            }
        }
    };
}

refusals! {
    BadRequestLine 400 "bad_request_line" "The request line is not a method, a target and a version with one space between them."
    BareCrOrLf 400 "bare_cr_or_lf" "Lines of the request end with CR LF, and neither stands alone."
    NulByte 400 "nul_byte" "The request head holds a NUL byte."
    BadVersion 400 "bad_version" "The protocol version is not written as HTTP/1.1."
    VersionNotSupported 505 "version_not_supported" "This connection speaks HTTP/1.1 and HTTP/1.0."
    MethodNotImplemented 501 "method_not_implemented" "The method is longer than any this gateway passes on."
    BadTarget 400 "bad_target" "The request target is malformed or not of a form this method takes."
    TargetUserinfo 400 "target_userinfo" "The request target carries user information, which is not accepted."
    TargetTooLong 414 "target_too_long" "The request target is longer than accepted here."
    HeadTooLarge 431 "head_too_large" "The request head is larger than accepted here."
    TooManyFields 431 "too_many_fields" "The request has more fields than accepted here."
    BadField 400 "bad_field" "A request field is malformed."
    ObsoleteFold 400 "obsolete_fold" "A request field goes on over a second line, which HTTP/1.1 does not allow."
    MissingHost 400 "missing_host" "The request has no Host field."
    RepeatedHost 400 "repeated_host" "The request has more than one Host field."
    BadHost 400 "bad_host" "The Host of the request is malformed."
    TwoFramings 400 "two_framings" "The request has both Content-Length and Transfer-Encoding."
    BadContentLength 400 "bad_content_length" "Content-Length is not one decimal number."
    RepeatedContentLength 400 "repeated_content_length" "The request has more than one Content-Length."
    BadTransferEncoding 400 "bad_transfer_encoding" "Transfer-Encoding of a request is exactly one chunked, last."
    TransferEncodingInHttp10 400 "transfer_encoding_in_http10" "HTTP/1.0 has no Transfer-Encoding."
    UnknownTransferCoding 501 "unknown_transfer_coding" "The transfer coding of the request is not implemented here."
    BadChunk 400 "bad_chunk" "The chunked body of the request is malformed."
    BadTrailer 400 "bad_trailer" "The trailer section of the request is malformed."
    TrailerTooLarge 431 "trailer_too_large" "The trailer section of the request is larger than accepted here."
}

breaches! {
    BadStatusLine "bad_status_line" "The response does not begin with a status line of HTTP/1.1 or HTTP/1.0."
    BareCrOrLf "bare_cr_or_lf" "A line of the response head does not end with CR LF."
    NulByte "nul_byte" "The response head holds a NUL byte."
    HeadTooLarge "head_too_large" "The response head is larger than accepted."
    TooManyFields "too_many_fields" "The response has more fields than accepted."
    BadField "bad_field" "A response field is malformed."
    ObsoleteFold "obsolete_fold" "A response field goes on over a second line."
    TwoFramings "two_framings" "The response has both Content-Length and Transfer-Encoding."
    BadContentLength "bad_content_length" "Content-Length of the response is not one decimal number."
    RepeatedContentLength "repeated_content_length" "The response has more than one Content-Length."
    BadTransferEncoding "bad_transfer_encoding" "Transfer-Encoding of the response is not exactly one chunked."
    TransferEncodingInHttp10 "transfer_encoding_in_http10" "An HTTP/1.0 response has Transfer-Encoding."
    BodyNotAllowed "body_not_allowed" "A response that has no body announces one."
    BadChunk "bad_chunk" "The chunked body of the response is malformed."
    BadTrailer "bad_trailer" "The trailer section of the response is malformed."
    TrailerTooLarge "trailer_too_large" "The trailer section of the response is larger than accepted."
    TruncatedHead "truncated_head" "The origin closed within the response head."
    TruncatedBody "truncated_body" "The origin closed before the body was complete."
    UnexpectedSwitch "unexpected_switch" "The origin switched protocols without being asked."
    BadSwitch "bad_switch" "The origin switched to something other than the protocol it was asked for."
    BadWebSocketAccept "bad_websocket_accept" "The origin answered a WebSocket handshake with a wrong Sec-WebSocket-Accept."
    TooManyInterim "too_many_interim" "The origin sent more interim responses than accepted."
    UnsolicitedBytes "unsolicited_bytes" "The origin sent bytes that belong to no response."
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn codes_are_unique_snake_case_and_in_order() {
        let refusals = Refusal::ALL.iter().map(|r| (r.index(), r.code(), r.detail())).collect::<Vec<_>>();
        let breaches = Breach::ALL.iter().map(|b| (b.index(), b.code(), b.detail())).collect::<Vec<_>>();
        for list in [refusals, breaches] {
            let unique: BTreeSet<_> = list.iter().map(|row| row.1).collect();
            assert_eq!(unique.len(), list.len());
            for (at, (index, code, detail)) in list.into_iter().enumerate() {
                assert_eq!(at, index);
                assert!(
                    code.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'),
                    "{code}"
                );
                assert!(detail.ends_with('.'), "{code}");
            }
        }
    }

    #[test]
    fn every_refusal_is_a_client_error_or_says_what_is_not_implemented() {
        for refusal in Refusal::ALL {
            assert!(matches!(refusal.status(), 400 | 414 | 431 | 501 | 505), "{}", refusal.code());
        }
    }
}
