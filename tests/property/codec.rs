//! Laws of the HTTP/1.1 codec, on messages that are nearly right.
//!
//! Valid messages are generated and then spoilt at up to three places with the bytes attacks are made of; the codec
//! must agree with the reference on every one, in any split into reads. Pure garbage must not make anything panic.

#[path = "codec_laws.rs"]
mod codec_laws;

use proptest::collection::vec;
use proptest::prelude::*;
use ringgate::http::h1::{ChunkedDecoder, Emit};
use ringgate::http::{FieldId, Fields, Method, Target, cookie, date, query, target};

proptest! {
    #![proptest_config(config())]

    #[test]
    fn requests_are_read_as_the_reference_reads_them(input in spoilt(request_head()), read in 1..40usize) {
        codec_laws::holds_for_request(&input, read);
    }

    #[test]
    fn responses_are_read_as_the_reference_reads_them(input in spoilt(response_head()), read in 1..40usize) {
        codec_laws::holds_for_response(&input, read);
    }

    #[test]
    fn chunked_bodies_are_read_as_the_reference_reads_them(input in spoilt(chunked_body()), read in 1..40usize) {
        codec_laws::holds_for_chunked(&input, read);
    }

    #[test]
    fn garbage_is_refused_or_waited_for_but_never_panics(input in vec(any::<u8>(), 0..200), read in 1..40usize) {
        codec_laws::holds_for_request(&input, read);
        codec_laws::holds_for_response(&input, read);
        codec_laws::holds_for_chunked(&input, read);
        let mut decoder = ChunkedDecoder::default();
        let _ = decoder.advance(&mut input.clone(), Emit::Framed);
        let _ = query::find(&input, b"a");
        for method in Method::ALL {
            let _ = Target::parse(method, &input);
        }
        let _ = target::authority(&input);
    }

    #[test]
    fn parts_of_a_target_lie_within_it_and_make_it_up(text in "(https?://[a-z.:0-9]{0,9})?/?[a-z/?&=%:@]{0,20}") {
        let bytes = text.as_bytes();
        if let Ok(parsed) = Target::parse(Method::Get, bytes) {
            let path = parsed.path.of(bytes);
            let query = parsed.query(bytes).map(|query| [b"?", query].concat()).unwrap_or_default();
            let authority = parsed.authority(bytes).unwrap_or_default();
            let end = [authority, path, &query].concat();
            prop_assert!(bytes.ends_with(&end));
            prop_assert!(!path.contains(&b'?') && !authority.contains(&b'/'));
        }
    }

    #[test]
    fn fields_behave_as_a_plain_list_of_lines(steps in vec((0..6u8, field_name(), "[a-z, ]{0,6}"), 0..40)) {
        let (mut fields, mut model) = (Fields::default(), Vec::new());
        for (step, name, value) in steps {
            apply(step, name.as_bytes(), value.as_bytes(), &mut fields, &mut model);
            prop_assert_eq!(&codec_laws::lines(&fields), &model);
            let named = |line: &&(Vec<u8>, Vec<u8>)| line.0.eq_ignore_ascii_case(name.as_bytes());
            let first = model.iter().find(named).map(|line| &line.1[..]);
            prop_assert_eq!(fields.first_named(name.as_bytes()), first);
            let id = FieldId::recognise(name.as_bytes());
            let count = model.iter().filter(|line| FieldId::recognise(&line.0) == id).count();
            prop_assert_eq!(fields.count(id), count);
        }
    }

    #[test]
    fn a_query_parameter_is_found_however_it_is_encoded(name in "[a-zA-Z+&=% ]{1,8}", value in "\\PC{0,8}") {
        let encode = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
        let text = format!("0=1&{}={}&y", encode(&name), encode(&value));
        let found = query::find(text.as_bytes(), name.as_bytes());
        prop_assert_eq!(found.as_deref(), Some(value.as_bytes()));
    }

    #[test]
    fn a_cookie_is_found_among_others(name in "[a-z]{1,8}", value in "[!-:<-~]{0,12}", others in "(A[A-Z]{0,4}=[a-z]{0,4}; ){0,4}") {
        let mut fields = Fields::default();
        fields.append(b"Cookie", format!("{others}{name}={value}").as_bytes());
        prop_assert_eq!(cookie::find(&fields, name.as_bytes()), Some(value.as_bytes()));
    }

    #[test]
    fn dates_are_read_back_by_another_implementation(seconds in 0..253_402_300_800u64) {
        let text = date::imf_fixdate(seconds);
        let parsed = httpdate::parse_http_date(std::str::from_utf8(&text)?)?;
        prop_assert_eq!(parsed.duration_since(std::time::UNIX_EPOCH)?.as_secs(), seconds);
    }
}

/// At least a thousand cases each, more if `PROPTEST_CASES` says so. A failure is printed, not kept in a file: it
/// becomes a unit test.
fn config() -> ProptestConfig {
    let config = ProptestConfig::default();
    ProptestConfig { cases: config.cases.max(1000), failure_persistence: None, ..config }
}

