//! Whole lines, hostile lines, and the law: every line is one JSON object without secrets.

use super::*;
use crate::telemetry::TimestampCache;
use proptest::prelude::*;

fn line(record: &AccessRecord) -> String {
    let mut out = Vec::new();
    record.write_json(&Redaction::default(), &mut out);
    String::from_utf8(out).unwrap()
}

fn parsed(record: &AccessRecord) -> serde_json::Value {
    let line = line(record);
    assert_eq!(line.find('\n'), Some(line.len() - 1), "one line");
    serde_json::from_str(&line).unwrap()
}

#[test]
fn writes_everything_it_knows() {
    let record = AccessRecord {
        time: TimestampCache::default().at(1_735_689_600_007),
        request_id: b"01ARYZ6S41",
        trace_id: b"4bf92f3577b34da6a3ce929d0e0e4736",
        via: Some("192.0.2.8".parse().unwrap()),
        client: Some("192.0.2.7".parse().unwrap()),
        listener: "public",
        route: "orders",
        variant: "canary",
        method: b"GET",
        host: b"api.example.com",
        path: b"/orders/7",
        query: b"a=1&token=x",
        protocol: "HTTP/1.1",
        tls: "TLSv1.3",
        client_subject: "CN=alice",
        status: 502,
        error: "upstream_reset",
        detail: b"connection reset",
        upgrade: b"websocket",
        end: "client",
        close_code: 1001,
        request_bytes: 3,
        response_bytes: 0,
        duration_nanos: 1_234_567,
        grpc_status: Some(14),
        upstream: Some(UpstreamRecord {
            protocol: "HTTP/2",
            cluster: "orders",
            endpoint: "10.0.0.1:80",
            attempts: 2,
            connect_nanos: Some(250_000),
            head_nanos: None,
            reused: false,
            retried: "",
            hedge: "",
            fallback: "",
        }),
        worker: 1,
        generation: 4,
        user_agent: b"curl/8",
        referer: b"https://u:p@h/?sig=x",
        headers: &[("accept", b"*/*"), ("cookie", b"a=b")],
    };
    assert_eq!(
        line(&record),
        concat!(
            r#"{"time":"2025-01-01T00:00:00.007Z","request_id":"01ARYZ6S41","#,
            r#""trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","client":"192.0.2.7","via":"192.0.2.8","#,
            r#""listener":"public","#,
            r#""route":"orders","variant":"canary","method":"GET","host":"api.example.com","path":"/orders/7","#,
            r#""query":"a=1&token=(redacted)","protocol":"HTTP/1.1","tls":"TLSv1.3","client_subject":"CN=alice","#,
            r#""status":502,"error":"upstream_reset","#,
            r#""detail":"connection reset","upgrade":"websocket","end":"client","grpc_status":14,"close_code":1001,"#,
            r#""request_bytes":3,"response_bytes":0,"duration_ms":1.234,"#,
            r#""upstream":{"attempts":2,"cluster":"orders","endpoint":"10.0.0.1:80","connect_ms":0.250,"#,
            r#""protocol":"HTTP/2","reused":false},"worker":1,"generation":4,"user_agent":"curl/8","#,
            r#""referer":"https://(redacted)@h/?sig=(redacted)","#,
            r#""headers":{"accept":"*/*","cookie":"(redacted)"}}"#,
            "\n"
        )
    );
}

#[test]
fn leaves_out_what_is_absent() {
    assert_eq!(
        line(&AccessRecord::default()),
        "{\"time\":\"1970-01-01T00:00:00.000Z\",\"request_bytes\":0,\"response_bytes\":0,\
         \"duration_ms\":0.000,\"worker\":0}\n"
    );
}

#[test]
fn a_hostile_client_cannot_break_out_of_its_line() {
    let record = AccessRecord {
        user_agent: b"x\"}\n{\"forged\":1,\"\x1b[31m\xff\\",
        path: b"/a\"b\r\n",
        ..AccessRecord::default()
    };
    let value = parsed(&record);
    assert_eq!(value["user_agent"], "x\"}\n{\"forged\":1,\"\u{1b}[31m\u{fffd}\\");
    assert_eq!(value["path"], "/a\"b\r\n");
    assert!(value.get("forged").is_none());
}

#[test]
fn long_things_are_cut_and_a_cut_reveals_nothing() {
    let mut query = b"token=".to_vec();
    query.extend(std::iter::repeat_n(b'S', 3 * FIELD_BYTES_MAX));
    let path = vec![b'p'; FIELD_BYTES_MAX + 1];
    let value = parsed(&AccessRecord { query: &query, path: &path, ..AccessRecord::default() });
    assert_eq!(value["query"], "token=(redacted)...");
    assert_eq!(value["path"].as_str().unwrap().len(), FIELD_BYTES_MAX + 3);
}

#[test]
fn a_host_never_shows_user_information() {
    let value = parsed(&AccessRecord { host: b"user:pass@h:80", ..AccessRecord::default() });
    assert_eq!(value["host"], "h:80");
}

proptest! {
    #[test]
    fn every_record_is_one_json_object(
        bytes in prop::collection::vec(any::<u8>(), 0..60),
        name in "[a-z-]{1,12}",
        number in any::<u64>(),
        status in 0u16..600,
    ) {
        let record = AccessRecord {
            request_id: &bytes, method: &bytes, host: &bytes, path: &bytes, query: &bytes, detail: &bytes,
            user_agent: &bytes, referer: &bytes, headers: &[(&name, &bytes), ("b", &bytes)],
            status, request_bytes: number, duration_nanos: number,
            upstream: Some(UpstreamRecord { head_nanos: Some(number), ..UpstreamRecord::default() }),
            ..AccessRecord::default()
        };
        let value = parsed(&record);
        prop_assert_eq!(&value["request_bytes"], number);
        if !bytes.is_empty() {
            prop_assert_eq!(value["method"].as_str(), Some(&*String::from_utf8_lossy(&bytes)));
        }
    }
}
