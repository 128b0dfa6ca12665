//! The in-process S3 server: objects behind a layer that records requests and injects faults of networks
//! and servers.

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};

use super::account::{Account, Denied};
use super::objects::Objects;
use super::services;

pub(crate) const ACCESS_KEY: &str = "AKIASEGPREPTESTONLY0";
pub(crate) const SECRET_KEY: &str = "a-secret-that-no-message-may-hold";

/// A fault of one request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fault {
    /// It is refused with this status and code.
    Refused(u16, &'static str),
    /// It is executed, and refused nevertheless.
    DoneAndRefused(u16, &'static str),
    /// The connection breaks before it is executed.
    Reset,
    /// It is executed, and the connection breaks before the response.
    DoneAndReset,
    /// The connection breaks after half of the response body.
    Cut,
    /// Nothing follows after half of the response body.
    Stalled,
    /// It is executed, and there is no response.
    Silent,
    /// It is not executed, and there is no response.
    Hung,
    /// The response body arrives byte by byte, with long pauses.
    Trickled,
    /// A byte of the response body is changed.
    Altered,
    /// The response is delayed.
    Late(Duration),
    /// It is executed twice.
    Twice,
}

/// The requests that get a fault.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FaultRule {
    /// A name that [`operation`] returns; empty: all operations.
    pub(crate) operation: &'static str,
    /// The number of requests before the first fault.
    pub(crate) skip: usize,
    /// The number of requests with the fault.
    pub(crate) times: usize,
    pub(crate) fault: Fault,
}

/// A received request.
#[derive(Clone, Debug)]
pub(crate) struct SeenRequest {
    pub(crate) operation: &'static str,
    pub(crate) path: String,
    pub(crate) headers: http::HeaderMap,
}

