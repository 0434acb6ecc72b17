//! TDS and TLS messages as bytes.

/// TDS packet types (MS-TDS 2.2.3.1.1).
pub(crate) const BATCH: u8 = 1;
pub(crate) const RESPONSE: u8 = 4;
pub(crate) const LOGIN7: u8 = 16;
pub(crate) const PRELOGIN: u8 = 18;

/// TLS content types (RFC 8446 5.1).
pub(crate) const CHANGE_CIPHER_SPEC: u8 = 20;
pub(crate) const ALERT: u8 = 21;
pub(crate) const HANDSHAKE: u8 = 22;

/// `ENCRYPTION` values (MS-TDS 2.2.6.5).
pub(crate) const ENCRYPT_ON: u8 = 1;
pub(crate) const ENCRYPT_NOT_SUP: u8 = 2;

/// TLS extensions (IANA).
const SERVER_NAME: u16 = 0;
const SUPPORTED_GROUPS: u16 = 10;
const SIGNATURE_ALGORITHMS: u16 = 13;
const EXTENDED_MASTER_SECRET: u16 = 23;
const SUPPORTED_VERSIONS: u16 = 43;
const KEY_SHARE: u16 = 51;
const X25519_MLKEM768: u16 = 0x11EC;
const X25519: u16 = 29;

/// TDS versions as LOGIN7 has them (MS-TDS 2.2.6.4).
pub(crate) const TDS_7_0: u32 = 0x7000_0000;
pub(crate) const TDS_7_4: u32 = 0x7400_0004;

/// A TDS message in one packet.
pub(crate) fn tds(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len() + 8).unwrap().to_be_bytes();
    [&[kind, 1, length[0], length[1], 0, 0, 1, 0], body].concat()
}

/// VERSION (16.0.1000), ENCRYPTION, MARS.
fn options(encryption: u8, mars: bool) -> Vec<u8> {
    let mut body = vec![0, 0, 16, 0, 6, 1, 0, 22, 0, 1, 4, 0, 23, 0, 1, 0xFF];
    body.extend([16, 0, 3, 232, 0, 0, encryption, u8::from(mars)]);
    body
}

pub(crate) fn prelogin(encryption: u8, mars: bool) -> Vec<u8> {
    tds(PRELOGIN, &options(encryption, mars))
}

pub(crate) fn prelogin_answer(encryption: u8, mars: bool) -> Vec<u8> {
    tds(RESPONSE, &options(encryption, mars))
}

/// TLS records inside a PRELOGIN packet, as the handshake of TDS 7.x has them.
pub(crate) fn wrapped(records: &[u8]) -> Vec<u8> {
    tds(PRELOGIN, records)
}

pub(crate) fn record(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).unwrap().to_be_bytes();
    [&[kind, 3, 3, length[0], length[1]], body].concat()
}

pub(crate) fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap().to_be_bytes();
    [&[kind, length[1], length[2], length[3]], body].concat()
}

pub(crate) fn extension(kind: u16, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).unwrap();
    [&kind.to_be_bytes()[..], &length.to_be_bytes(), body].concat()
}

/// A list of 16-bit numbers, its length in bytes before it.
pub(crate) fn list(numbers: &[u16]) -> Vec<u8> {
    let mut bytes = u16::try_from(numbers.len() * 2).unwrap().to_be_bytes().to_vec();
    bytes.extend(numbers.iter().flat_map(|number| number.to_be_bytes()));
    bytes
}

/// TLS 1.3 suites, ECDHE, DHE and RSA with AES-GCM, ChaCha20 and AES-CBC, as OpenSSL offers them.
const SUITES: &[u16] = &[
    0x1302, 0x1303, 0x1301, 0xC02C, 0xC030, 0x009F, 0xCCA9, 0xCCA8, 0xCCAA, 0xC02B, 0xC02F, 0x009E, 0xC024,
    0xC028, 0x006B, 0xC023, 0xC027, 0x0067, 0xC00A, 0xC014, 0x0039, 0xC009, 0xC013, 0x0033, 0x009D, 0x009C,
    0x003D, 0x003C, 0x0035, 0x002F,
];

/// What a ClientHello has that differs.
#[derive(Clone, Copy)]
pub(crate) struct Hello {
    /// TLS 1.3 too, with a key share of this many bytes for X25519MLKEM768.
    pub(crate) post_quantum: bool,
    pub(crate) extended_master_secret: bool,
    /// The session that it wants to resume.
    pub(crate) session: Option<u8>,
}

