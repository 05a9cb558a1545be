//! What the program writes about its work: a line for each request, and a log that can be followed from an answer.

mod mail;

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use wharf_tests::{Request, Server, Settings, sha256, with_query};

over_local_drivers![
    a_request_is_a_line_in_the_combined_format,
    a_line_of_the_log_names_the_request_of_its_answer,
    what_lets_others_go_on_with_an_upload_is_in_no_log,
    the_log_has_the_form_and_the_fields_of_the_configuration,
];

/// How long something may take that takes no time.
const PATIENCE: Duration = Duration::from_secs(20);

/// Waits until the access log has so many lines, and gives them.
#[track_caller]
fn requests(server: &Server, count: usize) -> Vec<String> {
    let until = Instant::now() + PATIENCE;
    loop {
        let lines: Vec<String> = server.access_log().lines().map(str::to_owned).collect();
        if lines.len() >= count {
            return lines;
        }
        assert!(Instant::now() < until, "{lines:#?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn a_request_is_a_line_in_the_combined_format(settings: &Settings) {
    let server = Server::wharf(settings);
    let digest = server.push_blob("a/b", vec![7; 5000]);
    let before = requests(&server, 2).len();
    let pull = Request::get(&format!("/v2/a/b/blobs/{digest}")).header("User-Agent", "the \"agent\"");
    server.send(&pull).assert_status(200);
    server.head(&format!("/v2/a/b/blobs/{digest}")).assert_status(200);
    server.get("/v2/a/b/tags/list?n=7").assert_status(404);
    let lines = requests(&server, before + 3);
    let (pulled, looked, listed) = (&lines[before], &lines[before + 1], &lines[before + 2]);
    assert!(pulled.starts_with("127.0.0.1 - - ["), "{pulled}");
    let end = format!("+0000] \"GET /v2/a/b/blobs/{digest} HTTP/1.1\" 200 5000 \"\" \"the \\\"agent\\\"\"");
    assert!(pulled.ends_with(&end), "{pulled}");
    assert!(looked.contains(" HTTP/1.1\" 200 0 \"\""), "{looked}");
    assert!(listed.contains("\"GET /v2/a/b/tags/list?n=7 HTTP/1.1\" 404 "), "{listed}");

    let silent = Server::wharf(&settings.clone().with("log.accesslog.disabled", true));
    silent.get("/v2/").assert_status(200);
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(silent.access_log(), "");
}

fn a_line_of_the_log_names_the_request_of_its_answer(settings: &Settings) {
    let settings = settings.clone().with("log.level", "debug").with("log.formatter", "json");
    let server = Server::wharf(&settings);
    let ids: Vec<String> = (0..3)
        .map(|_| server.get("/v2/a/b/manifests/none").expect(404).the("x-request-id").to_owned())
        .collect();
    let log = server.log();
    for id in ids {
        let lines: Vec<Value> = log
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .filter(|entry: &Value| entry["http.request.id"] == id.as_str())
            .collect();
        let refused = lines.iter().find(|entry| entry["msg"] == "request refused").unwrap();
        assert_eq!(refused["http.request.method"], "GET");
        assert_eq!(refused["http.request.uri"], "/v2/a/b/manifests/none");
        assert!(refused["http.request.remoteaddr"].as_str().unwrap().starts_with("127.0.0.1:"), "{refused}");
        assert!(lines.iter().any(|entry| entry["http.response.status"] == 404), "{id}\n{log}");
    }
}

fn what_lets_others_go_on_with_an_upload_is_in_no_log(settings: &Settings) {
    let settings = settings
        .clone()
        .with("log.level", "debug")
        .with("auth.silly", json!({ "realm": "r", "service": "s" }));
    let server = Server::wharf(&settings);
    let secret = "Bearer a-token-that-nobody-may-see";
    let send = |request: Request| server.send(&request.header("Authorization", secret));
    let mut states = Vec::new();
    let mut at = send(Request::post("/v2/a/b/blobs/uploads/")).expect(202).location();
    for _ in 0..2 {
        states.push(at.split_once("_state=").unwrap().1.to_owned());
        at = send(Request::patch(&at).body("x")).expect(202).location();
    }
    send(Request::put(&with_query(&at, &format!("digest={}", sha256(b"xx"))))).assert_status(201);
    let lines = requests(&server, 4).join("\n");
    assert!(lines.contains("_state=(hidden)") && lines.contains("&digest=sha256:"), "{lines}");
    for text in [server.log(), lines] {
        assert!(!states.iter().any(|state| text.contains(state.as_str())), "{text}");
        assert!(!text.contains("nobody-may-see"), "{text}");
    }
}

fn the_log_has_the_form_and_the_fields_of_the_configuration(settings: &Settings) {
    let fields = json!({ "service": "registry", "environment": "test run" });
    let settings = settings.clone().with("log.fields", fields);
    let text = Server::wharf(&settings).log();
    let line = text.lines().find(|line| line.contains("listens on")).unwrap();
    assert!(line.starts_with("time=\"20") && line.contains("\" level=info msg=\"wharf "), "{line}");
    assert!(line.ends_with(" environment=\"test run\" service=registry"), "{line}");

    let logstash =
        Server::wharf(&settings.with("log.formatter", "logstash").with("log.reportcaller", true)).log();
    for line in logstash.lines() {
        let entry: Value = serde_json::from_str(line).unwrap();
        assert_eq!((&entry["@version"], &entry["service"]), (&json!("1"), &json!("registry")), "{line}");
        assert!(entry["@timestamp"].is_string() && entry["message"].is_string(), "{line}");
        assert!(entry["file"].as_str().unwrap().contains(".rs:"), "{line}");
    }
}
