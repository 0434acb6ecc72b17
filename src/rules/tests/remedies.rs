//! What a reader is told to do: it fits what was offered and seen, and what is to be run can be run.

use std::net::{IpAddr, Ipv6Addr};

use super::case::*;
use crate::facts::{LoadWindow, Offer, Side, TakenAt, Time};
use crate::rules::Verdict;
use crate::tls::{CipherSuite, HashAlgorithm, ProtocolVersion};

const R1: &str = "no-common-tls-version";
const R2: &str = "no-common-cipher-suite";
const UNDECIDED: &str = "closed-after-client-hello";
const TLS10: ProtocolVersion = ProtocolVersion::TLS10;
const TLS11: ProtocolVersion = ProtocolVersion::TLS11;
/// TLS_RSA_WITH_RC4_128_SHA.
const RC4: CipherSuite = CipherSuite(0x0005);
/// TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384.
const ECDSA_GCM: CipherSuite = CipherSuite(0xC02C);

fn said(slug: &'static str, connection: Connection, server: Server) -> Verdict {
    silent(slug, "remedy", connection, server).ask().unwrap()
}

/// What is to be run, a command each.
fn commands(verdict: &Verdict) -> Vec<&str> {
    verdict.remedy.iter().filter_map(|step| step.command.as_deref()).flat_map(|all| all.split('\n')).collect()
}

/// The words of the steps.
fn words(verdict: &Verdict) -> String {
    verdict.remedy.iter().map(|step| step.text.as_str()).collect::<Vec<_>>().join(" ")
}