type Chooser = Box<dyn FnMut(&'static str) -> Option<Fault> + Send>;

#[derive(Default)]
struct Behaviour {
    rules: Vec<FaultRule>,
    /// Chooses faults for requests without a rule.
    chooser: Option<Chooser>,
    /// The delay of every request.
    delay: Duration,
    seen: Vec<SeenRequest>,
    /// Judges the requests of the program. `None`: all are allowed.
    account: Option<Account>,
}

/// A server with one bucket, `bucket`, which stops when this is dropped.
pub(crate) struct Server {
    pub(crate) objects: Objects,
    behaviour: Arc<Mutex<Behaviour>>,
    address: SocketAddr,
    runtime: Option<tokio::runtime::Runtime>,
    client: aws_sdk_s3::Client,
    _folder: tempfile::TempDir,
}

type Answer = http::Response<UnsyncBoxBody<Bytes, std::io::Error>>;

impl Server {
    pub(crate) fn start() -> Server {
        Server::with_pages_of(1000)
    }

    pub(crate) fn with_pages_of(page: usize) -> Server {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("threads");
        let objects = Objects::new(folder.path(), page);
        let mut builder = S3ServiceBuilder::new(objects.clone());
        builder.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
        let service = builder.build();
        let behaviour = Arc::new(Mutex::new(Behaviour::default()));
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0"));
        let listener = listener.expect("a port");
        let address = listener.local_addr().expect("an address");
        runtime.spawn(serve(listener, service, Arc::clone(&behaviour)));
        let client = client(address, SECRET_KEY);
        runtime.block_on(client.create_bucket().bucket("bucket").send()).expect("a bucket");
        behaviour.lock().expect("no panic").seen.clear();
        Server { objects, behaviour, address, runtime: Some(runtime), client, _folder: folder }
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.as_ref().expect("it runs").block_on(future)
    }

    pub(crate) fn put(&self, key: &str, body: impl Into<Vec<u8>>) {
        let request = self.client.put_object().bucket("bucket").key(key);
        self.block_on(request.body(ByteStream::from(body.into())).send()).expect("it is put");
    }

    /// Puts an object into a new bucket.
    pub(crate) fn put_into_new(&self, bucket: &str, key: &str, body: impl Into<Vec<u8>>) {
        self.block_on(self.client.create_bucket().bucket(bucket).send()).expect("a bucket");
        let request = self.client.put_object().bucket(bucket).key(key);
        self.block_on(request.body(ByteStream::from(body.into())).send()).expect("it is put");
    }

    /// Puts many objects concurrently.
    pub(crate) fn put_all(&self, all: Vec<(String, Vec<u8>)>) {
        self.block_on(async {
            let mut at_work = tokio::task::JoinSet::new();
            for (key, body) in all {
                if 32 <= at_work.len() {
                    at_work.join_next().await;
                }
                let request = self.client.put_object().bucket("bucket").key(key);
                at_work.spawn(request.body(ByteStream::from(body)).send());
            }
            while let Some(put) = at_work.join_next().await {
                put.expect("no panic").expect("it is put");
            }
        });
    }

    /// Puts one object in parts. All parts except the last must have at least 5 MiB.
    pub(crate) fn put_in_parts(&self, key: &str, parts: impl Iterator<Item = Vec<u8>>) {
        let upload = self.client.create_multipart_upload().bucket("bucket").key(key);
        let begun = self.block_on(upload.send()).expect("it begins");
        let id = begun.upload_id().expect("an id");
        let put = |(number, body): (i32, Vec<u8>)| {
            let request = self.client.upload_part().bucket("bucket").key(key).upload_id(id);
            let request = request.part_number(number).body(ByteStream::from(body));
            let put = self.block_on(request.send()).expect("it is put");
            CompletedPart::builder().part_number(number).e_tag(put.e_tag().unwrap_or("")).build()
        };
        let parts = (1..).zip(parts).map(put).collect();
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        let complete = self.client.complete_multipart_upload().bucket("bucket").key(key);
        let complete = complete.upload_id(id).multipart_upload(parts);
        self.block_on(complete.send()).expect("it is complete");
    }

    /// Begins an upload that is never completed.
    pub(crate) fn begin_upload(&self, key: &str) {
        let upload = self.client.create_multipart_upload().bucket("bucket").key(key);
        self.block_on(upload.send()).expect("it begins");
    }

    pub(crate) fn get(&self, key: &str) -> Option<Vec<u8>> {
        self.block_on(async {
            let answer = self.client.get_object().bucket("bucket").key(key).send().await.ok()?;
            Some(answer.body.collect().await.ok()?.to_vec())
        })
    }

    pub(crate) fn remove(&self, key: &str) {
        self.block_on(self.client.delete_object().bucket("bucket").key(key).send()).expect("gone");
    }

    /// The keys in the bucket, sorted by bytes.
    pub(crate) fn keys(&self) -> Vec<String> {
        let all = self.objects.all().into_keys();
        all.filter_map(|name| name.strip_prefix("bucket/").map(str::to_owned)).collect()
    }

    pub(crate) fn inject(&self, rules: &[FaultRule]) {
        self.behaviour.lock().expect("no panic").rules = rules.to_vec();
    }

    pub(crate) fn inject_with(&self, chooser: Option<Chooser>) {
        self.behaviour.lock().expect("no panic").chooser = chooser;
    }

    /// Refuses requests of the program that the policies of this account do not allow.
    pub(crate) fn judge(&self, account: Account) {
        self.behaviour.lock().expect("no panic").account = Some(account);
    }

    pub(crate) fn set_delay(&self, delay: Duration) {
        self.behaviour.lock().expect("no panic").delay = delay;
    }

    /// The requests since the last call.
    pub(crate) fn take_requests(&self) -> Vec<SeenRequest> {
        std::mem::take(&mut self.behaviour.lock().expect("no panic").seen)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn client(address: SocketAddr, secret: &str) -> aws_sdk_s3::Client {
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new(ACCESS_KEY, secret, None, None, "test"))
        .endpoint_url(format!("http://{address}"))
        .force_path_style(true);
    aws_sdk_s3::Client::from_conf(config.build())
}

async fn serve(
    listener: tokio::net::TcpListener,
    service: S3Service,
    behaviour: Arc<Mutex<Behaviour>>,
) {
    while let Ok((socket, _)) = listener.accept().await {
        socket.set_nodelay(true).ok();
        let (service, behaviour) = (service.clone(), Arc::clone(&behaviour));
        let answer =
            service_fn(move |request| answer(request, service.clone(), Arc::clone(&behaviour)));
        tokio::spawn(async move {
            let builder = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
            builder.serve_connection(TokioIo::new(socket), answer).await.ok();
        });
    }
}

/// The operation of a request to another service than S3.
fn target(headers: &http::HeaderMap) -> Option<&str> {
    headers.get("x-amz-target").and_then(|target| target.to_str().ok())
}

/// The operation of a request.
fn operation(request: &http::Request<Incoming>) -> &'static str {
    let query = request.uri().query().unwrap_or_default();
    if target(request.headers()).is_some() || request.uri().path() == "/" {
        return "service";
    }
    let has = |name: &str| query.split('&').any(|pair| pair.split('=').next() == Some(name));
    match request.method().as_str() {
        "GET" if has("list-type") => "list",
        "GET" if has("uploads") => "uploads",
        "GET" => "get",
        "HEAD" => "head",
        "POST" if has("uploads") => "begin",
        "POST" if has("uploadId") => "complete",
        "PUT" if has("partNumber") => "part",
        "PUT" => "put",
        "DELETE" if has("uploadId") => "abort",
        "DELETE" => "delete",
        _ => "other",
    }
}

impl Behaviour {
    fn fault_for(&mut self, operation: &'static str) -> Option<Fault> {
        for rule in &mut self.rules {
            if 0 < rule.times && (rule.operation.is_empty() || rule.operation == operation) {
                if 0 < rule.skip {
                    rule.skip -= 1;
                    continue;
                }
                rule.times -= 1;
                return Some(rule.fault);
            }
        }
        self.chooser.as_mut().and_then(|choose| choose(operation))
    }
}

impl Behaviour {
    fn judge(&mut self, head: &http::request::Parts, body: &[u8]) -> Result<(), Denied> {
        match &mut self.account {
            Some(account) if Account::judges(&head.headers) => account.check(head, body),
            _ => Ok(()),
        }
    }
}

/// The response to a request that policies do not allow, as S3 or another service sends it.
fn denial(head: &http::request::Parts, denied: &Denied) -> Answer {
    let message = format!("User: u is not authorized to perform: {}", denied.action);
    if target(&head.headers).is_some() {
        let body = serde_json::json!({ "__type": "AccessDeniedException", "message": message });
        return services::response(400, &body).map(whole);
    }
    let error = format!("<Error><Code>AccessDenied</Code><Message>{message}</Message></Error>");
    let text = match (head.method.as_str(), head.uri.path()) {
        ("HEAD", _) => String::new(),
        (_, "/") => format!("<ErrorResponse>{error}</ErrorResponse>"),
        _ => error,
    };
    let answer = http::Response::builder().status(403).header("content-type", "application/xml");
    answer.body(whole(text.into())).expect("an answer")
}

async fn answer(
    request: http::Request<Incoming>,
    service: S3Service,
    behaviour: Arc<Mutex<Behaviour>>,
) -> Result<Answer, std::io::Error> {
    let (fault, delay) = {
        let mut behaviour = behaviour.lock().expect("no panic");
        let operation = operation(&request);
        let (path, headers) = (request.uri().to_string(), request.headers().clone());
        behaviour.seen.push(SeenRequest { operation, path, headers });
        (behaviour.fault_for(operation), behaviour.delay)
    };
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    let broken = || std::io::Error::other("the connection broke");
    match fault {
        Some(Fault::Refused(status, code)) => return Ok(refusal(status, code)),
        Some(Fault::Reset) => return Err(broken()),
        Some(Fault::Hung) => return std::future::pending().await,
        Some(Fault::Late(time)) => tokio::time::sleep(time).await,
        _ => {}
    }
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(std::io::Error::other)?.to_bytes();
    if let Err(denied) = behaviour.lock().expect("no panic").judge(&head, &body) {
        return Ok(denial(&head, &denied));
    }
    if fault == Some(Fault::Twice) {
        done(&service, &head, body.clone()).await?;
    }
    // A request is executed even if its client has disconnected.
    let at_work = tokio::spawn(async move { done(&service, &head, body).await });
    let answer = at_work.await.map_err(std::io::Error::other)??;
    let (parts, body) = answer.into_parts();
    let half = body.slice(..body.len() / 2);
    let streamed = |then: Option<std::io::Error>| {
        let first = futures_stream(half.clone(), then);
        Ok(http::Response::from_parts(parts.clone(), BodyExt::boxed_unsync(first)))
    };
    match fault {
        Some(Fault::DoneAndRefused(status, code)) => Ok(refusal(status, code)),
        Some(Fault::DoneAndReset) => Err(broken()),
        Some(Fault::Silent) => std::future::pending().await,
        Some(Fault::Cut) if !body.is_empty() => streamed(Some(broken())),
        Some(Fault::Stalled) if !body.is_empty() => streamed(None),
        Some(Fault::Trickled) => {
            Ok(http::Response::from_parts(parts, BodyExt::boxed_unsync(trickle(body))))
        }
        Some(Fault::Altered) if !body.is_empty() => {
            let mut altered = body.to_vec();
            altered[half.len()] ^= 1;
            Ok(http::Response::from_parts(parts, whole(altered.into())))
        }
        _ => Ok(http::Response::from_parts(parts, whole(body))),
    }
}

/// Half a body, followed by an error, or by nothing.
fn futures_stream(
    half: Bytes,
    then: Option<std::io::Error>,
) -> StreamBody<impl futures_core::Stream<Item = Result<Frame<Bytes>, std::io::Error>>> {
    let mut items = vec![Some(Ok(Frame::data(half)))];
    items.extend(then.map(|error| Some(Err(error))));
    let mut items = items.into_iter();
    StreamBody::new(futures_util::stream::poll_fn(move |_| match items.next() {
        Some(item) => std::task::Poll::Ready(item),
        None => std::task::Poll::Pending,
    }))
}

/// A body of which a byte arrives twice a second.
fn trickle(
    body: Bytes,
) -> StreamBody<impl futures_core::Stream<Item = Result<Frame<Bytes>, std::io::Error>>> {
    const PAUSE: Duration = Duration::from_millis(500);
    StreamBody::new(futures_util::stream::unfold(body, |mut body| async move {
        tokio::time::sleep(PAUSE).await;
        (!body.is_empty()).then(|| (Ok(Frame::data(body.split_to(1))), body))
    }))
}

async fn done(
    service: &S3Service,
    head: &http::request::Parts,
    body: Bytes,
) -> Result<http::Response<Bytes>, std::io::Error> {
    if let Some(target) = target(&head.headers) {
        return Ok(services::answer(target, &body));
    }
    if head.uri.path() == "/" {
        return Ok(services::assume_role(ACCESS_KEY, SECRET_KEY));
    }
    let request = http::Request::from_parts(head.clone(), s3s::Body::from(body));
    let answer = service.call(request).await;
    let answer = answer.map_err(|_why| std::io::Error::other("the server failed"))?;
    let (parts, body) = answer.into_parts();
    let body = body.collect().await.map_err(|_why| std::io::Error::other("the server failed"))?;
    Ok(http::Response::from_parts(parts, body.to_bytes()))
}

fn whole(body: Bytes) -> UnsyncBoxBody<Bytes, std::io::Error> {
    Full::new(body).map_err(|never: Infallible| match never {}).boxed_unsync()
}

fn refusal(status: u16, code: &str) -> Answer {
    let text = format!("<Error><Code>{code}</Code><Message>said so</Message></Error>");
    let mut answer =
        http::Response::builder().status(status).header("content-type", "application/xml");
    if status == 301 {
        answer = answer.header("x-amz-bucket-region", "eu-west-1");
    }
    answer.body(whole(text.into())).expect("an answer")
}