fn apply(step: u8, name: &[u8], value: &[u8], fields: &mut Fields, model: &mut Vec<(Vec<u8>, Vec<u8>)>) {
    let line = (name.to_vec(), value.trim_ascii().to_vec());
    let is_named = |line: &(Vec<u8>, Vec<u8>)| line.0.eq_ignore_ascii_case(name);
    match step {
        0 | 1 => {
            fields.append(name, value);
            model.push(line);
        }
        2 => {
            fields.set(name, value);
            match model.iter().position(is_named) {
                Some(at) => {
                    let after = model.split_off(at + 1);
                    model[at] = line;
                    model.extend(after.into_iter().filter(|line| !is_named(line)));
                }
                None => model.push(line),
            }
        }
        3 => assert_eq!(fields.remove_named(name), remove(model, is_named)),
        4 => {
            let id = FieldId::recognise(name);
            assert_eq!(fields.remove(id), remove(model, |line| FieldId::recognise(&line.0) == id));
        }
        _ => {
            fields.retain(|field| field.value.len() % 3 != 2);
            model.retain(|line| line.1.len() % 3 != 2);
        }
    }
}

fn remove(model: &mut Vec<(Vec<u8>, Vec<u8>)>, is_it: impl Fn(&(Vec<u8>, Vec<u8>)) -> bool) -> bool {
    let before = model.len();
    model.retain(|line| !is_it(line));
    model.len() < before
}

/// Spoils a message at up to three places, and sometimes cuts it off.
fn spoilt(message: impl Strategy<Value = Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let place = (any::<prop::sample::Index>(), 0..3usize, prop::sample::select(NASTY));
    (message, vec(place, 0..4), prop::option::weighted(0.2, any::<prop::sample::Index>())).prop_map(
        |(mut message, places, cut)| {
            for (at, removed, added) in places {
                let at = at.index(message.len() + 1);
                let end = (at + removed).min(message.len());
                message.splice(at..end, added.iter().copied());
            }
            if let Some(cut) = cut {
                message.truncate(cut.index(message.len() + 1));
            }
            message
        },
    )
}

const NASTY: &[&[u8]] = &[
    b"\r",
    b"\n",
    b"\r\n",
    b"\n\r",
    b"\r\n\r\n",
    b"\r\n ",
    b"\0",
    b" ",
    b"\t",
    b":",
    b";",
    b"\"",
    b"\\",
    b"=",
    b"#",
    b",",
    b"0",
    b"f",
    b"x",
    b"",
    b"\x7f",
    b"\xff",
    b"\x16\x03",
    b"Transfer-Encoding: chunked\r\n",
    b"Content-Length: 3\r\n",
    b"HTTP/2.0",
];

fn request_head() -> impl Strategy<Value = Vec<u8>> {
    let line = ("(\r\n)?", "[A-Z]{1,8}|GET|M{30,34}", "/[!-~]{0,12}|\\*|http://a/|/{55,65}", version());
    (line, field_lines(), "[a-z]{0,4}").prop_map(|((empty, method, target, version), fields, body)| {
        format!("{empty}{method} {target} {version}\r\n{fields}\r\n{body}").into_bytes()
    })
}

fn response_head() -> impl Strategy<Value = Vec<u8>> {
    (version(), "[1-5][0-9]{2}|204|304|200", "( [ -~\u{e9}\t]{0,12})?", field_lines()).prop_map(
        |(version, status, reason, fields)| {
            format!("{version} {status}{reason}\r\n{fields}\r\n").into_bytes()
        },
    )
}

fn version() -> impl Strategy<Value = &'static str> {
    prop_oneof![8 => Just("HTTP/1.1"), 2 => Just("HTTP/1.0"), 1 => Just("HTTP/1.2"), 1 => Just("http/1.1")]
}

fn field_lines() -> impl Strategy<Value = String> {
    let value = "[ \t]{0,2}([ -~\u{e9}\t]{0,30}|[0-9]{1,2}|chunked|gzip, chunked|close|x{100})[ \t]{0,2}";
    vec((field_name(), value), 0..15)
        .prop_map(|lines| lines.iter().map(|(name, value)| format!("{name}:{value}\r\n")).collect())
}

fn field_name() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => prop::sample::select(FieldId::ALL).prop_map(|id| id.name().to_owned()),
        2 => prop::sample::select(FieldId::ALL).prop_map(|id| id.name().to_ascii_lowercase()),
        4 => "[a-zA-Z!#$%&'*+.^_`|~-]{1,3}",
        1 => Just("content-length".to_owned()),
        1 => Just("Transfer-Encoding".to_owned()),
    ]
}

fn chunked_body() -> impl Strategy<Value = Vec<u8>> {
    let extension =
        "([ \t]?;[ \t]?[a-z]{1,3}([ \t]?=[ \t]?([a-z]{1,3}|\"([a-z;\r]|\\\\[\"a])\"))?){0,2}|;a{4090,4100}";
    let chunk =
        (vec(any::<u8>(), 1..40), "0{0,3}|0{14}", prop::option::weighted(0.3, extension), any::<bool>());
    let trailer = prop_oneof![5 => Just(String::new()), 2 => field_lines(), 1 => "(a:b\r\n){62,66}"];
    (vec(chunk, 0..8), trailer, "[a-z]{0,4}").prop_map(|(chunks, trailer, after)| {
        let mut body = Vec::new();
        for (data, zeros, extension, is_upper) in chunks {
            let len = data.len();
            let size = if is_upper { format!("{len:X}") } else { format!("{len:x}") };
            body.extend_from_slice(format!("{zeros}{size}{}\r\n", extension.unwrap_or_default()).as_bytes());
            body.extend_from_slice(&data);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(format!("0\r\n{trailer}\r\n{after}").as_bytes());
        body
    })
}
