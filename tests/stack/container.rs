//! Servers in containers, through testcontainers, where a Docker engine answers.
//!
//! An engine that answers may still be unable to pull (no network, no account, a slow line): every
//! step has a limit, an image that is there already is not asked for again, and after one failed
//! pull no other is tried. The caller then goes on natively.

use std::env;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use testcontainers::core::IntoContainerPort as _;
use testcontainers::core::client::docker_client_instance;
use testcontainers::runners::AsyncRunner as _;
use testcontainers::{ContainerAsync, ContainerRequest, GenericImage, ImageExt as _};
use tokio::runtime::Runtime;
use tokio::time::timeout;

use super::{kafka, ports, ready, version};

const ANSWER_MAX: Duration = Duration::from_secs(3);
const PULL_MAX: Duration = Duration::from_secs(300);
const CREATE_MAX: Duration = Duration::from_secs(60);

const CQL_PORT: u16 = 9042;
const CONTROLLER_PORT: u16 = 19_093;
const INTERNAL_PORT: u16 = 19_094;

/// A Docker engine that answers.
pub(super) struct Engine {
    host: String,
    can_pull: bool,
    // One for all: testcontainers shares its connections to the engine between containers.
    runtime: Arc<Runtime>,
}

/// A running container, removed when dropped.
pub(super) struct Container {
    /// `host:port` of the server in it.
    pub(super) address: String,
    /// Image and tag.
    pub(super) image: String,
    // Taken on drop, which removes it.
    running: Option<Box<ContainerAsync<GenericImage>>>,
    runtime: Arc<Runtime>,
}

impl Engine {
    /// Finds the engine as testcontainers does (`DOCKER_HOST`, the usual sockets) and asks it.
    pub(super) fn connect() -> Result<Self> {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(1).enable_all().build().context("a Tokio runtime")?;
        let ping = async {
            docker_client_instance().await?.ping().await.context("no Docker engine answers")
        };
        match runtime.block_on(async { timeout(ANSWER_MAX, ping).await }) {
            Ok(answer) => answer?,
            Err(_) => bail!("the Docker engine did not answer within {} s", ANSWER_MAX.as_secs()),
        };
        Ok(Self { host: published_on(), can_pull: true, runtime: Arc::new(runtime) })
    }

    /// Starts Kafka. Its advertised address must be known before it runs, so its host port is
    /// chosen here; in its container it reaches itself through a listener of its own.
    pub(super) fn kafka(&mut self) -> Result<Container> {
        let port = ports::free_port()?;
        let address = format!("{}:{port}", self.host);
        let image = GenericImage::new("apache/kafka", kafka::VERSION.as_str());
        let mut request = image.with_mapped_port(port, port.tcp());
        let listeners = format!(
            "PLAINTEXT://:{port},INTERNAL://localhost:{INTERNAL_PORT},\
             CONTROLLER://localhost:{CONTROLLER_PORT}"
        );
        let advertised = format!("PLAINTEXT://{address},INTERNAL://localhost:{INTERNAL_PORT}");
        let voters = format!("1@localhost:{CONTROLLER_PORT}");
        let protocols = "PLAINTEXT:PLAINTEXT,INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT";
        let addresses = [
            ("listeners", listeners.as_str()),
            ("advertised.listeners", &advertised),
            ("inter.broker.listener.name", "INTERNAL"),
            ("listener.security.protocol.map", protocols),
            ("controller.quorum.voters", &voters),
        ];
        for (key, value) in kafka::PROPERTIES.into_iter().chain(addresses) {
            request = request.with_env_var(variable(key), value);
        }
        request = request.with_env_var("KAFKA_HEAP_OPTS", "-Xms256m -Xmx768m");
        let mut container = self.run(request)?;
        container.address = address;
        ready::kafka(&container.address, || None)?;
        Ok(container)
    }

    /// Starts ScyllaDB.
    pub(super) fn scylla(&mut self) -> Result<Container> {
        let image = GenericImage::new("scylladb/scylla", &version("SCYLLA_VERSION"))
            .with_exposed_port(CQL_PORT.tcp());
        let arguments = "--smp 1 --memory 1G --overprovisioned 1 --developer-mode 1";
        let mut container = self.run(image.with_cmd(arguments.split(' ')))?;
        let running = container.running.as_ref().context("it does not run")?;
        let port = self.runtime.block_on(running.get_host_port_ipv4(CQL_PORT.tcp()))?;
        container.address = format!("{}:{port}", self.host);
        ready::cql(&container.address, || None)?;
        Ok(container)
    }

    fn run(&mut self, request: ContainerRequest<GenericImage>) -> Result<Container> {
        let image = request.descriptor();
        let runtime = Arc::clone(&self.runtime);
        let request = runtime.block_on(self.present(request, &image))?;
        let starting = request.with_startup_timeout(CREATE_MAX).start();
        let running = match runtime.block_on(async { timeout(CREATE_MAX, starting).await }) {
            Ok(started) => started.with_context(|| format!("starting {image}"))?,
            Err(_) => bail!("{image} did not start within {} s", CREATE_MAX.as_secs()),
        };
        Ok(Container { address: String::new(), image, running: Some(Box::new(running)), runtime })
    }

    async fn present(
        &mut self,
        request: ContainerRequest<GenericImage>,
        image: &str,
    ) -> Result<ContainerRequest<GenericImage>> {
        let docker = docker_client_instance().await?;
        let present = timeout(ANSWER_MAX, docker.inspect_image(image)).await;
        if present.is_ok_and(|answer| answer.is_ok()) {
            return Ok(request);
        }
        if !self.can_pull {
            bail!("{image} is not there, and the engine could not pull the one before");
        }
        eprintln!("stack: pulling {image}, for at most {} s", PULL_MAX.as_secs());
        let pulled = timeout(PULL_MAX, request.pull_image()).await;
        self.can_pull = matches!(pulled, Ok(Ok(_)));
        match pulled {
            Ok(pulled) => pulled.with_context(|| format!("the engine cannot pull {image}")),
            Err(_) => bail!("{image} was not pulled within {} s", PULL_MAX.as_secs()),
        }
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        if let Some(running) = self.running.take()
            && let Err(error) = self.runtime.block_on(running.rm())
        {
            eprintln!("stack: removing the container of {}: {error}", self.image);
        }
    }
}

/// The host that published ports are on: this one, unless the engine is reached over TCP.
fn published_on() -> String {
    let remote = env::var("DOCKER_HOST").ok().and_then(|host| {
        let address = host.strip_prefix("tcp://")?;
        Some(address.rsplit_once(':').map_or(address, |(name, _)| name).to_owned())
    });
    remote.unwrap_or_else(|| "127.0.0.1".to_owned())
}

/// The environment variable that Kafka's image reads a broker property from.
fn variable(property: &str) -> String {
    format!("KAFKA_{}", property.to_uppercase().replace('.', "_"))
}
