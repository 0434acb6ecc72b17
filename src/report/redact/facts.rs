//! The names in facts.

use std::sync::Arc;

use super::{Chain, Redactor};
use crate::facts::{CertificateFacts, ConnectionFacts, LoginFacts, ServerFacts, TdsFacts, TlsFacts};
use crate::tls::CertificateInfo;

/// Names of programs that thousands of sites have (CltIntName and AppName as drivers fill them in), in lower case.
const PROGRAMS: &[&str] = &[
    ".net sqlclient data provider",
    "core .net sqlclient data provider",
    "core microsoft sqlclient data provider",
    "framework microsoft sqlclient data provider",
    "microsoft jdbc driver for sql server",
    "microsoft sql server jdbc driver",
    "microsoft sql server",
    "microsoft sql server management studio",
    "microsoft sql server management studio - query",
    "odbc",
    "oledb",
    "db-library",
    "dblib",
    "pymssql",
    "python-tds",
    "pytds",
    "tedious",
    "node-mssql",
    "freetds",
    "tds-library",
    "libtds",
    "go-mssqldb",
    "jtds",
    "msodbcsql",
    "mssql-tds",
    "mssql-python",
    "sqlcmd",
    "tsql",
];
/// The certificate that SQL Server generates when it was given none: no name of anybody.
const FALLBACK: &str = "SSL_Self_Signed_Fallback";
/// Protocol names of ALPN (IANA) that tell nothing.
const ALPN: &[&str] = &["tds/8.0", "h2", "http/1.1", "http/1.0"];
/// Characters kept of the first bytes of another service, in hexadecimal: two of `53 53 48`.
const FIRST_BYTES: usize = 5;

impl Redactor {
    pub(super) fn server(&mut self, server: &mut ServerFacts) {
        self.endpoint(&mut server.endpoint);
        if let Some((_, instance)) = &mut server.announced {
            self.name("instance", instance);
        }
        if let Some(certificate) = &mut server.certificate {
            self.certificate(certificate);
        }
        let probes = std::mem::take(&mut server.probes);
        server.probes = probes.into_iter().map(|(ip, count)| (self.address(ip), count)).collect();
        let dhe = std::mem::take(&mut server.dhe);
        server.dhe = dhe.into_iter().map(|((ip, bits), facts)| ((self.address(ip), bits), facts)).collect();
        let others = std::mem::take(&mut server.other_handshakes);
        server.other_handshakes = others.into_iter().map(|(ip, facts)| (self.address(ip), facts)).collect();
    }

    pub(super) fn connection(&mut self, connection: &mut ConnectionFacts) {
        self.endpoint(&mut connection.client);
        self.endpoint(&mut connection.server);
        for icmp in &mut connection.tcp.icmp {
            icmp.from = self.address(icmp.from);
        }
        if let Some(tunnel) = &mut connection.tcp.tunnel {
            tunnel.source = self.address(tunnel.source);
            tunnel.destination = self.address(tunnel.destination);
        }
        self.tds(&mut connection.tds);
        self.tls(&mut connection.tls);
    }

    /// What is text rather than a name.
    pub(super) fn connection_texts(&mut self, connection: &mut ConnectionFacts) {
        connection.story = self.text(&connection.story);
        for text in [&mut connection.tds.malformed, &mut connection.tls.malformed].into_iter().flatten() {
            *text = self.text(text);
        }
    }

    fn tds(&mut self, tds: &mut TdsFacts) {
        for prelogin in [&mut tds.prelogin, &mut tds.response].into_iter().flatten() {
            prelogin.instance.iter_mut().for_each(|instance| self.name("instance", instance));
        }
        if let Some(login) = &mut tds.login {
            self.login(login);
        }
        if let Some(ack) = &mut tds.login_ack {
            self.program("library", &mut ack.program);
        }
        for error in &mut tds.errors {
            self.host(&mut error.server);
            self.message(error.number, &mut error.text);
        }
        if let Some(routing) = &mut tds.routing {
            self.host(&mut routing.host);
            routing.followed.iter_mut().for_each(|followed| self.endpoint(&mut followed.server));
        }
        if let Some(other) = &mut tds.other_service {
            let kept = other.first_bytes.get(..FIRST_BYTES).unwrap_or(&other.first_bytes).to_owned();
            self.names.set(&other.first_bytes, format!("{kept} ..."));
            other.first_bytes = kept;
        }
    }

    fn login(&mut self, login: &mut LoginFacts) {
        login.host_name.iter_mut().for_each(|host| self.host(host));
        login.server_name.iter_mut().for_each(|server| self.host(server));
        login.user_name.iter_mut().for_each(|user| self.user(user));
        login.database.iter_mut().for_each(|database| self.name("database", database));
        login.app_name.iter_mut().for_each(|app| self.program("application", app));
        login.library.iter_mut().for_each(|library| self.program("library", library));
    }

    fn tls(&mut self, tls: &mut TlsFacts) {
        if let Some(client) = &mut tls.client {
            if let Some(name) = &client.server_name {
                let mut name = name.to_string();
                self.host(&mut name);
                client.server_name = Some(name.into());
            }
            if client.offer.alpn.iter().any(|name| !ALPN.contains(&name.as_str())) {
                Arc::make_mut(&mut client.offer).alpn.iter_mut().for_each(|name| self.alpn(name));
            }
        }
        if let Some(alpn) = tls.server.as_mut().and_then(|server| server.alpn.as_mut()) {
            self.alpn(alpn);
        }
        if let Some(certificate) = &mut tls.certificate {
            self.certificate(certificate);
        }
    }