/// The subkeys of `SCHANNEL\Protocols` that the remedy switches on.
fn switched_on(verdict: &Verdict) -> Vec<&str> {
    let keys =
        commands(verdict).into_iter().filter(|command| command.ends_with("/v Enabled /t REG_DWORD /d 1 /f"));
    keys.map(|command| command.split_once(r"\Protocols\").unwrap().1.split('"').next().unwrap()).collect()
}

#[test]
fn the_version_to_enable_is_the_newest_that_the_client_offers() {
    let offering =
        |version| said(R1, Connection::offering(at_most(version)).reset(Side::Server), Server::unknown());
    assert_eq!(switched_on(&offering(TLS11)), [r"TLS 1.1\Server"]);
    let verdict = offering(TLS10);
    assert_eq!(
        commands(&verdict)[..2],
        [
            r#"reg add "HKLM\SYSTEM\CurrentControlSet\Control\SecurityProviders\SCHANNEL\Protocols\TLS 1.0\Server" /v Enabled /t REG_DWORD /d 1 /f"#,
            r#"reg add "HKLM\SYSTEM\CurrentControlSet\Control\SecurityProviders\SCHANNEL\Protocols\TLS 1.0\Server" /v DisabledByDefault /t REG_DWORD /d 0 /f"#,
        ]
    );
    assert!(switched_on(&offering(ProtocolVersion::SSL3)).is_empty(), "nobody should enable SSL 3.0");
}

#[test]
fn an_old_server_is_updated_or_switched_on_and_the_client_let_down_until_then() {
    let refused = || Connection::offering(modern()).fin(Side::Server);
    let tls10 = || Server::unknown().chose(TLS10, RSA_CBC);
    let verdict = said(R1, refused(), tls10());
    assert!(words(&verdict).contains("Update SQL Server"));
    assert!(words(&verdict).contains("MinProtocol = TLSv1 in"), "{}", words(&verdict));
    assert_eq!(switched_on(&verdict), [r"TLS 1.0\Client"]);
    let able = said(R1, refused(), tls10().built(build(16, 0, 1000)));
    assert!(!words(&able).contains("Update SQL Server"), "{}", words(&able));
    assert_eq!(switched_on(&able), [r"TLS 1.2\Server", r"TLS 1.0\Client"]);
    // The client refuses: its own log tells.
    let by_client = Connection::offering(modern()).server_hello(TLS11, RSA_CBC).alert(Side::Client, 70);
    let verdict = said(R1, by_client, Server::unknown());
    assert_eq!(switched_on(&verdict), [r"TLS 1.1\Client"]);
    assert!(
        words(&verdict).contains("On 10.1.0.77, if it runs Windows, look for event"),
        "{}",
        words(&verdict)
    );
}

#[test]
fn a_fallback_is_not_answered_by_enabling_the_old_version() {
    let old = Connection::offering(at_most(TLS10)).alert(Side::Server, 86);
    let verdict = said(R1, old, Server::modern());
    assert!(switched_on(&verdict).is_empty());
    assert!(words(&verdict).contains("--client 10.1.0.77"), "{}", words(&verdict));
}

#[test]
fn the_suites_to_enable_are_named_for_either_side() {
    let offering = |offered: &[CipherSuite]| Connection::offering(suites(offered)).reset(Side::Server);
    let enabled = |verdict: &Verdict| -> Vec<String> {
        let lines = commands(verdict)
            .into_iter()
            .filter_map(|line| line.strip_prefix("Enable-TlsCipherSuite -Name TLS_"));
        lines.map(str::to_owned).collect()
    };
    let old = said(R2, offering(&[RC4, RSA_CBC]), Server::modern());
    assert!(words(&old).contains("it offers only old suites"));
    assert!(!words(&old).contains("2012 R2"), "{}", words(&old));
    // RC4 is recommended to nobody.
    assert_eq!(enabled(&old), ["ECDHE_RSA_WITH_AES_256_GCM_SHA384", "RSA_WITH_AES_256_CBC_SHA"]);
    let cbc = || Server::unknown().chose(ProtocolVersion::TLS12, ECDHE_CBC);
    let new = said(R2, offering(&[ECDHE_GCM]), cbc());
    assert!(words(&new).contains("Is the server Windows Server 2012 R2 or older?"));
    assert_eq!(enabled(&new), ["ECDHE_RSA_WITH_AES_256_GCM_SHA384", "ECDHE_RSA_WITH_AES_256_CBC_SHA384"]);
    // SQL Server 2022 does not run there.
    let newer = said(R2, offering(&[ECDHE_GCM]), cbc().built(build(16, 0, 1000)));
    assert!(!words(&newer).contains("2012 R2"), "{}", words(&newer));
    let elliptic = said(R2, offering(&[ECDSA_GCM]), Server::modern());
    assert!(words(&elliptic).contains("Let the client offer ECDHE_RSA as well"));
    assert_eq!(enabled(&elliptic), ["ECDHE_RSA_WITH_AES_256_GCM_SHA384"]);
    // Nothing known of the server: what Windows prefers, and its list is asked for.
    let unknown =
        said(R2, Connection::offering(suites(&[RSA_CBC])).alert(Side::Server, 71), Server::unknown());
    assert_eq!(
        enabled(&unknown),
        [
            "ECDHE_RSA_WITH_AES_256_GCM_SHA384",
            "ECDHE_RSA_WITH_AES_128_GCM_SHA256",
            "RSA_WITH_AES_256_CBC_SHA"
        ]
    );
    assert!(commands(&unknown).contains(&"(Get-TlsCipherSuite).Name | Set-Content suites.txt"));
}

#[test]
fn what_is_undecided_can_be_decided_on_each_host() {
    let closed = || Connection::offering(modern()).fin(Side::Server);
    let verdict = said(UNDECIDED, closed(), Server::unknown());
    assert_eq!(
        commands(&verdict),
        [
            "Get-WinEvent -FilterHashtable @{LogName='System'; ProviderName='Schannel'; \
             StartTime=[datetime]'2026-03-01T02:13:31Z'; EndTime=[datetime]'2026-03-01T02:14:31Z'}",
            r#"reg add "HKLM\SYSTEM\CurrentControlSet\Control\SecurityProviders\SCHANNEL" /v EventLogging /t REG_DWORD /d 7 /f"#,
            "(Get-TlsCipherSuite).Name | Set-Content suites.txt",
            "nmap -p 1433 --script ssl-enum-ciphers 10.1.0.10",
            "pktmon filter add -p 1433",
            "pktmon start --capture --pkt-size 0 --file-name login.etl",
        ]
    );
    let last =
        |connection: Connection| commands(&said(UNDECIDED, connection, Server::unknown()))[3].to_owned();
    // Elsewhere nmap must find out first that it is SQL Server; TDS 8.0 it does not know.
    let elsewhere = closed().with(|facts| facts.server.port = 51_433);
    assert_eq!(last(elsewhere), "nmap -sV -p 51433 --script ssl-enum-ciphers 10.1.0.10");
    let ipv6 = IpAddr::V6(Ipv6Addr::new(0xFD00, 0, 0, 0, 0, 0, 0, 0x10));
    assert_eq!(
        last(closed().with(|facts| facts.server.ip = ipv6)),
        "nmap -6 -p 1433 --script ssl-enum-ciphers fd00::10"
    );
    let strict = || Connection::strict(modern()).fin(Side::Server);
    assert_eq!(last(strict()), "openssl s_client -connect 10.1.0.10:1433 -alpn tds/8.0");
    assert_eq!(
        last(strict().with(|facts| facts.server.ip = ipv6)),
        "openssl s_client -connect [fd00::10]:1433 -alpn tds/8.0"
    );
    // Where others got in with the same offer, the lists are no question.
    let known = said(UNDECIDED, closed(), Server::modern());
    assert!(commands(&known).iter().all(|command| !command.contains("nmap") && !command.contains("Get-Tls")));
    assert!(!known.detail.contains("Windows Server"), "{}", known.detail);
}

#[test]
fn the_undecided_case_says_what_of_the_versions_could_be_refused() {
    let because = |offer: Offer, server: Server| {
        let verdict = said(UNDECIDED, Connection::offering(offer).fin(Side::Server), server);
        verdict.candidates.into_iter().find(|candidate| candidate.slug == R1).unwrap().because
    };
    assert_eq!(
        because(modern(), Server::unknown()),
        "offers up to TLS 1.3, of which TLS 1.2 is what SQL Server takes before TDS 8.0: only a server where it is missing or \
         disabled refuses that"
    );
    assert_eq!(
        because(at_most(ProtocolVersion::TLS12), Server::unknown().built(build(16, 0, 1000))),
        "offers TLS 1.2: this build speaks it, so only if Windows has it disabled"
    );
    assert_eq!(
        because(at_most(ProtocolVersion::TLS12), Server::unknown().built(build(12, 0, 2000))),
        "offers TLS 1.2: this build does not speak it"
    );
    let tls13 = Offer { versions: vec![ProtocolVersion::TLS13], ..modern() };
    assert!(because(tls13, Server::unknown()).starts_with("offers nothing older than TLS 1.3"));
}

#[test]
fn a_device_in_the_path_fits_unless_the_ttl_is_that_of_the_host() {
    let closed = || Connection::offering(modern()).fin(Side::Server);
    let fits =
        |verdict: &Verdict| verdict.candidates.iter().any(|candidate| candidate.slug == "reset-by-middlebox");
    assert!(!fits(&said(UNDECIDED, closed(), Server::unknown())));
    let several = closed().with(|facts| facts.tcp.server.ttl_min = Some(60));
    assert!(fits(&said(UNDECIDED, several, Server::unknown())));
}

#[test]
fn the_event_of_a_bad_mac_is_named_where_an_alert_says_so() {
    let exchanged = || {
        Connection::offering(modern())
            .server_hello(ProtocolVersion::TLS12, DHE_GCM)
            .certificate(good_certificate())
            .server_key_dhe(2048)
            .hello_done()
            .client_key(256)
            .finished()
    };
    let of = |connection| said("dhe-leading-zero", connection, Server::modern().dhe(2048, 3000, 12));
    let silent = of(exchanged().fin(Side::Server));
    assert!(!words(&silent).contains("alert"), "{}", words(&silent));
    assert!(words(&of(exchanged().alert(Side::Server, 20))).contains("36887 (alert 20 or 51)"));
    let excluded: Vec<&str> = silent.ruled_out.iter().map(|out| out.slug).collect();
    assert_eq!(excluded, [R1, R2, "certificate-rejected-by-client", "reset-by-middlebox"]);
}

#[test]
fn short_values_come_first_where_the_rate_does_not_fit() {
    let died = Connection::offering(modern())
        .server_hello(ProtocolVersion::TLS12, DHE_GCM)
        .server_key_dhe(2048)
        .client_key(256)
        .finished()
        .fin(Side::Server);
    let verdict = said("dhe-leading-zero", died, Server::modern().dhe(2048, 40, 20).short_values(20, 20));
    assert_eq!(
        verdict.detail,
        "20 of 40 TLS_DHE handshakes of 10.1.0.77 with this server died after the client's key exchange: every one whose \
         public value begins with a zero byte or is sent short, and no other. One end gets such numbers wrong. 50.0 % (95 % \
         interval 33.8 to 66.2 %) is not what leading zeros of the shared secret alone predict, 0.39 % (1 in 256): here the \
         public values are what goes wrong."
    );
}

#[test]
fn sha_512_has_an_update_and_md5_has_none() {
    let refused = |algorithm, hash| {
        let leaf = signed_with(algorithm, hash, None);
        Connection::certified(leaf).alert(Side::Client, 42)
    };
    let md5 =
        said("weak-hash-certificate", refused("md5WithRSAEncryption", HashAlgorithm::Md5), Server::unknown());
    assert!(!words(&md5).contains("KB2973337"));
    assert!(words(&md5).contains("SSL_Self_Signed_Fallback), which this does not affect"));
    let excluded: Vec<(&str, bool)> = md5.ruled_out.iter().map(|out| (out.slug, out.at.is_some())).collect();
    assert_eq!(excluded[..2], [(R1, true), (R2, true)]);
}

#[test]
fn an_application_sees_the_error_of_its_own_syn() {
    let seen = |connection| {
        said("syn-dropped", connection, Server::unknown().accepted_at(25)).application_sees.unwrap()
    };
    let refused = seen(Connection::syn().reset(Side::Server));
    assert!(refused.contains("10061") && !refused.contains("10060"), "{refused}");
    let dropped = seen(Connection::syn().retried(2).silence(21));
    assert!(dropped.contains("10060") && !dropped.contains("10061"), "{dropped}");
}

/// A second in which so many SYNs were accepted, and so many refused.
fn second(second: i64, accepted: u64, refused: u64) -> LoadWindow {
    LoadWindow {
        start: Time(START + second * SECOND),
        seconds: 1,
        syns: accepted + refused,
        accepted,
        refused,
        first_accepted: (accepted > 0).then(|| moment(70, second)),
        first_failed: (refused > 0).then(|| moment(71, second)),
        ..LoadWindow::default()
    }
}

#[test]
fn a_restart_fits_where_nobody_is_accepted_and_a_full_queue_where_many_come() {
    let with = |load: Vec<LoadWindow>| {
        let server = Server::unknown().accepted_at(25).with(|server| server.load = load);
        said("syn-dropped", Connection::syn().reset(Side::Server), server)
    };
    let out = |verdict: &Verdict| verdict.ruled_out.iter().any(|out| out.slug == "service-restart");
    let because = |verdict: &Verdict, slug: &str| {
        verdict
            .candidates
            .iter()
            .find(|candidate| candidate.slug == slug)
            .map(|candidate| candidate.because.clone())
    };
    let gap = with(vec![second(0, 4, 0), second(1, 0, 3), second(2, 0, 2), second(25, 2, 0)]);
    assert_eq!(
        because(&gap, "service-restart").unwrap(),
        "nobody was accepted from 02:14:01 to 02:14:03 UTC: SQL Server may have been restarted or failed over then"
    );
    assert!(because(&gap, "listen-queue-full").unwrap().contains("with only 4 SYNs in the busiest second"));
    // It may have come back within that second.
    let mixed = with(vec![second(1, 150, 250)]);
    assert_eq!(
        because(&mixed, "service-restart").unwrap(),
        "SQL Server may have been restarted or failed over within 02:14:01 to 02:14:02 UTC"
    );
    assert!(
        because(&mixed, "listen-queue-full").unwrap().ends_with("400 SYNs in the busiest second can fill it")
    );
    let busy = with(vec![second(1, 150, 250), second(2, 90, 40), second(3, 120, 30)]);
    assert!(out(&busy) && because(&busy, "service-restart").is_none());
    let open = LoadWindow { open: 12, ..second(2, 0, 2) };
    let survived = with(vec![second(0, 4, 0), second(1, 0, 3), open]);
    let kept = survived.ruled_out.iter().find(|out| out.slug == "service-restart").unwrap();
    assert_eq!(kept.because, "12 connections stay open through it: a restart closes all");
    let between = with(vec![second(1, 0, 3), second(2, 5, 0), second(3, 0, 2)]);
    assert!(out(&between));
}

#[test]
fn a_listener_that_answers_late_is_said_to_be_busy() {
    let detail = |took: i64| {
        let mut window = second(1, 2, 3);
        window.prelogin.note(took, moment(72, 2));
        let server = Server::unknown().accepted_at(25).with(|server| server.load = vec![window]);
        said("syn-dropped", Connection::syn().reset(Side::Server), server).detail
    };
    assert!(detail(11 * SECOND).contains("It also takes up to 11.0 s to answer PRELOGIN: it is busy."));
    assert!(!detail(20 * MS).contains("busy"), "{}", detail(20 * MS));
}

#[test]
fn nobody_is_asked_to_capture_where_the_capture_was_taken() {
    let at = |place| {
        let server = Server::unknown().accepted_at(25).with(|server| server.taken_at = place);
        let verdict = said("syn-dropped", Connection::syn().retried(2).silence(21), server);
        commands(&verdict).iter().any(|command| command.starts_with("pktmon"))
    };
    assert!(at(TakenAt::Client) && at(TakenAt::Unknown) && !at(TakenAt::Server));
}
