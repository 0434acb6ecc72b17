//! Every format as Windows writes it, and what is wrong with files that are not.

use std::fmt::Write as _;

use proptest::prelude::*;

use super::{MAX_LEN, Policy, PolicyError, Role, Setting};
use crate::steps::taken;
use crate::tls::{CipherSuite, NamedGroup, ProtocolVersion};

/// TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384.
const ECDHE_GCM: u16 = 0xC030;
/// TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384.
const ECDHE_CBC: u16 = 0xC028;
/// TLS_RSA_WITH_AES_128_CBC_SHA256.
const RSA_CBC_SHA256: u16 = 0x003C;
/// TLS_RSA_WITH_AES_128_CBC_SHA.
const RSA_CBC: u16 = 0x002F;

fn parse(text: &str) -> Result<Policy, PolicyError> {
    Policy::parse("policy.txt", text.as_bytes())
}

#[track_caller]
fn suites(text: &str) -> Vec<u16> {
    numbers(&parse(text).unwrap())
}

fn numbers(policy: &Policy) -> Vec<u16> {
    policy.suites.as_ref().unwrap().iter().map(|suite| suite.0).collect()
}

#[track_caller]
fn error(text: &str) -> String {
    parse(text).unwrap_err().to_string()
}

/// Bytes of UTF-16LE with a byte order mark, as `reg export` writes.
fn utf16le(text: &str) -> Vec<u8> {
    [0xFEFF].into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect()
}

/// A multi-string as `reg export` writes it: bytes in hexadecimal, lines of at most 80 characters.
fn multi_string(name: &str, strings: &[&str]) -> String {
    let units = strings.iter().flat_map(|string| string.encode_utf16().chain([0])).chain([0]);
    let mut text = format!("\"{name}\"=hex(7):");
    let mut column = text.len();
    let bytes: Vec<u8> = units.flat_map(u16::to_le_bytes).collect();
    for (index, byte) in bytes.iter().enumerate() {
        let comma = if index + 1 < bytes.len() { "," } else { "" };
        write!(text, "{byte:02x}{comma}").unwrap();
        column += 3;
        if column > 75 && !comma.is_empty() {
            text.push_str("\\\r\n  ");
            column = 2;
        }
    }
    text.push_str("\r\n");
    text
}

const LOCAL: &str =
    r"HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Control\Cryptography\Configuration\Local\SSL\00010002";
const PROTOCOLS: &str =
    r"HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Control\SecurityProviders\SCHANNEL\Protocols";

fn export(keys: &[(&str, &str)]) -> String {
    let mut text = "Windows Registry Editor Version 5.00\r\n\r\n".to_owned();
    for (key, values) in keys {
        write!(text, "[{key}]\r\n{values}\r\n").unwrap();
    }
    text
}

#[test]
fn a_value_in_one_line() {
    let text = "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384\r\n";
    assert_eq!(suites(text), [ECDHE_GCM, ECDHE_CBC]);
    assert_eq!(suites(&text.replace(',', ", ")), [ECDHE_GCM, ECDHE_CBC]);
    assert_eq!(suites(&text.to_lowercase()), [ECDHE_GCM, ECDHE_CBC]);
}

#[test]
fn a_value_wrapped_by_the_console_at_80_columns() {
    let whole = "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384,\
                 TLS_RSA_WITH_AES_128_CBC_SHA256,TLS_RSA_WITH_AES_128_CBC_SHA";
    let expected = [ECDHE_GCM, ECDHE_CBC, RSA_CBC_SHA256, RSA_CBC];
    for width in 20..whole.len() {
        let letters: Vec<char> = whole.chars().collect();
        let lines: Vec<String> = letters.chunks(width).map(|line| line.iter().collect()).collect();
        assert_eq!(suites(&lines.join("\r\n")), expected, "at {width}");
    }
}

