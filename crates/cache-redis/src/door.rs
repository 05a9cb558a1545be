//! The way to Redis, however it is set up, and a connection that is open.

use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::try_join_all;
use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::cluster::{ClusterClient, ClusterClientBuilder};
use redis::cluster_async::ClusterConnection;
use redis::sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType};
use redis::{
    AsyncConnectionConfig, Client, ClientTlsConfig, Cmd, ConnectionAddr, ConnectionInfo, IntoConnectionInfo,
    Pipeline, ProtocolVersion, RedisConnectionInfo, RedisError, TlsCertificates, TlsMode, Value,
};
use tokio::sync::Mutex;

use crate::config::{Address, Config, Protocol, Servers, Tls};

/// Knows how to connect.
pub(crate) struct Door {
    way: Way,
    name: Option<String>,
    connections: usize,
    config: AsyncConnectionConfig,
}

enum Way {
    One(Box<Client>),
    Sentinel(Box<Mutex<SentinelClient>>),
    Cluster(Box<ClusterClient>),
}

/// A connection that is open, or several.
pub(crate) enum Connection {
    Same(Vec<MultiplexedConnection>, AtomicUsize),
    Cluster(ClusterConnection),
}

/// Why Redis did not do what it was told.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// It could not be reached.
    #[error("it cannot be reached")]
    Gone(#[source] RedisError),
    /// It said no.
    #[error("it refuses")]
    Refused(#[source] RedisError),
}

impl Door {
    /// Checks the configuration, as far as that can be done without connecting.
    pub(crate) fn new(config: &Config) -> Result<Self, RedisError> {
        let way = match &config.servers {
            Servers::One(address) => {
                let info = address_of(address, config.tls.as_ref())?.into_connection_info()?;
                Way::One(Box::new(Client::open(info.set_redis_settings(settings(config)))?))
            }
            Servers::Sentinel { .. } => Way::Sentinel(Box::new(Mutex::new(sentinel(config)?))),
            Servers::Cluster(addresses) => Way::Cluster(Box::new(cluster(config, addresses)?)),
        };
        Ok(Self {
            way,
            name: config.client_name.clone(),
            connections: config.connections.get(),
            // A call is given up by whoever waits for it.
            config: AsyncConnectionConfig::new()
                .set_connection_timeout(Some(config.connect))
                .set_response_timeout(None),
        })
    }

    pub(crate) async fn open(&self) -> Result<Connection, RedisError> {
        if let Way::Cluster(client) = &self.way {
            return Ok(Connection::Cluster(client.get_async_connection().await?));
        }
        let mut connections = Vec::with_capacity(self.connections);
        for _ in 0..self.connections {
            let mut connection = match &self.way {
                Way::One(client) => client.get_multiplexed_async_connection_with_config(&self.config).await?,
                Way::Sentinel(client) => {
                    client.lock().await.get_async_connection_with_config(&self.config).await?
                }
                Way::Cluster(client) => return Ok(Connection::Cluster(client.get_async_connection().await?)),
            };
            if let Some(name) = &self.name {
                let named = redis::cmd("CLIENT").arg("SETNAME").arg(name).exec_async(&mut connection).await;
                if let Err(error) = named {
                    tracing::debug!(error = &error as &dyn std::error::Error, "redis takes no client name");
                }
            }
            connections.push(connection);
        }
        Ok(Connection::Same(connections, AtomicUsize::new(0)))
    }
}

impl Connection {
    /// Sends commands in one go, and gives all answers in their order. A stage is complete before the next begins; that
    /// costs a round trip more only in a cluster. A key that holds another kind of value than ours is as good as none.
    pub(crate) async fn ask<const STAGES: usize>(
        &self,
        stages: [Vec<Cmd>; STAGES],
    ) -> Result<Vec<Value>, Failure> {
        match self {
            Self::Same(connections, next) => {
                let next = next.fetch_add(1, Ordering::Relaxed) % connections.len();
                let mut connection = connections[next].clone();
                let mut pipeline = Pipeline::new();
                for command in stages.into_iter().flatten() {
                    pipeline.add_command(command);
                }
                let answers = connection.req_packed_commands(&pipeline, 0, pipeline.len()).await;
                answers.map_err(classed)?.into_iter().map(|answer| checked(Ok(answer))).collect()
            }
            Self::Cluster(connection) => {
                let mut answers = Vec::new();
                for stage in stages {
                    let asked = stage.into_iter().map(|command| ask_cluster(connection, command));
                    answers.extend(try_join_all(asked).await?);
                }
                Ok(answers)
            }
        }
    }
}

async fn ask_cluster(connection: &ClusterConnection, command: Cmd) -> Result<Value, Failure> {
    checked(connection.clone().req_packed_command(&command).await)
}

fn checked(answer: Result<Value, RedisError>) -> Result<Value, Failure> {
    let error = match answer {
        Ok(Value::ServerError(error)) => RedisError::from(error),
        Ok(value) => return Ok(value),
        Err(error) => error,
    };
    if error.code() == Some("WRONGTYPE") { Ok(Value::Nil) } else { Err(classed(error)) }
}

/// What has a code was said by Redis itself.
fn classed(error: RedisError) -> Failure {
    if error.code().is_some() { Failure::Refused(error) } else { Failure::Gone(error) }
}

fn address_of(address: &Address, tls: Option<&Tls>) -> Result<ConnectionAddr, RedisError> {
    match (address, tls) {
        (Address::Unix(path), _) => Ok(ConnectionAddr::Unix(path.clone())),
        (Address::Tcp(host, port), None) => Ok(ConnectionAddr::Tcp(host.clone(), *port)),
        (Address::Tcp(host, port), Some(tls)) => {
            let bare =
                ConnectionAddr::TcpTls { host: host.clone(), port: *port, insecure: false, tls_params: None };
            let client = Client::build_with_tls(bare, certificates(tls))?;
            Ok(client.get_connection_info().addr().clone())
        }
    }
}

fn settings(config: &Config) -> RedisConnectionInfo {
    let mut settings =
        RedisConnectionInfo::default().set_db(config.database).set_protocol(protocol(config.protocol));
    if let Some(username) = &config.username {
        settings = settings.set_username(username);
    }
    if let Some(password) = &config.password {
        settings = settings.set_password(password);
    }
    settings
}

fn sentinel(config: &Config) -> Result<SentinelClient, RedisError> {
    let Servers::Sentinel { master, sentinels, username, password } = &config.servers else {
        return Err((redis::ErrorKind::InvalidClientConfig, "no sentinels").into());
    };
    let addresses: Result<Vec<_>, _> =
        sentinels.iter().map(|address| address_of(address, config.tls.as_ref())).collect();
    let mut builder = SentinelClientBuilder::new(addresses?, master, SentinelServerType::Master)?
        .set_client_to_redis_db(config.database)
        .set_client_to_redis_protocol(protocol(config.protocol));
    if let Some(tls) = &config.tls {
        builder = builder
            .set_client_to_redis_tls_mode(TlsMode::Secure)
            .set_client_to_redis_certificates(certificates(tls));
    }
    if let Some(username) = &config.username {
        builder = builder.set_client_to_redis_username(username);
    }
    if let Some(password) = &config.password {
        builder = builder.set_client_to_redis_password(password);
    }
    if let Some(username) = username {
        builder = builder.set_client_to_sentinel_username(username);
    }
    if let Some(password) = password {
        builder = builder.set_client_to_sentinel_password(password);
    }
    builder.build()
}

fn cluster(config: &Config, addresses: &[Address]) -> Result<ClusterClient, RedisError> {
    let nodes: Result<Vec<ConnectionInfo>, RedisError> = addresses
        .iter()
        .map(|address| {
            let info = address_of(address, config.tls.as_ref())?.into_connection_info()?;
            Ok(info.set_redis_settings(settings(&Config { database: 0, ..config.clone() })))
        })
        .collect();
    let mut builder = ClusterClientBuilder::new(nodes?)
        .retries(config.redirects)
        .connection_timeout(config.connect)
        .response_timeout(config.deadline);
    if let Some(tls) = &config.tls {
        builder = builder.tls(TlsMode::Secure).certs(certificates(tls));
    }
    builder.build()
}

fn certificates(tls: &Tls) -> TlsCertificates {
    TlsCertificates {
        client_tls: tls.identity.as_ref().map(|identity| ClientTlsConfig {
            client_cert: identity.certificate.clone(),
            client_key: identity.key.clone(),
        }),
        root_cert: tls.roots.clone(),
    }
}

fn protocol(protocol: Protocol) -> ProtocolVersion {
    match protocol {
        Protocol::Resp2 => ProtocolVersion::RESP2,
        Protocol::Resp3 => ProtocolVersion::RESP3,
    }
}
