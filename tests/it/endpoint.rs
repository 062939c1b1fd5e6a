//! Asking an OpenAI-compatible server that is well, slow, busy, broken or no such server.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tunewright::data::{Message, Role};
use tunewright::endpoint::{Client, Completion, Endpoint, EndpointError};
use tunewright::generate::Sampling;
use tunewright::task::{Task, Unit, Unwatched};

/// A server that gives its answers in turn, the last again and again, and keeps what it was asked.
struct Server {
    port: u16,
    asked: Arc<Mutex<Vec<(String, Value)>>>,
    num_asked: Arc<AtomicUsize>,
}

impl Server {
    fn new(answers: &[&str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (asked, num_asked) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicUsize::new(0)));
        let answers: Vec<String> = answers.iter().map(|answer| (*answer).to_owned()).collect();
        let (keep, count) = (asked.clone(), num_asked.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let (mut head, mut length) = (String::new(), 0);
                loop {
                    let mut line = String::new();
                    if reader.read_line(&mut line).unwrap_or(0) == 0 || line == "\r\n" {
                        break;
                    }
                    if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                        length = value.trim().parse().unwrap();
                    }
                    head += &line;
                }
                let mut body = vec![0; length];
                reader.read_exact(&mut body).unwrap();
                keep.lock().unwrap().push((head, serde_json::from_slice(&body).unwrap()));
                let answer = &answers[count.fetch_add(1, Ordering::SeqCst).min(answers.len() - 1)];
                for part in answer.split("<wait>") {
                    let _ = stream.write_all(part.as_bytes());
                    let _ = stream.flush();
                    if answer.contains("<wait>") {
                        std::thread::sleep(Duration::from_millis(700));
                    }
                }
            }
        });
        Self { port, asked, num_asked }
    }

    fn client(&self) -> Client {
        let endpoint: Endpoint = format!("http://127.0.0.1:{}/v1#tiny", self.port).parse().unwrap();
        Client::new(endpoint, Some("secret".to_owned())).unwrap()
    }
}

fn stream(parts: &[&str], end: &str) -> String {
    let parts: String =
        parts.iter().map(|part| format!("data: {}\n\n", json!({"choices": [{"delta": {"content": part}}]}))).collect();
    format!("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n{parts}{end}")
}

const STOP: &str = "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";

fn plain(status: &str, kind: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}")
}

fn ask(client: &Client, task: &dyn Task) -> (Result<Completion, EndpointError>, String) {
    let mut seen = String::new();
    let prompt = [Message { weight: Some(1), ..Message::new(Role::User, "say 3") }];
    let sampling = Sampling { max_new_tokens: 12, ..Sampling::default() };
    let answer = client.answer(&prompt, &[], &sampling, &mut |text| seen += text, task);
    (answer, seen)
}

#[test]
fn an_answer_streams_and_the_question_is_openai_s() {
    let server = Server::new(&[&stream(&["thr", "ee"], STOP)]);
    let (answer, seen) = ask(&server.client(), &Unwatched);
    let answer = answer.unwrap();
    assert_eq!((&*answer.text, answer.ended_by_itself, &*seen), ("three", true, "three"));
    let (head, body) = server.asked.lock().unwrap()[0].clone();
    assert!(
        head.starts_with("POST /v1/chat/completions ") && head.to_lowercase().contains("authorization: bearer secret")
    );
    assert_eq!(body["messages"], json!([{"role": "user", "content": "say 3"}]), "a weight is for training");
    assert_eq!((&body["model"], &body["max_tokens"]), (&json!("tiny"), &json!(12)));
}

#[test]
fn a_server_that_does_not_stream_is_understood() {
    let body = json!({"choices": [{"message": {"content": "three"}, "finish_reason": "length"}], "usage": {"completion_tokens": 2}});
    let server = Server::new(&[&plain("200 OK", "application/json", &body.to_string())]);
    let answer = ask(&server.client(), &Unwatched).0.unwrap();
    assert_eq!(answer, Completion { text: "three".to_owned(), num_tokens: Some(2), ended_by_itself: false });
}

#[test]
fn a_busy_server_is_asked_again_when_it_says_so() {
    let busy =
        plain("429 Too Many Requests", "application/json", "{}").replace("\r\nConn", "\r\nRetry-After: 0\r\nConn");
    let server = Server::new(&[&busy, &busy, &stream(&["3"], STOP)]);
    assert_eq!(ask(&server.client(), &Unwatched).0.unwrap().text, "3");
    assert_eq!(server.num_asked.load(Ordering::SeqCst), 3);
    let always = Server::new(&[&busy]);
    let error = ask(&always.client(), &Unwatched).0.unwrap_err();
    assert!(matches!(error, EndpointError::TooBusy { tries: 5, .. }), "{error}");
}

#[test]
fn what_is_no_answer_gets_a_sentence() {
    let told = |answer: &str| ask(&Server::new(&[answer]).client(), &Unwatched).0.unwrap_err().to_string();
    let page = told(&plain("200 OK", "text/html", "<!doctype html><title>Router</title>"));
    assert!(page.contains("web page") && page.contains("/v1"), "{page}");
    let unsaid = told(&plain("200 OK", "text/plain", "<html>"));
    assert!(unsaid.contains("web page"), "{unsaid}");
    let missing =
        told(&plain("404 Not Found", "application/json", r#"{"error":{"message":"model 'tiny' not found"}}"#));
    assert!(missing.ends_with("says 404: model 'tiny' not found"), "{missing}");
    let nonsense = told(&plain("200 OK", "application/json", "[1]"));
    assert!(nonsense.contains("an OpenAI-compatible server doesn't"), "{nonsense}");
    let failed = told(&stream(&["a"], "data: {\"error\":{\"message\":\"out of memory\"}}\n\n"));
    assert!(failed.contains("out of memory"), "{failed}");
    let half = told(&stream(&["thr"], ""));
    assert!(half.contains("broke off after 3 characters"), "{half}");
    let nobody: Endpoint = "http://127.0.0.1:9/v1#m".parse().unwrap();
    let nobody = ask(&Client::new(nobody, None).unwrap(), &Unwatched).0.unwrap_err().to_string();
    assert!(nobody.contains("can't be reached") && nobody.contains("is the server running"), "{nobody}");
}

#[test]
fn a_silent_server_is_given_up_and_a_slow_one_waited_for() {
    let slow = stream(&["3"], STOP).replace("\r\n\r\n", "\r\n\r\n<wait>");
    let server = Server::new(&[&slow]);
    assert_eq!(ask(&server.client(), &Unwatched).0.unwrap().text, "3");
    let error = ask(&server.client().patient_for(Duration::from_millis(100)), &Unwatched).0.unwrap_err();
    assert!(matches!(error, EndpointError::Silent { .. }), "{error}");
}

/// Stopped from the first text on.
struct UntilText(AtomicBool);

impl Task for UntilText {
    fn progress(&self, _done: u64, _total: Option<u64>, _unit: Unit) {}
    fn is_stopped(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

#[test]
fn an_answer_can_be_stopped() {
    let endless = stream(&["a"], "<wait><wait><wait><wait><wait><wait>");
    let server = Server::new(&[&endless]);
    let task = UntilText(AtomicBool::new(false));
    let prompt = [Message::new(Role::User, "say 3")];
    let began = std::time::Instant::now();
    let stop = &mut |_: &str| task.0.store(true, Ordering::SeqCst);
    let error = server.client().answer(&prompt, &[], &Sampling::default(), stop, &task).unwrap_err();
    assert!(matches!(error, EndpointError::Stopped) && began.elapsed() < Duration::from_secs(3), "{error}");
}