#[test]
fn one_name_a_line_with_comments() {
    let text = "# what sql1 allows\nTLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384\n\n  TLS_RSA_WITH_AES_128_CBC_SHA # old\n\
                TLS_RSA_WITH_AES_128_CBC_SHA\nTLS_RSA_WITH_AES_128_CBC_SHA256\n";
    assert_eq!(suites(text), [ECDHE_GCM, RSA_CBC, RSA_CBC_SHA256]);
    let policy = parse(text).unwrap();
    assert_eq!((policy.source.as_str(), policy.groups), ("policy.txt", None));
    assert!(policy.versions.is_empty());
}

#[test]
fn a_value_with_its_label_and_the_prompt_before_it() {
    let text = "PS C:\\> Get-ItemProperty HKLM:\\... | Format-List Functions\n\nFunctions : \
                {TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, \n            TLS_RSA_WITH_AES_128_CBC_SHA}\n";
    assert_eq!(suites(text), [ECDHE_GCM, RSA_CBC]);
}

#[test]
fn names_with_curves_of_old_releases() {
    let text = "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384_P256,TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384_P384,\
                TLS_RSA_WITH_AES_128_CBC_SHA,SSL_CK_RC4_128_WITH_MD5";
    let policy = parse(text).unwrap();
    assert_eq!(numbers(&policy), [ECDHE_CBC, RSA_CBC]);
    assert_eq!(policy.groups, Some(vec![NamedGroup::SECP256R1, NamedGroup::SECP384R1]));
    // One that names no curve is bound to none.
    let text = format!("{text},TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384");
    assert_eq!(parse(&text).unwrap().groups, None);
}

#[test]
fn json_as_an_array_an_object_and_wrapped() {
    let suite = |name: &str| {
        format!(
            "    {{\n        \"KeyType\":  0,\n        \"Name\":  \"{name}\",\n        \"Protocols\":  [\n 771\n ]\n    }}"
        )
    };
    let (first, second) =
        (suite("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"), suite("TLS_RSA_WITH_AES_128_CBC_SHA"));
    assert_eq!(suites(&format!("[\n{first},\n{second}\n]")), [ECDHE_GCM, RSA_CBC]);
    assert_eq!(suites(&first), [ECDHE_GCM]);
    assert_eq!(suites(&format!("{{\"value\": [{first},{second}], \"Count\": 2}}")), [ECDHE_GCM, RSA_CBC]);
    assert_eq!(suites("[\"TLS_RSA_WITH_AES_128_CBC_SHA\"]"), [RSA_CBC]);
}

#[test]
fn json_errors_name_the_line() {
    let text = "[\n  {\n    \"Name\": \"TLS_RSA_WITH_AES_128_CBC_SHA\"\n  },\n  {\n    \"Name\": \"TLS_RSA_WITH_AES_128_CBC_SHA265\"\n  }\n]\n";
    assert_eq!(
        error(text),
        "policy.txt:6: unknown cipher suite 'TLS_RSA_WITH_AES_128_CBC_SHA265'; did you mean \
         TLS_RSA_WITH_AES_128_CBC_SHA256?"
    );
    assert!(error("[\n  {\n    \"Name\": \"TLS_\n").starts_with("policy.txt:3: not JSON: "));
    assert!(error("[\n  {\"KeyType\": 0}\n]").starts_with("policy.txt:2: no Name"));
    assert!(error("[]").contains("empty"));
}

#[test]
fn lines_of_a_long_json_are_counted_once() {
    let text = format!("[{}\"\"]", "\"TLS_RSA_WITH_AES_128_CBC_SHA\",\n".repeat(2000));
    let mut said = String::new();
    let taken = taken(|| said = error(&text));
    assert!(said.starts_with("policy.txt:2001: "), "{said}");
    assert!(taken <= text.len() as u64, "{taken} steps");
}

