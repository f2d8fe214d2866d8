//! Clients that other people wrote: curl, nghttp, h2load and httpx, in clear and over TLS.

use crate::harness::{Authority, FaultOrigin, Gateway, Nginx, Pattern, Setup, curl, python, tool};

/// A gateway before a real nginx; its TLS listener, and the authority's file.
fn real() -> (Nginx, Gateway, String) {
    let nginx = Nginx::start(
        "location / { return 200 \"hello from nginx\\n\"; }\n\
         location /files/ { }\n\
         location /moved { return 302 /files/; }\n\
         location /empty { return 204; }\n\
         location /gone { return 410; }\n\
         location /put { dav_methods PUT; create_full_put_path on; client_body_buffer_size 64k; }",
    );
    let directory = tempfile::tempdir().expect("a temporary directory");
    Authority::new(directory.path(), "ca").issue("site", &["localhost", "127.0.0.1"]);
    let ca = directory.path().join("ca.pem").display().to_string();
    let second = "listeners: [{name: secure, address: \"127.0.0.1:0\", \
                  tls: {certificates: [{cert: site.pem, key: site.key}]}}, ";
    let yaml = Setup::before(nginx.address()).yaml().replacen("listeners: [", second, 1);
    let file = directory.path().join("gateway.yaml");
    std::fs::write(&file, yaml).expect("the directory is ours");
    (nginx, Gateway::start_file(&file, directory, &[]), ca)
}

/// How curl speaks HTTP/2 here: in clear and by ALPN.
fn ways(gateway: &Gateway, ca: &str) -> [(Vec<String>, String); 2] {
    let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
    let (plain, secure) = (gateway.listener("public"), gateway.listener("secure"));
    [
        (words(&["--http2-prior-knowledge"]), format!("http://{plain}")),
        (words(&["--http2", "--cacert", ca]), format!("https://{secure}")),
    ]
}

#[track_caller]
fn with(options: &[String], more: &[&str]) -> String {
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    curl(&[&options, more].concat())
}

#[test]
fn curl_gets_pages_and_heads() {
    let (_nginx, gateway, ca) = real();
    for (options, base) in ways(&gateway, &ca) {
        let told = with(&options, &["--write-out", "%{http_version} %{http_code}", &format!("{base}/")]);
        assert_eq!(told, "hello from nginx\n2 200", "{options:?}");
        let head = with(&options, &["--head", &format!("{base}/gone")]);
        assert!(head.starts_with("HTTP/2 410 \r\n") && head.contains("server: nginx/"), "{head}");
        let status = |path: &str| {
            with(
                &options,
                &["--output", "/dev/null", "--write-out", "%{http_code}", &format!("{base}{path}")],
            )
        };
        assert_eq!([status("/empty"), status("/moved"), status("/files/none")], ["204", "302", "404"]);
    }
}

#[test]
fn curl_downloads_ranges_and_is_told_not_modified() {
    let (nginx, gateway, ca) = real();
    let content = Pattern::new(6).bytes(12_000_000);
    nginx.write("files/large", &content);
    let target = nginx.path("downloaded");
    for (options, base) in ways(&gateway, &ca) {
        let url = format!("{base}/files/large");
        with(&options, &["--output", &target, &url]);
        Pattern::new(6).assert_holds(0, &std::fs::read(&target).unwrap());
        with(&options, &["--output", &target, "--range", "1000-1999", &url]);
        assert_eq!(std::fs::read(&target).unwrap(), content[1000..2000]);
        let head = with(&options, &["--head", &url]);
        let tag = head.lines().find_map(|line| line.strip_prefix("etag: ")).expect("nginx tells an ETag");
        let known = format!("If-None-Match: {tag}");
        let told = ["--output", "/dev/null", "--write-out", "%{http_code}", "-H", &known, &url];
        assert_eq!(with(&options, &told), "304");
    }
}

#[test]
fn curl_uploads_with_and_without_length_and_with_expect() {
    let (nginx, gateway, ca) = real();
    nginx.write("source", &Pattern::new(5).bytes(11_000_000));
    let source = nginx.path("source");
    for (way, (options, base)) in ways(&gateway, &ca).into_iter().enumerate() {
        for (number, more) in
            [&["-H", "x-a: 1"], &["-H", "Transfer-Encoding: chunked"], &["-H", "Expect: 100-continue"]]
                .into_iter()
                .enumerate()
        {
            let name = format!("put/{way}{number}");
            let url = format!("{base}/{name}");
            let told = ["--write-out", "%{http_code}", "--upload-file", &source, &url];
            assert_eq!(with(&options, &[&more[..], &told].concat()), "201", "{more:?}");
            let stored = std::fs::read(nginx.path(&name)).expect("nginx stored it");
            assert_eq!(stored.len(), 11_000_000);
            Pattern::new(5).assert_holds(0, &stored);
        }
    }
}