/// A ClientHello record.
pub(crate) fn client_hello(hello: Hello) -> Vec<u8> {
    let mut body = vec![3, 3];
    body.extend([0x5A; 32]);
    body.extend(session(hello.session));
    body.extend(list(SUITES));
    body.extend([1, 0]);
    let groups: &[u16] =
        if hello.post_quantum { &[X25519_MLKEM768, X25519, 23, 24] } else { &[X25519, 23, 24] };
    let mut extensions = server_name(b"sql1.example.net");
    extensions.extend(extension(SUPPORTED_GROUPS, &list(groups)));
    extensions.extend(extension(SIGNATURE_ALGORITHMS, &list(&[0x0804, 0x0401, 0x0403, 0x0501, 0x0503])));
    if hello.extended_master_secret {
        extensions.extend(extension(EXTENDED_MASTER_SECRET, &[]));
    }
    if hello.post_quantum {
        extensions.extend(extension(SUPPORTED_VERSIONS, &[4, 3, 4, 3, 3]));
        // An ML-KEM-768 key of 1184 bytes and an X25519 key; an X25519 key alone.
        let shares = [share(X25519_MLKEM768, 1216), share(X25519, 32)].concat();
        let length = u16::try_from(shares.len()).unwrap().to_be_bytes();
        extensions.extend(extension(KEY_SHARE, &[&length[..], &shares].concat()));
    }
    body.extend(u16::try_from(extensions.len()).unwrap().to_be_bytes());
    body.extend(extensions);
    record(HANDSHAKE, &message(1, &body))
}

/// The server's name that a client asks for (RFC 6066 3).
pub(crate) fn server_name(host: &[u8]) -> Vec<u8> {
    let length = u16::try_from(host.len()).unwrap();
    let list = (length + 3).to_be_bytes();
    extension(SERVER_NAME, &[&list[..], &[0], &length.to_be_bytes(), host].concat())
}

fn share(group: u16, length: u16) -> Vec<u8> {
    let key = vec![0x3C; usize::from(length)];
    [&group.to_be_bytes()[..], &length.to_be_bytes(), &key].concat()
}

fn session(id: Option<u8>) -> Vec<u8> {
    id.map_or_else(|| vec![0], |id| [&[32][..], &[id; 32]].concat())
}

/// What a server answers that resumes a session with TLS 1.2: ServerHello, ChangeCipherSpec, Finished.
pub(crate) fn resumption(id: u8, extended_master_secret: bool) -> Vec<u8> {
    let mut body = vec![3, 3];
    body.extend([0xA5; 32]);
    body.extend(session(Some(id)));
    body.extend([0xC0, 0x30, 0]);
    if extended_master_secret {
        let extensions = extension(EXTENDED_MASTER_SECRET, &[]);
        body.extend(u16::try_from(extensions.len()).unwrap().to_be_bytes());
        body.extend(extensions);
    }
    [record(HANDSHAKE, &message(2, &body)), record(CHANGE_CIPHER_SPEC, &[1]), record(HANDSHAKE, &[0xEE; 40])]
        .concat()
}

pub(crate) fn text(value: &str) -> Vec<u8> {
    value.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// A text with its length in characters before it, in one byte.
pub(crate) fn short(value: &str) -> Vec<u8> {
    [&[u8::try_from(text(value).len() / 2).unwrap()][..], &text(value)].concat()
}

/// The same in two bytes.
pub(crate) fn long(value: &str) -> Vec<u8> {
    [&u16::try_from(text(value).len() / 2).unwrap().to_le_bytes()[..], &text(value)].concat()
}

/// What a LOGIN7 says (MS-TDS 2.2.6.4).
#[derive(Clone, Copy)]
pub(crate) struct Login<'a> {
    pub(crate) version: u32,
    pub(crate) host: &'a str,
    pub(crate) user: &'a str,
    pub(crate) password: &'a str,
    pub(crate) app: &'a str,
    pub(crate) server: &'a str,
    pub(crate) library: &'a str,
    pub(crate) database: &'a str,
    pub(crate) sspi: &'a [u8],
    pub(crate) new_password: &'a str,
    /// FEATUREEXT: what stands before the terminator.
    pub(crate) features: &'a [u8],
}

/// A login of a SQL Server user.
pub(crate) const PLAIN: Login<'static> = Login {
    version: TDS_7_4,
    host: "app1",
    user: "orders",
    password: "not-a-secret",
    app: "orders",
    server: "sql1",
    library: "built",
    database: "sales",
    sspi: &[],
    new_password: "",
    features: &[],
};

/// LOGIN7 in clear (MS-TDS 2.2.6.4).
pub(crate) fn login7(version: u32) -> Vec<u8> {
    tds(LOGIN7, &login(&Login { version, ..PLAIN }))
}

