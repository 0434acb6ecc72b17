//! Steps with commands that several findings give: each is printed on lines of its own, to be pasted as it is.

use crate::facts::{ConnectionFacts, Endpoint, Side, Time};
use crate::rules::Step;
use crate::tls::ProtocolVersion;

/// Key of Schannel's settings (Microsoft: "TLS registry settings").
const SCHANNEL: &str = r"HKLM\SYSTEM\CurrentControlSet\Control\SecurityProviders\SCHANNEL";

/// Nmap takes what listens here for SQL Server without asking (nmap-services).
const DEFAULT_PORT: u16 = 1433;

/// Schannel's events around a failure, on the end that ended it. PowerShell turns a time that ends in `Z` into local
/// time, which is what the filter takes.
pub(super) fn schannel_events(connection: &ConnectionFacts, side: Side, events: &str) -> Step {
    /// The two machines' clocks may differ by this much, in nanoseconds.
    const AROUND: i64 = 30_000_000_000;
    let at = connection.ended.at.map_or(connection.last.time, |at| at.time);
    let stamp =
        |apart: i64| Time(at.0.saturating_add(apart)).timestamp().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let on = match side {
        Side::Client => format!("On {}, if it runs Windows", connection.client.ip),
        Side::Server => format!("On {}", connection.server.ip),
    };
    Step::new(format!("{on}, look for event {events}:")).command(format!(
        "Get-WinEvent -FilterHashtable @{{LogName='System'; ProviderName='Schannel'; StartTime=[datetime]'{}'; \
         EndTime=[datetime]'{}'}}",
        stamp(-AROUND),
        stamp(AROUND)
    ))
}

/// Windows logs Schannel's errors alone unless told otherwise (KB260729: 1 errors, 2 warnings, 4 successes).
pub(super) fn more_events() -> Step {
    Step::new(
        "No such event? Let Windows there log warnings and successes (36880) too; this takes effect when it has restarted, and 1 \
         is the default to go back to:",
    )
    .command(format!(r#"reg add "{SCHANNEL}" /v EventLogging /t REG_DWORD /d 7 /f"#))
}

/// Enables a version for one role, as lines of commands.
pub(super) fn enable_version(version: ProtocolVersion, role: Side) -> String {
    let role = match role {
        Side::Client => "Client",
        Side::Server => "Server",
    };
    let key = format!(r"{SCHANNEL}\Protocols\{version}\{role}");
    format!(
        "reg add \"{key}\" /v Enabled /t REG_DWORD /d 1 /f\nreg add \"{key}\" /v DisabledByDefault /t REG_DWORD /d 0 /f"
    )
}

/// The server's list of suites, in a form that `--server-policy` reads.
pub(super) fn server_list(server: Endpoint) -> Step {
    Step::new(format!(
        "The list of {} settles it: save it there, and give it to tdscope with --server-policy suites.txt (Windows before \
         Server 2016: the key that tdscope rule R2 names):",
        server.ip
    ))
    .command("(Get-TlsCipherSuite).Name | Set-Content suites.txt")
}

/// A scan of what a server accepts. Nmap's scripts speak TLS inside TDS where they know the service for SQL Server
/// (`ms-sql-s` in nselib/sslcert.lua), by port 1433 or by version detection; of TDS 8.0 they know nothing.
pub(super) fn scan(server: Endpoint, strict: bool) -> Step {
    if strict {
        let target =
            if server.ip.is_ipv6() { server.to_string() } else { format!("{}:{}", server.ip, server.port) };
        return Step::new("From any machine, see what a TDS 8.0 handshake comes to (nmap begins with PRELOGIN, so it cannot):")
            .command(format!("openssl s_client -connect {target} -alpn tds/8.0"));
    }
    let family = if server.ip.is_ipv6() { "-6 " } else { "" };
    let detect = if server.port == DEFAULT_PORT { "" } else { "-sV " };
    Step::new(
        "From any machine, list the versions and suites that the server takes (nmap wraps them in TDS as drivers do; groups \
         and certificate hashes it does not show), and compare with the offer above:",
    )
    .command(format!("nmap {family}{detect}-p {} --script ssl-enum-ciphers {}", server.port, server.ip))
}

/// How to capture what decides.
pub(super) fn capture_again(server: Endpoint) -> Step {
    Step::new(
        "Capture again on the server, until a login has succeeded and one has failed: what it accepts decides the rest. Then \
         pktmon stop, and pktmon etl2pcap login.etl:",
    )
    .command(capture(server))
}

/// Starts a capture on a Windows server, with what is built in (Windows Server 2019 and newer).
pub(super) fn capture(server: Endpoint) -> String {
    format!("pktmon filter add -p {}\npktmon start --capture --pkt-size 0 --file-name login.etl", server.port)
}

/// The remedy for leading zeros in Diffie-Hellman secrets (KB4557473), the same wherever TLS_DHE is the matter.
pub(super) fn leading_zeros(server: Endpoint) -> [Step; 2] {
    [
        Step::new(
            "Patch both ends: Windows Server 2016 needs KB4537806 or KB4540670 (14393.3542) or later; Server 2019, Windows 10 \
             1511 and newer have the fix; 2012 R2 and older never got it.",
        ),
        Step::new(format!(
            "Or disable the TLS_DHE suites on one end, such as {} (where group policy sets SSL Cipher Suite Order, change it \
             there):",
            server.ip
        ))
        .command("Get-TlsCipherSuite -Name TLS_DHE | ForEach-Object { Disable-TlsCipherSuite -Name $_.Name }"),
    ]
}

/// Who listens on the port.
pub(super) fn listener(server: Endpoint) -> Step {
    Step::new(format!("On {}, see what listens on the port:", server.ip))
        .command(format!("Get-NetTCPConnection -LocalPort {} -State Listen", server.port))
}