    fn alpn(&mut self, name: &mut String) {
        if !ALPN.contains(&name.as_str()) {
            self.name("protocol", name);
        }
    }

    fn certificate(&mut self, certificate: &mut CertificateFacts) {
        let key = Arc::as_ptr(&certificate.chain) as usize;
        if let Some((_, instead)) = self.chains.get(&key) {
            certificate.chain = Arc::clone(instead);
            return;
        }
        let mut certificates: Vec<CertificateInfo> = certificate.chain.as_ref().clone();
        certificates.iter_mut().for_each(|info| self.info(info));
        let instead: Chain = Arc::new(certificates);
        let original = std::mem::replace(&mut certificate.chain, Arc::clone(&instead));
        self.chains.insert(key, (original, instead));
    }

    fn info(&mut self, info: &mut CertificateInfo) {
        info.dns_names.iter_mut().for_each(|name| self.host(name));
        let fallback = info.subject_cn.as_deref() == Some(FALLBACK);
        if let Some(name) = info.subject_cn.as_mut().filter(|_| !fallback) {
            self.host(name);
        }
        for line in [&mut info.subject, &mut info.issuer] {
            self.distinguished(line);
        }
        self.names.with("serial", &info.serial.clone(), |number| format!("serial-{number}"));
        info.serial = self.text(&info.serial);
    }

    /// A subject or issuer in one line: the common name in it has a substitute, all else goes.
    fn distinguished(&mut self, line: &mut String) {
        let attributes: Vec<String> = line.split(',').map(|part| part.trim().to_owned()).collect();
        let common = attributes.iter().find_map(|part| part.strip_prefix("CN=")).unwrap_or_default();
        if common == FALLBACK && attributes.len() == 1 {
            return;
        }
        let mut name = if common.is_empty() { line.clone() } else { common.to_owned() };
        self.host(&mut name);
        // What else it says may be quoted too: places, companies, units.
        let others =
            attributes.iter().filter_map(|part| part.split_once('=')).filter(|(kind, _)| *kind != "CN");
        for (_, value) in others.filter(|(_, value)| value.chars().count() > 2) {
            self.names.of("name", value.trim());
        }
        let instead = format!("CN={name}");
        self.names.set(line, instead.clone());
        *line = instead;
    }

    /// A host, as it is written in connection strings, messages and certificates: `sql1.example.net\instance,1433`,
    /// `tcp:10.0.0.5`, `*.example.net`.
    fn host(&mut self, name: &mut String) {
        let bare = name.trim();
        if let Ok(ip) = bare.parse() {
            *name = self.address(ip).to_string();
            return;
        }
        let bare =
            bare.split_once(':').filter(|(protocol, _)| protocol.len() <= 5).map_or(bare, |(_, rest)| rest);
        let (bare, port) = bare.split_once(',').map_or((bare, None), |(host, port)| (host, Some(port)));
        let (host, instance) = bare.split_once('\\').map_or((bare, None), |(host, name)| (host, Some(name)));
        let mut instead = match host.parse() {
            Ok(ip) => self.address(ip).to_string(),
            Err(_) => self.host_alone(host),
        };
        if let Some(instance) = instance {
            instead = format!("{instead}\\{}", self.names.of("instance", instance));
        }
        if let Some(port) = port.filter(|port| port.trim().parse::<u16>().is_ok()) {
            instead = format!("{instead},{}", port.trim());
        }
        self.names.set(name, instead.clone());
        *name = instead;
    }

    /// A host's name, and its first label, which is the name of the machine.
    fn host_alone(&mut self, host: &str) -> String {
        let (label, domain) =
            host.split_once('.').map_or((host, None), |(label, domain)| (label, Some(domain)));
        let label = self.names.of("host", label);
        let Some(domain) = domain else { return label };
        // `net` and `local` are words of many.
        let domain = if domain.contains('.') {
            self.names.with("domain", domain, |number| format!("domain-{number}.example"))
        } else {
            "example".to_owned()
        };
        let instead = format!("{label}.{domain}");
        self.names.set(host, instead.clone());
        instead
    }

    /// A user, with or without a domain: `CORP\bob`, `bob@example.net`.
    fn user(&mut self, user: &mut String) {
        let (domain, bare) = match (user.split_once('\\'), user.rsplit_once('@')) {
            (Some((domain, bare)), _) | (None, Some((bare, domain))) => (Some(domain), bare.to_owned()),
            (None, None) => (None, user.clone()),
        };
        let instead = self.names.of("user", &bare);
        if let Some(domain) = domain {
            self.names.of("domain", domain);
        }
        self.names.set(user, instead.clone());
        *user = instead;
    }

    /// A program's name: one that many have stays.
    fn program(&mut self, kind: &'static str, name: &mut String) {
        let folded = name.trim().to_lowercase();
        if !PROGRAMS.contains(&folded.as_str()) {
            self.name(kind, name);
        }
    }
}