/// The body of a LOGIN7.
pub(crate) fn login(login: &Login<'_>) -> Vec<u8> {
    /// Length of the fixed part.
    const FIXED: usize = 94;
    // The flag that says that features follow (MS-TDS 2.2.6.4, fExtension).
    let flags = if login.features.is_empty() { 0 } else { 0x10 };
    let mut fixed = Vec::new();
    for word in [login.version, 4096, 7, 4242, 0] {
        fixed.extend(word.to_le_bytes());
    }
    fixed.extend([0xE0, 3, 0, flags, 0, 0, 0, 0, 9, 4, 0, 0]);
    let mut table = Vec::new();
    let mut data = Vec::new();
    // Lengths are in units of so many bytes.
    let mut field = |table: &mut Vec<u8>, bytes: &[u8], unit: usize| {
        table.extend(u16::try_from(FIXED + data.len()).unwrap().to_le_bytes());
        table.extend(u16::try_from(bytes.len() / unit).unwrap().to_le_bytes());
        data.extend(bytes);
    };
    for value in [login.host, login.user] {
        field(&mut table, &text(value), 2);
    }
    field(&mut table, &scrambled(login.password), 2);
    for value in [login.app, login.server] {
        field(&mut table, &text(value), 2);
    }
    // The extension is the place of the features, which stand at the end.
    let extension = [0xEE; 4];
    let place = if flags == 0 { &[][..] } else { &extension };
    field(&mut table, place, 1);
    for value in [login.library, "", login.database] {
        field(&mut table, &text(value), 2);
    }
    table.extend([2, 0, 0, 0, 10, 1]);
    field(&mut table, login.sspi, 1);
    field(&mut table, &[], 1);
    field(&mut table, &scrambled(login.new_password), 2);
    table.extend([0; 4]);
    if flags != 0 {
        let place = u32::try_from(FIXED + data.len()).unwrap().to_le_bytes();
        let at = data.windows(4).position(|four| four == extension).unwrap();
        data[at..at + 4].copy_from_slice(&place);
        data.extend(login.features);
        data.push(0xFF);
    }
    let length = u32::try_from(4 + fixed.len() + table.len() + data.len()).unwrap();
    [&length.to_le_bytes()[..], &fixed, &table, &data].concat()
}

/// As passwords are on the wire (MS-TDS 2.2.6.4): nibbles swapped, then XOR 0xA5.
pub(crate) fn scrambled(password: &str) -> Vec<u8> {
    text(password).into_iter().map(|byte| byte.rotate_left(4) ^ 0xA5).collect()
}

pub(crate) fn token(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).unwrap().to_le_bytes();
    [&[kind, length[0], length[1]], body].concat()
}

pub(crate) fn done(status: u16) -> Vec<u8> {
    [&[0xFD][..], &status.to_le_bytes(), &[0; 10]].concat()
}

/// LOGINACK, with a route elsewhere when there is one (ENVCHANGE 20, MS-TDS 2.2.7.9), DONE.
pub(crate) fn login_ack(route: Option<(&str, u16)>) -> Vec<u8> {
    let ack = [&[1][..], &TDS_7_4.to_be_bytes(), &short("Microsoft SQL Server"), &[16, 0, 3, 232]].concat();
    let mut tokens = token(0xAD, &ack);
    if let Some((host, port)) = route {
        let target = [&[0][..], &port.to_le_bytes(), &long(host)].concat();
        let length = u16::try_from(target.len()).unwrap().to_le_bytes();
        tokens.extend(token(0xE3, &[&[20][..], &length, &target, &[0, 0]].concat()));
    }
    tokens.extend(done(0));
    tds(RESPONSE, &tokens)
}

/// An ERROR token of TDS 7.0 (the line number has two bytes before TDS 7.2), DONE of 9 bytes.
pub(crate) fn old_error(number: u32, said: &str) -> Vec<u8> {
    let body =
        [&number.to_le_bytes()[..], &[1, 14], &long(said), &short("SQL1"), &short(""), &[1, 0]].concat();
    tds(RESPONSE, &[token(0xAA, &body), vec![0xFD, 2, 0, 0, 0, 0, 0, 0, 0]].concat())
}

/// A batch with its ALL_HEADERS (MS-TDS 2.2.5.3).
pub(crate) fn batch() -> Vec<u8> {
    let headers = [&[22, 0, 0, 0, 18, 0, 0, 0, 2, 0][..], &[0; 8], &[1, 0, 0, 0]].concat();
    tds(BATCH, &[headers, text("select 1")].concat())
}

/// The answer to a batch that gives nothing back.
pub(crate) fn batch_answer() -> Vec<u8> {
    tds(RESPONSE, &done(0))
}

/// SMP frames (MC-SMP 2.2.1.1).
#[derive(Clone, Copy)]
pub(crate) enum Smp {
    Syn = 1,
    Fin = 4,
    Data = 8,
}

/// An SMP frame of session 0.
pub(crate) fn smp(kind: Smp, sequence: u32, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 16).unwrap().to_le_bytes();
    [&[0x53, kind as u8, 0, 0][..], &length, &sequence.to_le_bytes(), &[4, 0, 0, 0], body].concat()
}
