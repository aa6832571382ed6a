//! How fast a scenario is replayed, as a ratio to a bare hyper client that sends the same requests
//! over one connection to the same server in the same run.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Full};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use migrate::model::scenario::{Action, Effect, SCHEMA, Scenario, Step};
use migrate::verify::observation::Outcome;
use tokio::net::{TcpListener, TcpStream};

const REQUESTS: usize = 20_000;
const ROUNDS: usize = 5;

fn main() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let address = serve().await;
        let scenario = scenario();
        let mut ratios = Vec::new();
        for _ in 0..ROUNDS {
            let bare = bare(&address).await;
            let begin = Instant::now();
            let pass = migrate::verify::run::replay(&scenario, &format!("http://{address}"))
                .await
                .expect("replayed");
            let replay = begin.elapsed();
            let good = pass.observations.iter().all(
                |seen| matches!(&seen.outcome, Outcome::Answer(answer) if answer.status == 200),
            );
            assert!(good && pass.observations.len() == REQUESTS, "every request was answered");
            let ratio = bare.as_secs_f64() / replay.as_secs_f64();
            println!(
                "bare {:>7.0}/s  replay {:>7.0}/s  ratio {ratio:.2}",
                rate(bare),
                rate(replay)
            );
            ratios.push(ratio);
        }
        ratios.sort_by(f64::total_cmp);
        println!("replay: median ratio to a bare hyper loop {:.2}", ratios[ROUNDS / 2]);
    });
}

#[expect(clippy::cast_precision_loss, reason = "the count is small")]
fn rate(time: Duration) -> f64 {
    REQUESTS as f64 / time.as_secs_f64()
}

fn scenario() -> Scenario {
    let steps = (0..REQUESTS)
        .map(|number| Step {
            id: format!("s{number}"),
            client: "a".into(),
            action: Action::Request(migrate::model::scenario::Request {
                method: "GET".into(),
                path: format!("/{number}"),
                ..Default::default()
            }),
            capture: Vec::new(),
            effect: Effect::Read,
            repeat: 1,
            burst: None,
            origin: None,
        })
        .collect();
    Scenario { schema: SCHEMA.into(), name: "bench".into(), variables: [].into(), steps }
}

async fn serve() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound").to_string();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = service_fn(|_| async {
                Ok::<_, std::convert::Infallible>(Response::new(Full::new(Bytes::from_static(
                    br#"{"ok":true}"#,
                ))))
            });
            tokio::spawn(
                hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service),
            );
        }
    });
    address
}

async fn bare(address: &str) -> Duration {
    let stream = TcpStream::connect(address).await.expect("connected");
    let _ = stream.set_nodelay(true);
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.expect("a connection");
    tokio::spawn(connection);
    let begin = Instant::now();
    for number in 0..REQUESTS {
        let request = Request::builder()
            .uri(format!("/{number}"))
            .header("host", address)
            .body(Empty::<Bytes>::new())
            .expect("a request");
        sender.ready().await.expect("the connection is kept");
        let response = sender.send_request(request).await.expect("an answer");
        response.into_body().collect().await.expect("a body");
    }
    begin.elapsed()
}