#[test]
fn a_table_of_names() {
    let text = "\r\nName\r\n----\r\nTLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384\r\nTLS_RSA_WITH_AES_128_CBC_SHA\r\n\r\n\r\n";
    assert_eq!(suites(text), [ECDHE_GCM, RSA_CBC]);
    assert_eq!(
        error(&text.replace("_CBC_SHA", "_CBC_SHX")),
        "policy.txt:5: unknown cipher suite 'TLS_RSA_WITH_AES_128_CBC_SHX'; did you mean TLS_RSA_WITH_AES_128_CBC_SHA?"
    );
}

#[test]
fn a_table_with_more_columns() {
    let text = "\nExchange Name                                  Hash   CipherLength\n\
                -------- ----                                  ----   ------------\n\
                ECDH     TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 SHA384          256\n\
                RSA      TLS_RSA_WITH_AES_128_CBC_SHA          SHA1            128\n";
    assert_eq!(suites(text), [ECDHE_GCM, RSA_CBC]);
    assert_eq!(error(&text.replace("Name", "Nose")), "policy.txt:2: the table has no column Name");
    let cut = text.replace("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA...");
    assert!(error(&cut).starts_with("policy.txt:4: PowerShell cut the output"), "{}", error(&cut));
}

#[test]
fn the_list_that_the_command_prints_by_itself() {
    let text = "KeyType : 0\nHash    : SHA384\nName    : TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384\n\n\
                KeyType : 0\nName    : TLS_RSA_WITH_AES_128_CBC_SHA\n";
    assert_eq!(suites(text), [ECDHE_GCM, RSA_CBC]);
}

#[test]
fn an_export_of_the_suites() {
    let names = ["TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384_P256", "TLS_RSA_WITH_AES_128_CBC_SHA"];
    let text = export(&[(LOCAL, &multi_string("Functions", &names))]);
    assert!(text.contains("\\\r\n"), "{text}");
    for bytes in [utf16le(&text), text.clone().into_bytes()] {
        let policy = Policy::parse("local.reg", &bytes).unwrap();
        assert_eq!(numbers(&policy), [ECDHE_CBC, RSA_CBC]);
        assert_eq!(policy.groups, Some(vec![NamedGroup::SECP256R1]));
    }
}