#[test]
fn curl_asks_many_at_once_on_one_connection() {
    let (_nginx, gateway, ca) = real();
    // In clear some versions of curl ask on one stream and give the others up.
    for (options, base) in &ways(&gateway, &ca)[1..] {
        let told = with(
            options,
            &[
                "--parallel",
                "--parallel-max",
                "50",
                "--write-out",
                "%{num_connects} ",
                &format!("{base}/?[1-100]"),
            ],
        );
        assert_eq!(told.matches("hello from nginx").count(), 100);
    }
    let connections = gateway.metric("ringgate_http2_connections_total");
    assert!(connections <= 20.0, "{connections}");
}

#[test]
fn curl_falls_back_where_a_listener_speaks_http1_alone() {
    let origin = FaultOrigin::ok();
    let directory = tempfile::tempdir().expect("a temporary directory");
    Authority::new(directory.path(), "ca").issue("site", &["127.0.0.1"]);
    let ca = directory.path().join("ca.pem").display().to_string();
    let yaml = Setup::before(origin.address())
        .listener("http2: false, tls: {certificates: [{cert: site.pem, key: site.key}]}")
        .yaml();
    let file = directory.path().join("gateway.yaml");
    std::fs::write(&file, yaml).expect("the directory is ours");
    let gateway = Gateway::start_file(&file, directory, &[]);
    let url = format!("https://{}/", gateway.public());
    assert_eq!(curl(&["--http2", "--cacert", &ca, "--write-out", " %{http_version}", &url]), "ok 1.1");
}

#[test]
fn nghttp_gets_a_page_and_what_belongs_to_it() {
    let (nginx, gateway, _) = real();
    nginx.write("files/page", &Pattern::new(8).bytes(300_000));
    let base = format!("http://{}", gateway.listener("public"));
    let urls = [format!("{base}/"), format!("{base}/files/page"), format!("{base}/gone")];
    let said = tool("nghttp", &["--null-out", "--stat", "--multiply=20", &urls[0], &urls[1], &urls[2]]);
    assert_eq!(said.matches(" 200 ").count(), 40, "{said}");
    assert_eq!(said.matches(" 410 ").count(), 20, "{said}");
    // Padding, trailers and a window of one frame.
    let posted = tool(
        "nghttp",
        &[
            "-v",
            "--padding=100",
            "--window-bits=14",
            "--trailer=x-check: 1",
            "-d",
            &nginx.path("files/page"),
            &urls[0],
        ],
    );
    assert!(posted.contains(":status: 405") || posted.contains(":status: 200"), "{posted}");
}

#[test]
fn a_burst_of_h2load_meets_no_error() {
    let (nginx, gateway, _) = real();
    nginx.write("files/page", &Pattern::new(8).bytes(20_000));
    let before = gateway.descriptors().len();
    let base = format!("http://{}", gateway.listener("public"));
    for (path, streams) in [("/", "100"), ("/files/page", "10")] {
        let url = format!("{base}{path}");
        let said = tool("h2load", &["-n3000", "-c10", "-t1", "-m", streams, &url]);
        assert!(said.contains("3000 succeeded, 0 failed, 0 errored, 0 timeout"), "{said}");
        assert!(said.contains("status codes: 3000 2xx"), "{said}");
    }
    gateway.metric_becomes("ringgate_http2_connections_active", 0.0);
    gateway.metric_becomes("ringgate_http2_streams_active", 0.0);
    assert_eq!(gateway.metric("ringgate_http2_streams_total"), 6000.0);
    let idle = gateway.metric("ringgate_pool_connections{state=\"idle\"}") as usize;
    gateway.descriptors_fall_to(before + idle + 2);
}

#[test]
fn httpx_talks_through_the_gateway_to_nginx() {
    let (nginx, gateway, ca) = real();
    nginx.write("files/page", b"a page of nginx");
    python("httpx_h2_client.py", gateway.listener("public"), &["http", ""]);
    python("httpx_h2_client.py", gateway.listener("secure"), &["https", &ca]);
}