#[test]
fn an_export_names_the_line_of_a_misspelt_suite() {
    let names = ["TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "TLS_RSA_WITH_AES_128_CBC_SHB"];
    let text = export(&[(LOCAL, &multi_string("Functions", &names))]);
    let said = Policy::parse("local.reg", &utf16le(&text)).unwrap_err();
    // The second name begins after 38 units of two bytes. 19 bytes stand on line 4, 25 on each line after it.
    assert_eq!(said.line(), Some(7));
    assert!(
        said.to_string().starts_with("local.reg:7: unknown cipher suite 'TLS_RSA_WITH_AES_128_CBC_SHB'"),
        "{said}"
    );
}

#[test]
fn group_policy_outweighs_the_local_list() {
    const GROUP: &str =
        r"HKEY_LOCAL_MACHINE\SOFTWARE\Policies\Microsoft\Cryptography\Configuration\SSL\00010002";
    let local = multi_string("Functions", &["TLS_RSA_WITH_AES_128_CBC_SHA"]);
    let group = "\"Functions\"=\"TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,TLS_RSA_WITH_AES_128_CBC_SHA256\"\r\n";
    assert_eq!(suites(&export(&[(GROUP, group), (LOCAL, &local)])), [ECDHE_GCM, RSA_CBC_SHA256]);
    assert_eq!(suites(&export(&[(GROUP, "\"Functions\"=\"\"\r\n"), (LOCAL, &local)])), [RSA_CBC]);
}

#[test]
fn an_export_of_the_curves() {
    let functions = multi_string("Functions", &["TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384_P256"]);
    let curves = multi_string("EccCurves", &["curve25519", "NistP384"]);
    let policy = parse(&export(&[(LOCAL, &format!("{functions}{curves}"))])).unwrap();
    assert_eq!(policy.groups, Some(vec![NamedGroup::X25519, NamedGroup::SECP384R1]));
    let said = error(&export(&[(LOCAL, "\"EccCurves\"=\"NistP256,NistP257\"\r\n")]));
    assert_eq!(said, "policy.txt:4: unknown curve 'NistP257': Windows has names such as NistP256");
}

#[test]
fn algorithms_that_are_switched_off_take_their_suites_with_them() {
    let functions = multi_string(
        "Functions",
        &[
            "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
            "TLS_RSA_WITH_AES_128_CBC_SHA",
            "TLS_RSA_WITH_RC4_128_SHA",
        ],
    );
    let schannel = PROTOCOLS.strip_suffix("Protocols").unwrap();
    let off = "\"Enabled\"=dword:00000000\r\n";
    let (rc4, pkcs, aes) = (
        format!("{schannel}Ciphers\\RC4 128/128"),
        format!("{schannel}KeyExchangeAlgorithms\\PKCS"),
        format!("{schannel}Ciphers\\AES 256/256"),
    );
    let on = "\"Enabled\"=dword:ffffffff\r\n";
    let export_with = |key: &str, value: &str| export(&[(LOCAL, &functions), (&aes, on), (key, value)]);
    assert_eq!(suites(&export_with(&rc4, off)), [ECDHE_GCM, RSA_CBC]);
    assert_eq!(suites(&export_with(&pkcs, off)), [ECDHE_GCM]);
    let alone = parse(&export(&[(&rc4, off)])).unwrap();
    assert_eq!(alone.suites, None);
    assert!(alone.forbids(CipherSuite(0x0005)) && !alone.forbids(CipherSuite(ECDHE_GCM)));
}

#[test]
fn an_export_of_the_protocols() {
    let off = "\"Enabled\"=dword:00000000\r\n\"DisabledByDefault\"=dword:00000001\r\n";
    let on = "\"DisabledByDefault\"=dword:00000000\r\n\"Enabled\"=dword:ffffffff\r\n";
    let key = |name: &str| format!("{PROTOCOLS}\\{name}");
    let (old, new, newest) = (key("TLS 1.0\\Server"), key("TLS 1.2\\Server"), key("TLS 1.3\\Server"));
    let (client, other, hello) =
        (key("TLS 1.1\\Client"), key("PCT 1.0\\Server"), key("Multi-Protocol Unified Hello\\Client"));
    let text = export(&[
        (PROTOCOLS, ""),
        (&key("TLS 1.0"), ""),
        (&old, off),
        (&new, on),
        (&newest, "\"DisabledByDefault\"=dword:00000001\r\n"),
        (&client, "\"Enabled\"=dword:00000001\r\n"),
        (&other, off),
        (&hello, off),
    ]);
    let policy = Policy::parse("protocols.reg", &utf16le(&text)).unwrap();
    assert_eq!(policy.suites, None);
    let said = |version, role| policy.versions.get(version, role);
    assert_eq!(said(ProtocolVersion::TLS10, Role::Server), Setting::Disabled);
    assert_eq!(said(ProtocolVersion::TLS12, Role::Server), Setting::Enabled);
    assert_eq!(said(ProtocolVersion::TLS13, Role::Server), Setting::Disabled);
    assert_eq!(said(ProtocolVersion::TLS11, Role::Client), Setting::Enabled);
    assert_eq!(said(ProtocolVersion::TLS11, Role::Server), Setting::Unsaid);
}

#[test]
fn exports_that_say_nothing_or_nonsense() {
    assert!(error(&export(&[(r"HKEY_CURRENT_USER\Software", "\"Functions\"=\"x\"\r\n")])).contains("empty"));
    let key = format!("{PROTOCOLS}\\TLS1.2\\Server");
    assert_eq!(
        error(&export(&[(&key, "\"Enabled\"=dword:00000001\r\n")])),
        "policy.txt:3: unknown protocol 'TLS1.2': Schannel knows names such as TLS 1.2"
    );
    let key = format!("{PROTOCOLS}\\TLS 1.2\\Server");
    assert!(error(&export(&[(&key, "\"Enabled\"=\"yes\"\r\n")])).starts_with("policy.txt:4: expected dword"));
    assert!(
        error(&export(&[(LOCAL, "\"Functions\"=hex(7):54,xx\r\n")])).starts_with("policy.txt:4: expected")
    );
    assert!(error("REGEDIT4\r\n").starts_with("policy.txt:1: an export in the old format"));
}

#[test]
fn a_misspelt_name_is_an_error_with_its_line_and_the_nearest_name() {
    let text = "# comment\nTLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384\nTLS_ECDHE_RSA_WITH_AES_265_GCM_SHA384\n";
    assert_eq!(
        error(text),
        "policy.txt:3: unknown cipher suite 'TLS_ECDHE_RSA_WITH_AES_265_GCM_SHA384'; did you mean \
         TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384?"
    );
    assert_eq!(error("TLS_RSA_WITH_AES_128_CBC_SHA,\nhello"), "policy.txt:2: unknown cipher suite 'hello'");
    // What a terminal would obey is shown as text.
    assert!(!error("\u{1b}[31mred").contains('\u{1b}'));
    assert!(error(&"x".repeat(5000)).len() < 200);
}

#[test]
fn text_in_every_encoding() {
    let text = "TLS_RSA_WITH_AES_128_CBC_SHA\r\n";
    let big: Vec<u8> = [0xFEFF].into_iter().chain(text.encode_utf16()).flat_map(u16::to_be_bytes).collect();
    let marked = [b"\xEF\xBB\xBF", text.as_bytes()].concat();
    for bytes in [utf16le(text), big, marked, text.as_bytes().to_vec()] {
        assert_eq!(numbers(&Policy::parse("policy.txt", &bytes).unwrap()), [RSA_CBC]);
    }
    let bare: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    for bytes in [bare.as_slice(), b"\xFF\xFEa", b"\xFF\xFE\x00\xD8", b"TLS_\xFF"] {
        let said = Policy::parse("policy.txt", bytes).unwrap_err();
        assert!(said.to_string().starts_with("policy.txt: not text"), "{said}");
        assert_eq!(said.line(), None);
    }
}

#[test]
fn what_says_nothing_is_an_error() {
    for text in ["", "\u{feff}", " \r\n\r\n", "# only a comment\n", "Name\n----\n"] {
        assert!(error(text).starts_with("policy.txt: empty"), "{text:?}: {}", error(text));
    }
}

#[test]
fn a_policy_is_small() {
    let mut text = "TLS_RSA_WITH_AES_128_CBC_SHA\n".to_owned();
    text.push_str(&"#".repeat(MAX_LEN - text.len()));
    assert_eq!(suites(&text), [RSA_CBC]);
    text.push('#');
    assert!(error(&text).contains("larger than 1024 KiB"));
}

#[test]
fn every_name_that_we_print_is_read_back() {
    let names: Vec<&str> = (0..=u16::MAX).filter_map(|number| CipherSuite(number).name()).collect();
    assert_eq!(suites(&names.join("\n")).len(), names.len());
    assert_eq!(suites(&names.join(",")).len(), names.len());
}

proptest! {
    #[test]
    fn any_bytes_give_a_policy_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = Policy::parse("policy.txt", &bytes);
        let _ = Policy::parse("policy.txt", &utf16le(&String::from_utf8_lossy(&bytes)));
    }

    #[test]
    fn any_lines_of_an_export_give_a_policy_or_an_error(
        lines in proptest::collection::vec("(\"Functions\"=hex\\(7\\):[0-9a-f,]{0,40}\\\\?|\\[.{0,20}\\]|.{0,20})", 0..20)
    ) {
        let _ = parse(&export(&[(LOCAL, &lines.join("\r\n"))]));
    }
}
